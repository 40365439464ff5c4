"""What one browser's journey remembers, and which page its session belongs on.

Pure: no cookie, no key, no clock, no network. The session itself lives in card_gateway; a
journey only knows its name, the claim to it, and what was asked of the person so far.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

JOURNEY_LIFE = timedelta(minutes=45)
"""From the first page to the last. Source: architecture §2, the session's one deadline."""

AFTERLIFE = timedelta(hours=1)
"""After the deadline: an unknown outcome may be settled later, and the last page may be loaded again."""


class State(Enum):
    """Where card_gateway says the session stands."""

    NEW = "NEW"
    ATTACHED = "ATTACHED"
    CARD_READ = "CARD_READ"
    AUTHORISED = "AUTHORISED"
    PROVING = "PROVING"
    RESETTING = "RESETTING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    RESOLVED = "RESOLVED"
    ABANDONED = "ABANDONED"


class Reason(Enum):
    """Why the holder came. R2."""

    LOCKED = "LOCKED"
    FORGOTTEN = "FORGOTTEN"
    CHANGE = "CHANGE"
    SIGN_IN = "SIGN_IN"
    """To see or change one's own contact details; asked for on a page of its own. R31."""


@dataclass(frozen=True)
class Journey:
    """One browser's journey; everything but `ends_at` may be unknown at its start."""

    ends_at: datetime
    csrf: str
    attempt_id: str
    """Of the question that is open now: the same until a service has answered it."""
    reason: Reason | None = None
    address_token: str = ""
    session_id: str = ""
    claim: str = ""
    code_asked: bool = False
    words_confirmed: bool = False
    """The person compared the words before any passcode of the card is typed: CHANGE, SIGN_IN."""
    last_try: bool = False
    """Likewise: the person wants to spend the card's last try."""
    nudge: str = ""
    """Why no code could be mailed to the holder, though none was needed. R30, R34."""
    profile_grant: str = ""
    """While the holder is signed in."""
    signed_in_until: datetime | None = None
    """When that grant ends."""
    registration_grant: str = ""
    """While the code of a registration is awaited; the holder is signed out by then."""
    mailbox: str = ""
    """Masked: where that code went."""
    colleagues_asked: bool = False
    """The person compared the words, and asked colleagues to vouch for them instead of a mailed code."""
    heading_for: str = ""
    """The page that whoever signs in wants; empty: My profile."""
    vouch_code: str = field(default="", repr=False)
    """Of the person whom whoever is signed in is about to vouch for. A secret: in no address and no page."""
    registered: bool = False
    """The code of a registration was right: it is complete."""
    spent_csrf: str = ""
    """The form token before the last step up: it leads to the page that is open now, and does nothing."""

    def without_session(self, now: datetime) -> "Journey":
        """Return it as it is before a session: whatever is not named here was of the one that is left."""
        return Journey(
            ends_at=now + JOURNEY_LIFE,
            csrf=self.csrf,
            attempt_id=self.attempt_id,
            reason=self.reason,
            address_token=self.address_token,
            heading_for=self.heading_for,
        )

    def over(self, now: datetime) -> bool:
        """True from the instant the journey ends."""
        return now >= self.ends_at

    def after(self, path: str) -> str:
        """Return where a form leads that is sent again once its step was taken: on, and nothing is repeated.

        Whoever has begun a session is not asked to begin it again: the program's code is spent by then.
        """
        if path in BEGINNINGS and self.session_id:
            return CARD
        return START if path == SIGN_OUT else path

    def closing(self, path: str) -> "Closing | None":
        """Return when the work on this page ends by itself; None where nothing would be lost."""
        ends: list[Closing] = []
        if self.session_id and path in UNLOCKING:
            ends.append(Closing(self.ends_at - AFTERLIFE, signed_in=False))
        if self.profile_grant and self.signed_in_until and path.startswith(SIGNED_IN):
            ends.append(Closing(self.signed_in_until, signed_in=True))
        return min(ends, key=lambda each: each.at, default=None)


@dataclass(frozen=True)
class Closing:
    """A limit of time that nobody can extend, since it is what keeps a page left open from being used."""

    at: datetime
    signed_in: bool
    """Of a sign-in, else of an unlock session."""


START, CHOOSE_REASON, PAIR = "/", "/reason", "/pair"
CARD, ADDRESS, CODE, PASSCODE = "/card", "/address", "/code", "/passcode"
NO_MAILBOX = "/no-mailbox"
OTHER_REASON, CHANGE, LAST_TRY = "/other-reason", "/change", "/last-try"
SIGN_IN, SIGN_IN_WORDS, SIGN_IN_PASSCODE = "/sign-in", "/sign-in/words", "/sign-in/passcode"
SIGN_OUT = "/sign-out"
PROFILE, CONTACT, CONTACT_UPDATED = "/profile", "/profile/contact", "/profile/updated"
QUESTIONS = "/questions"
REGISTER, REGISTER_EMAIL = "/profile/questions", "/profile/questions/email"
REGISTER_CODE, REGISTERED = "/profile/questions/code", "/profile/questions/done"
ASK_COLLEAGUES, COLLEAGUES_CODE = "/colleagues", "/colleagues/code"
COLLEAGUE, COLLEAGUE_PERSON = "/vouch", "/vouch/person"
RA_DESK, IN_PERSON, VOUCH = "/ra", "/ra/in-person", "/ra/in-person/vouch"
WORKING, DONE, UNKNOWN, STOPPED = "/working", "/done", "/unknown", "/stopped"

