"""The pure card library: commands, scripts, their guard and runner, PIN rules, card profiles.

Shared by the gateway, which writes scripts and judges reports, and the agent, which checks and runs
them. No I/O, clock, randomness or key is here: a card is reached through a `CardPort`, and callers
bring the PIN, the digest and the PUKs. Nothing here logs.
"""
