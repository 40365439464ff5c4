"""Topics to use cases: sealed codes, and what its holder should hear of. No rules."""

from collections.abc import Callable
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.identity.v1 import identity_events_pb2 as told
from smartcard_unlock.otp.v1 import otp_events_pb2

from services.notifier.domain.delivery import Delivery, Template
from services.notifier.use_cases import AddressChange, Deliveries, Notice
from services.runtime.cloud_events import Received, Unreadable

CODES_TOPIC = "otp.code-issued.v1"
CODES_GROUP = "notifier-codes"
OUTCOMES_TOPIC = "card_gateway.events.v1"
OUTCOMES_GROUP = "notifier-outcomes"
PROFILES_TOPIC = "identity.events.v1"
PROFILES_GROUP = "notifier-profiles"

LONGEST_WORD = 64
LARGEST_SEALED_CODE = 256

_OfACard = told.CardFrozen | told.FreezeLifted | told.HolderRegistered | told.QuestionsAnswered


class CodeConsumer:
    """Takes CodeIssued; leaves everything else alone."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    async def handle(self, event: Received) -> None:
        """Queue a code. Raises Unreadable for a message that is not one."""
        if event.ce_type != otp_events_pb2.CodeIssued.DESCRIPTOR.full_name:
            return
        code = event.parse(otp_events_pb2.CodeIssued)
        if not 0 < len(code.sealed_code) <= LARGEST_SEALED_CODE:
            raise Unreadable("sealed_code")
        beside = code.sealed_particulars if len(code.sealed_particulars) <= LARGEST_SEALED_CODE else b""
        issued_at = _instant(code.issued_at)
        delivery = Delivery(
            message_id=_word(code.code_id),
            template=Template.CODE,
            session_id=_word(code.session_id),
            holder_ref=_word(code.holder_ref),
            address_version=_version(code.address_version),
            reason=_reason(code.reason),
            made_at=issued_at,
            expires_at=_instant(code.expires_at),
            due_at=issued_at,
            sealed_code=code.sealed_code,
            sealed_particulars=beside or None,
        )
        await self._deliveries.take_code(event.ce_id, delivery)


class OutcomeConsumer:
    """Takes outcomes that unlocked a card; leaves everything else alone."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    async def handle(self, event: Received) -> None:
        """Queue "was this you?". Raises Unreadable for a message that is not an outcome."""
        if event.ce_type != common_pb2.SessionOutcome.DESCRIPTOR.full_name:
            return
        outcome = event.parse(common_pb2.SessionOutcome)
        if not _unlocked(outcome) or not outcome.address_version or not outcome.holder_ref:
            return
        notice = Notice(
            event_id=event.ce_id,
            template=Template.WAS_THIS_YOU,
            session_id=_word(outcome.session_id),
            holder_ref=_word(outcome.holder_ref),
            address_version=_version(outcome.address_version),
            reason=_reason(outcome.reason),
            occurred_at=_instant(outcome.occurred_at),
            card_ref=_word(outcome.card_ref) if outcome.card_ref else "",
        )
        await self._deliveries.take_notice(notice)


