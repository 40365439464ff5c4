"""Codes asked for and typed by their RPCs, as web does it: many in little time, without a reader."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import grpc
from smartcard_unlock.identity.v1 import identity_pb2, identity_pb2_grpc
from smartcard_unlock.otp.v1 import otp_pb2, otp_pb2_grpc

from deploy.local.child import wait_until
from deploy.local.demo_data import DemoCard
from deploy.local.stack import Stack
from services.runtime import told
from services.runtime.grants import GrantSigner
from services.runtime.grpc_client import connect
from tests.journeys.person import CODE_IN_MAIL, PATIENCE, all_mails
from tests.ports.bare_calls import tls_of
from tests.ports.identity.world import CARD_GRANT

TOPIC = "otp.events.v1"


@dataclass(frozen=True)
class Issued:
    """A code of a session."""

    card: DemoCard
    session_id: str


class CodesByRpc:
    """Calls identity and otp of a running stack with web's certificate, under card_gateway's grants."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._gateway = GrantSigner.from_file("card_gateway", stack.keys.signing("card_gateway"))

    def issue(self, card: DemoCard) -> Issued:
        """Ask for a code in a session of its own."""
        issued = Issued(card, str(uuid4()))
        asyncio.run(self._issue(issued))
        return issued

    def mailed(self, issued: Sequence[Issued], seconds: float = PATIENCE) -> list[str]:
        """The codes in their order, once each has its one mail. Raises TimeoutError."""
        wait_until("a mail of each code", lambda: all(self._found(issued)), seconds, 0.5)
        assert all(len(codes) == 1 for codes in self._found(issued))
        return [code for (code,) in self._found(issued)]

    def _found(self, issued: Sequence[Issued]) -> list[list[str]]:
        """The codes in the mails of each."""
        mails = [mail for mail in all_mails(self._stack) if CODE_IN_MAIL.search(mail["text"])]
        return [
            [
                CODE_IN_MAIL.findall(mail["text"])[0]
                for mail in mails
                if (each.card.address or "-") in mail["to"]
            ]
            for each in issued
        ]

    def redeem(self, issued: Issued, code: str) -> str:
        """Type a code; the verdict in a word."""
        verdict = asyncio.run(self._redeem(issued, code))
        return otp_pb2.RedeemVerdict.Name(verdict).removeprefix("REDEEM_VERDICT_")

    def wait_for_story(self, codes: Sequence[Issued], kinds: Sequence[str], seconds: float = 60) -> None:
        """Return when Kafka has exactly these kinds of events of each code, in this order, and no number
        is missing. Raises TimeoutError."""
        wanted = {issued.session_id: list(kinds) for issued in codes}
        wait_until("all events, in order", lambda: self._story(wanted) == wanted, seconds, 0.5)

    def _story(self, wanted: dict[str, list[str]]) -> dict[str, list[str]]:
        return asyncio.run(self._told(set(wanted)))

    async def _told(self, sessions: set[str]) -> dict[str, list[str]]:
        kinds, numbers = defaultdict[str, list[str]](list), set[int]()
        async for event in told.every(self._stack.surroundings.kafka, TOPIC, "otp"):
            if event.relayseq not in numbers and event.subject in sessions:
                kinds[event.subject].append(event.ce_type.rpartition(".")[2])
            numbers.add(event.relayseq)
        assert numbers == set(range(1, len(numbers) + 1))
        return kinds

    async def _grant(self, issued: Issued) -> str:
        now = datetime.now(UTC)
        proven = replace(
            CARD_GRANT,
            session_id=issued.session_id,
            card_ref=issued.card.card_ref,
            issued_at=now,
            expires_at=now + timedelta(minutes=40),
            certificate_expires_at=now + timedelta(days=30),
        )
        async with self._channel("identity") as channel:
            identity = identity_pb2_grpc.IdentityServiceStub(channel)
            request = identity_pb2.ResolveHolderRequest(card_grant=self._gateway.sign(proven))
            return (await identity.ResolveHolder(request)).resolved.holder_grant

    async def _issue(self, issued: Issued) -> None:
        grant = await self._grant(issued)
        async with self._channel("otp") as channel:
            request = otp_pb2.IssueCodeRequest(holder_grant=grant, attempt_id=str(uuid4()))
            answer = await otp_pb2_grpc.OtpServiceStub(channel).IssueCode(request)
        assert answer.HasField("issued"), answer

    async def _redeem(self, issued: Issued, code: str) -> "otp_pb2.RedeemVerdict.ValueType":
        grant = await self._grant(issued)
        async with self._channel("otp") as channel:
            request = otp_pb2.RedeemCodeRequest(holder_grant=grant, typed=code, attempt_id=str(uuid4()))
            return (await otp_pb2_grpc.OtpServiceStub(channel).RedeemCode(request)).verdict

    def _channel(self, process: str) -> grpc.aio.Channel:
        return connect(process, self._stack.addresses.of(process), tls_of(self._stack.keys, "web"))
