"""A night without an RA: a nurse without an address, colleagues of hers, and somebody elsewhere."""

from datetime import timedelta
from typing import Any

from services.identity.domain.colleagues import Basis
from services.identity.use_cases import Refused
from services.identity.use_cases.asking_colleagues import Words
from services.identity.use_cases.colleagues import Given
from tests.ports.identity.world import (
    CARD,
    HOLDER,
    OTHER_ORGANISATION,
    World,
)

CARDS = {number: f"{number:02x}" * 16 for number in range(2, 8)} | {1: "f1" * 16}
"""By the number of the holder; 1 is another card of the nurse's own, 7 is of somebody elsewhere."""

SESSIONS = [f"0195573c-0000-7000-8000-00000000000{number}" for number in range(1, 6)]


def person(number: int) -> list[dict[str, Any]]:
    """Somebody and their card."""
    holder_id = f"test-holder-{number:04}"
    organisation = "Y77" if number == 7 else "X26"
    holder = {"id": holder_id, "name": f"Test Holder {number}", "organisation": organisation}
    named = HOLDER | holder | {"email": f"{holder_id}@example.org"}
    return [named, CARD | {"card_ref": CARDS[number], "holder": holder_id}]


async def at_night(world: World) -> World:
    """The same world with the policy on, and with all of them in it."""
    world = world.with_colleagues()
    await world.populate(holder={"email": ""})
    await world.take(OTHER_ORGANISATION, CARD | {"card_ref": CARDS[1]})
    await world.take(*(record for number in range(2, 8) for record in person(number)))
    return world


async def holder_asks(world: World, **changes: Any) -> Words | Refused:
    return await world.asking_colleagues.ask(world.grant(**changes))


async def signed_in(world: World, number: int) -> str:
    """The grant of a colleague who has just signed in."""
    soon = world.clock.now() + timedelta(minutes=5)
    return await world.profile_grant(card_ref=CARDS[number], expires_at=soon)


async def give(world: World, number: int, code: str, basis: Basis = Basis.PHONE) -> Given | Refused:
    """Sign a colleague in who vouches; a second later it goes on."""
    given = await world.colleagues.vouch(await signed_in(world, number), code, basis)
    world.clock.advance(seconds=1)
    return given
