"""The gateway's rules: sessions, pairing, the rotation journal and the budget of a card. Pure."""
