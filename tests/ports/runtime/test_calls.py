"""Real gRPC, real mTLS: who may call, what an error looks like, what is refused."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import grpc
import pytest
import structlog.testing
from smartcard_unlock.otp.v1 import otp_pb2, otp_pb2_grpc

from deploy.local.keys import Keys
from services.runtime import errors, tracing
from services.runtime.access import AccessTableIncomplete
from services.runtime.database import TransientDatabaseError
from services.runtime.grants import GrantRefused
from services.runtime.grpc_client import connect, secure_channel
from services.runtime.grpc_server import build_server
from services.runtime.grpc_tls import TlsFiles
from services.runtime.judge import again_while_faults_pass

SERVICE = "/smartcard_unlock.otp.v1.OtpService/"
ACCESS = {
    f"{SERVICE}IssueCode": frozenset({"web"}),
    f"{SERVICE}GetCodeStatus": frozenset({"web"}),
    f"{SERVICE}RedeemCode": frozenset({"notifier"}),
    f"{SERVICE}ListLocks": frozenset({"web"}),
    f"{SERVICE}ClearLock": frozenset({"web"}),
}


class Servicer(otp_pb2_grpc.OtpServiceServicer):
    """Answers, or raises what the test put in."""

    def __init__(self) -> None:
        self.raises: list[BaseException] = []
        self.calls = 0
        self.trace = ""

    async def IssueCode(self, request, context):  # type: ignore[no-untyped-def]
        self.calls += 1
        self.trace = tracing.current()
        if self.raises:
            raise self.raises.pop(0)
        return otp_pb2.IssueCodeResponse()

    async def GetCodeStatus(self, request, context):  # type: ignore[no-untyped-def]
        return otp_pb2.GetCodeStatusResponse()

    async def RedeemCode(self, request, context):  # type: ignore[no-untyped-def]
        return otp_pb2.RedeemCodeResponse()

    async def ListLocks(self, request, context):  # type: ignore[no-untyped-def]
        return otp_pb2.ListLocksResponse()

    async def ClearLock(self, request, context):  # type: ignore[no-untyped-def]
        return otp_pb2.ClearLockResponse()


@dataclass
class Running:
    address: str
    servicer: Servicer
    keys: Keys
    channels: list[grpc.aio.Channel] = field(default_factory=list)

    def tls(self, process: str) -> TlsFiles:
        return tls(self.keys, process)

    def stub(self, process: str = "web", expected: str = "otp") -> otp_pb2_grpc.OtpServiceStub:
        return self.over(connect(expected, self.address, self.tls(process)))

    def over(self, channel: grpc.aio.Channel) -> otp_pb2_grpc.OtpServiceStub:
        self.channels.append(channel)
        return otp_pb2_grpc.OtpServiceStub(channel)


def tls(keys: Keys, process: str) -> TlsFiles:
    folder = keys.folder / "tls"
    return TlsFiles(keys.folder / "ca.pem", folder / f"{process}.pem", folder / f"{process}.key")


@pytest.fixture
async def running(keys: Keys) -> AsyncIterator[Running]:
    servicer = Servicer()
    registration = (otp_pb2_grpc.add_OtpServiceServicer_to_server, servicer)
    server = build_server("otp", [registration], ACCESS, tls(keys, "otp"), "127.0.0.1:0")
    await server.start()
    running = Running(f"127.0.0.1:{server.port}", servicer, keys)
    yield running
    for channel in running.channels:
        await channel.close()
    await server.stop(0)


async def refusal(call) -> errors.ServiceError:  # type: ignore[no-untyped-def]
    with pytest.raises(errors.ServiceError) as caught:
        await call
    return caught.value


async def test_a_listed_caller_is_answered_and_the_trace_goes_with_it(running: Running) -> None:
    trace = tracing.start()

    await running.stub().IssueCode(otp_pb2.IssueCodeRequest())

    assert running.servicer.trace == trace


@pytest.mark.parametrize("process", ["identity", "card_gateway", "notifier", "audit_reader", "otp"])
async def test_S26_another_process_is_refused(running: Running, process: str) -> None:
    error = await refusal(running.stub(process).IssueCode(otp_pb2.IssueCodeRequest()))

    assert (error.code, running.servicer.calls) == ("NOT_ALLOWED", 0)


async def test_S26_the_table_is_read_by_method(running: Running) -> None:
    await running.stub("notifier").RedeemCode(otp_pb2.RedeemCodeRequest())

    assert (await refusal(running.stub("web").RedeemCode(otp_pb2.RedeemCodeRequest()))).code == "NOT_ALLOWED"


async def test_S26_plaintext_and_no_certificate_do_not_connect(running: Running) -> None:
    plain = running.over(grpc.aio.insecure_channel(running.address))
    only_ca = grpc.ssl_channel_credentials(running.tls("web").ca.read_bytes())
    anonymous = running.over(secure_channel("otp", running.address, only_ca))

    with pytest.raises(grpc.aio.AioRpcError):
        await plain.IssueCode(otp_pb2.IssueCodeRequest(), timeout=30)
    assert (await refusal(anonymous.IssueCode(otp_pb2.IssueCodeRequest(), timeout=30))).retryable
    assert running.servicer.calls == 0


async def test_S28_a_server_with_another_processs_name_is_not_talked_to(running: Running) -> None:
    error = await refusal(running.stub(expected="identity").IssueCode(otp_pb2.IssueCodeRequest(), timeout=30))

    assert (error.code, running.servicer.calls) == ("SERVICE_UNAVAILABLE", 0)


async def test_a_typed_error_crosses_the_wire(running: Running) -> None:
    running.servicer.raises = [errors.unavailable("MAIL_AWAY", retry_after=7)] * 5

    error = await refusal(running.stub().IssueCode(otp_pb2.IssueCodeRequest()))

    assert (error.code, error.retryable, error.retry_after) == ("MAIL_AWAY", True, 7)


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (ValueError("canary-4711"), "INTERNAL"),
        (KeyError("canary-4711"), "INTERNAL"),
        (GrantRefused("canary-4711"), "GRANT_REFUSED"),
        (errors.invalid(), "BAD_REQUEST"),
    ],
)
async def test_S21_every_exception_becomes_a_stable_code(
    running: Running, raised: Exception, code: str, capfd: pytest.CaptureFixture[str]
) -> None:
    running.servicer.raises = [raised]

    error = await refusal(running.stub().IssueCode(otp_pb2.IssueCodeRequest()))

    assert error.code == code
    assert "canary" not in capfd.readouterr().err + str(error)


async def test_F10_a_passing_database_fault_is_not_seen_by_the_caller(running: Running) -> None:
    running.servicer.raises = [TransientDatabaseError(), TransientDatabaseError()]

    await running.stub().IssueCode(otp_pb2.IssueCodeRequest())

    assert running.servicer.calls == 3


@pytest.mark.parametrize(("sqlstate", "runs"), [("", 4), ("53100", 4), ("57014", 2)])
async def test_F10_a_handler_is_run_again_and_a_statement_that_is_too_slow_once(
    sqlstate: str, runs: int
) -> None:
    calls = 0

    async def fail() -> None:
        nonlocal calls
        calls += 1
        raise TransientDatabaseError(sqlstate)

    with pytest.raises(TransientDatabaseError):
        await again_while_faults_pass(fail)

    assert calls == runs


async def test_F10_a_database_fault_that_stays_is_told_to_the_caller_and_seldom_to_the_log(
    running: Running,
) -> None:
    """The client asks thrice by itself: a line a while, not a line a call."""
    running.servicer.raises = [TransientDatabaseError("57014") for _ in range(99)]

    with structlog.testing.capture_logs() as lines:
        error = await refusal(running.stub().IssueCode(otp_pb2.IssueCodeRequest()))

    told = [line for line in lines if line["event"] == "call_given_up"]
    assert (error.code, error.retryable) == ("SERVICE_UNAVAILABLE", True)
    assert running.servicer.calls > 2
    assert [(line["method"], line["sqlstate"]) for line in told] == [(f"{SERVICE}IssueCode", "57014")]


async def test_S42_fields_and_messages_have_limits(running: Running) -> None:
    long_field = otp_pb2.IssueCodeRequest(attempt_id="x" * 5000)
    long_message = otp_pb2.IssueCodeRequest(attempt_id="x" * 70_000)

    assert (await refusal(running.stub().IssueCode(long_field))).code == "BAD_REQUEST"
    assert (
        await refusal(running.stub().IssueCode(long_message))
    ).status is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert running.servicer.calls == 0


@pytest.mark.parametrize("table", [{}, ACCESS | {f"{SERVICE}Gone": frozenset({"web"})}])
async def test_a_server_whose_table_is_not_its_rpcs_does_not_start(
    keys: Keys, table: dict[str, frozenset[str]]
) -> None:
    registration = (otp_pb2_grpc.add_OtpServiceServicer_to_server, Servicer())

    with pytest.raises(AccessTableIncomplete):
        build_server("otp", [registration], table, tls(keys, "otp"), "127.0.0.1:0")
