"""What the pages need from other processes, as the pages see it.

Every method raises `services.runtime.errors.ServiceError` where a call could not be answered.
An expected "no" is an answer: `Refused` with its error code.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

from services.web.domain.journey import Reason, State
from services.web.domain.questions import (
    Answer,
    AnswersJudged,
    AnswersRefused,
    Confirmed,
    Offered,
    QuestionsAsked,
)


class Reader(Enum):
    """What the agent last said of its readers."""

    UNSPECIFIED = "UNSPECIFIED"
    SERVICE_DOWN = "SERVICE_DOWN"
    NO_READER = "NO_READER"
    NO_CARD = "NO_CARD"
    CARD = "CARD"
    TWO_CARDS = "TWO_CARDS"
    CARD_MUTE = "CARD_MUTE"
    AGENT_AWAY = "AGENT_AWAY"


class Delivery(Enum):
    """What is known of the mail with the code."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    NOT_SENT = "NOT_SENT"
    DELIVERED = "DELIVERED"
    BOUNCED = "BOUNCED"


class Verdict(Enum):
    """What otp says of one entry."""

    RIGHT = "RIGHT"
    WRONG = "WRONG"
    SUPERSEDED = "SUPERSEDED"
    DEAD = "DEAD"
    LOCKED_TO_RA = "LOCKED_TO_RA"
    MALFORMED = "MALFORMED"


@dataclass(frozen=True)
class RegistrationAuthority:
    """How to reach a Registration Authority; empty where not known."""

    name: str = ""
    telephone: str = ""
    email: str = field(default="", repr=False)
    opening_hours: str = ""
    organisation: str = ""
    """Code of the organisation."""


@dataclass(frozen=True)
class FoundAuthorities:
    """Registration Authorities whose organisations fit a search, the best one first."""

    authorities: tuple[RegistrationAuthority, ...]
    more: bool = False
    """More fit than are told."""


@dataclass(frozen=True)
class ApprovedDomain:
    """A mail domain that addresses may be of."""

    domain: str
    subdomains: bool


@dataclass(frozen=True)
class ApprovedDomains:
    """The allow list, as anybody may see it."""

    for_all: tuple[ApprovedDomain, ...]
    for_organisation: tuple[ApprovedDomain, ...] = ()
    organisation_name: str = ""
    """Empty where no organisation was named, or none has that code."""


@dataclass(frozen=True)
class Refused:
    """An expected "no", with its code; `retry_at` where waiting helps."""

    code: str
    registration_authority: RegistrationAuthority | None = None
    retry_at: datetime | None = None
    can_ask_colleagues: bool = False
    """Two colleagues may vouch for the holder instead."""


@dataclass(frozen=True)
class Claimed:
    """A session that is this page's now."""

    session_id: str
    claim: str = field(repr=False)
    deadline: datetime


@dataclass(frozen=True)
class SessionView:
    """A session as its page sees it."""

    version: int
    state: State
    code: str
    reader: Reader
    words: tuple[str, ...]
    agent_public_key: bytes
    deadline: datetime
    reason: Reason
    resolved_success: bool = False
    last_four: str = ""
    tries_left: int | None = None
    """Tries of the passcode, as the card last said; None where it did not."""
    blocked: bool = False
    objection: str = ""
    """Why the reason does not fit the card; empty where it does."""
    code_needed: bool = True
    pin_at_agent: bool = False
    """Passcodes are typed in the agent's window; no page asks for one."""
    in_person: bool = False
    """An RA sits there and vouches for the holder; no code is mailed. R36."""
    card_grant: str = field(default="", repr=False)


@dataclass(frozen=True)
class Holder:
    """A holder who may go on, for the next 5 minutes."""

    grant: str = field(repr=False)
    masked_address: str = field(repr=False)
    registration_authority: RegistrationAuthority
    nudge: str = ""
    """Why no code could be sent, where none is needed this time."""


@dataclass(frozen=True)
class CodeStatus:
    """How the newest code of the session stands."""

    delivery: Delivery
    delivery_reason: str
    expires_at: datetime
    entries_left: int
    resends_left: int
    next_code_at: datetime
    live: bool
    digits: int = 8
    """Of a code in this deployment."""


@dataclass(frozen=True)
class Asked:
    """Where a code is asked for: its limits count the network, and its mail names the rest."""

    client_address: str = field(default="", repr=False)
    card_last_four: str = ""
    site: str = ""


