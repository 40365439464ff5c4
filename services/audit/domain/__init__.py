"""The rules of the audit: what a record is, what may enter, what it saves. Pure."""
