"""The offline verifier: one file that is copied away, and imports nothing of ours."""
