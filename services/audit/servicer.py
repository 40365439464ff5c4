"""gRPC ↔ use case, for the reader. No rules."""

from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from smartcard_unlock.audit.v1 import audit_pb2, audit_pb2_grpc
from smartcard_unlock.common.v1 import common_pb2

from services.audit.domain.history import BadToken
from services.audit.domain.log import NotReady, Receipt
from services.audit.domain.saved_time import Period, SavedTime
from services.audit.domain.savings import Adoption, By, Group
from services.audit.history_answer import answer_of
from services.audit.ports import StoredRecord
from services.audit.use_cases import ReadCards, ReadRecords
from services.runtime import errors
from services.runtime.grpc_server import Context


class AuditServicer(audit_pb2_grpc.AuditServiceServicer):
    """Answers `AuditService`."""

    def __init__(self, reader: ReadRecords, cards: ReadCards) -> None:
        self._reader = reader
        self._cards = cards

    async def GetSavedTime(  # noqa: N802
        self, request: audit_pb2.GetSavedTimeRequest, context: Context
    ) -> audit_pb2.GetSavedTimeResponse:
        """Sum the time saved."""
        return _saved(await self._reader.saved_time(_period(request)))

    async def GetSavings(  # noqa: N802
        self, request: audit_pb2.GetSavingsRequest, context: Context
    ) -> audit_pb2.GetSavingsResponse:
        """Sum the time saved in groups."""
        found = await self._reader.savings(_period(request))
        return audit_pb2.GetSavingsResponse(
            saved=_saved(found.saved),
            net_minutes=found.net_minutes,
            in_person=found.in_person,
            ra_minutes=found.ra_minutes,
            by_month=map(_group, found.groups[By.MONTH]),
            by_organisation=map(_group, found.groups[By.ORGANISATION]),
            by_reason=map(_group, found.groups[By.REASON]),
            by_route=map(_group, found.groups[By.ROUTE]),
            adoption=[_adoption(each, found.saved.minutes_each) for each in found.adoption],
            stages=[audit_pb2.Stage(name=each.name, sessions=each.sessions) for each in found.stages],
        )

    async def ListSessionRecords(  # noqa: N802
        self, request: audit_pb2.ListSessionRecordsRequest, context: Context
    ) -> audit_pb2.ListSessionRecordsResponse:
        """List the outcomes of one session."""
        if not request.session_id:
            raise errors.invalid()
        records = await self._reader.session_records(request.session_id)
        return audit_pb2.ListSessionRecordsResponse(records=[_message(record) for record in records])

    async def GetReceipt(  # noqa: N802
        self, request: audit_pb2.GetReceiptRequest, context: Context
    ) -> audit_pb2.GetReceiptResponse:
        """Give the receipt of a session's last word."""
        if not request.session_id:
            raise errors.invalid()
        return audit_pb2.GetReceiptResponse(**_verdict(await self._reader.receipt(request.session_id)))

    async def ListCardRecords(  # noqa: N802
        self, request: audit_pb2.ListCardRecordsRequest, context: Context
    ) -> audit_pb2.ListCardRecordsResponse:
        """List what is recorded of one card. GrantRefused becomes a status in the server."""
        try:
            return answer_of(await self._cards.page(request.records_grant, request.page_token))
        except BadToken:
            raise errors.invalid() from None

    async def GetCardReceipt(  # noqa: N802
        self, request: audit_pb2.GetCardReceiptRequest, context: Context
    ) -> audit_pb2.GetCardReceiptResponse:
        """Give the receipt of one record of a card. GrantRefused becomes a status in the server."""
        found = await self._cards.receipt(request.records_grant, request.event_id)
        return audit_pb2.GetCardReceiptResponse(**_verdict(found))


def _verdict(found: Receipt | NotReady) -> dict[str, Any]:
    """Return the one field of an answer about a receipt."""
    if isinstance(found, NotReady):
        return {"not_ready": audit_pb2.ReceiptNotReady.Value(f"RECEIPT_NOT_READY_{found.value}")}
    return {"receipt": audit_pb2.Receipt(leaf_index=found.index, tree_size=found.size, text=found.text)}


def _period(request: audit_pb2.GetSavedTimeRequest | audit_pb2.GetSavingsRequest) -> Period:
    # `from` is a word of Python, so the field is reached by name.
    return Period(_instant(request, "from"), _instant(request, "until"), request.organisation)


def _instant(request: Any, field: str) -> datetime | None:
    if not request.HasField(field):
        return None
    timestamp: Timestamp = getattr(request, field)
    try:
        return timestamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise errors.invalid() from None


def _saved(saved: SavedTime) -> audit_pb2.GetSavedTimeResponse:
    return audit_pb2.GetSavedTimeResponse(
        unlocks=saved.counted.unlocks,
        repeats_within_24_hours=saved.counted.repeats,
        minutes_each=saved.minutes_each,
        saved_minutes=saved.saved_minutes,
        saved_hours=saved.saved_hours,
        session_minutes=saved.session_minutes,
        last_words=[
            audit_pb2.LastWordCount(kind=_kind(word.kind), code=word.code, sessions=word.sessions)
            for word in saved.counted.last_words
        ],
    )


def _group(group: Group) -> audit_pb2.SavingsGroup:
    return audit_pb2.SavingsGroup(
        value=group.value,
        unlocked=group.unlocked,
        unlocks=group.unlocks,
        repeats_within_24_hours=group.repeats,
    )


def _adoption(adoption: Adoption, minutes_each: int) -> audit_pb2.Adoption:
    return audit_pb2.Adoption(
        organisation=adoption.organisation,
        eligible_holders=adoption.eligible,
        users=adoption.users,
        unlocks=adoption.unlocks,
        per_cent=adoption.per_cent,
        minutes_to_be_had=adoption.minutes_to_be_had(minutes_each),
    )


def _kind(name: str) -> common_pb2.OutcomeKind.ValueType:
    return common_pb2.OutcomeKind.Value(f"OUTCOME_KIND_{name}")


def _message(record: StoredRecord) -> audit_pb2.AuditRecord:
    message = audit_pb2.AuditRecord(event_id=record.ce_id, source=record.source)
    if record.body is not None:
        message.outcome.ParseFromString(record.body)
    message.recorded_at.FromDatetime(record.stored_at)
    return message
