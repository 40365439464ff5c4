"""Find your RA on both databases and over the wire: public, and new as soon as an import is."""

from datetime import timedelta

import pytest
from smartcard_unlock.identity.v1 import identity_pb2

from services.identity.finding import LOOKED_AFTER, MOST_FOUND
from services.runtime.errors import ServiceError
from tests.ports.identity.test_calls import Served, served
from tests.ports.identity.world import CONTACT, ORGANISATION, World

__all__ = ["served"]


async def names_for(world: World, typed: str) -> list[str]:
    return [each.name for each in (await world.finder.find_ra(typed)).authorities]


async def test_R37_the_ra_is_found_with_how_to_reach_it(world: World) -> None:
    await world.populate()

    [found] = (await world.finder.find_ra("exampel hosptal")).authorities

    assert (found.organisation, found.telephone) == ("X26", CONTACT["telephone"])
    assert (found.email, found.opening_hours) == (CONTACT["email"], CONTACT["opening_hours"])


async def test_R37_a_new_name_and_contact_are_found_soon_after_their_import(world: World) -> None:
    await world.populate()
    assert await names_for(world, "moorland") == []
    world.clock.advance(seconds=1)
    await world.take(ORGANISATION | {"name": "Moorland Clinic"})
    world.clock.advance(seconds=LOOKED_AFTER / timedelta(seconds=1))

    assert await names_for(world, "moorland") == ["Moorland Clinic"]
    assert await names_for(world, "example") == []


async def test_R37_more_than_fit_in_an_answer_are_said_to_be_more(world: World) -> None:
    await world.take(*(ORGANISATION | {"code": f"C{number}", "name": "Same Clinic"} for number in range(15)))

    found = await world.finder.find_ra("same clinic")

    assert (len(found.authorities), found.more) == (MOST_FOUND, True)


async def test_R37_the_call_needs_no_grant_and_answers_web_alone(served: Served) -> None:
    asked = identity_pb2.FindRARequest(query="x26")

    [found] = (await served.web.FindRA(asked)).found
    with pytest.raises(ServiceError) as refused:
        await served.notifier.FindRA(asked)

    assert (found.organisation, found.name) == ("X26", "Example Hospital")
    assert refused.value.code == "NOT_ALLOWED"


async def test_R37_a_text_that_is_too_long_is_refused(served: Served) -> None:
    with pytest.raises(ServiceError) as refused:
        await served.web.FindRA(identity_pb2.FindRARequest(query="x" * 101))

    assert refused.value.code == "BAD_REQUEST"
