"""identity over gRPC with real mTLS: one call each, and what a caller without a good grant learns."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
import pytest
from smartcard_unlock.identity.v1 import (
    colleagues_pb2_grpc,
    identity_pb2,
    identity_pb2_grpc,
    in_person_pb2_grpc,
    ra_desk_pb2_grpc,
    registration_pb2_grpc,
)

from services.identity.access import ACCESS
from services.identity.colleague_servicer import ColleagueServicer
from services.identity.desk_servicer import RaDeskServicer
from services.identity.in_person_servicer import InPersonServicer
from services.identity.registration_servicer import RegistrationServicer
from services.identity.servicer import IdentityServicer
from services.runtime.errors import ServiceError
from services.runtime.grpc_client import connect
from services.runtime.grpc_server import build_server
from tests.fakes.clock import NOON
from tests.ports.bad_grants import all_learned, methods_of, proofs_of
from tests.ports.bare_calls import bare_channel, tls_of
from tests.ports.identity.world import World


@dataclass
class Served:
    """identity as its callers see it."""

    world: World
    web: identity_pb2_grpc.IdentityServiceStub
    notifier: identity_pb2_grpc.IdentityServiceStub
    address_of_server: str
    desk: ra_desk_pb2_grpc.RaDeskServiceStub

    async def resolve(self, token: str) -> identity_pb2.ResolveHolderResponse:
        return await self.web.ResolveHolder(identity_pb2.ResolveHolderRequest(card_grant=token))

    async def address(self, version: int) -> identity_pb2.GetDeliveryAddressResponse:
        ref = await self.world.holder_ref()
        return await self.notifier.GetDeliveryAddress(
            identity_pb2.GetDeliveryAddressRequest(holder_ref=ref, address_version=version, cause_id="code")
        )


@pytest.fixture
async def served(world: World) -> AsyncIterator[Served]:
    async with serving(world) as answering:
        yield answering


@asynccontextmanager
async def serving(world: World, *, populate: bool = True) -> AsyncIterator[Served]:
    """identity behind its own TLS, with one holder unless others are there."""
    if populate:
        await world.populate()
    servicer = IdentityServicer(world.holders, world.finder, world.profiles, world.telling)
    registrations: list[tuple[Callable[[Any, grpc.aio.Server], None], object]] = [
        (identity_pb2_grpc.add_IdentityServiceServicer_to_server, servicer),
        (
            ra_desk_pb2_grpc.add_RaDeskServiceServicer_to_server,
            RaDeskServicer(world.desk, world.acts, world.second),
        ),
        (
            colleagues_pb2_grpc.add_ColleagueServiceServicer_to_server,
            ColleagueServicer(world.asking_colleagues, world.colleagues),
        ),
        (in_person_pb2_grpc.add_InPersonServiceServicer_to_server, InPersonServicer(world.vouching)),
        (
            registration_pb2_grpc.add_RegistrationServiceServicer_to_server,
            RegistrationServicer(world.registering, world.answering),
        ),
    ]
    server = build_server("identity", registrations, ACCESS, tls_of(world.keys, "identity"), "127.0.0.1:0")
    await server.start()
    address = f"127.0.0.1:{server.port}"
    channels = [connect("identity", address, tls_of(world.keys, process)) for process in ("web", "notifier")]
    web, notifier = (identity_pb2_grpc.IdentityServiceStub(channel) for channel in channels)
    desk = ra_desk_pb2_grpc.RaDeskServiceStub(channels[0])
    yield Served(world, web, notifier, address, desk)
    for channel in channels:
        await channel.close()
    await server.stop(0)


async def test_R15_a_holder_resolves(served: Served) -> None:
    resolved = (await served.resolve(served.world.grant())).resolved

    assert served.world.verify(resolved.holder_grant).organisation == "X26"
    assert resolved.masked_address == "t…1@example.org"
    assert resolved.registration_authority.telephone == "01632 960000"


async def test_R6_a_refusal_is_an_answer_with_the_ra(served: Served) -> None:
    await served.world.set_card_status("LOST")

    refused = (await served.resolve(served.world.grant())).refused

    assert (refused.code, refused.registration_authority.name) == ("CARD_NOT_ACTIVE", "Example Hospital")


async def test_a_card_that_is_not_known_has_no_ra(served: Served) -> None:
    refused = (await served.resolve(served.world.grant(card_ref="ff" * 16))).refused

    assert refused.code == "CARD_UNKNOWN"
    assert not refused.HasField("registration_authority")


async def test_F14_the_notifier_gets_the_address_of_the_version_that_stands(served: Served) -> None:
    assert (await served.address(1)).address == "test-holder-0001@example.org"
    assert (await served.address(2)).refused_code == "ADDRESS_CHANGED"


async def test_S26_each_call_has_its_own_caller(served: Served) -> None:
    swapped = Served(served.world, served.notifier, served.web, served.address_of_server, served.desk)

    for call in (swapped.resolve(served.world.grant()), swapped.address(1)):
        with pytest.raises(ServiceError) as refused:
            await call
        assert refused.value.code == "NOT_ALLOWED"


async def test_S1_S2_every_bad_grant_gets_the_same_bytes_from_every_call_whoever_exists(
    served: Served,
) -> None:
    world = served.world
    expired = {"issued_at": NOON - timedelta(hours=2), "expires_at": NOON - timedelta(hours=1)}
    right = {"card_grant": world.grant(), "profile_grant": await world.profile_grant()}
    bad = {
        "none": "",
        "random": "random",
        "expired": world.grant(**expired),
        "expired, nobody's": world.grant(**expired, card_ref="ff" * 16),
        "foreign: for otp": (await served.resolve(world.grant())).resolved.holder_grant,
        "for another purpose": world.grant(purpose="REGISTER"),
        "not as signed": world.grant()[:-4] + "AAAA",
    }
    channel = bare_channel("identity", served.address_of_server, tls_of(world.keys, "web"))

    for method in methods_of(ACCESS):
        for proof in proofs_of(method):
            learned = await all_learned(channel, method, proof, right, bad.values())
            assert len(learned) == 1, f"{method.name} tells bad grants apart"
            assert "GRANT_REFUSED" in str(learned), method.name
    await channel.close()
