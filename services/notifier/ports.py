"""What the use cases of notifier need from outside."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from services.notifier.domain.bounce import Report
from services.notifier.domain.delivery import Change, Contents, Delivery


class CannotOpen(Exception):
    """The sealed code was not sealed for us, or not in this context."""


class AddressChanged(Exception):
    """Another version of the address stands now: the message may go to neither."""


class NoAddress(Exception):
    """Nobody is known by that reference."""


class Unreachable(Exception):
    """Mail service or identity cannot be asked now; a later try may succeed."""


class MaybeTaken(Unreachable):
    """The mail service broke off after the letter was handed over: nobody knows whether it has it."""

    def __init__(self, by: str = "") -> None:
        super().__init__(by)
        self.by = by


class Refused(Exception):
    """The mail service will never take this message."""


@dataclass(frozen=True)
class Letter:
    """A message as it travels."""

    message_id: str
    date: datetime
    recipient: str
    subject: str
    text: str
    html: str
    return_token: str = ""
    """Names this mail in the address it may be returned to; empty: nowhere."""


class Work(Protocol):
    """One transaction."""

    async def first_time(self, event_id: str, now: datetime) -> bool:
        """Note that an event was taken; False where it was before."""
        ...

    async def add(self, delivery: Delivery) -> None:
        """Store a new delivery; one that is there stays as it is."""
        ...

    async def claim(self, now: datetime, until: datetime, limit: int) -> Sequence[Delivery]:
        """Return due deliveries, which no other worker gets before `until`."""
        ...

    async def replace(self, delivery: Delivery) -> bool:
        """Store how a queued delivery stands; False where it had ended already."""
        ...

    async def returned(self, token: str) -> Delivery | None:
        """Return the delivery whose return address has this token, held back from others until the end."""
        ...

    async def sent_by(self, service: str, since: datetime, limit: int) -> Sequence[Delivery]:
        """Return mails that a service took since then and of which nothing more is known, newest first."""
        ...

    async def settle(self, delivery: Delivery) -> None:
        """Store how a delivery stands that `returned` gave."""
        ...

    async def tell(self, delivery: Delivery, change: Change) -> None:
        """Put the news into the outbox."""
        ...

    async def release(self) -> None:
        """Make due what this worker held when it died."""
        ...

    async def forget(self, now: datetime, kept: timedelta) -> int:
        """Delete deliveries that ended longer ago, and old event ids; return how many deliveries."""
        ...


class Store(Protocol):
    """Where deliveries are kept."""

    def begin(self, name: str) -> AbstractAsyncContextManager[Work]:
        """Begin a transaction under a name; commit at the exit, roll back on any error."""
        ...


class Opener(Protocol):
    """Holds the notifier's key."""

    def open(self, delivery: Delivery) -> Contents:
        """Return the code, and what the mail says besides where that can be read. Raises CannotOpen."""
        ...


class Addresses(Protocol):
    """Asks identity where one message may go."""

    async def address_of(self, delivery: Delivery) -> tuple[str, str]:
        """Return the address of the version meant, and the token that freezes a card, where one goes with it.

        Raises AddressChanged, NoAddress, Unreachable.
        """
        ...


class Writer(Protocol):
    """Writes letters from templates."""

    def write(self, delivery: Delivery, recipient: str, contents: Contents) -> Letter:
        """Return the letter; the same delivery gives the same letter."""
        ...


class Mail(Protocol):
    """Hands letters to one mail service."""

    async def send(self, letter: Letter, within: timedelta, *, again: bool = False) -> None:
        """Return when the service has taken it; `again`: it may have it already.

        Raises Refused, Unreachable or MaybeTaken.
        """
        ...

    async def close(self) -> None:
        """Give up the connections that are kept."""
        ...


class Fates(Protocol):
    """A mail service that knows what became of the mails it took, and is asked."""

    async def fate_of(self, message_id: str) -> Report | None:
        """Return what became of a mail; None while nobody knows. Raises Unreachable."""
        ...


class Post(Protocol):
    """Hands letters to whichever mail service takes them."""

    async def send(self, letter: Letter, within: timedelta, held_by: str) -> str:
        """Return the name of the service that has taken it; `held_by`: the only one that may, or empty.

        Raises Refused, Unreachable, or MaybeTaken with the name of the service.
        """
        ...
