"""What the use cases of audit need from outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.audit.domain.ledger import Run
from services.audit.domain.record import Message, Record, SetAside
from services.audit.domain.saved_time import Counted, Period


class StoreBusy(Exception):
    """The store cannot take anything now; the same batch may be tried again, for ever."""


class Unstorable(Exception):
    """A batch holds a message that this store will never take."""


@dataclass(frozen=True)
class Batch:
    """What one transaction stores."""

    records: tuple[Record, ...]
    set_aside: tuple[SetAside, ...]
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class StoredRecord:
    """One record as it is read back."""

    ce_id: str
    source: str
    body: bytes
    stored_at: datetime


class Reading(Protocol):
    """Turns a message into a record, or says why it is none."""

    def __call__(self, message: Message) -> Record | SetAside:
        """Never raises, whatever the message is."""
        ...


class Store(Protocol):
    """Where records go. Append-only."""

    async def store(self, batch: Batch) -> None:
        """Store all of a batch or nothing; what is there already stays as it is.

        A second outcome of the same session and kind becomes a message set aside.
        Raises StoreBusy or Unstorable.
        """
        ...

    async def set_aside_since(self, instant: datetime) -> int:
        """Count what was set aside since then, repeats left out. Raises StoreBusy."""
        ...


class Reports(Protocol):
    """What can be read."""

    async def counted(self, period: Period) -> Counted:
        """Sum the outcomes of a period by last word."""
        ...

    async def session_records(self, session_id: str) -> Sequence[StoredRecord]:
        """Return the outcomes of one session in the order they happened."""
        ...

    async def gaps(self) -> Sequence[Run]:
        """Return the runs of offsets that are missing between stored ones."""
        ...

    async def held(self) -> Sequence[Run]:
        """Return the fewest runs of offsets that hold all that was stored."""
        ...
