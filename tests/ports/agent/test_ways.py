"""The way to the gateway, over real TLS: straight, through a proxy, and where HTTP/2 does not get through."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest

from deploy.local.keys import Keys, issue
from services.agent import ways
from services.agent.calls import GatewayCalls
from services.agent.facts import Facts
from services.agent.polling import POLL_SECONDS
from services.agent.ports import GatewayAway, Idle, Order, Session, SessionLost
from services.agent.sealing import new_private_key, public_key_of
from services.agent.settings import AgentSettings
from services.agent.ways import way_of
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.script import End, Report
from tests.agent.gateway import ScriptedGateway
from tests.fakes.proxy import ConnectProxy

OUTSIDE = "gateway.example.org"
"""A name that this machine cannot resolve: only the proxy can."""
LOGIN = "desk:swordfish-4711"
Settings = Callable[..., AgentSettings]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a connection may take longer than 5 s, and HTTP/2 gets through all the same."""
    monkeypatch.setattr("services.agent.over_grpc.HTTP2_SECONDS", 30.0)


@pytest.fixture
async def gateway(keys: Keys) -> AsyncIterator[ScriptedGateway]:
    async with ScriptedGateway(keys) as gateway:
        yield gateway


@pytest.fixture
async def proxy() -> AsyncIterator[ConnectProxy]:
    async with ConnectProxy() as proxy:
        yield proxy


class Desk:
    """An agent's calls, by the settings of one workstation."""

    def __init__(self, settings: AgentSettings) -> None:
        self.calls = GatewayCalls(way_of(settings), "test", lambda: datetime.now(UTC))
        self.session = Session("", "", b"", b"")

    async def attach(self) -> None:
        key = new_private_key()
        session_id, token, _ = await self.calls.attach(public_key_of(key), Facts(True, ()), "a" * 32)
        self.session = Session(session_id, token, key, public_key_of(key))

    async def poll(self, seconds: int = 1) -> object:
        return await self.calls.next_step(self.session, Facts(True, ()), seconds)


@pytest.fixture
async def desk(
    keys: Keys, gateway: ScriptedGateway, proxy: ConnectProxy, tmp_path: Path
) -> AsyncIterator[Callable[..., Desk]]:
    """A workstation behind the proxy, but for what a test says otherwise."""
    desks: list[Desk] = []

    def named(address: str) -> str:
        return f"{OUTSIDE}:{address.rpartition(':')[2]}"

    def make(**settings: str) -> Desk:
        told = {
            "CARD_GATEWAY_ADDRESS": named(gateway.address),
            "CARD_GATEWAY_HTTPS_ADDRESS": named(gateway.https_address),
            "TLS_CA_FILE": keys.ca,
            "GATEWAY_NAME": "test",
            "AGENT_STATE_DIR": tmp_path,
            "HTTPS_PROXY": proxy.url,
            **settings,
        }
        desks.append(Desk(AgentSettings(**told)))  # type: ignore[arg-type]
        return desks[-1]

    yield make
    for one in desks:
        await one.calls.close()


def ports(proxy: ConnectProxy) -> list[int]:
    return [int(target.rpartition(":")[2]) for target in proxy.asked]


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


async def test_this_machine_is_reached_without_the_proxy(
    desk: Callable[..., Desk], gateway: ScriptedGateway, proxy: ConnectProxy
) -> None:
    for transport in ("grpc", "https"):
        here = {"CARD_GATEWAY_ADDRESS": gateway.address, "CARD_GATEWAY_HTTPS_ADDRESS": gateway.https_address}
        await desk(CARD_GATEWAY_TRANSPORT=transport, **here).attach()

    assert proxy.asked == []
    assert len(gateway.attached) == 2


