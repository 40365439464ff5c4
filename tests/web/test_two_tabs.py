"""A code typed in two tabs of one browser: the pages without JavaScript, in front of a real otp over gRPC."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from jinja2 import Environment
from smartcard_unlock.otp.v1 import otp_events_pb2, otp_pb2_grpc, registration_codes_pb2_grpc

from deploy.local.keys import Keys
from services.otp.access import ACCESS
from services.otp.registration_servicer import RegistrationCodeServicer
from services.otp.servicer import OtpServicer
from services.runtime.grpc_client import connect
from services.runtime.grpc_server import build_server
from services.web.clients import GrpcOtp, GrpcRegistrationCodes
from services.web.domain.questions import Confirmed, QuestionsAsked
from services.web.ports import Holder, Refused
from services.web.routes import build_app
from services.web.sessions import CookieSealer
from services.web.visit import House, Peers
from tests.fakes.randomness import SeededRandomness
from tests.fakes.web_peers import NOW, FakeIdentity, FakeRegistration, World
from tests.ports.bare_calls import tls_of
from tests.ports.otp.world import World as OtpWorld
from tests.ports.otp.world import migrated_otp, sqlite_world
from tests.unit.web.conftest import COOKIE_KEY, ORIGIN, Visitor, peers_of, web_settings
from tests.unit.web.test_journey_pages import reach_code
from tests.unit.web.test_question_pages import reach_code as reach_registration_code

__all__ = ["migrated_otp"]

UNLOCK, REGISTER = "/code", "/profile/questions/code"
NEXT = {UNLOCK: "/passcode", REGISTER: "/profile/questions/done"}
REACH = {UNLOCK: reach_code, REGISTER: reach_registration_code}


class Identity(FakeIdentity):
    """identity, with grants that otp takes."""

    otp: OtpWorld

    async def resolve_holder(self, card_grant: str) -> Holder | Refused | QuestionsAsked:
        holder = await super().resolve_holder(card_grant)
        return replace(holder, grant=self.otp.grant()) if isinstance(holder, Holder) else holder


class Registration(FakeRegistration):
    """Registration at identity, with grants that otp takes."""

    otp: OtpWorld

    async def confirm_email(self, profile_grant: str, address: str) -> Confirmed | Refused:
        return Confirmed(self.otp.registration_grant(), "t…1@example.org")


@pytest.fixture
async def otp(tmp_path: Path, migrated_otp: Path, keys: Keys) -> AsyncIterator[OtpWorld]:
    async for world in sqlite_world(tmp_path / "otp.db", migrated_otp, keys):
        world.clock.set(NOW)
        yield world


@pytest.fixture
async def channel(otp: OtpWorld) -> AsyncIterator[Any]:
    servicers: list[tuple[Any, object]] = [
        (otp_pb2_grpc.add_OtpServiceServicer_to_server, OtpServicer(otp.codes, otp.clearing)),
        (
            registration_codes_pb2_grpc.add_RegistrationCodeServiceServicer_to_server,
            RegistrationCodeServicer(otp.registrations),
        ),
    ]
    server = build_server("otp", servicers, ACCESS, tls_of(otp.keys, "otp"), "127.0.0.1:0")
    await server.start()
    channel = connect("otp", f"127.0.0.1:{server.port}", tls_of(otp.keys, "web"))
    yield channel
    await channel.close()
    await server.stop(0)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def visitor(
    world: World, otp: OtpWorld, channel: Any, templates: Environment, tmp_path: Path
) -> AsyncIterator[Visitor]:
    settings = web_settings(tmp_path).model_copy(update={"SECURITY_QUESTIONS": "required"})
    house = House(_peers(world, otp, channel), settings, otp.clock, SeededRandomness(), templates)
    transport = httpx.ASGITransport(build_app(house, CookieSealer(COOKIE_KEY, SeededRandomness(7))))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, follow_redirects=True) as client:
        yield Visitor(client)


def _peers(world: World, otp: OtpWorld, channel: Any) -> Peers:
    identity, registration = Identity(world), Registration(world)
    identity.otp = registration.otp = otp
    codes: dict[str, Any] = {"otp": GrpcOtp(channel), "registration_codes": GrpcRegistrationCodes(channel)}
    return replace(peers_of(world), identity=identity, registration=registration, **codes)


async def two_tabs(visitor: Visitor, world: World, path: str) -> list[str]:
    """Reach the code's page; return it as two tabs show it."""
    await REACH[path](visitor, world)
    return [(await visitor.open(path)).text for _ in range(2)]


async def wrong_digits(otp: OtpWorld) -> list[str]:
    """Return two entries that are no code."""
    right = await otp.code()
    return [digits for digits in ("48151623", "31622776", "27182818") if digits != right][:2]


@pytest.mark.parametrize("path", [UNLOCK, REGISTER])
async def test_I9_the_right_code_in_the_second_tab_is_right_after_a_wrong_one_in_the_first(
    visitor: Visitor, world: World, otp: OtpWorld, path: str
) -> None:
    tabs, (wrong, _) = await two_tabs(visitor, world, path), await wrong_digits(otp)
    await visitor.submit(path, page=tabs[0], code=wrong)
    assert visitor.error_code() == "CODE_WRONG"
    await visitor.submit(path, page=tabs[1], code=await otp.code())

    assert visitor.at() == NEXT[path]


@pytest.mark.parametrize("path", [UNLOCK, REGISTER])
async def test_I9_each_tab_is_judged_by_its_own_digits_and_spends_a_try(
    visitor: Visitor, world: World, otp: OtpWorld, path: str
) -> None:
    tabs, wrong = await two_tabs(visitor, world, path), await wrong_digits(otp)
    lefts = []
    for tab, digits in zip(tabs, wrong, strict=True):
        page = await visitor.submit(path, page=tab, code=digits)
        lefts.append("You have 2 tries left" in page.text)

    assert lefts == [True, False]
    assert "You have 1 try left" in visitor.page.text
    assert [entry.entries_left for entry in await otp.told(otp_events_pb2.CodeEntered)] == [2, 1]


@pytest.mark.parametrize("path", [UNLOCK, REGISTER])
async def test_I9_a_form_sent_twice_at_once_and_again_later_is_one_try(
    visitor: Visitor, world: World, otp: OtpWorld, path: str
) -> None:
    [form, _], (wrong, _) = await two_tabs(visitor, world, path), await wrong_digits(otp)
    twice = await asyncio.gather(*(visitor.submit(path, page=form, code=wrong) for _ in range(2)))
    later = await visitor.submit(path, page=form, code=f"{wrong[:4]} {wrong[4:]}")

    assert ["You have 2 tries left" in page.text for page in (*twice, later)] == [True] * 3
    assert len(await otp.told(otp_events_pb2.CodeEntered)) == 1


@pytest.mark.parametrize("path", [UNLOCK, REGISTER])
async def test_R48_many_tabs_have_three_tries_between_them(
    visitor: Visitor, world: World, otp: OtpWorld, path: str
) -> None:
    [form, _], right = await two_tabs(visitor, world, path), await otp.code()
    guesses = [digits for digits in map("{:08d}".format, range(9)) if digits != right]
    for digits in (*guesses, right):
        await visitor.submit(path, page=form, code=digits)

    assert visitor.error_code() == "LOCKED_TO_RA"
    assert len(await otp.told(otp_events_pb2.CodeEntered)) == 3
