"""Records of a card, from their bodies into the words of the contract."""

from typing import Any

from smartcard_unlock.audit.v1 import audit_pb2
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.identity.v1 import identity_events_pb2 as identity
from smartcard_unlock.otp.v1 import otp_events_pb2 as otp
from smartcard_unlock.otp.v1 import otp_pb2

from services.audit.consumer import word_of
from services.audit.domain.history import CardEvent, CardPage
from services.audit.storage import instant_of
from services.runtime.timestamps import timestamp_of

_FACTS: dict[str, tuple[Any, str]] = {
    kind.DESCRIPTOR.full_name: (kind, word)
    for kind, word in (
        (identity.CardFrozen, "CARD_FROZEN"),
        (identity.FreezeLifted, "FREEZE_LIFTED"),
        (identity.VouchedInPerson, "VOUCHED_IN_PERSON"),
        (identity.ColleagueVouched, "COLLEAGUE_VOUCHED"),
        (identity.HolderRegistered, "HOLDER_REGISTERED"),
        (identity.AnswersLockCleared, "ANSWERS_LOCK_CLEARED"),
        (otp.LockClearedByRa, "LOCK_CLEARED_BY_RA"),
    )
}


def answer_of(page: CardPage) -> audit_pb2.ListCardRecordsResponse:
    """Return the page as it is answered."""
    return audit_pb2.ListCardRecordsResponse(
        records=map(_record, page.events), next_page_token=page.older.token if page.older else ""
    )


def _record(event: CardEvent) -> audit_pb2.CardRecord:
    record = audit_pb2.CardRecord(
        event_id=event.mark.ce_id,
        occurred_at=timestamp_of(instant_of(event.mark.occurred_us)),
        place=event.place,
    )
    # What is of a card was read when it was stored: consumer.py.
    if event.ce_type in _FACTS:
        _tell_fact(record, *_FACTS[event.ce_type], event.body)
    else:
        _tell_outcome(record, common_pb2.SessionOutcome.FromString(event.body))
    return record


def _tell_outcome(record: audit_pb2.CardRecord, told: common_pb2.SessionOutcome) -> None:
    record.kind = word_of(common_pb2.OutcomeKind, told.kind)
    record.code, record.session_id = told.code, told.session_id
    record.reason, record.route, record.actor_kind = told.reason, told.route, told.actor.kind
    record.resolved_success = told.resolved_success


def _tell_fact(record: audit_pb2.CardRecord, kind: Any, word: str, body: bytes) -> None:
    told = kind.FromString(body)
    record.kind, record.actor_kind = word, told.actor.kind
    names = told.DESCRIPTOR.fields_by_name
    record.session_id = told.session_id if "basis" in names else ""  # of a lock's end it is the RA's own
    record.why = told.basis if "basis" in names else ""
    if "reason" in names:
        reasons = otp_pb2.ClearReason if kind is otp.LockClearedByRa else identity.ActReason
        record.why = word_of(reasons, told.reason)
