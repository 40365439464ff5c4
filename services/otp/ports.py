"""What the use cases need from outside."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol, TypeVar

from services.otp.domain.code import Bearer, Code, Delivery, Particulars
from services.otp.domain.ended_lock import EndedLock
from services.otp.domain.facts import Fact
from services.otp.domain.issue import Recent
from services.otp.domain.spread import Alarm, Scope, WrongEntryAt
from services.otp.domain.tally import Ledger
from services.runtime.grants import Grant

G = TypeVar("G", bound=Grant)


class View(Protocol):
    """What can be read without a lock."""

    async def ledger(self, holder_ref: str) -> Ledger:
        """Return the holder's wrong entries as they stand."""
        ...

    async def codes_of(self, session_id: str) -> Sequence[Code]:
        """Return the codes of a session, oldest first."""
        ...

    async def ledger_known(self, holder_ref: str) -> Ledger | None:
        """As `ledger`, with the organisation; None for a holder who has not been here."""
        ...

    async def ended_locks(self, holder_ref: str, organisation: str) -> Sequence[EndedLock]:
        """Return the locks that RAs of this organisation ended, the newest first; 50 at most."""
        ...


class Work(Protocol):
    """One transaction: all of it is stored and told, or none."""

    async def lock(self, holder_ref: str, organisation: str) -> Ledger:
        """Hold every other transaction on this holder back until the end; return the ledger.

        Must come first: what is read after it cannot change under the reader.
        """
        ...

    async def lock_known(self, holder_ref: str) -> Ledger | None:
        """As `lock`, for a holder who has been here; None for any other."""
        ...

    async def codes_of(self, session_id: str) -> Sequence[Code]:
        """Return the codes of a session, oldest first."""
        ...

    async def recent(self, bearer: Bearer, organisation: str, network_ref: str, since: datetime) -> Recent:
        """Return the session's codes, and what was issued since then to its holder, network, organisation."""
        ...

    async def add(self, code: Code) -> None:
        """Store a new code."""
        ...

    async def replace(self, codes: Sequence[Code]) -> None:
        """Store the state and use of codes that are there."""
        ...

    async def keep(self, holder_ref: str, ledger: Ledger) -> None:
        """Store the ledger of the holder that was locked."""
        ...

    async def keep_ended(self, ended: EndedLock) -> None:
        """Keep who ended a lock, when and why."""
        ...

    async def note_wrong(
        self, entry: WrongEntryAt, since: datetime, most: Mapping[Scope, int]
    ) -> Mapping[Scope, int]:
        """Store a wrong entry; return the cards that had one since then, each scope up to its most."""
        ...

    async def first_alarm(self, alarm: Alarm, now: datetime) -> bool:
        """Note that this alarm is told; False where it was before in this hour."""
        ...

    async def first_outcome(self, session_id: str, kind: str, now: datetime) -> bool:
        """Note that this outcome is told; False where it was before."""
        ...

    async def first_time(self, event_id: str, now: datetime) -> bool:
        """Note that an event was taken; False where it was before."""
        ...

    async def delivered(self, code_id: str, delivery: Delivery, reason: str) -> None:
        """Store how the delivery of a code stands; a code that is gone is no fault."""
        ...

    async def tell(self, *facts: Fact) -> None:
        """Tell facts, in this order, with the transaction."""
        ...

    async def forget(self, now: datetime, limit: int) -> int:
        """Delete at most `limit` codes past their keeping, and old event ids; return how many codes."""
        ...


class Store(Protocol):
    """The database of this service."""

    def begin(self, name: str) -> AbstractAsyncContextManager[Work]:
        """Begin a transaction under a name; commit at the exit, roll back on any error."""
        ...

    def read(self) -> AbstractAsyncContextManager[View]:
        """Read without a lock; nothing is committed."""
        ...


class Digests(Protocol):
    """Keyed digests, so that a stolen database tells no code; two keys are valid in a rotation."""

    @property
    def key_id(self) -> str:
        """The key that new codes are digested with."""
        ...

    def digest(self, code_id: str, bearer: Bearer, digits: str) -> bytes:
        """Return the digest of digits as a new code of that id, session, holder, card and purpose."""
        ...

    def digests(self, code: Code, bearer: Bearer, digits: str) -> Sequence[bytes]:
        """Return the digests that these digits can have as this code; none where its key is gone."""
        ...

    def digits_refs(self, attempt_id: str, bearer: Bearer, digits: str) -> Sequence[str]:
        """Return what may be kept in place of digits that were wrong in this attempt: the newest key's first.

        Keyed: who has the database alone cannot try digits against it.
        """
        ...

    def network_ref(self, client_address: str) -> str:
        """Return what is kept in place of a browser's address; empty for an empty one."""
        ...


class Sealer(Protocol):
    """The way out of a code: sealed to the notifier."""

    def seal(self, code: Code, digits: str) -> bytes:
        """Return the digits sealed to the notifier in the context of this code."""
        ...

    def seal_particulars(self, code: Code, particulars: Particulars) -> bytes:
        """Return what the mail may say besides, sealed in a context of its own; empty for nothing."""
        ...


class GrantReader(Protocol):
    """Checks grants."""

    def verify(self, token: str, kind: type[G]) -> G:
        """Return the grant. Raises GrantRefused."""
        ...


class GrantWriter(Protocol):
    """Signs grants of ours."""

    def sign(self, grant: Grant) -> str:
        """Return the grant as a token; the same grant gives the same token."""
        ...
