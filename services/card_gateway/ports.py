"""What the use cases need from outside. Each docstring is the contract its adapters keep."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from services.card_gateway.card.proof import Algorithm
from services.card_gateway.domain.budget import Budget, Secret
from services.card_gateway.domain.facts import Fact
from services.card_gateway.domain.journal import Rotation
from services.card_gateway.domain.pairing import Pairing
from services.card_gateway.domain.readers import ReaderState, Sighting
from services.card_gateway.domain.session import Session
from services.card_gateway.domain.step import Step
from services.runtime.clock import Clock
from services.runtime.grants import Grant
from services.runtime.randomness import Randomness

G = TypeVar("G", bound=Grant)


@dataclass(frozen=True)
class RegisteredCard:
    """A card of ours, as it was imported."""

    card_ref: str
    profile: str
    guid: bytes
    key_9e: bytes
    """The pinned public key, SPKI DER; empty for an admin-key card, which has none."""
    expires_at: datetime
    """When 9A ends, as the registry has it."""
    key_9a: bytes | None = None
    """The holder's pinned public key, SPKI DER; None: nobody can sign in with this card."""


class View(Protocol):
    """Reads of one instant. Nothing read here may be written back: lock it first."""

    async def session(self, session_id: str) -> Session | None:
        """The session, or None."""
        ...

    async def steps(self, session_id: str) -> tuple[Step, ...]:
        """The session's steps that nobody has reported, oldest first."""
        ...

    async def card(self, card_ref: str) -> RegisteredCard | None:
        """The card of this reference, or None."""
        ...

    async def card_by_guid(self, guid: bytes) -> RegisteredCard | None:
        """The card with this identifier, or None."""
        ...

    async def secret(self, card_ref: str) -> Secret | None:
        """What the vault knows of the card; None where it has no secret for it."""
        ...

    async def failed_resets(self, card_ref: str, since: datetime) -> int:
        """Resets sent since then that failed or whose end nobody knows."""
        ...

    async def sent_since(self, step: Step, card_ref: str) -> int:
        """Other resets that were sent to the card at the instant of this one, or later."""
        ...

    async def resets_sent(self, card_ref: str) -> int:
        """Resets that were ever sent to the card, whatever became of them."""
        ...

    async def last_reset_sent(self, card_ref: str, session_id: str) -> datetime | None:
        """When the session's newest reset was sent; None where none was, or where one waits unsent."""
        ...

    async def rotation(self, rotation_id: str) -> Rotation | None:
        """A row of the journal."""
        ...

    async def attempted(self, call: str, attempt_id: str) -> str | None:
        """The session this attempt of a call succeeded in; None where it was never made."""
        ...


