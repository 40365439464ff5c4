"""What an RA does for a holder, on both databases: who may, once, with a reason; and what comes of it."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.identity.v1 import identity_events_pb2, ra_desk_pb2, ra_desk_pb2_grpc
from sqlalchemy import update

from services.identity.domain.acts import LONGEST_NOTE, ActReason, Why
from services.identity.tables import ra_acts
from services.identity.use_cases import Refused, Resolved
from services.identity.use_cases.acting import Errand
from services.identity.use_cases.desk import ShownHolder
from services.identity.use_cases.telling import UNKNOWN, Kind
from services.runtime.errors import ServiceError
from services.runtime.grants import GrantRefused
from tests.ports.at_once import at_once
from tests.ports.bare_calls import bare_channel, refusal_bytes, tls_of
from tests.ports.identity.test_calls import Served, served
from tests.ports.identity.world import (
    ADDRESSES_PER_DAY,
    CARD,
    CARD_REF,
    HOLDER,
    NEIGHBOUR_CARD,
    RA_CARD,
    RA_RECORDS,
    World,
)

__all__ = ["served"]

NEW, OTHER_NEW = "test-holder-0001b@example.org", "test-holder-0001c@example.org"
WHY = Why(ActReason.NO_ADDRESS, "request 7")
LOST, CONFIRMED = Why(ActReason.CARD_LOST), Why(ActReason.HOLDER_CONFIRMED)


def attempt(number: int) -> str:
    return f"0195573c-0000-7000-8000-{number:012}"


async def set_address(
    world: World,
    token: str,
    address: str = NEW,
    number: int = 1,
    holder: str = "test-holder-0001",
    why: Why = WHY,
) -> Refused | str:
    ref = await world.holder_ref(holder)
    return await world.acts.set_address(Errand(token, ref, why, attempt(number)), address)


async def changed(world: World) -> list[Any]:
    return await world.told(identity_events_pb2.ContactChanged)


async def test_R7_R25_an_address_that_an_ra_adds_lets_a_holder_unlock_at_once(world: World) -> None:
    token = await world.populate_desk()
    await world.take(HOLDER | {"email": None})
    assert (await world.resolve()).code == "NO_EMAIL"

    assert await set_address(world, token, f" {NEW.replace('example', 'EXAMPLE')} ") == ""

    resolved = await world.resolve()
    assert isinstance(resolved, Resolved)
    grant = world.verify(resolved.holder_grant)
    assert (grant.address_set_by, grant.address_version) == ("ra", 3)


async def test_R25_it_is_told_who_when_and_why_without_the_address_or_the_note(world: World) -> None:
    token = await world.populate_desk()
    await set_address(world, token)
    (told,) = await changed(world)

    assert (told.actor.kind, told.actor.ref) == (
        common_pb2.ACTOR_KIND_RA,
        await world.holder_ref("test-holder-0009"),
    )
    assert (told.reason, told.card_ref) == (identity_events_pb2.ACT_REASON_NO_ADDRESS, RA_CARD)
    assert (told.old_address_version, told.address_version) == (1, 2)
    for secret in (NEW, "request 7"):
        assert secret.encode() not in told.SerializeToString()


async def test_R25_the_same_attempt_is_one_and_the_same_address_is_no_change(world: World) -> None:
    token = await world.populate_desk()
    ref = await world.holder_ref()
    again = [partial(world.acts.set_address, Errand(token, ref, WHY, attempt(1)), NEW) for _ in range(3)]

    assert await at_once(again) == ["", "", ""]
    assert await set_address(world, token, NEW, 2) == ""
    assert [event.address_version for event in await changed(world)] == [2]


async def test_R25_nobody_sets_their_own_and_nobody_elsewheres(world: World) -> None:
    token = await world.populate_desk()
    answers = [
        await set_address(world, token, NEW, 1, holder) for holder in ("test-holder-0009", "test-holder-0077")
    ]
    answers.append(await world.acts.set_address(Errand(token, "ab" * 16, WHY, attempt(9)), NEW))

    assert answers == ["OWN_PROFILE", "HOLDER_NOT_FOUND", "HOLDER_NOT_FOUND"]
    assert await changed(world) == []


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "EMAIL_MISSING"),
        ("nonsense", "EMAIL_MALFORMED"),
        ("holder@example.com", "EMAIL_DOMAIN_NOT_ALLOWED"),
        ("holder@elsewhere.example.net", "EMAIL_DOMAIN_NOT_ALLOWED"),
        ("holder@own.example.net", ""),
    ],
)
async def test_R26_R33_R39_the_allow_list_judges_with_the_organisations_own_additions(
    world: World, typed: str, code: str
) -> None:
    token = await world.populate_desk()
    addition = {"kind": "allowed_domain", "domain": "own.example.net", "organisation": "X26"}
    await world.take(addition, addition | {"domain": "elsewhere.example.net", "organisation": "Y77"})

    assert await set_address(world, token, typed) == code


@pytest.mark.parametrize(
    ("why", "code"),
    [
        (Why(None), "REASON_MISSING"),
        (Why(ActReason.CARD_LOST), "REASON_MISSING"),
        (Why(ActReason.OTHER, " "), "NOTE_MISSING"),
        (Why(ActReason.OTHER, "a move"), ""),
        (Why(ActReason.NO_ADDRESS, "x" * (LONGEST_NOTE + 1)), "NOTE_TOO_LONG"),
    ],
)
async def test_R25_each_act_has_a_reason_that_fits(world: World, why: Why, code: str) -> None:
    token = await world.populate_desk()

    assert await set_address(world, token, why=why) == code


async def test_R25_an_ra_sets_so_many_addresses_a_day_and_sees_how_many_are_left(world: World) -> None:
    token = await world.populate_desk()
    for number in range(ADDRESSES_PER_DAY):
        assert await set_address(world, token, f"holder-{number}@example.org", number) == ""
    shown = await world.desk.show(token, await world.holder_ref())

    assert isinstance(shown, ShownHolder)
    assert shown.addresses_left == 0
    assert await set_address(world, token, NEW, 8) == "RA_DAILY_LIMIT"
    world.clock.advance(days=1)
    assert await set_address(world, await world.profile_grant(card_ref=RA_CARD), NEW, 8) == ""


async def test_R25_no_import_overwrites_what_an_ra_set(world: World) -> None:
    token = await world.populate_desk()
    await set_address(world, token)
    remarks = await world.take(HOLDER, HOLDER | {"email": None})
    resolved = await world.resolve()

    assert [remark.reason for remark in remarks] == ["EMAIL_SET_HERE"] * 2
    assert world.verify(resolved.holder_grant).address_version == 2


async def test_R25_R64_the_address_before_the_new_one_and_the_team_are_where_a_mail_goes(
    world: World,
) -> None:
    token = await world.populate_desk()
    await set_address(world, token)
    ref = await world.holder_ref()
    told = [
        await world.telling.delivery_address(ref, version, kind, "")
        for version, kind in ((1, Kind.ADDRESS_CHANGED), (2, Kind.ADDRESS_CHANGED), (0, Kind.RA_TEAM))
    ]

    assert [each.delivery.address for each in told] == [HOLDER["email"], NEW, "ra@example.org"]
    assert [bool(each.freeze_token) for each in told] == [True, True, False]


async def test_R25_colleagues_see_who_changed_what_when_and_why(world: World) -> None:
    token = await world.populate_desk()
    await set_address(world, token)
    world.clock.advance(minutes=1)
    await world.acts.freeze(Errand(token, await world.holder_ref(), LOST, attempt(2)), CARD_REF)
    changes = await world.desk.changes(token, await world.holder_ref())

    assert not isinstance(changes, Refused | str)
    assert [(each.kind.value, each.by, each.actor_name, each.reason, each.note) for each in changes] == [
        ("CARD_FROZEN", "ra", "Test Registrar", "CARD_LOST", ""),
        ("ADDRESS_SET", "ra", "Test Registrar", "NO_ADDRESS", "request 7"),
        ("ADDRESS_SET", "import", "", "", ""),
    ]
    assert await world.desk.changes(token, await world.holder_ref("test-holder-0077")) == "HOLDER_NOT_FOUND"


async def test_R64_an_ra_freezes_a_card_and_lifts_the_freeze_and_both_are_told(world: World) -> None:
    token = await world.populate_desk()
    ref = await world.holder_ref()
    assert await world.acts.freeze(Errand(token, ref, LOST, attempt(1)), CARD_REF) == ""
    assert (await world.resolve()).code == "CARD_FROZEN"
    assert await world.acts.freeze(Errand(token, ref, LOST, attempt(1)), CARD_REF) == ""
    assert await world.acts.freeze(Errand(token, ref, LOST, attempt(2)), CARD_REF) == "CARD_NOT_AS_SHOWN"
    assert await world.acts.lift_freeze(Errand(token, ref, CONFIRMED, attempt(3)), CARD_REF) == ""

    assert isinstance(await world.resolve(), Resolved)
    (frozen,) = await world.told(identity_events_pb2.CardFrozen)
    (lifted,) = await world.told(identity_events_pb2.FreezeLifted)
    ra = await world.holder_ref("test-holder-0009")
    assert {(each.actor.ref, each.card_ref, each.address_version) for each in (frozen, lifted)} == {
        (ra, CARD_REF, 1)
    }
    assert (frozen.reason, lifted.reason) == (
        identity_events_pb2.ACT_REASON_CARD_LOST,
        identity_events_pb2.ACT_REASON_HOLDER_CONFIRMED,
    )


@pytest.mark.parametrize("card_ref", [NEIGHBOUR_CARD, RA_CARD, "", "ff" * 16])
async def test_R25_a_card_of_somebody_else_is_neither_frozen_nor_released(
    world: World, card_ref: str
) -> None:
    token = await world.populate_desk()
    ref = await world.holder_ref()

    assert await world.acts.freeze(Errand(token, ref, LOST, attempt(1)), card_ref) == "CARD_NOT_AS_SHOWN"
    assert (
        await world.acts.lift_freeze(Errand(token, ref, CONFIRMED, attempt(2)), card_ref)
        == "CARD_NOT_AS_SHOWN"
    )


@pytest.mark.parametrize("lifted_by", ["ra", "import"])
@pytest.mark.parametrize("of", [CARD_REF, ""], ids=["of the card", "of all cards"])
async def test_R64_what_mails_could_freeze_before_a_lift_is_spent(
    world: World, lifted_by: str, of: str
) -> None:
    token = await world.populate_desk()
    ref = await world.holder_ref()
    kind = Kind.UNLOCKED if of else Kind.ADDRESS_CHANGED
    links = [(await world.telling.delivery_address(ref, 1, kind, of)).freeze_token for _ in range(2)]
    await world.telling.freeze_card(links[0])
    if lifted_by == "ra":
        assert await world.acts.lift_freeze(Errand(token, ref, CONFIRMED, attempt(1)), CARD_REF) == ""
    else:
        await world.take(CARD | {"status": "LOST"})
        await world.take(CARD)

    assert [await world.telling.freeze_card(link) for link in links] == [UNKNOWN, UNKNOWN]
    assert isinstance(await world.resolve(), Resolved)
    later = (await world.telling.delivery_address(ref, 1, Kind.UNLOCKED, CARD_REF)).freeze_token
    assert not isinstance(await world.telling.freeze_card(later), str)


async def test_R25_a_role_that_was_taken_back_acts_no_more(world: World) -> None:
    token = await world.populate_desk()
    await world.take(RA_RECORDS[2] | {"granted": False})

    with pytest.raises(GrantRefused):
        await set_address(world, token)


async def test_S1_S2_no_act_tells_whoever_is_no_ra_anything(served: Served) -> None:
    world = served.world
    await world.populate_desk()
    holder, ref = await world.profile_grant(), await world.holder_ref()
    channel = bare_channel("identity", served.address_of_server, tls_of(world.keys, "web"))
    bare = ra_desk_pb2_grpc.RaDeskServiceStub(channel)
    answers = set()
    for bad in ("", "random", holder, world.grant()):
        said: dict[str, Any] = {"profile_grant": bad, "holder_ref": ref, "attempt_id": attempt(1)}
        calls: list[tuple[Any, Any]] = [
            (bare.ListHolderChanges, ra_desk_pb2.ListHolderChangesRequest(profile_grant=bad, holder_ref=ref)),
            (bare.SetHolderAddress, ra_desk_pb2.SetHolderAddressRequest(**said, address=NEW)),
            (bare.FreezeHolderCard, ra_desk_pb2.FreezeHolderCardRequest(**said, card_ref=CARD_REF)),
            (bare.LiftFreeze, ra_desk_pb2.LiftFreezeRequest(**said, card_ref=CARD_REF)),
            (bare.ListWaiting, ra_desk_pb2.ListWaitingRequest(profile_grant=bad)),
            (bare.ConfirmHolderAddress, ra_desk_pb2.ConfirmHolderAddressRequest(**said)),
            (bare.DeclineHolderAddress, ra_desk_pb2.DeclineHolderAddressRequest(**said)),
        ]
        for call, request in calls:
            answers.add(await refusal_bytes(call(request)))
    await channel.close()

    assert len(answers) == 1
    assert await changed(world) == []


async def test_R25_acts_cross_the_wire_with_their_reason(served: Served) -> None:
    token = await served.world.populate_desk()
    ref = await served.world.holder_ref()
    said: dict[str, Any] = {"profile_grant": token, "holder_ref": ref, "card_ref": CARD_REF}
    other: dict[str, Any] = {"reason": identity_events_pb2.ACT_REASON_OTHER, "note": "a colleague asked"}
    set_to = ra_desk_pb2.SetHolderAddressRequest(
        profile_grant=token, holder_ref=ref, address=NEW, **other, attempt_id=attempt(1)
    )
    frozen = ra_desk_pb2.FreezeHolderCardRequest(**said, **other, attempt_id=attempt(2))
    unfit: dict[str, Any] = {"reason": 99}
    lifted = ra_desk_pb2.LiftFreezeRequest(**said, **unfit, attempt_id=attempt(3))
    asked = ra_desk_pb2.ListHolderChangesRequest(profile_grant=token, holder_ref=ref)

    assert (await served.desk.SetHolderAddress(set_to)).refused_code == ""
    assert (await served.desk.FreezeHolderCard(frozen)).refused_code == ""
    assert (await served.desk.LiftFreeze(lifted)).refused_code == "REASON_MISSING"
    changes = (await served.desk.ListHolderChanges(asked)).changes
    assert [each.kind for each in changes] == ["CARD_FROZEN", "ADDRESS_SET", "ADDRESS_SET"]
    assert (changes[0].note, changes[0].reason) == (other["note"], other["reason"])
    with pytest.raises(ServiceError):
        await served.desk.LiftFreeze(ra_desk_pb2.LiftFreezeRequest(**said))


def test_a_note_is_in_no_repr() -> None:
    assert "request 7" not in repr(replace(WHY, reason=None))


OTHER_CARD = "d4" * 16


async def test_R25_an_attempt_that_did_another_act_is_told_so_and_does_nothing(world: World) -> None:
    token = await world.populate_desk()
    await world.take(CARD | {"card_ref": OTHER_CARD})
    ref = await world.holder_ref()
    lost, confirmed = Errand(token, ref, LOST, attempt(1)), Errand(token, ref, CONFIRMED, attempt(1))
    assert await world.acts.freeze(lost, CARD_REF) == ""

    answers = [
        await world.acts.freeze(lost, OTHER_CARD),
        await world.acts.lift_freeze(confirmed, CARD_REF),
        await set_address(world, token, NEW, 1),
    ]

    assert answers == ["ATTEMPT_SPENT"] * 3
    assert [told.card_ref for told in await world.told(identity_events_pb2.CardFrozen)] == [CARD_REF]
    assert await changed(world) == []
    assert await world.acts.freeze(replace(lost, attempt_id=attempt(2)), OTHER_CARD) == ""


async def test_R25_an_attempt_sets_one_address_and_no_other(world: World) -> None:
    token = await world.populate_desk()

    assert [await set_address(world, token, each, 1) for each in (NEW, OTHER_NEW, "", NEW)] == [
        "",
        "ATTEMPT_SPENT",
        "ATTEMPT_SPENT",
        "",
    ]
    assert [event.address_version for event in await changed(world)] == [2]


async def test_R64_a_repeat_is_not_told_done_where_its_freeze_was_lifted_or_its_lift_undone(
    world: World,
) -> None:
    token = await world.populate_desk()
    ref = await world.holder_ref()
    freeze, lift = Errand(token, ref, LOST, attempt(1)), Errand(token, ref, CONFIRMED, attempt(2))
    await world.acts.freeze(freeze, CARD_REF)
    await world.acts.lift_freeze(lift, CARD_REF)

    assert await world.acts.freeze(freeze, CARD_REF) == "ATTEMPT_SPENT"
    assert await world.acts.freeze(replace(freeze, attempt_id=attempt(3)), CARD_REF) == ""
    assert await world.acts.lift_freeze(lift, CARD_REF) == "ATTEMPT_SPENT"


async def test_an_act_and_a_reason_of_a_newer_version_are_listed_as_others(served: Served) -> None:
    world = served.world
    token = await world.populate_desk()
    ref = await world.holder_ref()
    await world.acts.freeze(Errand(token, ref, LOST, attempt(1)), CARD_REF)
    async with world.database.begin("test.newer") as connection:
        await connection.execute(update(ra_acts).values(kind="CARD_PAINTED", reason="CARD_DULL"))

    asked = ra_desk_pb2.ListHolderChangesRequest(profile_grant=token, holder_ref=ref)
    newest = (await served.desk.ListHolderChanges(asked)).changes[0]
    assert (newest.kind, newest.reason) == ("OTHER", identity_events_pb2.ACT_REASON_UNSPECIFIED)
    assert await world.acts.freeze(Errand(token, ref, LOST, attempt(1)), CARD_REF) == "ATTEMPT_SPENT"


async def test_S42_a_text_that_no_database_can_keep_is_refused_at_the_door(served: Served) -> None:
    token = await served.world.populate_desk()
    said: dict[str, Any] = {"profile_grant": token, "holder_ref": await served.world.holder_ref()}
    said |= {"reason": identity_events_pb2.ACT_REASON_OTHER, "attempt_id": attempt(1)}
    texts: list[dict[str, Any]] = [
        {"card_ref": CARD_REF, "note": "a\x00b"},
        {"card_ref": "a\x00b", "note": "no"},
    ]
    for more in texts:
        with pytest.raises(ServiceError, match="BAD_REQUEST"):
            await served.desk.FreezeHolderCard(ra_desk_pb2.FreezeHolderCardRequest(**said, **more))
