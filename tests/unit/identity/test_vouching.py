"""An RA unlocks a card in person: for whom they may vouch, what they see, and what it gives. R36."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.identity.v1 import identity_events_pb2

from services.identity.domain.vouch import Basis
from services.identity.use_cases import Refused, Resolved
from services.identity.use_cases.vouching import Person, Vouched
from services.runtime.grants import GrantRefused, GrantVerifier, ProfileGrant, UnlockGrant
from tests.fakes.clock import NOON
from tests.ports.identity.world import CARD, CARD_REF, HOLDER, ORGANISATION, World

RA_ID, RA_CARD = "test-holder-0002", "d2" * 16
RA = HOLDER | {"id": RA_ID, "name": "Test Holder Two", "email": "test-holder-0002@example.org"}
ROLE = {"kind": "role", "holder": RA_ID, "role": "RA", "organisation": "X26"}
OTHER_ORGANISATION = ORGANISATION | {"code": "X27", "name": "Another Hospital"}
IN_PERSON = {"route": "RA_IN_PERSON", "purpose": "UNLOCK", "level": "GENUINE", "reason": "LOCKED"}


async def at_the_desk(
    world: World, holder: dict[str, Any] | None = None, card: dict[str, Any] | None = None
) -> str:
    """A holder, and an RA of X26 who has signed in: their ProfileGrant."""
    await world.take(OTHER_ORGANISATION)
    await world.populate(holder, card)
    await world.take(RA, CARD | {"card_ref": RA_CARD, "holder": RA_ID}, ROLE)
    return await world.profile_grant(card_ref=RA_CARD)


async def vouch(world: World, token: str, **changes: Any) -> Vouched | Refused:
    return await world.vouching.vouch(token, world.grant(**(IN_PERSON | changes)), Basis.PHOTO_ID)


async def code_of(world: World, token: str, **changes: Any) -> str:
    answer = await vouch(world, token, **changes)
    assert isinstance(answer, Refused)
    return answer.code


def read(world: World, answer: Vouched | Refused) -> UnlockGrant:
    assert isinstance(answer, Vouched)
    verifier = GrantVerifier.from_dir(world.keys.verify_dir, "card_gateway", world.clock)
    return verifier.verify(answer.unlock_grant, UnlockGrant)


async def vouches(world: World) -> list[Any]:
    return await world.told(identity_events_pb2.VouchedInPerson)


async def refusals(world: World) -> list[Any]:
    return await world.told(common_pb2.SessionOutcome)


async def test_R36_the_grant_is_for_this_session_and_card_and_names_the_ra(world: World) -> None:
    ra = await at_the_desk(world)
    grant = read(world, await vouch(world, ra))

    assert (grant.session_id, grant.card_ref, grant.reason) == (
        "0195573c-0000-7000-8000-000000000001", CARD_REF, "LOCKED",
    )  # fmt: skip
    assert (grant.route, grant.purpose, grant.actor_kind) == ("RA_IN_PERSON", "UNLOCK", "RA")
    assert (grant.holder_ref, grant.actor_ref) == (await world.holder_ref(), await world.holder_ref(RA_ID))
    assert grant.expires_at - grant.issued_at == timedelta(minutes=5)


async def test_R36_who_vouched_for_whom_in_which_session_and_how_is_told_once(world: World) -> None:
    ra = await at_the_desk(world)
    first, again = read(world, await vouch(world, ra)), read(world, await vouch(world, ra))

    (told,) = await vouches(world)
    assert (told.actor.kind, told.actor.ref) == (common_pb2.ACTOR_KIND_RA, await world.holder_ref(RA_ID))
    assert (told.holder_ref, told.card_ref, told.organisation) == (
        await world.holder_ref(), CARD_REF, "X26",
    )  # fmt: skip
    assert (told.session_id, told.basis) == (first.session_id, "PHOTO_ID")
    assert told.occurred_at.ToDatetime(NOON.tzinfo) == NOON
    assert first.jti == again.jti


async def test_R36_the_ra_sees_whose_card_it_is(world: World) -> None:
    ra = await at_the_desk(world)
    card = world.grant(**IN_PERSON)

    assert await world.vouching.show(ra, card) == Person("Test Holder One", "X26")
    assert await vouches(world) == []


async def test_R36_no_mail_is_needed(world: World) -> None:
    ra = await at_the_desk(world, {"email": None})

    assert isinstance(await vouch(world, ra), Vouched)
    assert isinstance(await world.resolve(**IN_PERSON), Resolved)


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ({"status": "LOST"}, "CARD_NOT_ACTIVE"),
        ({"certificate_expires_at": (NOON - timedelta(days=1)).isoformat()}, "CERTIFICATE_EXPIRED"),
    ],
)
async def test_R36_R63_a_card_that_nobody_may_unlock_is_refused_here_too(
    world: World, card: dict[str, Any], code: str
) -> None:
    ra = await at_the_desk(world, card=card)

    assert await code_of(world, ra) == code
    assert await vouches(world) == []


async def test_R36_R64_a_card_frozen_a_second_ago_is_refused(world: World) -> None:
    ra = await at_the_desk(world)
    assert isinstance(await world.vouching.show(ra, world.grant(**IN_PERSON)), Person)
    await world.set_card_status("FROZEN", CARD_REF)

    assert await code_of(world, ra) == "CARD_FROZEN"


async def test_R36_a_holder_who_left_is_refused(world: World) -> None:
    assert await code_of(world, await at_the_desk(world, {"status": "LEFT"})) == "CARD_NOT_ACTIVE"


@pytest.mark.parametrize("reference", [RA_CARD, "e3" * 16], ids=["the card of the sign-in", "another one"])
async def test_R36_an_ra_never_vouches_for_themselves(world: World, reference: str) -> None:
    ra = await at_the_desk(world)
    await world.take(CARD | {"card_ref": "e3" * 16, "holder": RA_ID})

    assert await code_of(world, ra, card_ref=reference) == "OWN_CARD"
    answer = await world.vouching.show(ra, world.grant(**(IN_PERSON | {"card_ref": reference})))
    assert isinstance(answer, Refused)
    assert answer.code == "OWN_CARD"


async def test_R36_an_ra_vouches_for_holders_of_their_own_organisation_only(world: World) -> None:
    ra = await at_the_desk(world, {"organisation": "X27"})

    assert await code_of(world, ra) == "OTHER_ORGANISATION"
    answer = await world.vouching.show(ra, world.grant(**IN_PERSON))
    assert isinstance(answer, Refused)
    assert await vouches(world) == []


async def test_R36_a_refusal_is_told_once_with_the_ra_who_asked(world: World) -> None:
    ra = await at_the_desk(world, {"organisation": "X27"})
    for _ in range(2):
        await code_of(world, ra)

    (told,) = await refusals(world)
    assert (told.code, told.route) == ("OTHER_ORGANISATION", common_pb2.ROUTE_RA_IN_PERSON)
    assert (told.actor.kind, told.actor.ref) == (common_pb2.ACTOR_KIND_RA, await world.holder_ref(RA_ID))


async def test_R36_a_role_taken_back_counts_at_once(world: World) -> None:
    ra = await at_the_desk(world)
    await world.take(ROLE | {"granted": False})

    with pytest.raises(GrantRefused):
        await vouch(world, ra)


async def test_R36_an_ra_whose_own_card_was_frozen_vouches_for_nobody(world: World) -> None:
    ra = await at_the_desk(world)
    await world.set_card_status("FROZEN", RA_CARD)

    with pytest.raises(GrantRefused):
        await vouch(world, ra)


async def test_R36_somebody_who_is_no_ra_vouches_for_nobody(world: World) -> None:
    await at_the_desk(world)
    holder = await world.profile_grant()

    with pytest.raises(GrantRefused):
        await vouch(world, holder, card_ref=RA_CARD)


async def test_R36_a_sign_in_that_has_ended_vouches_for_nobody(world: World) -> None:
    ra = await at_the_desk(world)
    world.clock.advance(minutes=11)

    with pytest.raises(GrantRefused):
        await vouch(world, ra)


async def test_R36_in_a_session_only_one_ra_vouches(world: World) -> None:
    ra = await at_the_desk(world)
    third = {"id": "test-holder-0003", "name": "Test Holder Three", "email": "test-holder-0003@example.org"}
    await world.take(HOLDER | third, CARD | {"card_ref": "f4" * 16, "holder": third["id"]})
    await world.take(ROLE | {"holder": third["id"]})
    assert isinstance(await vouch(world, ra), Vouched)

    with pytest.raises(GrantRefused):
        await vouch(world, await world.profile_grant(card_ref="f4" * 16))


@pytest.mark.parametrize(
    "changes",
    [
        {"route": "SELF"},
        {"route": ""},
        {"purpose": "PROFILE"},
        {"level": "HOLDER"},
        {"expires_at": NOON - timedelta(minutes=1)},
        {"issued_at": NOON + timedelta(minutes=2)},
    ],
    ids=str,
)
async def test_R36_S29_no_other_word_of_the_gateway_is_taken(world: World, changes: dict[str, Any]) -> None:
    ra = await at_the_desk(world)

    with pytest.raises(GrantRefused):
        await vouch(world, ra, **changes)
    with pytest.raises(GrantRefused):
        await world.vouching.show(ra, world.grant(**(IN_PERSON | changes)))


@pytest.mark.parametrize("wrong", ["aud", "iss", "extra", "typ", "kid", "alg", "signature"])
async def test_R36_S29_a_forged_sign_in_vouches_for_nobody(world: World, wrong: str) -> None:
    token = await at_the_desk(world)
    verifier = GrantVerifier.from_dir(world.keys.verify_dir, "identity", world.clock)
    grant = verifier.verify(token, ProfileGrant)

    with pytest.raises(GrantRefused):
        await vouch(world, world.forged(grant, wrong))


@pytest.mark.parametrize("changes", [{"roles": ""}, {"purpose": "UNLOCK"}, {"card_ref": CARD_REF}], ids=str)
async def test_R36_S29_a_sign_in_that_says_something_else_vouches_for_nobody(
    world: World, changes: dict[str, Any]
) -> None:
    token = await at_the_desk(world)
    verifier = GrantVerifier.from_dir(world.keys.verify_dir, "identity", world.clock)
    grant = replace(verifier.verify(token, ProfileGrant), **changes)

    with pytest.raises(GrantRefused):
        await vouch(world, world.signed_by_identity(grant))


async def test_vouches_are_forgotten_with_their_sessions_and_no_earlier(world: World) -> None:
    ra = await at_the_desk(world)
    first = read(world, await vouch(world, ra))
    world.clock.advance(days=29)
    await world.holders.sweep()
    async with world.store.read() as view:
        assert await view.vouch_of(first.session_id) is not None
    world.clock.advance(days=2)
    await world.holders.sweep()

    async with world.store.read() as view:
        assert await view.vouch_of(first.session_id) is None
