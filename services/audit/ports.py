"""What the use cases of audit need from outside."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.audit.domain.checkpoint import Head
from services.audit.domain.history import CardAsked, CardPage, Mark
from services.audit.domain.ledger import Run
from services.audit.domain.log import NotReady, Receipt, Stored
from services.audit.domain.merkle import RightEdge, Tile
from services.audit.domain.record import Message, Record, SetAside
from services.audit.domain.saved_time import Counted, Period
from services.audit.domain.savings import CountedRecord, Figure, Savings
from services.runtime.grants import RecordsGrant


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
    body: bytes | None
    """None once it was dropped by age."""
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

    async def session_records(self, session_id: str) -> Sequence[StoredRecord]:
        """Return the outcomes of one session in the order they happened."""
        ...

    async def gaps(self) -> Sequence[Run]:
        """Return the runs of offsets that are missing between stored ones."""
        ...

    async def held(self) -> Sequence[Run]:
        """Return the fewest runs of offsets that hold all that was stored."""
        ...


class SavingsReports(Protocol):
    """The report on saved hours."""

    async def counted(self, period: Period) -> Counted:
        """Sum the outcomes of a period by last word."""
        ...

    async def savings(self, period: Period, minutes_each: int) -> Savings:
        """Sum everything for a period."""
        ...

    def explain(self, figure: Figure, period: Period) -> AsyncIterator[CountedRecord]:
        """Give the records that a figure counts, in the order they happened."""
        ...


class LogWork(Protocol):
    """One transaction on the log."""

    async def size(self) -> int:
        """How many leaves it has."""
        ...

    async def edge(self, size: int) -> RightEdge:
        """Read what the tree of the first `size` leaves needs in order to grow."""
        ...

    async def waiting(self, limit: int) -> Sequence[Stored]:
        """Return records without a place, in the order of their event ids, which is that of time."""
        ...

    async def append(
        self, first: int, records: Sequence[Stored], hashes: Sequence[bytes], tiles: Sequence[Tile]
    ) -> None:
        """Give records their places from `first` on, and tell of it.

        Raises StoreBusy where another sequencer was there before.
        """
        ...

    async def newest_head(self) -> Head | None:
        """Return the head of the largest size."""
        ...

    async def sign(self, head: Head, peaks: Sequence[bytes]) -> None:
        """Keep a head, and tell of it."""
        ...


class Log(Protocol):
    """The Merkle log. Append-only."""

    def begin(self, name: str) -> AbstractAsyncContextManager[LogWork]:
        """Run one transaction."""
        ...

    async def anything_waits(self) -> bool:
        """Tell whether a record has no place yet."""
        ...

    async def heads_after(self, size: int, limit: int) -> Sequence["SignedHead"]:
        """Return heads of larger trees, the smallest first."""
        ...

    async def head_at(self, size: int) -> Head | None:
        """Return the head of exactly this size."""
        ...


@dataclass(frozen=True)
class SignedHead:
    """A head with the time of its signature."""

    head: Head
    signed_at: datetime


class Signer(Protocol):
    """Signs heads."""

    def head(self, size: int, root: bytes) -> Head:
        """Return the signed head of a tree; of the same tree always the same note."""
        ...


class Receipts(Protocol):
    """Proofs for holders."""

    async def receipt(self, session_id: str) -> Receipt | NotReady:
        """Return the receipt of a session's last word."""
        ...


class CardRecords(Protocol):
    """What is recorded of one card."""

    async def page(self, asked: CardAsked, after: Mark | None) -> CardPage:
        """Return the newest records, or those older than a mark."""
        ...

    async def receipt(self, asked: CardAsked, ce_id: str) -> Receipt | NotReady:
        """Return the receipt of one record of the card, or how far it has come."""
        ...


class GrantReader(Protocol):
    """Checks grants."""

    def verify(self, token: str, kind: type[RecordsGrant]) -> RecordsGrant:
        """Return the grant. Raises GrantRefused."""
        ...
