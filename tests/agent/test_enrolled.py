"""A gateway that takes enrolled workstations only, over real TLS: whom it takes, what the others are told."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.local.agent_window import AgentWindow
from deploy.local.keys import Keys, issue, make_keys
from services.agent import enrolment
from services.agent.calls import GatewayCalls
from services.agent.doctor.finding import Finding, Level
from services.agent.doctor.gateway import GatewayExamination
from services.agent.facts import NO_SERVICE
from services.agent.ports import GatewayAway
from services.agent.sealing import new_private_key, public_key_of
from services.agent.settings import AgentSettings
from services.agent.ways import way_of
from services.runtime.randomness import SystemRandomness
from services.runtime.version import VERSION
from tests.agent.gateway import ScriptedGateway
from tests.agent.test_agent import says

NOW = datetime.now(UTC)
DESK = "agent/ward-7.desk-3"


@dataclass(frozen=True)
class Authorities:
    """Two that have nothing to do with each other."""

    ours: Keys
    others: Keys


Shown = Callable[[Authorities], tuple[bytes, bytes] | None]
"""What a workstation shows: certificate and key."""

GOOD: Shown = lambda them: issue(them.ours, "agent", name=DESK)  # noqa: E731 - a table of them
REFUSED: dict[str, tuple[Shown, str]] = {
    "none": (lambda _: None, enrolment.MISSING),
    "another authority's": (lambda them: issue(them.others, "agent", name=DESK), enrolment.REFUSED),
    "expired": (
        lambda them: issue(them.ours, "agent", name=DESK, now=NOW - timedelta(days=800)), enrolment.EXPIRED,
    ),
    "a service's": (lambda them: issue(them.ours, "web"), enrolment.REFUSED),
    "an agent's without a name": (lambda them: issue(them.ours, "agent"), enrolment.REFUSED),
    "one that only begins alike": (
        lambda them: issue(them.ours, "agent", name="agents/desk-3"), enrolment.REFUSED,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def authorities(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    return Authorities(keys, make_keys(tmp_path_factory.mktemp("others")))


@pytest.fixture
async def gateway(keys: Keys) -> AsyncIterator[ScriptedGateway]:
    async with ScriptedGateway(keys, agent_ca=keys.ca) as gateway:
        yield gateway


def environment(
    gateway: ScriptedGateway, keys: Keys, folder: Path, shown: tuple[bytes, bytes] | None, way: str = "grpc"
) -> dict[str, str]:
    files = {"AGENT_CERT_FILE": folder / "agent.pem", "AGENT_KEY_FILE": folder / "agent.key"}
    if shown is not None:
        for file, content in zip(files.values(), shown, strict=True):
            file.write_bytes(content)
    return {
        "CARD_GATEWAY_ADDRESS": gateway.address,
        "CARD_GATEWAY_HTTPS_ADDRESS": gateway.https_address,
        "CARD_GATEWAY_TRANSPORT": way,
        "TLS_CA_FILE": str(keys.ca),
        "GATEWAY_NAME": "test",
        "AGENT_STATE_DIR": str(folder / "state"),
        **({name: str(file) for name, file in files.items()} if shown is not None else {}),
    }


async def attached(settings: dict[str, Any]) -> None:
    """Offer a workstation once. Raises GatewayAway."""
    enrolled = "AGENT_CERT_FILE" in settings
    calls = GatewayCalls(way_of(AgentSettings(**settings)), VERSION, lambda: NOW, enrolled=enrolled)
    try:
        await calls.attach(public_key_of(new_private_key()), NO_SERVICE, SystemRandomness().uuid7())
    finally:
        await calls.close()


def examined(settings: dict[str, Any]) -> dict[str, Finding]:
    looked = GatewayExamination(
        AgentSettings(**settings), VERSION, lambda: datetime.now(UTC), SystemRandomness()
    )
    return {finding.check: finding for finding in looked.findings()}


@pytest.mark.parametrize("way", ["grpc", "https", "auto"])
async def test_S27_an_enrolled_workstation_is_taken(
    gateway: ScriptedGateway, authorities: Authorities, tmp_path: Path, way: str
) -> None:
    await attached(environment(gateway, authorities.ours, tmp_path, GOOD(authorities), way))

    assert len(gateway.attached) == 1


@pytest.mark.parametrize("way", ["grpc", "https", "auto"])
@pytest.mark.parametrize("what", REFUSED)
async def test_S26_S27_any_other_certificate_is_refused_with_what_to_do(
    gateway: ScriptedGateway, authorities: Authorities, tmp_path: Path, what: str, way: str
) -> None:
    show, code = REFUSED[what]
    with pytest.raises(GatewayAway) as away:
        await attached(environment(gateway, authorities.ours, tmp_path, show(authorities), way))

    assert away.value.code == code
    assert gateway.attached == {}


@pytest.mark.parametrize("what", REFUSED)
async def test_S27_doctor_says_which_it_is(
    gateway: ScriptedGateway, authorities: Authorities, tmp_path: Path, what: str
) -> None:
    show, code = REFUSED[what]
    settings = environment(gateway, authorities.ours, tmp_path, show(authorities))
    found = await asyncio.to_thread(examined, settings)

    assert found["gateway TLS"].level is Level.OK  # it is the gateway, and it is ours that is refused
    assert found["gateway"].code == code
    assert (found["certificate"].code == code) is (what == "expired")


async def test_doctor_finds_nothing_to_mend_on_an_enrolled_workstation(
    gateway: ScriptedGateway, authorities: Authorities, tmp_path: Path
) -> None:
    settings = environment(gateway, authorities.ours, tmp_path, GOOD(authorities))
    found = await asyncio.to_thread(examined, settings)

    assert [each for each in found.values() if each.level is not Level.OK] == []
    assert "certificate until" in found["certificate"].facts


async def test_the_person_reads_that_the_workstation_is_not_enrolled(
    gateway: ScriptedGateway, authorities: Authorities, tmp_path: Path
) -> None:
    window = AgentWindow(
        environment(gateway, authorities.ours, tmp_path, None, "auto"), tmp_path / "agent.log"
    )
    window.start()
    try:
        await says(window, "[AGENT_CERTIFICATE_MISSING]")
    finally:
        assert await asyncio.to_thread(window.stop) == 0


async def test_a_key_that_is_not_the_certificates_is_named_before_anything_starts(
    gateway: ScriptedGateway, authorities: Authorities, tmp_path: Path
) -> None:
    settings = environment(gateway, authorities.ours, tmp_path, GOOD(authorities))
    shutil.copy(authorities.ours.tls("web")["TLS_KEY_FILE"], settings["AGENT_KEY_FILE"])
    found = await asyncio.to_thread(examined, settings)
    window = AgentWindow(settings, tmp_path / "agent.log")
    window.start()

    assert found["certificate"].code == enrolment.BAD
    assert await asyncio.to_thread(window.ended) == 2
    assert enrolment.BAD in (tmp_path / "agent.log").read_text()


async def test_a_gateway_that_is_away_is_not_taken_for_one_that_refuses(
    keys: Keys, authorities: Authorities, tmp_path: Path
) -> None:
    async with ScriptedGateway(keys, agent_ca=keys.ca) as gateway:
        settings = environment(gateway, keys, tmp_path, GOOD(authorities))
    with pytest.raises(GatewayAway) as away:
        await attached(settings)

    assert away.value.code not in enrolment.CODES