class Work(View, Protocol):
    """One write transaction: all of it is stored at the end, or nothing.

    Locks are held to the end; sessions are locked before secrets, one's own before others'.
    """

    async def lock_session(self, session_id: str) -> Session | None:
        """The session, which nobody else changes until the end."""
        ...

    async def add_session(self, session: Session) -> None:
        """Store a new session."""
        ...

    async def store(self, before: Session, after: Session) -> Session:
        """Store a session that was locked, under the next version; wakes whoever waits for it."""
        ...

    async def delete_session(self, session_id: str) -> None:
        """Forget a session and all that belongs to it but its journal."""
        ...

    async def delete_unclaimed(self, session_ids: Sequence[str], seen_before: datetime) -> int:
        """Forget these sessions where they are NEW and not seen since; those that others hold stay."""
        ...

    async def add_pairing(self, pairing: Pairing) -> None:
        """Store an offer."""
        ...

    async def find_pairing(self, *, token_digest: bytes = b"", code_digest: bytes = b"") -> Pairing | None:
        """The offer with this digest. None too where a code means two: then nobody may have it."""
        ...

    async def wrong_guesses(self, source: bytes, window: datetime) -> int:
        """Wrong codes of a source in a window."""
        ...

    async def count_guess(self, source: bytes, window: datetime) -> None:
        """Count one more."""
        ...

    async def put_step(self, step: Step) -> None:
        """Store a step, new or changed."""
        ...

    async def drop_step(self, step_id: str) -> None:
        """Forget a step, and the sealed PIN with it."""
        ...

    async def lock_secret(self, card_ref: str) -> Secret | None:
        """What the vault knows of the card, which nobody else changes until the end."""
        ...

    async def store_secret(self, secret: Secret) -> None:
        """Store a secret's version and counters."""
        ...

    async def open_rotation(self, card_ref: str) -> Rotation | None:
        """The card's one open row of the journal, or None."""
        ...

    async def put_rotation(self, row: Rotation) -> None:
        """Store a row. A second open row of a card is a defect, and the database refuses it."""
        ...

    async def begin_reset(self, step: Step, card_ref: str, now: datetime) -> None:
        """Count a reset that is sent now, failed until it is judged."""
        ...

    async def end_reset(self, step_id: str, result: str) -> None:
        """Write down how a reset was judged: the holder's side of the verdict."""
        ...

    async def unsettled_sessions(self, card_ref: str, but: str) -> tuple[Session, ...]:
        """Other sessions of the card that are RESETTING or UNKNOWN, locked."""
        ...

    async def spend(self, jti: str, session_id: str, expires_at: datetime) -> bool:
        """Mark a grant as spent; False where it was, by any replica, ever."""
        ...

    async def remember(self, call: str, attempt_id: str, session_id: str, now: datetime) -> None:
        """Remember that this attempt succeeded. Raises TransientDatabaseError where a twin was faster."""
        ...

    async def tell(self, fact: Fact) -> None:
        """Tell of a fact, in this transaction."""
        ...


class Books(Protocol):
    """The gateway's database."""

    def begin(self, name: str) -> AbstractAsyncContextManager[Work]:
        """One named write transaction. Raises TransientDatabaseError where another run may do."""
        ...

    def read(self) -> AbstractAsyncContextManager[View]:
        """Reads only; nothing is committed."""
        ...


class Timetable(Protocol):
    """What time has made due. At most `limit` of each."""

    async def unclaimed(self, seen_before: datetime, limit: int) -> tuple[str, ...]:
        """NEW sessions whose agent was not heard of since, as far as is written down."""
        ...

    async def past_deadline(self, now: datetime, limit: int) -> tuple[str, ...]:
        """Claimed sessions that have not ended and whose deadline has passed."""
        ...

    async def late_steps(
        self, asked: datetime, proved_unsent: datetime, proved_sent: datetime, limit: int
    ) -> tuple[str, ...]:
        """Sessions that wait for a PROVE made before `asked`, or a reset made before the other two."""
        ...

    async def forget(self, now: datetime) -> None:
        """Delete what is kept no longer: old sessions, offers, guesses, spent grants."""
        ...


class Crowd(Protocol):
    """How many sessions are on offer."""

    async def takes_one_more(self) -> bool:
        """Count one more; False where there are too many already."""
        ...


class Ear(Protocol):
    """One waiter for one session."""

    async def wait(self, seconds: float) -> bool:
        """Wait until the session changes; True if it did. Seconds are of the loop's clock."""
        ...


class Bell(Protocol):
    """Wakes those who wait for a session, whichever replica changed it."""

    @property
    def closed(self) -> bool:
        """True once nobody may wait any more, because this process stops."""
        ...

    def listen(self, session_id: str) -> AbstractContextManager[Ear]:
        """Listen from now on; a change between two waits is not missed."""
        ...


class Attendance(Protocol):
    """Which agents are there and what their readers are like, without a commit a call."""

    def here(self, session_id: str, reader: ReaderState, *, claimed: bool) -> AbstractContextManager[None]:
        """An agent calls, for as long as the block runs."""
        ...

    def sighting(self, session_id: str, stored: Sighting) -> Sighting:
        """The newer of what is stored and what this process knows itself."""
        ...

    def saw(self, session_id: str, since: datetime) -> bool:
        """True where this process heard of the agent after `since`, or hears it now."""
        ...