class ProfileConsumer:
    """Takes what was done with an address, a card or security questions; leaves everything else alone."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    async def handle(self, event: Received) -> None:
        """Queue the mails of a change. Raises Unreadable for a message that is not one."""
        if event.ce_type == told.ContactChanged.DESCRIPTOR.full_name:
            await self._address_changed(event)
        if read := _NOTICES.get(event.ce_type):
            notice = read(event)
            if notice is not None:
                await self._deliveries.take_notice(notice)

    async def _address_changed(self, event: Received) -> None:
        changed = event.parse(told.ContactChanged)
        if changed.old_address_version == changed.address_version:
            return
        change = AddressChange(
            event_id=event.ce_id,
            session_id=_word(changed.session_id),
            holder_ref=_word(changed.holder_ref),
            old_version=_version(changed.old_address_version) if changed.old_address_version else 0,
            new_version=_version(changed.address_version),
            occurred_at=_instant(changed.occurred_at),
            by_ra=changed.actor.kind == common_pb2.ACTOR_KIND_RA,
        )
        await self._deliveries.take_address_change(change)


def _frozen(event: Received) -> Notice | None:
    """What a holder froze goes to their RA team, what an RA froze to the holder."""
    frozen = event.parse(told.CardFrozen)
    if frozen.actor.kind == common_pb2.ACTOR_KIND_RA:
        return _to_the_holder(event, frozen, Template.CARD_STOPPED, "FROZEN")
    card_ref, at = _word(frozen.card_ref), _instant(frozen.occurred_at)
    return Notice(event.ce_id, Template.CARD_FROZEN, _word(frozen.holder_ref), at, card_ref=card_ref)


def _lifted(event: Received) -> Notice | None:
    return _to_the_holder(event, event.parse(told.FreezeLifted), Template.CARD_STOPPED, "LIFTED")


def _registered(event: Received) -> Notice | None:
    registered = event.parse(told.HolderRegistered)
    return _to_the_holder(event, registered, Template.REGISTERED, session_id=_word(registered.session_id))


def _answered(event: Received) -> Notice | None:
    """Only the failure that locked the card names an address."""
    answered = event.parse(told.QuestionsAnswered)
    return _to_the_holder(event, answered, Template.ANSWERS_LOCKED, session_id=_word(answered.session_id))


def _proposed(event: Received) -> Notice | None:
    """The RA team hears of an address that waits, for as long as it does."""
    proposed = event.parse(told.AddressProposed)
    holder_ref, at = _word(proposed.holder_ref), _instant(proposed.occurred_at)
    ends_at = _instant(proposed.expires_at)
    return Notice(event.ce_id, Template.ADDRESS_WAITS, holder_ref, at, ends_at=ends_at)


def _colleague_vouched(event: Received) -> Notice | None:
    """The RA team hears of the word that lets a card through."""
    vouched = event.parse(told.ColleagueVouched)
    if not vouched.words_needed or vouched.words_given < vouched.words_needed:
        return None
    return Notice(
        event_id=event.ce_id,
        template=Template.LET_THROUGH,
        holder_ref=_word(vouched.holder_ref),
        occurred_at=_instant(vouched.occurred_at),
        session_id=_word(vouched.session_id),
        card_ref=_word(vouched.card_ref),
    )


def _to_the_holder(
    event: Received, said: _OfACard, template: Template, reason: str = "", session_id: str = ""
) -> Notice | None:
    """Return what goes to the holder, where there is an address."""
    if not said.address_version:
        return None
    return Notice(
        event_id=event.ce_id,
        template=template,
        holder_ref=_word(said.holder_ref),
        occurred_at=_instant(said.occurred_at),
        address_version=_version(said.address_version),
        session_id=session_id,
        reason=reason,
        card_ref=_word(said.card_ref),
    )


_NOTICES: dict[str, Callable[[Received], Notice | None]] = {
    kind.DESCRIPTOR.full_name: read
    for kind, read in (
        (told.CardFrozen, _frozen),
        (told.FreezeLifted, _lifted),
        (told.HolderRegistered, _registered),
        (told.QuestionsAnswered, _answered),
        (told.AddressProposed, _proposed),
        (told.ColleagueVouched, _colleague_vouched),
    )
}


def _unlocked(outcome: common_pb2.SessionOutcome) -> bool:
    resolved = outcome.kind == common_pb2.OUTCOME_KIND_RESOLVED and outcome.resolved_success
    return outcome.kind == common_pb2.OUTCOME_KIND_SUCCESS or resolved


def _reason(reason: common_pb2.Reason.ValueType) -> str:
    """Return LOCKED, FORGOTTEN, CHANGE or SIGN_IN; empty for a word that only newer services know."""
    known = (
        common_pb2.REASON_LOCKED,
        common_pb2.REASON_FORGOTTEN,
        common_pb2.REASON_CHANGE,
        common_pb2.REASON_SIGN_IN,
    )
    return common_pb2.Reason.Name(reason).removeprefix("REASON_") if reason in known else ""


def _word(text: str) -> str:
    """Return an id or reference. Raises Unreadable for what no service of ours would write."""
    if not 0 < len(text) <= LONGEST_WORD or not text.isascii() or not text.isprintable():
        raise Unreadable("word")
    return text


def _version(number: int) -> int:
    if not 0 < number < 2**31:
        raise Unreadable("address_version")
    return number


def _instant(timestamp: Timestamp) -> datetime:
    try:
        return timestamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise Unreadable("instant") from error
