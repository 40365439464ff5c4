"""One fact of every sort, made up, with what its service tells of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.audit import events as audit
from services.audit.domain.leaf import Received
from services.audit.domain.log import Sequenced, Signed, Stored
from services.audit.domain.record import Origin
from services.audit.signing import NoteSigner
from services.card_gateway import events as gateway
from services.card_gateway.domain import facts as gateway_facts
from services.card_gateway.domain.words import ActorKind, OutcomeKind, Reason, Route, SecretLabel
from services.identity import events as identity
from services.identity.domain import facts as identity_facts
from services.identity.domain.acts import ActReason, Why
from services.identity.domain.allow_list import AllowedDomain
from services.identity.domain.allow_list import Change as ListChange
from services.identity.domain.colleagues import Basis as ColleagueBasis
from services.identity.domain.colleagues import Request, Word
from services.identity.domain.proposal import Ending, Proposal
from services.identity.domain.questions import Attempt
from services.identity.domain.vouch import Basis, Vouch
from services.notifier import events as notifier
from services.notifier.domain.delivery import Change, Delivery, News, Template
from services.otp import events as otp
from services.otp.domain import facts as otp_facts
from services.otp.domain.code import Bearer, Code
from services.otp.domain.ended_lock import ClearReason
from services.otp.domain.spread import Alarm, Scope
from services.runtime.outbox import Event
from tests.fakes.clock import NOON

SESSION = "0197c19f-0000-7000-8000-0000000000aa"
CODE_ID = "0197c19f-0000-7000-8000-0000000000cc"
HOLDER, CARD, RA, COLLEAGUE = "a" * 32, "c" * 32, "b" * 32, "d" * 32
ORGANISATION = "X26"
LATER = NOON + timedelta(minutes=3)
WRONG = Attempt(SESSION, CODE_ID, HOLDER, CARD, right=False, tries_left=2, at=NOON)

Told = tuple[str, str, Event]
"""Name of the sample, the process that tells it, and the event."""


def told() -> Iterator[Told]:
    """Every sample's event."""
    for name, fact in _of_identity().items():
        yield name, "identity", identity.event_of(fact)
    for name, what in _of_otp().items():
        yield name, "otp", otp.event_of(what)
    for name, done in _of_the_gateway().items():
        yield name, "card_gateway", gateway.event_of(done)
    for change in (Change(News.SENT, "", LATER), Change(News.BOUNCED, "MAILBOX_FULL", LATER)):
        yield f"DeliveryChanged.{change.news.value}", "notifier", notifier.event_of(_delivery(), change)
    yield from _of_audit()
    yield "VouchedInPerson", "identity", identity.event_of(_vouched())
    lifted = identity_facts.FreezeLifted(HOLDER, ORGANISATION, CARD, RA, ActReason.HOLDER_CONFIRMED, 2, NOON)
    yield "FreezeLifted", "identity", identity.event_of(lifted)
    for name, said in _of_questions().items():
        yield name, "identity", identity.event_of(said)
    proposed = identity_facts.AddressProposed(_proposal(), ORGANISATION)
    yield "AddressProposed", "identity", identity.event_of(proposed)
    declined = identity_facts.AddressProposalEnded(
        _proposal(), ORGANISATION, Ending.DECLINED, COLLEAGUE, LATER, ActReason.ADDRESS_WRONG
    )
    yield "AddressProposalEnded", "identity", identity.event_of(declined)
    locked = identity_facts.QuestionsAnswered(replace(WRONG, tries_left=0), ORGANISATION, 3)
    yield "QuestionsAnswered.LOCKED", "identity", identity.event_of(locked)
    yield "ColleagueVouched", "identity", identity.event_of(_colleague_vouched())


def _vouched() -> identity_facts.VouchedInPerson:
    vouch = Vouch(SESSION, CODE_ID, CARD, HOLDER, RA, Basis.PHOTO_ID, NOON)
    return identity_facts.VouchedInPerson(vouch, ORGANISATION, "0197c19f-0000-7000-8000-0000000000bb")


def _colleague_vouched() -> identity_facts.ColleagueVouched:
    request = Request(SESSION, CODE_ID, CARD, HOLDER, b"", LATER)
    word = Word(SESSION, COLLEAGUE, "e" * 32, ColleagueBasis.PHONE, NOON)
    signed_in_by = "0197c19f-0000-7000-8000-0000000000bb"
    return identity_facts.ColleagueVouched(word, request, ORGANISATION, signed_in_by, 2, 2)


def _proposal() -> Proposal:
    why = Why(ActReason.NO_ADDRESS)
    return Proposal("0197c19f-0000-7000-8000-0000000000cc", HOLDER, RA, "", 3, why, NOON)


def _of_identity() -> dict[str, identity_facts.Fact]:
    entry = AllowedDomain("nhs.example.org", subdomains=True)
    return {
        "SessionOutcome.REFUSED": identity_facts.HolderRefused(
            SESSION, "CERTIFICATE_EXPIRED", CARD, HOLDER, ORGANISATION, "LOCKED", "SELF", NOON
        ),
        "HoldersImported": identity_facts.HoldersImported(ORGANISATION, 1200, 1140, NOON),
        "AllowListChanged": identity_facts.AllowListChanged(entry, ListChange.ADDED, NOON),
        "ContactChanged": identity_facts.ContactChanged(
            HOLDER, ORGANISATION, SESSION, CARD, "HOLDER", HOLDER, 3, 4, mobile_changed=False, at=NOON
        ),
        "CardFrozen": identity_facts.CardFrozen(HOLDER, ORGANISATION, CARD, NOON),
    }


