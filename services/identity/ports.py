"""What the use cases need from outside."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from services.identity.domain.acts import Act, ActKind, Change, Done
from services.identity.domain.allow_list import AllowedDomain
from services.identity.domain.colleagues import Request, Word
from services.identity.domain.desk import FoundHolder, HolderRecord
from services.identity.domain.facts import Fact
from services.identity.domain.holder import (
    Address,
    CardStatus,
    FreezeToken,
    HeldCard,
    OwnProfile,
    PastAddress,
    RegistrationAuthority,
)
from services.identity.domain.proposal import FrozenByHolder, Proposal, WaitingAddress
from services.identity.domain.questions import Attempt, Registration, Tries
from services.identity.domain.vouch import Vouch
from services.runtime.grants import Grant

G = TypeVar("G", bound=Grant)


@dataclass(frozen=True)
class KnownHolder:
    """A holder of whom nothing but the standing address is asked; None where there is none."""

    address: Address | None
    organisation: str


class DeskView(Protocol):
    """What an RA may read: holders of the organisations that are named, and of no other."""

    async def holders_by_id(self, ids: Sequence[str], organisations: Sequence[str]) -> list[FoundHolder]:
        """Return the holders that the directory calls so."""
        ...

    async def holders_by_card(
        self, reference: str, organisations: Sequence[str], most: int
    ) -> list[FoundHolder]:
        """Return the holders of cards whose reference begins so, at most so many."""
        ...

    async def holders_by_ref(self, refs: Sequence[str], organisations: Sequence[str]) -> list[FoundHolder]:
        """Return holders by reference, in the order that was asked for."""
        ...

    async def names_of_holders(self, organisation: str) -> Sequence[tuple[str, str]]:
        """Return reference and name of every holder of an organisation."""
        ...

    async def holder_record(self, holder_ref: str, organisations: Sequence[str]) -> HolderRecord | None:
        """Return a holder of these organisations with their cards; None where there is none."""
        ...

    async def count_acts(self, actor_ref: str, kinds: Sequence[ActKind], since: datetime) -> int:
        """Return how many acts of some kinds an RA did since then."""
        ...

    async def waiting_address(self, holder_ref: str, now: datetime) -> WaitingAddress | None:
        """Return the address that waits for a holder; None where none does."""
        ...

    async def waiting_addresses(
        self, organisations: Sequence[str], now: datetime
    ) -> Sequence[WaitingAddress]:
        """Return the addresses that wait for holders of some organisations, the oldest first; 50 at most."""
        ...

    async def frozen_by_holders(self, organisations: Sequence[str]) -> Sequence[FrozenByHolder]:
        """Return the cards that holders of some organisations froze, the newest first; 50 at most."""
        ...

    async def changes_of(self, holder_ref: str) -> Sequence[Change]:
        """Return what was changed of a holder here, the newest first."""
        ...


class DeskWork(Protocol):
    """Acts of RAs, in one transaction with what they change."""

    async def acted(self, actor_ref: str, attempt_id: str) -> Done | None:
        """Return what this attempt of this RA already did; None where it was not taken."""
        ...

    async def keep_act(self, act: Act) -> None:
        """Keep who did what, when and why."""
        ...

    async def restate(self, holder_ref: str, card_ref: str, old: CardStatus, new: CardStatus) -> bool:
        """Give a holder's card another status; False where it is not theirs, or has not the old one."""
        ...

    async def spend_freeze_tokens(self, holder_ref: str, card_ref: str) -> None:
        """Delete what could freeze this card: its own tokens, and those of every card of the holder's."""
        ...

    async def propose(self, proposal: Proposal) -> None:
        """Keep a proposal for a locked holder who has none."""
        ...

    async def end_proposal(self, holder_ref: str) -> Proposal | None:
        """Delete a locked holder's proposal, also one whose time is up; return it."""
        ...

    async def lapsed_proposals(self, now: datetime) -> Sequence[str]:
        """Return the holders whose proposals' time is up."""
        ...


