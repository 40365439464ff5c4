"""The rules of the pages: where a session belongs, what was typed, what each error means."""