@dataclass(frozen=True)
class Redemption:
    """The verdict on one entry, and the grant it earned."""

    verdict: Verdict
    entries_left: int
    grant: str = field(default="", repr=False)


class LockCause(Enum):
    """Which limit a lock of security codes holds by."""

    UNSPECIFIED = "UNSPECIFIED"
    DAY = "DAY"
    YEAR = "YEAR"


@dataclass(frozen=True)
class Lock:
    """A card that no security code is issued for. R48."""

    card_ref: str
    since: datetime
    cause: LockCause
    ends_at: datetime | None
    """By itself; None: only an RA ends it."""
    wrong_in_year: int


@dataclass(frozen=True)
class EndedLock:
    """A lock that an RA ended."""

    at: datetime
    card_ref: str
    actor_ref: str
    reason: str
    note: str = field(default="", repr=False)


@dataclass(frozen=True)
class Locks:
    """The locks of one holder."""

    held: tuple[Lock, ...] = ()
    ended: tuple[EndedLock, ...] = ()
    """The newest first."""

    def of(self, card_ref: str) -> Lock | None:
        """Return the lock of a card; None where none holds."""
        return next((lock for lock in self.held if lock.card_ref == card_ref), None)


@dataclass(frozen=True)
class Cleared:
    """How a card stands after its lock was ended."""

    entries_left: int
    wrong_in_year: int


@dataclass(frozen=True)
class Why:
    """Why an RA acts, and by which attempt."""

    reason: str
    note: str = field(repr=False)
    attempt_id: str


@dataclass(frozen=True)
class SavedTime:
    """What the audit counts. R20 to R22, R29."""

    unlocks: int
    repeats: int
    minutes_each: int
    saved_minutes: int
    saved_hours: str
    session_minutes: int
    last_words: tuple[tuple[str, str, int], ...]
    """Kind, error code, sessions."""


@dataclass(frozen=True)
class SavingsGroup:
    """Unlocked cards of one month, organisation, reason or route."""

    value: str
    unlocked: int
    unlocks: int
    """Those that saved a visit."""
    repeats: int


@dataclass(frozen=True)
class Adoption:
    """How far an organisation's holders unlock their cards themselves. R61."""

    organisation: str
    eligible: int
    users: int
    per_cent: str
    minutes_to_be_had: int

    @property
    def hours_to_be_had(self) -> str:
        """With one decimal."""
        return f"{self.minutes_to_be_had / 60:,.1f}"


@dataclass(frozen=True)
class Stage:
    """How many sessions came to a point of the journey."""

    name: str
    sessions: int


@dataclass(frozen=True)
class Savings:
    """The report on saved hours. R59, R61."""

    saved: SavedTime
    net_minutes: int
    ra_minutes: int
    by_month: tuple[SavingsGroup, ...] = ()
    by_organisation: tuple[SavingsGroup, ...] = ()
    by_reason: tuple[SavingsGroup, ...] = ()
    by_route: tuple[SavingsGroup, ...] = ()
    adoption: tuple[Adoption, ...] = ()
    stages: tuple[Stage, ...] = ()

    @property
    def net_hours(self) -> str:
        """With one decimal."""
        return f"{self.net_minutes / 60:,.1f}"


@dataclass(frozen=True)
class Receipt:
    """Proof that an unlock stands in the audit log."""

    place: int
    """Counted from 1, for people."""
    size: int
    """Records that the signed head covers."""
    text: str


@dataclass(frozen=True)
class SignedIn:
    """A holder is signed in, for 10 minutes at most."""

    profile_grant: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Profile:
    """A holder's own profile; empty where nothing is kept."""

    name: str = field(repr=False)
    address: str = field(repr=False)
    mobile: str = field(repr=False)
    nudge: str
    """Why no code could be sent; empty where one could."""
    roles: tuple[str, ...]
    registration_authority: RegistrationAuthority

    @property
    def is_ra(self) -> bool:
        """True where they act for the holders of an organisation: a role such as `RA@X26`."""
        return any(role.startswith("RA@") for role in self.roles)


@dataclass(frozen=True)
class ContactRefused:
    """What was typed cannot stand; empty where that field is good."""

    address_code: str
    mobile_code: str


