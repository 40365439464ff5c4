"""Who may call which RPC of card_gateway, a table for each of its two listeners."""

_SESSIONS = "/smartcard_unlock.card_gateway.v1.SessionService"
_AGENTS = "/smartcard_unlock.card_gateway.v1.AgentService"

ACCESS: dict[str, frozenset[str]] = {
    f"{_SESSIONS}/StartSession": frozenset({"web"}),
    f"{_SESSIONS}/GetSession": frozenset({"web"}),
    f"{_SESSIONS}/ChangeReason": frozenset({"web"}),
    f"{_SESSIONS}/Authorise": frozenset({"web"}),
    f"{_SESSIONS}/ResetPin": frozenset({"web"}),
    f"{_SESSIONS}/ProveHolder": frozenset({"web"}),
}

ATTACH = f"{_AGENTS}/Attach"
"""The one call that makes something and that anybody may make: it is limited by network."""

AGENT_ACCESS: dict[str, frozenset[str]] = {
    ATTACH: frozenset({"anonymous"}),
    f"{_AGENTS}/NextStep": frozenset({"anonymous"}),
    f"{_AGENTS}/ReportStep": frozenset({"anonymous"}),
}
"""Agents have no certificate, unless they must be enrolled; after Attach they are known by their token."""
