"""The rules of eligibility and addresses; pure."""
