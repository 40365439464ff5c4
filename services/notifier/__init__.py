"""Writes to holders: the code, and "was this you?". See README.md."""
