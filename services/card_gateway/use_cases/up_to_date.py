"""Nothing that may move a secret is begun or judged by a database that may be an old copy.

Callers are asked to come again: agents keep their report, pages their form. Source: architecture §5.
"""

from services.card_gateway.ports import Outside
from services.runtime.errors import unavailable

VAULT_BEHIND = "VAULT_BEHIND"
"""The vault is not known to have all that was told, at a start or after a restore."""

COME_AGAIN = 2.0
"""Seconds until the next call may succeed: Kafka was asked by then."""


def require_current(outside: Outside) -> None:
    """Raise VAULT_BEHIND unless the database is known to hold all that was told."""
    if not outside.freshness.is_current:
        raise unavailable(VAULT_BEHIND, retry_after=COME_AGAIN)
