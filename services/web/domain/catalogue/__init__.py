"""The sentences behind each error code, one module for each place where it can go wrong."""