BEGINNINGS = frozenset({CHOOSE_REASON, PAIR, SIGN_IN, IN_PERSON})
"""Pages whose form claims a session."""
UNLOCKING = frozenset({
    CARD, OTHER_REASON, CHANGE, LAST_TRY, ADDRESS, NO_MAILBOX, CODE, QUESTIONS, PASSCODE,
    SIGN_IN_WORDS, SIGN_IN_PASSCODE, ASK_COLLEAGUES, COLLEAGUES_CODE, VOUCH,
})  # fmt: skip
"""Pages of a session that goes on."""
SIGNED_IN = (PROFILE, RA_DESK, COLLEAGUE)
"""How pages begin that only somebody who is signed in sees."""
WARNED_FOR = timedelta(minutes=3)
"""How long before its end a page says so. Source: WCAG 2.2, 2.2.1: 20 seconds at least."""

_PLACES = {
    State.NEW: CARD,
    State.ATTACHED: CARD,
    State.PROVING: WORKING,
    State.RESETTING: WORKING,
    State.SUCCESS: DONE,
    State.UNKNOWN: UNKNOWN,
}


@dataclass(frozen=True)
class Standing:
    """All that decides on which page a session belongs: what card_gateway says, and what was asked."""

    state: State
    resolved_success: bool = False
    objection: str = ""
    """Why the reason does not fit the card; empty where it does."""
    code_needed: bool = True
    code_asked: bool = False
    colleagues_asked: bool = False
    signs_in: bool = False
    in_person: bool = False
    """An RA vouches for the holder; no code is mailed."""
    words_confirmed: bool = False
    last_try_ahead: bool = False
    """One try of the current passcode is left, and the person has not said that they want to spend it."""


def place(standing: Standing) -> str:
    """Return the path of the page a session belongs on.

    Success is shown for SUCCESS and for an UNKNOWN that the card itself settled. R53, I7.
    """
    if standing.state is State.RESOLVED:
        return DONE if standing.resolved_success else STOPPED
    if standing.state is State.CARD_READ:
        return _before_passcode(standing)
    if standing.state is State.AUTHORISED:
        return _passcode(standing)
    if standing.state is State.SUCCESS and standing.signs_in:
        return PROFILE
    return _PLACES.get(standing.state, STOPPED)


def _before_passcode(standing: Standing) -> str:
    if standing.objection:
        return OTHER_REASON
    if standing.in_person:
        return VOUCH
    if standing.code_needed and standing.colleagues_asked:
        return COLLEAGUES_CODE
    if standing.code_needed:
        return CODE if standing.code_asked else ADDRESS
    return _passcode(standing) if standing.words_confirmed else _words_page(standing)


def _words_pages(standing: Standing) -> tuple[str, ...]:
    """Where the words are compared in this session; colleagues are another way where a code is needed."""
    other = (ASK_COLLEAGUES,) if standing.code_needed and not standing.in_person else ()
    return (_words_page(standing), *other)


def _words_page(standing: Standing) -> str:
    """Where the words are compared before a code is mailed, an RA vouches or the card's passcode is typed."""
    if standing.in_person:
        return VOUCH
    if standing.code_needed:
        return ADDRESS
    return SIGN_IN_WORDS if standing.signs_in else CHANGE


def _passcode(standing: Standing) -> str:
    if standing.last_try_ahead:
        return LAST_TRY
    return SIGN_IN_PASSCODE if standing.signs_in else PASSCODE


def belongs(path: str, standing: Standing) -> bool:
    """True where this page may be shown; before a passcode a holder may go back, and change the reason."""
    if standing.state is State.CARD_READ:
        if path == OTHER_REASON:
            return True
        if path in _words_pages(standing) and not standing.objection:
            return True
    return path == place(standing)


def ways(objection: str, *, blocked: bool, in_person: bool = False) -> tuple[Reason, ...]:
    """Return the reasons that fit a card, where the one that was given may not. R2.

    In person none is CHANGE: whoever knows their passcode needs nobody to vouch for them. R36.
    """
    if in_person:
        return tuple(each for each in ways(objection, blocked=blocked) if each is not Reason.CHANGE)
    if blocked:
        return (Reason.LOCKED,)
    if objection == "UNBLOCKS_ONLY_BLOCKED":
        return (Reason.CHANGE,)
    if objection == "CHANGE_UNSUPPORTED":
        return (Reason.FORGOTTEN,)
    return (Reason.FORGOTTEN, Reason.CHANGE)
