"""The audit reader, over gRPC."""

import grpc
from smartcard_unlock.audit.v1 import audit_pb2, audit_pb2_grpc
from smartcard_unlock.common.v1 import common_pb2

from services.web import ports
from services.web.clients.wire import named
from services.web.ports import Receipt, SavedTime


class GrpcAudit(ports.Audit):
    """The audit reader."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = audit_pb2_grpc.AuditServiceStub(channel)

    async def saved_time(self) -> SavedTime:
        """Sum the time saved so far."""
        answer = await self._stub.GetSavedTime(audit_pb2.GetSavedTimeRequest())
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

    async def receipt(self, session_id: str) -> Receipt | None:
        """Return the receipt of a session's last word; None while there is none."""
        answer = await self._stub.GetReceipt(audit_pb2.GetReceiptRequest(session_id=session_id))
        if not answer.HasField("receipt"):
            return None
        found = answer.receipt
        return Receipt(found.leaf_index + 1, found.tree_size, found.text)
