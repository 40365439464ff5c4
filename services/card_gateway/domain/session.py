"""An unlock session: its states, and what moves it from one to the next.

Pure: callers bring time, digests and verdicts. What is not here: pairing, grants, the card's secret.
Source: architecture §3, states.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.card_gateway.card.proof import Algorithm
from services.card_gateway.domain.facts import Actor, CardRead, SessionOutcome, SessionStarted
from services.card_gateway.domain.readers import Sighting
from services.card_gateway.domain.reasons import reason_for
from services.card_gateway.domain.words import ActorKind, OutcomeKind, Reason, Route, SecretLabel, State

DEADLINE = timedelta(minutes=45)
"""From claim to end, whatever the state. Source: architecture §2, grants."""

UNCLAIMED = timedelta(seconds=120)
"""An unclaimed session whose agent is silent for so long is deleted."""

KEPT = timedelta(days=30)
"""From a session's end to its deletion. Source: architecture §7."""

ENDED = frozenset({State.SUCCESS, State.FAILED, State.RESOLVED, State.ABANDONED})
"""States that nothing leaves; UNKNOWN is over too once the deadline has passed."""

PROVEN_FOR = timedelta(minutes=5)
"""From the proof of a holder until it lets nobody sign in any more. Source: architecture §2, CardGrant."""

ATTENDED_FOR = timedelta(minutes=15)
"""From that proof on the agent is asked whether the card is still in: 5 minutes to sign in, 10 signed in."""

CARD_LEFT = "CARD_LEFT"
"""SUCCESS of a SIGN_IN: the card has left the reader since, for however short a time. R31, R56."""


class WrongState(Exception):
    """The session is not where this step begins."""


@dataclass(frozen=True)
class Card:
    """The card of this session as READ found it."""

    card_ref: str
    profile: str
    guid: bytes
    chuid_hash: bytes
    algorithm: Algorithm | None
    """Of the key it proves itself with; None for an admin-key card."""
    pin_tries_left: int | None
    pin_blocked: bool
    """As the first READ of this session saw it."""
    blocked_now: bool
    """As the last READ saw it."""
    certificate_expires_at: datetime
    reset_refused: str | None = None
    """Reasons that need no PUK: why this card's could not be used, should the holder need that after all."""

    @property
    def last_four(self) -> str:
        """The last four characters of the GUID, for people."""
        return self.guid.hex().upper()[-4:]


@dataclass(frozen=True)
class Authority:
    """Who was let through, by whom, from the grants that were spent or shown."""

    holder_ref: str
    organisation: str
    address_version: int
    actor: Actor
    authorised_at: datetime | None
    """None where no UnlockGrant was spent: CHANGE, which the current PIN authorises on the card."""


@dataclass(frozen=True)
class Session:
    """One session, as it is stored. Tokens are kept as SHA-256 digests only."""

    session_id: str
    state: State
    version: int
    agent_public_key: bytes
    agent_token_digest: bytes = field(repr=False)
    created_at: datetime
    sighting: Sighting
    """What was last written of the agent's readers; not written by `store`."""
    pairing_round: int = 0
    pairing_kid: str = ""
    """The key that the present offer was derived from."""
    pairing_ends_at: datetime | None = None
    claim_digest: bytes | None = field(default=None, repr=False)
    reason: Reason | None = None
    route: Route | None = None
    started_at: datetime | None = None
    deadline: datetime | None = None
    card: Card | None = None
    authority: Authority | None = None
    code: str = ""
    told: frozenset[OutcomeKind] = frozenset()
    """Outcomes told already: each is told once."""
    still_blocked: bool = False
    """After an UNKNOWN: READ saw the PIN as blocked as before."""
    resolved_success: bool = False
    secret_version: int = 0
    secret_kid: str = ""
    label: SecretLabel = SecretLabel.NONE
    ended_at: datetime | None = None
    ra_ref: str = ""
    """Route RA_IN_PERSON: the RA who began it, by random reference; nobody else may vouch in it."""

    @property
    def needs_secret(self) -> bool:
        """False where the holder's own PIN does: to change it, or to sign in by it."""
        return self.reason not in (Reason.CHANGE, Reason.SIGN_IN)

    def proven_until(self) -> datetime | None:
        """Until when the holder counts as proven on the card; None where they are not."""
        if self.attended_until() is None or self.ended_at is None or self.deadline is None:
            return None
        return min(self.ended_at + PROVEN_FOR, self.deadline)

    def attended_until(self) -> datetime | None:
        """Until when the card that proved its holder has to stay in; None where there is none, or it left."""
        if self.reason is not Reason.SIGN_IN or self.state is not State.SUCCESS or self.code:
            return None
        return self.ended_at + ATTENDED_FOR if self.ended_at else None

    def is_over(self, now: datetime) -> bool:
        """True when nobody can move it any more but by reading its card elsewhere."""
        return self.state in ENDED or (self.deadline is not None and now >= self.deadline)

    def knows_card(self) -> Card:
        """The card; raises WrongState before one was read."""
        if self.card is None:
            raise WrongState
        return self.card


def claim(
    session: Session, digest: bytes, reason: Reason, route: Route, now: datetime, *, ra_ref: str = ""
) -> Session:
    """NEW → ATTACHED: a page takes the session, once; `ra_ref` where an RA sits at it."""
    _require(session, State.NEW)
    return replace(
        session, state=State.ATTACHED, claim_digest=digest, reason=reason, route=route,
        started_at=now, deadline=now + DEADLINE, pairing_ends_at=None, ra_ref=ra_ref,
    )  # fmt: skip