class Gateway(Protocol):
    """card_gateway, as far as pages may call it."""

    async def start_session(
        self,
        *,
        address_token: str,
        pairing_code: str,
        reason: Reason,
        attempt_id: str,
        client_address: str,
        profile_grant: str = "",
    ) -> Claimed | Refused:
        """Claim the session an agent offers; one of token and code is empty.

        `profile_grant`: of the RA who sits there; it makes the route RA_IN_PERSON.
        """
        ...

    async def get_session(self, session_id: str, claim: str, *, since: int = 0, wait: int = 0) -> SessionView:
        """Show the session; `wait` seconds at most for a version newer than `since`."""
        ...

    async def authorise(
        self, session_id: str, claim: str, *, unlock_grant: str, holder_grant: str, attempt_id: str
    ) -> Refused | None:
        """Spend an UnlockGrant; None where the session is AUTHORISED now."""
        ...

    async def reset_pin(
        self,
        session_id: str,
        claim: str,
        *,
        sealed_pin: bytes,
        holder_grant: str,
        attempt_id: str,
        sealed_current_pin: bytes = b"",
        spend_last_try: bool = False,
    ) -> Refused | None:
        """Have the agent set a new PIN, for a CHANGE by the current one; None where it was asked."""
        ...

    async def prove_holder(
        self,
        session_id: str,
        claim: str,
        *,
        sealed_current_pin: bytes,
        attempt_id: str,
        spend_last_try: bool = False,
    ) -> Refused | None:
        """Have the card verify its PIN and sign as its holder; None where the agent was asked."""
        ...

    async def change_reason(
        self, session_id: str, claim: str, *, reason: Reason, attempt_id: str
    ) -> Refused | None:
        """Say anew why the holder came, once the card was read; None where the session has that reason."""
        ...


class Identity(Protocol):
    """identity, as far as pages may call it."""

    async def resolve_holder(self, card_grant: str) -> Holder | Refused | QuestionsAsked:
        """Judge anew whether the holder of a proven card may unlock it now, or has questions to answer."""
        ...

    async def no_mailbox(self, card_grant: str) -> Refused:
        """Pass on that the holder cannot read mail at their address; return whom to ask."""
        ...

    async def find_ra(self, typed: str) -> FoundAuthorities:
        """Find organisations by roughly their name or code, 100 characters at most."""
        ...

    async def approved_domains(self, organisation: str) -> ApprovedDomains:
        """List the domains for all, and those of an organisation where its code is given."""
        ...

    async def sign_in(self, card_grant: str) -> SignedIn | Refused:
        """Sign in whom the card has proven to hold it."""
        ...

    async def profile(self, profile_grant: str) -> Profile | Refused:
        """Show the profile of whoever is signed in."""
        ...

    async def freeze_card(self, token: str) -> RegistrationAuthority | Refused:
        """Freeze a card by the token of a mail; whom to ask next."""
        ...

    async def update_contact(
        self, profile_grant: str, address: str, mobile: str
    ) -> Profile | Refused | ContactRefused:
        """Let contact details as typed stand, if they can."""
        ...


class Codes(Protocol):
    """otp, as far as codes go: to unlock a card, or to register."""

    async def issue_code(self, grant: str, attempt_id: str, asked: Asked) -> CodeStatus | Refused:
        """Have a code sent; a live one is superseded."""
        ...

    async def code_status(self, grant: str) -> CodeStatus | None:
        """Tell how the newest code stands; None where none was issued."""
        ...

    async def redeem_code(self, grant: str, typed: str, attempt_id: str, client_address: str) -> Redemption:
        """Judge one entry; a wrong one spends one of three, once for the same attempt and digits."""
        ...


class Otp(Codes, Protocol):
    """otp, as far as pages may call it."""

    async def locks(self, profile_grant: str, holder_ref: str) -> Locks:
        """List the locks of a holder of the RA's organisations; none of anybody else's."""
        ...

    async def end_lock(
        self, profile_grant: str, holder_ref: str, card_ref: str, why: Why
    ) -> Cleared | Refused:
        """End the lock of a holder's card."""
        ...


class Audit(Protocol):
    """The audit reader, as far as pages may call it."""

    async def savings(self) -> Savings:
        """Sum the time saved so far, in groups."""
        ...

    async def receipt(self, session_id: str) -> Receipt | None:
        """Return the receipt of a session's last word; None while there is none."""
        ...

    async def card_records(self, records_grant: str, older: str) -> "CardRecords":
        """Return a page of the records of the grant's card; the newest where `older` is empty."""
        ...

    async def card_receipt(self, records_grant: str, event_id: str) -> Receipt | None:
        """Return the receipt of one record of the grant's card; None while or where there is none."""
        ...


