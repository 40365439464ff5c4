"""How often one address may search without a login: so that nobody keeps identity busy alone.

Counted in this process only: two replicas admit twice as many. What protects cards is counted elsewhere.
"""

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

LONGEST_SEARCH = 100
"""Characters. Source: the contract of FindRA."""
SEARCHES: RateLimitItem = RateLimitItemPerMinute(60)
"""A minute and address: a whole hospital may sit behind one."""


class SearchLimit:
    """Counts the searches of each address."""

    def __init__(self) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def admits(self, address: str) -> bool:
        """Count one search; False where the address has had its share of this minute."""
        return self._limiter.hit(SEARCHES, address)
