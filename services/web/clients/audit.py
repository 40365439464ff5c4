"""The audit reader, over gRPC."""

from collections.abc import Iterable

import grpc
from smartcard_unlock.audit.v1 import audit_pb2, audit_pb2_grpc
from smartcard_unlock.common.v1 import common_pb2

from services.web import ports
from services.web.clients.wire import instant, named
from services.web.ports import (
    Adoption,
    CardRecord,
    CardRecords,
    Receipt,
    SavedTime,
    Savings,
    SavingsGroup,
    Stage,
)


class GrpcAudit(ports.Audit):
    """The audit reader."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = audit_pb2_grpc.AuditServiceStub(channel)

    async def savings(self) -> Savings:
        """Sum the time saved so far, in groups."""
        answer = await self._stub.GetSavings(audit_pb2.GetSavingsRequest())
        return Savings(
            saved=_saved(answer.saved),
            net_minutes=answer.net_minutes,
            ra_minutes=answer.ra_minutes,
            by_month=_groups(answer.by_month),
            by_organisation=_groups(answer.by_organisation),
            by_reason=_groups(answer.by_reason),
            by_route=_groups(answer.by_route),
            adoption=tuple(
                Adoption(
                    each.organisation,
                    each.eligible_holders,
                    each.users,
                    each.per_cent,
                    each.minutes_to_be_had,
                )
                for each in answer.adoption
            ),
            stages=tuple(Stage(each.name, each.sessions) for each in answer.stages),
        )

    async def receipt(self, session_id: str) -> Receipt | None:
        """Return the receipt of a session's last word; None while there is none."""
        return _receipt(await self._stub.GetReceipt(audit_pb2.GetReceiptRequest(session_id=session_id)))

    async def card_records(self, records_grant: str, older: str) -> CardRecords:
        """Return a page of the records of a card."""
        request = audit_pb2.ListCardRecordsRequest(records_grant=records_grant, page_token=older)
        answer = await self._stub.ListCardRecords(request)
        return CardRecords(tuple(map(_card_record, answer.records)), answer.next_page_token)

    async def card_receipt(self, records_grant: str, event_id: str) -> Receipt | None:
        """Return the receipt of one record of a card."""
        request = audit_pb2.GetCardReceiptRequest(records_grant=records_grant, event_id=event_id)
        return _receipt(await self._stub.GetCardReceipt(request))


def _receipt(answer: audit_pb2.GetReceiptResponse | audit_pb2.GetCardReceiptResponse) -> Receipt | None:
    if not answer.HasField("receipt"):
        return None
    found = answer.receipt
    return Receipt(found.leaf_index + 1, found.tree_size, found.text)


def _card_record(record: audit_pb2.CardRecord) -> CardRecord:
    return CardRecord(
        at=instant(record.occurred_at),
        kind=record.kind,
        code=record.code,
        reason=named(common_pb2.Reason, record.reason, "REASON_"),
        in_person=record.route == common_pb2.ROUTE_RA_IN_PERSON,
        resolved_success=record.resolved_success,
        by=named(common_pb2.ActorKind, record.actor_kind, "ACTOR_KIND_"),
        why=record.why,
        session_id=record.session_id,
        place=record.place,
        event_id=record.event_id,
    )


def _saved(answer: audit_pb2.GetSavedTimeResponse) -> SavedTime:
    return SavedTime(
        unlocks=answer.unlocks,
        repeats=answer.repeats_within_24_hours,
        minutes_each=answer.minutes_each,
        saved_minutes=answer.saved_minutes,
        saved_hours=answer.saved_hours,
        session_minutes=answer.session_minutes,
        last_words=tuple(
            (named(common_pb2.OutcomeKind, word.kind, "OUTCOME_KIND_"), word.code, word.sessions)
            for word in answer.last_words
        ),
    )


def _groups(groups: Iterable[audit_pb2.SavingsGroup]) -> tuple[SavingsGroup, ...]:
    return tuple(
        SavingsGroup(each.value, each.unlocked, each.unlocks, each.repeats_within_24_hours) for each in groups
    )


def _adoption(each: audit_pb2.Adoption) -> Adoption:
    return Adoption(
        each.organisation, each.eligible_holders, each.users, each.per_cent, each.minutes_to_be_had
    )