@dataclass(frozen=True)
class CardRecord:
    """One record of a card, as RAs see it: no record names a person."""

    at: datetime
    kind: str
    code: str = ""
    reason: str = ""
    in_person: bool = False
    resolved_success: bool = False
    by: str = ""
    """HOLDER, RA or SYSTEM; empty where not known."""
    why: str = ""
    session_id: str = ""
    place: int = 0
    """In the audit log, counted from 1; 0: none yet that a signed head covers."""
    event_id: str = ""


@dataclass(frozen=True)
class CardRecords:
    """Some records of a card, the newest first."""

    records: tuple[CardRecord, ...]
    older: str = ""
    """Asks for the next page; empty where there is none."""


@dataclass(frozen=True)
class FoundHolder:
    """A holder in a list, for the RA who asked."""

    holder_ref: str
    name: str = field(repr=False)
    holder_id: str = field(repr=False)
    organisation: str


@dataclass(frozen=True)
class FoundHolders:
    """Holders of the RA's organisations that fit a search, the best one first."""

    holders: tuple[FoundHolder, ...]
    more: bool = False
    """More fit than are told."""


@dataclass(frozen=True)
class HolderCard:
    """A card of a holder."""

    card_ref: str
    status: str
    certificate_expires_at: datetime | None = None
    answers_locked_at: datetime | None = None
    """Since when wrong answers to the security questions lock it. R48."""


@dataclass(frozen=True)
class AddressProposal:
    """An address that waits for a second RA."""

    proposal_id: str
    holder_ref: str
    holder_name: str = field(repr=False)
    address: str = field(repr=False)
    proposed_by: str = field(repr=False)
    """Name of the RA; empty where not known."""
    proposed_by_oneself: bool
    reason: str
    note: str = field(repr=False)
    proposed_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class FrozenCard:
    """A card that its holder froze by the button of a mail."""

    holder_ref: str
    holder_name: str = field(repr=False)
    card_ref: str
    frozen_at: datetime


@dataclass(frozen=True)
class Waiting:
    """What waits for an RA."""

    addresses: tuple[AddressProposal, ...] = ()
    """The oldest first."""
    frozen: tuple[FrozenCard, ...] = ()
    """The newest first."""


@dataclass(frozen=True)
class AddressSet:
    """An address was taken."""

    waits: bool = False
    """It counts once a second RA has confirmed it."""


@dataclass(frozen=True)
class HolderRecord:
    """A holder as an RA sees them; empty where nothing is kept."""

    holder_ref: str
    name: str = field(repr=False)
    holder_id: str = field(repr=False)
    organisation: str
    status: str
    oneself: bool
    masked_address: str = field(repr=False)
    mail_code: str
    """Why no code could be sent; empty where one could."""
    address_set_by: str
    """`import`, `holder` or `ra`."""
    address_set_at: datetime | None
    cards: tuple[HolderCard, ...]
    addresses_left: int = 0
    """That the RA who looks may still set in these 24 hours."""
    proposal: AddressProposal | None = None
    """An address that waits for a second RA."""


@dataclass(frozen=True)
class HolderChange:
    """One change of a holder's profile or cards, as RAs see it."""

    at: datetime
    kind: str
    by: str
    """`import`, `holder` or `ra`."""
    actor_name: str = field(default="", repr=False)
    card_ref: str = ""
    reason: str = ""
    note: str = field(default="", repr=False)


class CardAct(Enum):
    """What an RA does with a holder's card."""

    FREEZE = "FREEZE"
    LIFT = "LIFT"
    CLEAR_ANSWERS = "CLEAR_ANSWERS"


@dataclass(frozen=True)
class Person:
    """Whose card lies in the RA's reader."""

    name: str = field(repr=False)
    organisation: str


class InPerson(Protocol):
    """identity, as far as the pages of an RA who unlocks a card in person may call it."""

    async def person(self, profile_grant: str, card_grant: str) -> Person | Refused:
        """Say whose card it is, to an RA who may vouch for them."""
        ...

    async def vouch(self, profile_grant: str, card_grant: str, basis: str) -> str | Refused:
        """Give the RA's word, KNOWN or PHOTO_ID; the UnlockGrant for it."""
        ...