def _of_questions() -> dict[str, identity_facts.Fact]:
    return {
        "HolderRegistered": identity_facts.HolderRegistered(HOLDER, ORGANISATION, SESSION, CARD, 3, NOON),
        "QuestionsAnswered": identity_facts.QuestionsAnswered(WRONG, ORGANISATION),
        "AnswersLockCleared": identity_facts.AnswersLockCleared(
            HOLDER, ORGANISATION, CARD, RA, ActReason.HOLDER_CHECKED, LATER
        ),
    }


def _of_otp() -> dict[str, otp_facts.Fact]:
    bearer = Bearer(SESSION, HOLDER, CARD, "UNLOCK", 3)
    code = Code(CODE_ID, bearer, b"", NOON, NOON + timedelta(minutes=15), "")
    alarm = Alarm(Scope.ORGANISATION, ORGANISATION, 25)
    return {
        "CodeIssued": otp_facts.CodeIssued(code, "LOCKED", bytes(56), bytes(40)),
        "CodeRequested": otp_facts.CodeRequested(code, 1),
        "CodeEntered": otp_facts.CodeEntered(
            CODE_ID, SESSION, otp_facts.Verdict.WRONG, 2, LATER, HOLDER, CARD
        ),
        "SessionOutcome.LOCKED_TO_RA": otp_facts.LockedToRa(
            SESSION, HOLDER, CARD, ORGANISATION, "LOCKED", "SELF", LATER
        ),
        "GuessingSpread": otp_facts.GuessingSpread(SESSION, alarm, LATER),
        "LockClearedByRa": otp_facts.LockClearedByRa(
            SESSION, HOLDER, CARD, ORGANISATION, RA, 3, LATER, ClearReason.MISTYPED
        ),
    }


def _of_the_gateway() -> dict[str, gateway_facts.Fact]:
    holder = gateway_facts.Actor(ActorKind.HOLDER, HOLDER)
    return {
        "SessionStarted": gateway_facts.SessionStarted(SESSION, Reason.LOCKED, Route.SELF, NOON),
        "CardRead": gateway_facts.CardRead(SESSION, CARD, pin_blocked=True, at=NOON),
        "SessionAuthorised": gateway_facts.SessionAuthorised(SESSION, holder, LATER),
        "SecretReleased": gateway_facts.SecretReleased(SESSION, CARD, 4, 5, "2026-a", LATER),
        "SessionOutcome.SUCCESS": _outcome(OutcomeKind.SUCCESS, "", SecretLabel.ROTATED),
        "SessionOutcome.FAILED": _outcome(OutcomeKind.FAILED, "SECRET_MISMATCH", SecretLabel.STATIC),
        "SessionOutcome.UNKNOWN": _outcome(OutcomeKind.UNKNOWN, "OUTCOME_UNKNOWN", SecretLabel.UNSETTLED),
        "SessionOutcome.RESOLVED": _outcome(OutcomeKind.RESOLVED, "", SecretLabel.UNSETTLED),
        "SessionOutcome.ABANDONED": _outcome(OutcomeKind.ABANDONED, "SESSION_ENDED", SecretLabel.NONE),
    }


def _outcome(kind: OutcomeKind, code: str, label: SecretLabel) -> gateway_facts.SessionOutcome:
    by_itself = kind in (OutcomeKind.ABANDONED, OutcomeKind.RESOLVED)
    return gateway_facts.SessionOutcome(
        session_id=SESSION,
        kind=kind,
        code=code,
        reason=Reason.LOCKED,
        route=Route.SELF,
        card_ref=CARD,
        holder_ref=HOLDER,
        organisation=ORGANISATION,
        actor=gateway_facts.SWEEPER if by_itself else gateway_facts.Actor(ActorKind.HOLDER, HOLDER),
        at=LATER,
        started_at=NOON,
        resolved_success=kind is OutcomeKind.RESOLVED,
        version=5,
        kid="2026-a",
        label=label,
        address_version=3,
    )


def _delivery() -> Delivery:
    return Delivery(CODE_ID, Template.CODE, SESSION, HOLDER, 3, "LOCKED", NOON, LATER, NOON)


def _of_audit() -> Iterator[Told]:
    event = gateway.event_of(_outcome(OutcomeKind.SUCCESS, "", SecretLabel.ROTATED))
    record = Received(
        ce_id="0197c1a0-0000-7000-8000-000000000016",
        ce_type=event.message.DESCRIPTOR.full_name,
        source="card_gateway",
        subject=SESSION,
        relayseq=16,
        traceparent="",
        body=event.message.SerializeToString(deterministic=True),
    )
    stored = Stored(record, Origin(event.topic, 7, 1042), LATER, LATER + timedelta(seconds=1))
    # A key that everybody knows: it signs this sample and nothing else.
    signer = NoteSigner("unlock.example.org/audit", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    head = signer.head(4712, bytes(range(32)))
    for name, fact in (("RecordSequenced", Sequenced(4711, stored)), ("HeadSigned", Signed(head, LATER))):
        yield name, audit.SOURCE, audit.event_of(fact)
