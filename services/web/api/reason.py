"""Why a holder may come by the API: what its sessions are for. Signing in is for pages only."""

from enum import Enum

from services.web.domain import journey


class Reason(Enum):
    """Why the holder came. R2."""

    LOCKED = "LOCKED"
    FORGOTTEN = "FORGOTTEN"
    CHANGE = "CHANGE"

    @property
    def in_journey(self) -> journey.Reason:
        """Return the same reason as the journey knows it."""
        return journey.Reason(self.value)