@dataclass(frozen=True)
class Authorisation:
    """What entitles to a secret: an AUTHORISED session with a durable journal row."""

    session_id: str
    card_ref: str
    holder_ref: str
    rotation_id: str
    sent_at: datetime
    begin_before: datetime
    profile: str
    """Whose alphabet the secret is written in."""


@dataclass(frozen=True)
class CardProof:
    """A fresh signature of the card, checked against its pinned key."""

    session_id: str
    card_ref: str
    proved_at: datetime


@dataclass(frozen=True)
class Puks:
    """Two PUKs as the card takes them: the one before and the one after a rotation."""

    current: bytes = field(repr=False)
    following: bytes = field(repr=False)


class Vault(Protocol):
    """The cards' secrets."""

    @property
    def newest_kid(self) -> str:
        """The master key that new versions are derived from."""
        ...

    @property
    def kids(self) -> tuple[str, ...]:
        """Every master key that is there, the newest first."""
        ...

    def derive(self, kid: str, purpose: str, *parts: str) -> bytes:
        """32 bytes that only this service can make again, for tokens; never a card's secret.

        Raises KeyError for a key that is not there.
        """
        ...

    async def release(
        self, authorisation: Authorisation, proof: CardProof, secret: Secret, row: Rotation, now: datetime
    ) -> Puks:
        """The one exit of a PUK. Raises NotReleased where authorisation, proof and time do not fit.

        Waits at most 2 s for the keys; then, and where one is not there, NotReleased too: it may pass.
        """
        ...

    def answer(
        self, authorisation: Authorisation, proof: CardProof, secret: Secret, challenges: bytes, now: datetime
    ) -> bytes:
        """The one exit of what an admin key makes of a challenge: 40 bytes, good for that card's this one.

        `challenges`: ours and the card's, 16 bytes each. Raises NotReleased.
        """
        ...

    def is_proof(self, profile: str, secret: Secret, challenges: bytes, answer: bytes) -> bool:
        """True where a card's answer to our challenge was made with its admin key."""
        ...


class NotReleased(Exception):
    """The vault keeps its secret; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Proofs(Protocol):
    """Checks what cards signed."""

    def verify(self, public_key_der: bytes, algorithm: Algorithm, digest: bytes, signature: bytes) -> bool:
        """True for a good signature; never raises."""
        ...

    def expires_at(self, cert_der: bytes) -> datetime:
        """When a certificate ends. Raises ValueError for what is none."""
        ...

    def algorithm_of(self, public_key_der: bytes) -> Algorithm | None:
        """How a key signs; None for a key of a type that we cannot check."""
        ...


class Grants(Protocol):
    """Signs our grants and checks others'."""

    def sign(self, grant: Grant) -> str:
        """The grant as a compact JWT."""
        ...

    def verify(self, token: str, kind: type[G]) -> G:
        """The grant. Raises GrantRefused."""
        ...


class Freshness(Protocol):
    """Whether the database knows all that this service has told."""

    @property
    def is_current(self) -> bool:
        """True once it is known to; False while nobody could be asked, and after a restore from a copy."""
        ...


@dataclass(frozen=True)
class Outside:
    """All that the use cases see of the world."""

    books: Books
    bell: Bell
    attendance: Attendance
    vault: Vault
    proofs: Proofs
    grants: Grants
    clock: Clock
    randomness: Randomness
    freshness: Freshness
    crowd: Crowd
    budget: Budget
    gateway_name: str
    """Goes into every digest a card signs; the agents are configured with the same."""
    change_needs_code: bool = False
    """Reason CHANGE asks for a mailed code too, as the letter of S2 has it. R2."""
    remote_vouch: bool = False
    """Two colleagues may vouch from afar: the gateway holds to it besides identity (ADR 0024)."""
    pin_at_agent: bool = False
    """PINs are typed in the agent's own window; no page seals one."""
