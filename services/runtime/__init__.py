"""How any process starts, talks and is watched. Imports no service."""
