"""otp over gRPC with real mTLS: one call each, and what a caller without a good grant learns."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import Any

import grpc
import pytest
from smartcard_unlock.otp.v1 import (
    otp_pb2,
    otp_pb2_grpc,
    registration_codes_pb2,
    registration_codes_pb2_grpc,
)

from services.otp.access import ACCESS
from services.otp.registration_servicer import RegistrationCodeServicer
from services.otp.servicer import OtpServicer
from services.runtime.errors import ServiceError
from services.runtime.grants import GrantRefused, GrantVerifier, MailboxGrant
from services.runtime.grpc_client import connect
from services.runtime.grpc_server import build_server
from tests.fakes.clock import NOON
from tests.ports.bad_grants import all_learned, methods_of, proofs_of
from tests.ports.bare_calls import bare_channel, tls_of
from tests.ports.otp.world import GRANT, RA, World


@dataclass
class Served:
    """otp as web sees it."""

    world: World
    stub: otp_pb2_grpc.OtpServiceStub
    address: str
    registering: registration_codes_pb2_grpc.RegistrationCodeServiceStub

    async def issue(self, grant: str | None = None, attempt: str | None = None) -> otp_pb2.IssueCodeResponse:
        return await self.stub.IssueCode(
            otp_pb2.IssueCodeRequest(
                holder_grant=self.world.grant() if grant is None else grant,
                attempt_id=attempt or self.world.attempt(),
            )
        )

    async def redeem(self, typed: str, grant: str | None = None) -> otp_pb2.RedeemCodeResponse:
        return await self.stub.RedeemCode(
            otp_pb2.RedeemCodeRequest(
                holder_grant=self.world.grant() if grant is None else grant,
                typed=typed,
                attempt_id=self.world.attempt(),
            )
        )

    async def status(self, grant: str | None = None) -> otp_pb2.GetCodeStatusResponse:
        token = self.world.grant() if grant is None else grant
        return await self.stub.GetCodeStatus(otp_pb2.GetCodeStatusRequest(holder_grant=token))


@pytest.fixture
async def served(world: World) -> AsyncIterator[Served]:
    registrations: list[tuple[Callable[[Any, grpc.aio.Server], None], object]] = [
        (otp_pb2_grpc.add_OtpServiceServicer_to_server, OtpServicer(world.codes, world.clearing)),
        (
            registration_codes_pb2_grpc.add_RegistrationCodeServiceServicer_to_server,
            RegistrationCodeServicer(world.registrations),
        ),
    ]
    server = build_server("otp", registrations, ACCESS, tls_of(world.keys, "otp"), "127.0.0.1:0")
    await server.start()
    address = f"127.0.0.1:{server.port}"
    channel = connect("otp", address, tls_of(world.keys, "web"))
    registering = registration_codes_pb2_grpc.RegistrationCodeServiceStub(channel)
    yield Served(world, otp_pb2_grpc.OtpServiceStub(channel), address, registering)
    await channel.close()
    await server.stop(0)


async def test_R49_a_code_is_issued_told_of_and_redeemed(served: Served) -> None:
    issued = (await served.issue()).issued
    status = (await served.status()).status
    answer = await served.redeem(await served.world.code())

    assert issued.expires_at.ToDatetime(UTC) == NOON + timedelta(minutes=15)
    assert issued == status
    assert (issued.delivery, issued.entries_left, issued.resends_left) == (
        otp_pb2.DELIVERY_STATE_QUEUED,
        3,
        2,
    )
    assert issued.live
    assert answer.verdict == otp_pb2.REDEEM_VERDICT_RIGHT
    assert served.world.verify(answer.unlock_grant).actor_kind == "HOLDER"


async def test_the_status_before_any_code_is_unset(served: Served) -> None:
    assert not (await served.status()).HasField("status")


async def test_S10_a_refusal_is_an_answer_with_when_to_ask_again(served: Served) -> None:
    await served.issue()

    refused = (await served.issue()).refused

    assert refused.code == "RESEND_TOO_SOON"
    assert refused.retry_at.ToDatetime(UTC) == NOON + timedelta(seconds=60)


async def test_R48_wrong_entries_are_answers(served: Served) -> None:
    await served.issue()
    wrong = await served.world.wrong()

    answers = [await served.redeem(typed) for typed in ("no code", wrong, wrong, wrong, wrong)]

    assert [(answer.verdict, answer.entries_left) for answer in answers] == [
        (otp_pb2.REDEEM_VERDICT_MALFORMED, 3),
        (otp_pb2.REDEEM_VERDICT_WRONG, 2),
        (otp_pb2.REDEEM_VERDICT_WRONG, 1),
        (otp_pb2.REDEEM_VERDICT_LOCKED_TO_RA, 0),
        (otp_pb2.REDEEM_VERDICT_LOCKED_TO_RA, 0),
    ]
    assert (await served.issue()).refused.code == "LOCKED_TO_RA"


async def test_R48_locks_and_their_end_cross_the_wire(served: Served) -> None:
    world = served.world
    await served.issue()
    wrong = await world.wrong()
    for _ in range(3):
        await served.redeem(wrong)
    world.clock.advance(seconds=1)
    asked = otp_pb2.ListLocksRequest(profile_grant=world.signed_in(), holder_ref=GRANT.holder_ref)
    [held] = (await served.stub.ListLocks(asked)).locks
    assert (held.card_ref, held.cause, held.wrong_in_year) == (GRANT.card_ref, otp_pb2.LOCK_CAUSE_DAY, 3)
    assert (held.since.ToDatetime(UTC), held.HasField("ends_at")) == (NOON, False)

    answers = []
    for reason in (otp_pb2.CLEAR_REASON_UNSPECIFIED, 99, otp_pb2.CLEAR_REASON_OTHER):
        request = otp_pb2.ClearLockRequest(
            profile_grant=world.signed_in(), holder_ref=GRANT.holder_ref, card_ref=GRANT.card_ref,
            attempt_id=world.attempt(), reason=reason, note="a colleague asked",  # type: ignore[arg-type]
        )  # fmt: skip
        answers.append(await served.stub.ClearLock(request))
    assert [each.refused_code for each in answers] == ["REASON_MISSING", "REASON_MISSING", ""]
    assert (answers[2].cleared.entries_left, answers[2].cleared.wrong_in_year) == (3, 3)
    after = await served.stub.ListLocks(asked)
    assert (len(after.locks), after.ended[0].note) == (0, "a colleague asked")
    assert (after.ended[0].actor_ref, after.ended[0].reason) == (RA.holder_ref, otp_pb2.CLEAR_REASON_OTHER)


async def test_S1_S2_every_bad_grant_gets_the_same_bytes_from_every_call(served: Served) -> None:
    world = served.world
    await served.issue()
    expired = world.grant(expires_at=NOON + timedelta(seconds=1))
    expired_ra = world.signed_in(expires_at=NOON + timedelta(seconds=1))
    foreign = world.grant(holder_ref="ff" * 16)
    world.clock.advance(minutes=2)
    unlock = (await served.redeem(await world.code())).unlock_grant
    right = {
        "holder_grant": world.grant(),
        "profile_grant": world.signed_in(),
        "registration_grant": world.registration_grant(),
    }
    bad = {
        "none": "",
        "random": "random",
        "expired": expired,
        "expired, an RA's": expired_ra,
        "foreign: for the gateway": unlock,
        "not as signed": world.grant()[:-4] + "AAAA",
    }
    channel = bare_channel("otp", served.address, tls_of(world.keys, "web"))

    for method in methods_of(ACCESS):
        for proof in proofs_of(method):
            another_session = [foreign] if proof == "holder_grant" else []
            learned = await all_learned(channel, method, proof, right, [*bad.values(), *another_session])
            assert len(learned) == 1, f"{method.name} tells bad grants apart"
            assert "GRANT_REFUSED" in str(learned), method.name
    await channel.close()


async def test_R58_a_registration_code_is_issued_told_of_and_redeemed_for_a_mailbox_grant(
    served: Served,
) -> None:
    world, stub = served.world, served.registering
    grant: dict[str, Any] = {"registration_grant": world.registration_grant()}
    asked = registration_codes_pb2.IssueRegistrationCodeRequest(**grant, attempt_id=world.attempt())
    issued = (await stub.IssueRegistrationCode(asked)).issued
    again = await stub.IssueRegistrationCode(
        registration_codes_pb2.IssueRegistrationCodeRequest(**grant, attempt_id=world.attempt())
    )
    status = registration_codes_pb2.GetRegistrationCodeStatusRequest(**grant)
    typed = {"typed": await world.code(), "attempt_id": world.attempt()}
    entry = registration_codes_pb2.RedeemRegistrationCodeRequest(**grant, **typed)
    answer = await stub.RedeemRegistrationCode(entry)

    assert (await stub.GetRegistrationCodeStatus(status)).status.code_id == issued.code_id
    assert again.refused.code == "RESEND_TOO_SOON"
    assert answer.verdict == otp_pb2.REDEEM_VERDICT_RIGHT
    said = GrantVerifier.from_dir(world.keys.verify_dir, "identity", world.clock).verify(
        answer.mailbox_grant, MailboxGrant
    )
    assert (said.holder_ref, said.purpose, said.address_version) == (GRANT.holder_ref, "REGISTER", 1)
    with pytest.raises(GrantRefused):
        world.verify(answer.mailbox_grant)


@pytest.mark.parametrize("attempt", ["x", "0195573C-0000-7000-8000-000000000001", "1" * 36])
async def test_an_attempt_is_a_uuid(served: Served, attempt: str) -> None:
    with pytest.raises(ServiceError) as refused:
        await served.issue(attempt=attempt)

    assert refused.value.code == "BAD_REQUEST"


@pytest.mark.parametrize("process", ["identity", "card_gateway", "notifier", "agent"])
async def test_S26_only_web_may_ask(served: Served, process: str) -> None:
    channel = connect("otp", served.address, tls_of(served.world.keys, process))
    with pytest.raises(ServiceError) as refused:
        await replace(served, stub=otp_pb2_grpc.OtpServiceStub(channel)).issue()
    await channel.close()

    assert refused.value.code == "NOT_ALLOWED"
