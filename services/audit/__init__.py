"""Records every outcome of every unlock session, once, and says what they save. See README.md."""