def take_card(session: Session, card: Card) -> Session:
    """ATTACHED → CARD_READ: a card of ours signed with its own key."""
    _require(session, State.ATTACHED)
    reason = reason_for(started(session).reason, blocked=card.blocked_now)
    return replace(session, state=State.CARD_READ, card=card, reason=reason, code="")


def without_reset(session: Session, code: str) -> Session:
    """CARD_READ: the holder's PIN may be used, and a reset would be refused with this code."""
    return replace(session, card=replace(session.knows_card(), reset_refused=code))


def restate(session: Session, reason: Reason) -> Session:
    """Another reason for the same card; whoever was let through for the one before is not for this."""
    _require(session, State.CARD_READ)
    card = session.knows_card()
    reason = reason_for(reason, blocked=card.blocked_now)
    card = replace(card, pin_blocked=card.blocked_now)
    return replace(session, reason=reason, card=card, authority=None, code="")


def authorise(session: Session, authority: Authority) -> Session:
    """CARD_READ → AUTHORISED, until the deadline."""
    _require(session, State.CARD_READ)
    return replace(session, state=State.AUTHORISED, authority=authority, code="")


def prove(session: Session) -> Session:
    """AUTHORISED → PROVING: a PIN waits, the person is asked."""
    _require(session, State.AUTHORISED)
    return replace(session, state=State.PROVING, code="")


def prove_by_pin(session: Session, authority: Authority) -> Session:
    """CARD_READ → PROVING: a CHANGE, which the current PIN authorises."""
    _require(session, State.CARD_READ)
    if session.reason is not Reason.CHANGE:
        raise WrongState
    return replace(session, state=State.PROVING, authority=authority, code="")


def prove_holder(session: Session) -> Session:
    """CARD_READ → PROVING: the person is asked, then the card verifies the PIN and signs."""
    _require(session, State.CARD_READ)
    if session.reason is not Reason.SIGN_IN:
        raise WrongState
    return replace(session, state=State.PROVING, code="")


def reset(session: Session) -> Session:
    """PROVING → RESETTING: the card proved itself anew."""
    _require(session, State.PROVING)
    return replace(session, state=State.RESETTING)


def go_back(session: Session, code: str) -> Session:
    """PROVING, RESETTING or UNKNOWN → where the passcode was chosen: the person may try again."""
    _require(session, State.PROVING, State.RESETTING, State.UNKNOWN)
    return replace(session, state=chosen_in(session), code=code)


def chosen_in(session: Session) -> State:
    """The state from which a PIN was sent: AUTHORISED, or CARD_READ for a CHANGE without a code."""
    by_grant = session.authority is not None and session.authority.authorised_at is not None
    return State.AUTHORISED if by_grant else State.CARD_READ


def counted(session: Session, tries_left: int | None, *, blocked: bool) -> Session:
    """The session with what its card last said of the PIN's tries."""
    card = replace(session.knows_card(), pin_tries_left=tries_left, blocked_now=blocked)
    return replace(session, card=card)


def lose_sight(session: Session, code: str) -> Session:
    """RESETTING → UNKNOWN: the card may or may not have acted."""
    _require(session, State.RESETTING)
    return replace(session, state=State.UNKNOWN, code=code, still_blocked=False)


def end(session: Session, state: State, code: str, now: datetime, *, success: bool = False) -> Session:
    """Any state → one of ENDED. Raises WrongState when it is there already."""
    if session.state in ENDED or state not in ENDED:
        raise WrongState
    return replace(session, state=state, code=code, ended_at=now, resolved_success=success)


def card_left(session: Session) -> Session:
    """The session of a holder who was proven, once the card is not in the reader any more."""
    if session.attended_until() is None:
        raise WrongState
    return replace(session, code=CARD_LEFT)


def labelled(session: Session, label: SecretLabel, version: int, kid: str) -> Session:
    """The session with what is known of its card's secret."""
    return replace(session, label=label, secret_version=version, secret_kid=kid)


def started(session: Session) -> SessionStarted:
    """The fact that a page claimed it."""
    if session.reason is None or session.route is None or session.started_at is None:
        raise WrongState
    return SessionStarted(session.session_id, session.reason, session.route, session.started_at)


def card_seen(session: Session, card_ref: str, blocked: bool, now: datetime) -> CardRead:
    """The fact that a card was read."""
    return CardRead(session.session_id, card_ref, blocked, now)


def told(
    session: Session, kind: OutcomeKind, now: datetime, by: Actor | None = None
) -> tuple[Session, SessionOutcome | None]:
    """The session with this outcome marked as told, and the outcome; None where it was told before.

    Without `by` whoever was let through acted, or the RA who sits there, or a holder whom nobody knows yet.
    """
    if kind in session.told:
        return session, None
    begun, card, authority = started(session), session.card, session.authority
    person = Actor(ActorKind.RA, session.ra_ref) if session.ra_ref else Actor(ActorKind.HOLDER)
    outcome = SessionOutcome(
        session_id=session.session_id,
        kind=kind,
        code="" if kind is OutcomeKind.SUCCESS or session.resolved_success else session.code,
        reason=begun.reason,
        route=begun.route,
        card_ref=card.card_ref if card else "",
        holder_ref=authority.holder_ref if authority else "",
        organisation=authority.organisation if authority else "",
        actor=by or (authority.actor if authority else person),
        at=now,
        started_at=begun.at,
        resolved_success=session.resolved_success,
        version=session.secret_version,
        kid=session.secret_kid,
        label=session.label,
        address_version=authority.address_version if authority else 0,
    )
    return replace(session, told=session.told | {kind}), outcome


def _require(session: Session, *states: State) -> None:
    if session.state not in states:
        raise WrongState