@pytest.mark.parametrize("transport", ["grpc", "https"])
async def test_HTTPS_PROXY_is_asked_for_the_gateways_name_with_its_login(
    desk: Callable[..., Desk],
    proxy: ConnectProxy,
    transport: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    one = desk(CARD_GATEWAY_TRANSPORT=transport, HTTPS_PROXY=proxy.url.replace("//", f"//{LOGIN}@"))
    await one.attach()
    await one.poll()

    assert {target.partition(":")[0] for target in proxy.asked} == {OUTSIDE}
    assert all(login.startswith("basic ") for login in proxy.logins)
    written = capfd.readouterr()
    assert "swordfish" not in written.out + written.err


async def test_NO_PROXY_names_what_is_reached_without_it(
    desk: Callable[..., Desk], proxy: ConnectProxy
) -> None:
    one = desk(NO_PROXY="other.test, .example.org")

    with pytest.raises(GatewayAway):  # the name means nothing here
        await one.attach()
    assert proxy.asked == []


async def test_where_http2_gets_through_it_is_the_way(
    desk: Callable[..., Desk], gateway: ScriptedGateway, proxy: ConnectProxy
) -> None:
    one = desk()
    await one.attach()
    await one.poll()

    assert set(ports(proxy)) == {port_of(gateway.address)}


@pytest.mark.parametrize("spoils", ["closes", "swallows"])
async def test_where_http2_is_spoilt_the_same_calls_go_over_https_and_that_is_remembered(
    desk: Callable[..., Desk],
    gateway: ScriptedGateway,
    proxy: ConnectProxy,
    spoils: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.agent.over_grpc.HTTP2_SECONDS", 1.0)
    proxy.spoils = spoils  # type: ignore[assignment]
    one = desk()
    await one.attach()
    tried = ports(proxy).count(port_of(gateway.address))
    step_id = await gateway.give(piv.read_script())
    order = await one.poll()

    assert isinstance(order, Order)
    assert order.step_id == step_id
    assert await one.calls.report(one.session, step_id, Report((), End.NOT_RUN, rule="NO_CARD")) is None
    assert (await gateway.report_of(step_id)).rule == "NO_CARD"
    assert tried > 0
    assert port_of(gateway.https_address) in ports(proxy)


async def test_the_better_way_is_taken_again_when_it_works_again(
    desk: Callable[..., Desk],
    gateway: ScriptedGateway,
    proxy: ConnectProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ways, "AGAIN_FIRST", 0.1)
    proxy.spoils = "closes"
    one = desk()
    await one.attach()
    proxy.spoils = ""
    way = one.calls._transport
    assert isinstance(way, ways.Ways)

    async with asyncio.timeout(30):
        while way._chosen is not way._better:
            assert isinstance(await one.poll(), Idle)
            await asyncio.sleep(0.05)
    assert isinstance(await one.poll(), Idle)


async def test_a_session_goes_on_when_the_way_changes_in_the_middle(
    desk: Callable[..., Desk], gateway: ScriptedGateway, proxy: ConnectProxy
) -> None:
    one = desk()
    await one.attach()
    step_id = await gateway.give(piv.read_script())
    order = await one.poll()
    assert isinstance(order, Order)
    proxy.spoils = "closes"
    proxy.cut()

    report = Report((), End.NOT_RUN, rule="NO_CARD")
    with pytest.raises(GatewayAway):
        await one.calls.report(one.session, step_id, report)
    await one.calls.report(one.session, step_id, report)

    assert (await gateway.report_of(step_id)).rule == "NO_CARD"
    assert list(gateway.attached) == [one.session.session_id]


@pytest.mark.parametrize("transport", ["auto", "grpc", "https"])
@pytest.mark.parametrize(("status", "code"), [(407, "PROXY_WANTS_LOGIN"), (403, "PROXY_REFUSED")])
async def test_a_proxy_that_refuses_is_named(
    desk: Callable[..., Desk], proxy: ConnectProxy, transport: str, status: int, code: str
) -> None:
    proxy.refuses = status

    with pytest.raises(GatewayAway) as away:
        await desk(CARD_GATEWAY_TRANSPORT=transport).attach()
    assert away.value.code == code


async def test_a_proxy_that_cuts_silent_connections_makes_polls_shorter_and_is_no_outage(
    desk: Callable[..., Desk],
    gateway: ScriptedGateway,
    proxy: ConnectProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # So that 2 s is what is learnt from 3 s, and from the 9 s that a busy machine makes of them.
    monkeypatch.setattr("services.agent.patience.SHARE", 0.3)
    proxy.silence = 3.0
    gateway.poll_seconds = POLL_SECONDS
    both = [desk(CARD_GATEWAY_TRANSPORT=transport) for transport in ("grpc", "https")]
    for one in both:
        await one.attach()

    async def polls(one: Desk) -> list[int]:
        for _ in range(6):
            assert isinstance(await one.poll(POLL_SECONDS), Idle)
        return [poll.wait_seconds for poll in gateway.polled if poll.session_id == one.session.session_id]

    for waits in await asyncio.gather(*map(polls, both)):
        assert waits[:2] == [25, 25]
        assert set(waits[2:]) == {2}


@pytest.mark.parametrize("transport", ["grpc", "https"])
async def test_only_the_gateways_own_word_ends_a_session(
    desk: Callable[..., Desk], gateway: ScriptedGateway, keys: Keys, transport: str
) -> None:
    async with stranger(keys, transport) as address:
        here = {"CARD_GATEWAY_ADDRESS": address, "CARD_GATEWAY_HTTPS_ADDRESS": address}
        one = desk(CARD_GATEWAY_TRANSPORT=transport, **here)
        with pytest.raises(GatewayAway):
            await one.poll()

    one = desk(CARD_GATEWAY_TRANSPORT=transport)
    await one.attach()
    gateway.lost.add(one.session.session_id)
    with pytest.raises(SessionLost):
        await one.poll()


@pytest.mark.parametrize("transport", ["grpc", "https"])
async def test_S42_an_answer_of_more_than_64_kib_is_not_read(
    desk: Callable[..., Desk], gateway: ScriptedGateway, transport: str
) -> None:
    one = desk(CARD_GATEWAY_TRANSPORT=transport)
    await one.attach()
    script = piv.read_script()
    await gateway.give(replace(script, steps=script.steps * 100))

    with pytest.raises(GatewayAway):
        await one.poll()


@asynccontextmanager
async def stranger(keys: Keys, transport: str) -> AsyncIterator[str]:
    """Something on the way that opens TLS for inspection, and answers "not found" in its own words."""
    if transport == "grpc":
        server = grpc.aio.server()
        certificate, key = issue(keys, "card_gateway")
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
        await server.start()  # it knows no method: UNIMPLEMENTED
        yield f"127.0.0.1:{port}"
        await server.stop(0)
        return

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno")

    tls = keys.tls("card_gateway")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls["TLS_CERT_FILE"], tls["TLS_KEY_FILE"])
    listener = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    yield f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    listener.close()
