"""What the audit tells: asked by its RPC, with web's certificate, as web asks."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import grpc
from smartcard_unlock.audit.v1 import audit_pb2, audit_pb2_grpc
from smartcard_unlock.common.v1 import common_pb2

from deploy.local.child import wait_until
from deploy.local.stack import Stack
from services.runtime.grpc_client import connect
from services.runtime.grpc_tls import TlsFiles


@dataclass(frozen=True)
class Record:
    """One outcome, in words."""

    source: str
    kind: str
    code: str
    reason: str
    route: str


class Auditor:
    """Asks one stack's audit reader."""

    def __init__(self, stack: Stack) -> None:
        """The stack must run."""
        self._address = stack.addresses.of("audit_reader")
        paths = stack.keys.tls("web")
        self._tls = TlsFiles(*(Path(paths[f"TLS_{name}_FILE"]) for name in ("CA", "CERT", "KEY")))

    def saved_minutes(self) -> int:
        """What all sessions so far saved."""
        return asyncio.run(self._saved()).saved_minutes

    def wait_for_saved(self, minutes: int, seconds: float = 60) -> None:
        """Return when the figure is this. Raises TimeoutError."""
        wait_until(f"{minutes} saved minutes", lambda: self.saved_minutes() == minutes, seconds)

    def records(self, session_id: str) -> list[Record]:
        """All records of one session."""
        return [_record(record) for record in asyncio.run(self._listed(session_id)).records]

    def actors(self, session_id: str) -> dict[str, common_pb2.Actor]:
        """Who acted, by kind of outcome, in the records of one session."""
        records = asyncio.run(self._listed(session_id)).records
        return {_record(each).kind: each.outcome.actor for each in records}

    def wait_for_records(self, session_id: str, count: int = 1, seconds: float = 60) -> list[Record]:
        """The records, as soon as there are `count`. Raises TimeoutError."""
        wait_until(f"{count} records", lambda: len(self.records(session_id)) >= count, seconds)
        return self.records(session_id)

    def wait_for_receipt(self, session_id: str, seconds: float = 60) -> str:
        """The receipt of a session's last word, as soon as there is one. Raises TimeoutError."""
        wait_until("a receipt", lambda: bool(self._receipt_text(session_id)), seconds)
        return self._receipt_text(session_id)

    def _receipt_text(self, session_id: str) -> str:
        return asyncio.run(self._receipt(session_id)).receipt.text

    async def _receipt(self, session_id: str) -> audit_pb2.GetReceiptResponse:
        async with self._channel() as channel:
            request = audit_pb2.GetReceiptRequest(session_id=session_id)
            return await audit_pb2_grpc.AuditServiceStub(channel).GetReceipt(request)

    async def _saved(self) -> audit_pb2.GetSavedTimeResponse:
        async with self._channel() as channel:
            return await audit_pb2_grpc.AuditServiceStub(channel).GetSavedTime(
                audit_pb2.GetSavedTimeRequest()
            )

    async def _listed(self, session_id: str) -> audit_pb2.ListSessionRecordsResponse:
        async with self._channel() as channel:
            request = audit_pb2.ListSessionRecordsRequest(session_id=session_id)
            return await audit_pb2_grpc.AuditServiceStub(channel).ListSessionRecords(request)

    def _channel(self) -> grpc.aio.Channel:
        return connect("audit_reader", self._address, self._tls)


def _record(record: audit_pb2.AuditRecord) -> Record:
    said = record.outcome
    return Record(
        record.source,
        common_pb2.OutcomeKind.Name(said.kind).removeprefix("OUTCOME_KIND_"),
        said.code,
        common_pb2.Reason.Name(said.reason).removeprefix("REASON_"),
        common_pb2.Route.Name(said.route).removeprefix("ROUTE_"),
    )