class RegistrationView(Protocol):
    """What is known of a holder's security questions."""

    async def registration_of(self, holder_ref: str, *, complete: bool = True) -> Registration | None:
        """Return what a holder registered, or what waits for its code; None where there is none."""
        ...

    async def tries_of(self, holder_ref: str, card_ref: str) -> Tries:
        """Return the failures of a holder with one card."""
        ...

    async def attempt_of(self, session_id: str, attempt_id: str) -> Attempt | None:
        """Return how an attempt was judged; None where it was not."""
        ...

    async def has_answered(self, session_id: str, holder_ref: str, card_ref: str) -> bool:
        """Tell whether a session's questions were answered rightly."""
        ...


class RegistrationWork(Protocol):
    """Registrations and tries, in one transaction with what is told of them."""

    async def keep_registration(self, holder_ref: str, kept: Registration, *, complete: bool) -> None:
        """Keep a registration in place of the one before; a complete one ends what waited."""
        ...

    async def keep_tries(self, holder_ref: str, card_ref: str, tries: Tries) -> None:
        """Keep the failures of a holder with one card."""
        ...

    async def keep_attempt(self, attempt: Attempt) -> None:
        """Keep how an attempt was judged."""
        ...

    async def clear_answers_lock(self, holder_ref: str, card_ref: str) -> bool:
        """End the lock of a holder's card; False where there is none."""
        ...


class ColleagueView(Protocol):
    """What is known of holders who ask colleagues, and of these."""

    async def colleague_request(self, session_id: str) -> Request | None:
        """Return the request of a session; None where its holder asked nobody."""
        ...

    async def requests_by_code(self, digest: bytes) -> Sequence[Request]:
        """Return the requests whose code has this digest, also those that are over."""
        ...

    async def words_of(self, session_id: str) -> Sequence[Word]:
        """Return what colleagues said in a session, one word each."""
        ...

    async def times_let_through(self, card_ref: str, besides: str, since: datetime) -> int:
        """Return in how many sessions, besides one, colleagues have let a card through since then."""
        ...

    async def words_given(self, colleague_ref: str, besides: str, since: datetime) -> int:
        """Return in how many sessions, besides one, a colleague has given their word since then."""
        ...

    async def wrong_codes(self, colleague_ref: str, since: datetime) -> int:
        """Return how many wrong codes a colleague has typed since then."""
        ...


class ColleagueWork(Protocol):
    """Requests and words, in one transaction with what is told of them."""

    async def keep_request(self, request: Request) -> None:
        """Keep a session's request as it stands now."""
        ...

    async def keep_word(self, word: Word) -> None:
        """Keep what a colleague said in a session, in place of what they said before."""
        ...

    async def keep_wrong_code(self, attempt_id: str, colleague_ref: str, now: datetime) -> None:
        """Note that a colleague typed a wrong code."""
        ...


class View(DeskView, RegistrationView, ColleagueView, Protocol):
    """What can be read."""

    async def held_card(self, card_ref: str) -> HeldCard | None:
        """Return a card with its holder; None where the card is not known."""
        ...

    async def known_holder(self, holder_ref: str) -> KnownHolder | None:
        """Return a holder with the address that stands; None where the holder is not known."""
        ...

    async def past_address(self, holder_ref: str, version: int) -> PastAddress | None:
        """Return a version of a holder's address; None where there never was one."""
        ...

    async def authority_of(self, holder_ref: str) -> RegistrationAuthority | None:
        """Return a holder's Registration Authority; None where the holder is not known."""
        ...

    async def freeze_token(self, digest: bytes) -> FreezeToken | None:
        """Return what a token may freeze; None where there is none."""
        ...

    async def own_profile(self, card_ref: str) -> OwnProfile | None:
        """Return what is kept of a card's holder; None where the card is not known."""
        ...

    async def roles_of(self, holder_ref: str) -> tuple[str, ...]:
        """Return what a holder may do for others now, such as `RA@X26`."""
        ...

    async def vouch_of(self, session_id: str) -> Vouch | None:
        """Return what an RA said in a session; None where none did."""
        ...

    async def allow_list_for(self, domain: str, organisation: str) -> Sequence[AllowedDomain]:
        """Return the entries that could allow a canonical domain to a holder of an organisation."""
        ...

    async def approved_domains(self, organisation: str) -> Sequence[AllowedDomain]:
        """Return the entries for all, and those for one organisation, by name."""
        ...

    async def organisations_changed_at(self) -> datetime | None:
        """Return when a name or contact last changed; None where nobody wrote that down."""
        ...

    async def names_of_organisations(self) -> Sequence[tuple[str, str]]:
        """Return every organisation's code and name."""
        ...

    async def registration_authorities(self, codes: Sequence[str]) -> Mapping[str, RegistrationAuthority]:
        """Return how to reach the RAs of some organisations, by code; without those that are not known."""
        ...


