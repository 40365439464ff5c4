"""The RPCs as POST over HTTPS/1.1, real TLS: the same answers and errors as gRPC, and nothing besides."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from google.rpc import status_pb2
from smartcard_unlock.otp.v1 import otp_pb2, otp_pb2_grpc

from deploy.local.keys import Keys
from services.runtime import errors, http_listener, https_server
from services.runtime.access import AccessTableIncomplete
from services.runtime.https_server import PROTOBUF, build_https_server
from services.runtime.judge import Limits
from services.runtime.rates import Rates
from tests.ports.runtime.test_calls import SERVICE, Servicer, tls

ACCESS = {
    f"{SERVICE}IssueCode": frozenset({"anonymous"}),
    f"{SERVICE}GetCodeStatus": frozenset({"anonymous"}),
    f"{SERVICE}RedeemCode": frozenset({"web"}),
    f"{SERVICE}ListLocks": frozenset({"web"}),
    f"{SERVICE}ClearLock": frozenset({"web"}),
}


class Waiting(Servicer):
    """Its GetCodeStatus waits, as a long poll does."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = 0

    async def GetCodeStatus(self, request, context):  # type: ignore[no-untyped-def]
        self.waits += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.waits -= 1


@dataclass
class Posted:
    servicer: Waiting
    client: httpx.AsyncClient
    port: int
    context: ssl.SSLContext

    async def post(self, method: str, content: bytes = b"", **headers: str) -> httpx.Response:
        return await self.client.post(
            SERVICE + method, content=content, headers={"content-type": PROTOBUF, **headers}
        )

    async def raw(self, sent: bytes) -> bytes:
        """Send bytes; return all that comes until the server hangs up."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.context, server_hostname="otp"
        )
        writer.write(sent)
        answer = await reader.read()
        writer.close()
        return answer


@pytest.fixture
async def posted(keys: Keys) -> AsyncIterator[Posted]:
    servicer = Waiting()
    registration = (otp_pb2_grpc.add_OtpServiceServicer_to_server, servicer)
    server = build_https_server("otp", registration, ACCESS, tls(keys, "otp"), "127.0.0.1:0")
    await server.start()
    context = ssl.create_default_context(cafile=keys.ca)
    async with httpx.AsyncClient(
        base_url=f"https://127.0.0.1:{server.port}", verify=context, trust_env=False
    ) as client:
        client.headers["host"] = "otp"
        client.event_hooks["request"] = [_named]
        yield Posted(servicer, client, server.port, context)
    await server.stop(5)


async def _named(request: httpx.Request) -> None:
    request.extensions["sni_hostname"] = "otp"


def code_of(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == PROTOBUF
    error = errors.from_message(answer.content)
    assert error is not None
    return error.code


async def test_an_answer_is_the_message_that_grpc_would_carry(posted: Posted) -> None:
    answer = await posted.post("IssueCode", otp_pb2.IssueCodeRequest().SerializeToString())

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert otp_pb2.IssueCodeResponse.FromString(answer.content) == otp_pb2.IssueCodeResponse()


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (errors.invalid(), 400, "BAD_REQUEST"),
        (errors.unauthenticated("TOKEN_WRONG"), 401, "TOKEN_WRONG"),
        (errors.not_found("SESSION_NOT_FOUND"), 404, "SESSION_NOT_FOUND"),
        (errors.unavailable(retry_after=7), 503, "SERVICE_UNAVAILABLE"),
        (ValueError("canary-4711"), 500, "INTERNAL"),
    ],
)
async def test_S21_every_exception_becomes_the_same_code_as_over_grpc(
    posted: Posted, raised: Exception, status: int, code: str
) -> None:
    posted.servicer.raises = [raised]
    answer = await posted.post("IssueCode")

    assert (answer.status_code, code_of(answer)) == (status, code)
    assert b"canary" not in answer.content
    assert status_pb2.Status.FromString(answer.content).message == code


async def test_S42_a_connection_too_many_is_cut_and_those_before_it_are_served(keys: Keys) -> None:
    registration = (otp_pb2_grpc.add_OtpServiceServicer_to_server, Waiting())
    files = tls(keys, "otp")
    server = build_https_server("otp", registration, ACCESS, files, "127.0.0.1:0", most_connections=2)
    await server.start()
    lines = [Line(server.port, ssl.create_default_context(cafile=keys.ca)) for _ in range(4)]
    assert [await line.called() for line in lines] == ["200", "200", "", ""]
    assert [await line.called() for line in lines[:2]] == ["200", "200"]
    lines[0].hang_up()
    async with asyncio.timeout(30):
        while not await lines[3].called():
            await asyncio.sleep(0.01)

    assert [await line.called() for line in (lines[1], lines[3])] == ["200", "200"]
    for line in lines:
        line.hang_up()
    await server.stop(5)


@dataclass
class Line:
    """One connection that is kept."""

    port: int
    context: ssl.SSLContext
    ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def called(self) -> str:
        """The status of one call; empty where the connection was cut."""
        head = ("host: otp", f"content-type: {PROTOBUF}", "content-length: 0", "", "")
        try:
            if self.ends is None:
                self.ends = await asyncio.open_connection(
                    "127.0.0.1", self.port, ssl=self.context, server_hostname="otp"
                )
            reader, writer = self.ends
            writer.write("\r\n".join((f"POST {SERVICE}IssueCode HTTP/1.1", *head)).encode())
            answer = await reader.readuntil(b"\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError):
            self.hang_up()
            return ""
        return answer.split(b" ", 2)[1].decode()

    def hang_up(self) -> None:
        if self.ends is not None:
            self.ends[1].close()
        self.ends = None


@pytest.mark.parametrize(("hops", "codes"), [(0, ["OK", "GATEWAY_BUSY"]), (1, ["OK", "OK"])])
async def test_S54_limits_count_by_what_a_trusted_hop_says_and_else_by_the_connection(
    keys: Keys, hops: int, codes: list[str]
) -> None:
    method = SERVICE + "IssueCode"
    limits = Limits({method: Rates(1, 0.1, now=lambda: 0.0)}, trusted_hops=hops)
    registration = (otp_pb2_grpc.add_OtpServiceServicer_to_server, Waiting())
    server = build_https_server("otp", registration, ACCESS, tls(keys, "otp"), "127.0.0.1:0", limits=limits)
    await server.start()
    context = ssl.create_default_context(cafile=keys.ca)
    base = f"https://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=base, verify=context, trust_env=False) as client:
        client.headers.update({"host": "otp", "content-type": PROTOBUF})
        client.event_hooks["request"] = [_named]
        told = [
            await client.post(method, headers={"x-forwarded-for": address})
            for address in ("203.0.113.1", "203.0.113.2")
        ]
    await server.stop(5)

    assert ["OK" if answer.status_code == 200 else code_of(answer) for answer in told] == codes
    assert told[-1].status_code == (200 if hops else 429)


async def test_S26_the_access_table_is_the_same_and_a_caller_is_anonymous(posted: Posted) -> None:
    answer = await posted.post("RedeemCode")

    assert (answer.status_code, code_of(answer)) == (403, "NOT_ALLOWED")


def test_S26_a_method_without_a_rule_is_not_served(keys: Keys) -> None:
    registration = (otp_pb2_grpc.add_OtpServiceServicer_to_server, Servicer())
    with pytest.raises(AccessTableIncomplete):
        build_https_server("otp", registration, {}, tls(keys, "otp"), "127.0.0.1:0")


@pytest.mark.parametrize(
    ("method", "path", "kind", "status"),
    [
        ("GET", SERVICE + "IssueCode", PROTOBUF, 405),
        ("OPTIONS", SERVICE + "IssueCode", PROTOBUF, 405),
        ("POST", SERVICE + "IssueCode", "application/json", 415),
        ("POST", "/", PROTOBUF, 404),
        ("POST", "/grpc.health.v1.Health/Check", PROTOBUF, 404),
        ("POST", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", PROTOBUF, 404),
        ("POST", SERVICE + "IssueCode/", PROTOBUF, 404),
    ],
)
async def test_S44_nothing_else_is_served(
    posted: Posted, method: str, path: str, kind: str, status: int
) -> None:
    answer = await posted.client.request(method, path, headers={"content-type": kind})

    assert (answer.status_code, answer.content, posted.servicer.calls) == (status, b"", 0)


async def test_S42_a_body_has_64_kib_at_most_said_or_not(posted: Posted) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield bytes(16 * 1024)

    said = await posted.post("IssueCode", bytes(64 * 1024 + 1))
    unsaid = await posted.client.post(
        SERVICE + "IssueCode", content=chunks(), headers={"content-type": PROTOBUF}
    )

    assert [said.status_code, unsaid.status_code, posted.servicer.calls] == [413, 413, 0]


@pytest.mark.parametrize("garbage", [b"\xff" * 40, b"\x0a\xff\xff\xff\xff\x0f", bytes(range(256))])
async def test_S55_what_is_no_message_is_a_bad_request(posted: Posted, garbage: bytes) -> None:
    answer = await posted.post("IssueCode", garbage)

    assert (answer.status_code, code_of(answer), posted.servicer.calls) == (400, "BAD_REQUEST", 0)


async def test_S42_headers_have_a_size(posted: Posted) -> None:
    whole = await posted.post("IssueCode", traceparent="a" * 20_000)
    begun = await posted.raw(b"POST / HTTP/1.1\r\nHost: otp\r\nX: " + b"a" * 20_000)

    assert whole.status_code == 431
    assert begun.startswith(b"HTTP/1.1 400")
    assert posted.servicer.calls == 0


@pytest.mark.parametrize(
    "slow",
    [
        b"",
        b"POST /",
        b"POST %sIssueCode HTTP/1.1\r\nHost: otp\r\n" % SERVICE.encode(),
    ],
    ids=["silent", "line", "headers"],
)
async def test_S43_who_is_slow_with_the_headers_is_hung_up_on(
    posted: Posted, slow: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_listener, "HEADER_SECONDS", 0.3)

    async with asyncio.timeout(20):
        assert await posted.raw(slow) == b""


async def test_S43_who_is_slow_with_the_body_is_told_and_hung_up_on(
    posted: Posted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https_server, "BODY_SECONDS", 0.3)
    lines = [
        f"POST {SERVICE}IssueCode HTTP/1.1",
        "Host: otp",
        f"Content-Type: {PROTOBUF}",
        "Content-Length: 9",
    ]

    async with asyncio.timeout(20):
        assert (await posted.raw("\r\n".join([*lines, "", "abc"]).encode())).startswith(b"HTTP/1.1 408")


async def test_a_poll_whose_caller_hung_up_is_ended(posted: Posted) -> None:
    with pytest.raises(httpx.TimeoutException):
        await posted.client.post(SERVICE + "GetCodeStatus", headers={"content-type": PROTOBUF}, timeout=0.5)

    async with asyncio.timeout(20):
        while posted.servicer.waits:
            await asyncio.sleep(0.02)
