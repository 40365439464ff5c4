"""Who may call which RPC: a table a service, checked at start and at every call.

The caller is the process in the client certificate's URI SAN
(`spiffe://smartcard-unlock/<process>`, SPIFFE X.509-SVID).
"""

import re
from collections.abc import Iterable, Mapping

SPIFFE_PREFIX = "spiffe://smartcard-unlock/"

ANONYMOUS = "anonymous"
"""Stands in a table for a caller without a client certificate: the agents' listener."""

ENROLLED_AGENTS = "agent/*"
"""Stands in a table for any caller whose certificate names it `agent/<name>`: an enrolled workstation."""

HEALTH_METHODS = ("/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch")
"""Asked by Kubernetes' own probes, which have no certificate of ours and learn one word."""

_AGENT = re.compile(r"agent/[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")

AccessTable = Mapping[str, frozenset[str]]


def for_enrolled_agents(table: AccessTable) -> AccessTable:
    """Return a table of agents' calls that only enrolled ones may make."""
    return dict.fromkeys(table, frozenset({ENROLLED_AGENTS}))


class AccessTableIncomplete(Exception):
    """An RPC is served that no rule mentions, or a rule names an RPC that is not served."""


def check_complete(table: AccessTable, served: Iterable[str]) -> None:
    """Raise AccessTableIncomplete unless rules and served RPCs are the same."""
    served = set(served)
    without_rule = sorted(served - table.keys())
    not_served = sorted(table.keys() - served)
    if without_rule or not_served:
        raise AccessTableIncomplete(f"no rule: {without_rule}; not served: {not_served}")


def process_of(identities: Iterable[bytes]) -> str:
    """Return the process that a certificate's subject alternative names, or ANONYMOUS.

    An enrolled workstation's is `agent/<name>`.
    """
    for identity in identities:
        text = identity.decode("ascii", "replace")
        if text.startswith(SPIFFE_PREFIX):
            return text.removeprefix(SPIFFE_PREFIX)
    return ANONYMOUS


def allows(table: AccessTable, method: str, caller: str) -> bool:
    """Tell whether the caller may make the call; fails closed."""
    allowed = table.get(method, frozenset())
    enrolled = ENROLLED_AGENTS in allowed and _AGENT.fullmatch(caller) is not None
    return caller in allowed or ANONYMOUS in allowed or enrolled
