"""Events in words, for people who look at one session or at all that happens.

References and codes only, as events have them; what a code means stands in docs/errors.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from smartcard_unlock.card_gateway.v1 import card_gateway_events_pb2 as gateway
from smartcard_unlock.common.v1 import common_pb2 as common
from smartcard_unlock.identity.v1 import identity_events_pb2 as identity
from smartcard_unlock.notifier.v1 import notifier_events_pb2 as notifier
from smartcard_unlock.otp.v1 import otp_events_pb2 as otp
from smartcard_unlock.otp.v1 import otp_pb2

from services.audit.consumer import word_of
from services.runtime.cloud_events import Received

SHOWN = 8
"""Characters of a random reference: enough to tell two of one session apart."""

OUTCOMES = {
    "SUCCESS": "the card took the new PIN",
    "FAILED": "the PIN was not reset",
    "UNKNOWN": "nobody knows yet whether the card acted",
    "LOCKED_TO_RA": "locked until the RA clears it",
    "REFUSED": "the holder may not unlock",
    "ABANDONED": "the time was up with nothing done",
}


@dataclass(frozen=True)
class Line:
    """One event as a person reads it."""

    at: datetime
    about: str
    """The session, or what else the event is about."""
    who: str
    what: str
    kind: str = ""
    """Of an outcome, which."""

    def as_text(self) -> str:
        """Return the line; whatever came by Kafka stays on it."""
        text = f"{self.at:%Y-%m-%d %H:%M:%S}  {self.about:<36}  {self.who:<16}  {self.what}"
        return "".join(letter if letter.isprintable() else "?" for letter in text)


def line_of(event: Received) -> Line:
    """Return the event in words. Raises Unreadable for one that is not what its type says."""
    if event.ce_type not in _TELLERS:
        return Line(event.time, event.subject, event.source, f"told {event.ce_type}: unknown to this version")
    kind, tell = _TELLERS[event.ce_type]
    message: Any = event.parse(kind)
    outcome = word_of(common.OutcomeKind, message.kind) if kind is common.SessionOutcome else ""
    return Line(event.time, event.subject, _who(message, event.source), tell(message), outcome)


def _who(message: Any, source: str) -> str:
    """Return who acted, or else the process that tells it."""
    if "actor" not in message.DESCRIPTOR.fields_by_name or not message.actor.kind:
        return source
    if message.actor.kind == common.ACTOR_KIND_SYSTEM:
        return str(message.actor.ref)
    return f"{word_of(common.ActorKind, message.actor.kind)} {message.actor.ref[:SHOWN]}".rstrip()


def _started(told: gateway.SessionStarted) -> str:
    reason, route = word_of(common.Reason, told.reason), word_of(common.Route, told.route)
    return f"a page took the session: {reason}, {route}"


def _read(told: gateway.CardRead) -> str:
    card = f"card {told.card_ref[:SHOWN]}" if told.card_ref else "a card that is not ours"
    return f"{card} was read; its PIN is {'blocked' if told.pin_blocked else 'not blocked'}"


def _authorised(_: gateway.SessionAuthorised) -> str:
    return "may choose a new PIN now"


def _released(told: gateway.SecretReleased) -> str:
    card, version, following = told.card_ref[:SHOWN], told.puk_version, told.next_puk_version
    after = f", then {following}" if following != version else ""
    return f"the secret of card {card} left for one script: version {version}{after}"


def _outcome(told: common.SessionOutcome) -> str:
    kind = word_of(common.OutcomeKind, told.kind)
    if kind == "RESOLVED":
        return f"RESOLVED: the card was found {'unlocked' if told.resolved_success else 'still blocked'}"
    if kind == "SUCCESS" and told.reason == common.REASON_SIGN_IN:
        return "SUCCESS: the card took its PIN and signed in"
    code = f" ({told.code})" if told.code else ""
    return f"{kind}: {OUTCOMES.get(kind, 'unknown to this version')}{code}"


def _requested(told: otp.CodeRequested) -> str:
    return f"code {told.codes_in_session} of the session was asked for"


def _entered(told: otp.CodeEntered) -> str:
    verdict = word_of(otp_pb2.RedeemVerdict, told.verdict)
    return f"a code was entered: {verdict}, {told.entries_left} entries left"


def _cleared(told: otp.LockClearedByRa) -> str:
    card, wrong, reason = told.card_ref[:SHOWN], told.wrong_in_year, word_of(otp_pb2.ClearReason, told.reason)
    why = f" ({reason})" if reason else ""
    return f"ended the lock of card {card}{why}; {wrong} wrong entries of the year still count"


def _spread(told: otp.GuessingSpread) -> str:
    place = told.organisation or told.network_ref[:SHOWN]
    scope = f"{word_of(otp.SpreadScope, told.scope)} {place}".rstrip()
    return f"ALARM: wrong codes for {told.cards} cards within an hour, {scope}"


def _delivered(told: notifier.DeliveryChanged) -> str:
    reason = f" ({told.reason})" if told.reason else ""
    return f"mail {told.template}: {word_of(notifier.Delivery, told.delivery)}{reason}"


def _imported(told: identity.HoldersImported) -> str:
    return f"{told.holders} holders were imported; {told.eligible_holders} could unlock a card"


def _list_changed(told: identity.AllowListChanged) -> str:
    whose = f" for {told.organisation}" if told.organisation else ""
    return f"approved domain {told.domain}{whose}: {word_of(identity.AllowListChange, told.change)}"


def _contact(told: identity.ContactChanged) -> str:
    address = told.old_address_version != told.address_version
    versions = f"address, version {told.old_address_version} to {told.address_version}"
    what = [versions] if address else []
    return f"changed {' and '.join([*what, *(['mobile number'] if told.mobile_changed else [])])}"


def _frozen(told: identity.CardFrozen) -> str:
    return f"froze card {told.card_ref[:SHOWN]}"


def _lifted(told: identity.FreezeLifted) -> str:
    reason = word_of(identity.ActReason, told.reason)
    return f"lifted the freeze of card {told.card_ref[:SHOWN]}: {reason}"


def _registered(told: identity.HolderRegistered) -> str:
    return f"registered with security questions, by card {told.card_ref[:SHOWN]}"


def _answered(told: identity.QuestionsAnswered) -> str:
    if told.right:
        return "answered the security questions"
    left = f"{told.tries_left} tries left" if told.tries_left else "locked until the RA clears it"
    return f"answered the security questions wrongly: {left}"


def _answers_cleared(told: identity.AnswersLockCleared) -> str:
    reason = word_of(identity.ActReason, told.reason)
    return f"ended the lock of wrong answers of card {told.card_ref[:SHOWN]}: {reason}"


def _proposed(told: identity.AddressProposed) -> str:
    return f"proposed an address, which waits for a second RA: {word_of(identity.ActReason, told.reason)}"


def _proposal_ended(told: identity.AddressProposalEnded) -> str:
    ending, by = word_of(identity.ProposalEnding, told.ending), told.proposed_by[:SHOWN]
    reason = f" ({word_of(identity.ActReason, told.reason)})" if told.reason else ""
    return f"the address that RA {by} proposed waits no more: {ending}{reason}"


_BASIS = {"KNOWN": "knows them", "PHOTO_ID": "saw a document with a photograph"}


def _vouched(told: identity.VouchedInPerson) -> str:
    basis = _BASIS.get(told.basis, told.basis)
    return f"vouched in person for the holder of card {told.card_ref[:SHOWN]}: {basis}"


_COLLEAGUE_BASIS = {"PHONE": "knows the voice", "VIDEO": "sees them", "IN_PERSON": "stands beside them"}


def _colleague(told: identity.ColleagueVouched) -> str:
    basis = _COLLEAGUE_BASIS.get(told.basis, told.basis)
    words = f"{told.words_given} of {told.words_needed} words"
    return f"vouched from afar for the holder of card {told.card_ref[:SHOWN]}: {basis}; {words}"


_Told = tuple[type[Message], Callable[[Any], str]]

_TELLERS: dict[str, _Told] = {
    kind.DESCRIPTOR.full_name: (kind, tell)
    for kind, tell in (
        (gateway.SessionStarted, _started),
        (gateway.CardRead, _read),
        (gateway.SessionAuthorised, _authorised),
        (gateway.SecretReleased, _released),
        (common.SessionOutcome, _outcome),
        (otp.CodeRequested, _requested),
        (otp.CodeEntered, _entered),
        (otp.LockClearedByRa, _cleared),
        (otp.GuessingSpread, _spread),
        (notifier.DeliveryChanged, _delivered),
        (identity.HoldersImported, _imported),
        (identity.AllowListChanged, _list_changed),
        (identity.ContactChanged, _contact),
        (identity.CardFrozen, _frozen),
        (identity.FreezeLifted, _lifted),
        (identity.HolderRegistered, _registered),
        (identity.QuestionsAnswered, _answered),
        (identity.AnswersLockCleared, _answers_cleared),
        (identity.VouchedInPerson, _vouched),
        (identity.ColleagueVouched, _colleague),
        (identity.AddressProposed, _proposed),
        (identity.AddressProposalEnded, _proposal_ended),
    )
}