class Work(View, DeskWork, RegistrationWork, ColleagueWork, Protocol):
    """One transaction: all of it is stored and told, or none."""

    async def lock_holder(self, holder_ref: str) -> None:
        """Let nobody else change this holder until the end."""
        ...

    async def set_address(self, holder_ref: str, address: Address) -> None:
        """Store a new version of a locked holder's address, which stands from now on."""
        ...

    async def keep_freeze_token(self, token: FreezeToken) -> None:
        """Keep the digest of a token that is given away."""
        ...

    async def freeze(self, token: FreezeToken, now: datetime) -> Sequence[str]:
        """Freeze the cards of a token that are ACTIVE, as their holder; return their references."""
        ...

    async def set_mobile(self, holder_ref: str, mobile: str) -> None:
        """Store a locked holder's mobile number; empty for none."""
        ...

    async def lock_card(self, card_ref: str) -> None:
        """Let nobody else judge or change this card until the end."""
        ...

    async def keep_vouch(self, vouch: Vouch) -> None:
        """Keep what an RA said; the first of its session."""
        ...

    async def first_outcome(self, session_id: str, kind: str, now: datetime) -> bool:
        """Note that this outcome is told; False where it was before."""
        ...

    async def tell(self, *facts: Fact) -> None:
        """Tell facts, in this order, with the transaction."""
        ...

    async def forget(self, now: datetime) -> None:
        """Delete notes of outcomes, vouches, words and answers that no session can ask for again."""
        ...


class Store(Protocol):
    """The database of this service."""

    def begin(self, name: str) -> AbstractAsyncContextManager[Work]:
        """Begin a transaction under a name; commit at the exit, roll back on any error."""
        ...

    def read(self) -> AbstractAsyncContextManager[View]:
        """Read; nothing is committed."""
        ...


class GrantReader(Protocol):
    """Checks grants."""

    def verify(self, token: str, kind: type[G]) -> G:
        """Return the grant. Raises GrantRefused."""
        ...


class GrantWriter(Protocol):
    """Signs grants of ours."""

    def sign(self, grant: Grant) -> str:
        """Return the grant as a token."""
        ...


class Codes(Protocol):
    """Makes the codes that holders read out, and the digests that are kept of them."""

    def code_of(self, session_id: str, expires_at: datetime) -> str:
        """Return the code of a session that ends then: always the same."""
        ...

    def digest_of(self, code: str) -> bytes:
        """Return what is kept in the place of a code."""
        ...


class AnswerHashes(Protocol):
    """Makes and knows the slow hashes of answers."""

    async def hash(self, secret: str) -> str:
        """Return the hash, with its salt and parameters in it."""
        ...

    async def matches(self, known: str, secret: str) -> bool:
        """Tell whether a hash is of this text."""
        ...


class NoNumber(ValueError):
    """The text is no mobile number."""


class Numbers(Protocol):
    """Knows mobile numbers."""

    def canonical(self, text: str) -> str:
        """Return the number in E.164. Raises NoNumber."""
        ...
