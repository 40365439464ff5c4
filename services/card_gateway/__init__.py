"""Unlock sessions, card secrets and the journal of their rotation; `card/` is shared with the agent."""
