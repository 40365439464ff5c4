"""The rules of codes and of guessing; pure."""