@dataclass(frozen=True)
class ColleaguesAsked:
    """How it stands with the colleagues whom a holder asked to vouch for them."""

    code: str = field(repr=False)
    """To be read out to them, such as `ABCDE-FGHJK`; empty once enough of them have vouched."""
    expires_at: datetime
    words_given: int
    words_needed: int
    unlock_grant: str = field(default="", repr=False)
    """Empty until enough of them have vouched."""


@dataclass(frozen=True)
class WordGiven:
    """A colleague's word was taken."""

    words_given: int
    words_needed: int


class Colleagues(Protocol):
    """identity, as far as the pages of a holder who asks colleagues, and of those colleagues, may call it."""

    async def ask(self, card_grant: str) -> ColleaguesAsked | Refused:
        """Ask colleagues to vouch for the holder of a proven card; asked again, tell how it stands."""
        ...

    async def asker(self, profile_grant: str, code: str) -> Person | Refused:
        """Say who asked by this code, to a colleague who may vouch for them."""
        ...

    async def vouch(self, profile_grant: str, code: str, basis: str) -> WordGiven | Refused:
        """Give a colleague's word: PHONE, VIDEO or IN_PERSON."""
        ...


class Desk(Protocol):
    """identity, as far as the pages of a signed-in RA may call it."""

    async def find_holders(self, profile_grant: str, typed: str) -> FoundHolders | Refused:
        """Find holders of the RA's organisations by name, identifier or card, 100 characters at most."""
        ...

    async def holder(self, profile_grant: str, holder_ref: str) -> HolderRecord | Refused:
        """Show a holder of the RA's organisations; HOLDER_NOT_FOUND for all others."""
        ...

    async def changes(self, profile_grant: str, holder_ref: str) -> tuple[HolderChange, ...] | Refused:
        """List what was changed of a holder, the newest first."""
        ...

    async def allow_records(self, profile_grant: str, holder_ref: str, card_ref: str) -> str | Refused:
        """Allow the RA to read what is recorded of a holder's card; the RecordsGrant for it."""
        ...

    async def waiting(self, profile_grant: str) -> Waiting | Refused:
        """List what waits for an RA: addresses to confirm, and cards that their holders froze."""
        ...

    async def set_address(
        self, profile_grant: str, holder_ref: str, address: str, why: Why
    ) -> AddressSet | Refused:
        """Set a holder's address as typed."""
        ...

    async def confirm_address(
        self, profile_grant: str, holder_ref: str, proposal_id: str, attempt_id: str
    ) -> Refused | None:
        """Confirm the address that a colleague proposed; None where it stands."""
        ...

    async def decline_address(
        self, profile_grant: str, holder_ref: str, proposal_id: str, why: Why
    ) -> Refused | None:
        """Decline an address that waits; None where it was done."""
        ...

    async def act_on_card(
        self, profile_grant: str, act: CardAct, holder_ref: str, card_ref: str, why: Why
    ) -> Refused | None:
        """Freeze a holder's card, lift its freeze or end a lock of answers; None where it was done."""
        ...


class Registration(Protocol):
    """identity, as far as the pages of security questions may call it. R41, R42, R48."""

    async def questions(self, profile_grant: str) -> Offered | Refused:
        """List the questions."""
        ...

    async def set_answers(
        self, profile_grant: str, answers: Sequence[Answer]
    ) -> AnswersRefused | Refused | None:
        """Keep answers until a code completes the registration; None where they are kept."""
        ...

    async def confirm_email(self, profile_grant: str, address: str) -> Confirmed | Refused:
        """Confirm or overwrite the address, and let a code be mailed there."""
        ...

    async def complete(self, mailbox_grant: str) -> Refused | None:
        """Complete the registration whose code was typed; None where the holder is registered now."""
        ...

    async def answer(
        self, card_grant: str, answers: Sequence[Answer], attempt_id: str
    ) -> AnswersJudged | Refused:
        """Judge the answers of whoever wants to unlock a card."""
        ...


@dataclass(frozen=True)
class Peers:
    """The processes that pages and the JSON API ask."""

    gateway: Gateway
    identity: Identity
    otp: Otp
    audit: Audit
    desk: Desk
    in_person: InPerson
    colleagues: Colleagues
    registration: Registration
    registration_codes: Codes
    """otp for codes of a registration: its grants are RegistrationGrants, and earn MailboxGrants."""
