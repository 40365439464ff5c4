"""An RA's word for the person they see, on both databases and over the wire. R36."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from smartcard_unlock.identity.v1 import identity_events_pb2, in_person_pb2, in_person_pb2_grpc

from services.runtime.errors import ServiceError
from services.runtime.grants import GrantVerifier, UnlockGrant
from services.runtime.grpc_client import connect
from tests.ports.bare_calls import tls_of
from tests.ports.identity.test_calls import Served, served
from tests.ports.identity.world import CARD_REF, World

__all__ = ["served"]

Stub = in_person_pb2_grpc.InPersonServiceStub


@pytest.fixture
async def web(served: Served) -> AsyncIterator[Stub]:
    channel = connect("identity", served.address_of_server, tls_of(served.world.keys, "web"))
    yield Stub(channel)
    await channel.close()


def asked(
    world: World, ra: str, basis: int = in_person_pb2.VOUCH_BASIS_KNOWN
) -> in_person_pb2.VouchInPersonRequest:
    card = world.grant(route="RA_IN_PERSON")
    return in_person_pb2.VouchInPersonRequest(profile_grant=ra, card_grant=card, basis=basis)  # type: ignore[arg-type]


def read(world: World, answer: in_person_pb2.VouchInPersonResponse) -> UnlockGrant:
    verifier = GrantVerifier.from_dir(world.keys.verify_dir, "card_gateway", world.clock)
    return verifier.verify(answer.vouched.unlock_grant, UnlockGrant)


async def test_R36_two_calls_at_once_keep_and_tell_one_vouch(served: Served, web: Stub) -> None:
    world = served.world
    ra = await world.populate_desk()
    answers = await asyncio.gather(*(web.VouchInPerson(asked(world, ra)) for _ in range(4)))

    assert len({read(world, answer).jti for answer in answers}) == 1
    (told,) = await world.told(identity_events_pb2.VouchedInPerson)
    assert (told.actor.ref, told.basis) == (read(world, answers[0]).actor_ref, "KNOWN")


async def test_R36_the_person_is_shown_and_a_frozen_card_is_refused_with_whom_to_ask(
    served: Served, web: Stub
) -> None:
    world = served.world
    ra = await world.populate_desk()
    card = world.grant(route="RA_IN_PERSON")
    request = in_person_pb2.ShowPersonRequest(profile_grant=ra, card_grant=card)
    assert (await web.ShowPerson(request)).person.name == "Test Holder One"
    await world.set_card_status("FROZEN", CARD_REF)

    refused = (await web.ShowPerson(request)).refused
    assert (refused.code, refused.registration_authority.name) == ("CARD_FROZEN", "Example Hospital")
    assert (await web.VouchInPerson(asked(world, ra))).refused.code == "CARD_FROZEN"


async def test_R36_how_the_ra_knows_the_person_has_to_be_said(served: Served, web: Stub) -> None:
    ra = await served.world.populate_desk()
    for basis in (in_person_pb2.VOUCH_BASIS_UNSPECIFIED, 99):
        with pytest.raises(ServiceError, match="BAD_REQUEST"):
            await web.VouchInPerson(asked(served.world, ra, basis))


async def test_R36_whoever_is_no_ra_gets_the_answer_of_no_grant(served: Served, web: Stub) -> None:
    await served.world.populate_desk()
    for token in ("", "x", await served.world.profile_grant(), served.world.grant()):
        with pytest.raises(ServiceError, match="GRANT_REFUSED"):
            await web.VouchInPerson(asked(served.world, token))
