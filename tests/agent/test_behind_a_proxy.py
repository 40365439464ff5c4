"""The agent as a person runs it, at a desk whose only way out is a proxy."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.agent_window import AgentWindow
from deploy.local.keys import Keys
from deploy.local.pcsc import OwnPcscd
from services.card_gateway.card.script import End
from tests.agent.cards import new_card
from tests.agent.gateway import ScriptedGateway
from tests.agent.test_agent import read
from tests.fakes.proxy import ConnectProxy

pytestmark = pytest.mark.pcsc


@pytest.fixture
async def proxy() -> AsyncIterator[ConnectProxy]:
    async with ConnectProxy() as proxy:
        yield proxy


@pytest.fixture
async def window(
    pcsc: OwnPcscd, keys: Keys, gateway: ScriptedGateway, proxy: ConnectProxy, tmp_path: Path
) -> AsyncIterator[AgentWindow]:
    environment = {
        **pcsc.environment,
        "CARD_GATEWAY_ADDRESS": gateway.address.replace("127.0.0.1", "gateway.example.org"),
        "CARD_GATEWAY_HTTPS_ADDRESS": gateway.https_address.replace("127.0.0.1", "gateway.example.org"),
        "HTTPS_PROXY": proxy.url.replace("//", "//desk:swordfish-4711@"),
        "NO_PROXY": "",
        "TLS_CA_FILE": str(keys.ca),
        "GATEWAY_NAME": "test",
        "AGENT_STATE_DIR": str(tmp_path / "state"),
        "LOG_LEVEL": "DEBUG",
    }
    window = AgentWindow(environment, tmp_path / "agent.log")
    yield window
    await asyncio.to_thread(window.stop)
    assert "swordfish" not in (tmp_path / "agent.log").read_text() + window.text


async def test_a_card_is_read_through_a_proxy_that_spoils_http2(
    window: AgentWindow, gateway: ScriptedGateway, proxy: ConnectProxy, pcsc: OwnPcscd
) -> None:
    pcsc.insert(new_card(pcsc))
    proxy.spoils = "closes"
    window.start()

    report = await read(gateway)

    assert report.end is End.COMPLETED
    assert gateway.https_address.rpartition(":")[2] in {asked.rpartition(":")[2] for asked in proxy.asked}


async def test_a_proxy_that_asks_for_a_login_is_named_to_the_person(
    window: AgentWindow, proxy: ConnectProxy
) -> None:
    proxy.refuses = 407
    window.start()

    await asyncio.to_thread(lambda: window.wait_for("[PROXY_WANTS_LOGIN]", 60))
