"""A holder who was proven on the card: signing in, one's own profile, and contact details that may stand."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.identity.v1 import identity_events_pb2

from services.identity.use_cases import Refused
from services.identity.use_cases.profiles import ContactRefused, Profile, SignedIn
from services.runtime.grants import GrantRefused, GrantVerifier, ProfileGrant
from tests.ports.identity.world import CARD, CARD_REF, HOLDER, ORGANISATION, World

OLD, NEW = "test-holder-0001@example.org", "test-holder-0001b@example.org"
MOBILE = "07700 900123"
ROLE = {"kind": "role", "holder": "test-holder-0001", "role": "RA", "organisation": "X26"}
OTHER_CARD = "d2" * 16


def read(world: World, token: str, audience: str = "otp") -> ProfileGrant:
    return GrantVerifier.from_dir(world.keys.verify_dir, audience, world.clock).verify(token, ProfileGrant)


async def changed(world: World) -> list[Any]:
    return await world.told(identity_events_pb2.ContactChanged)


async def shown(world: World) -> Profile:
    found = await world.profiles.profile(await world.profile_grant())
    assert isinstance(found, Profile)
    return found


async def test_R31_a_proven_holder_is_signed_in_for_ten_minutes_with_their_roles(world: World) -> None:
    await world.populate()
    await world.take(ROLE)
    grant = read(world, await world.profile_grant())

    assert (grant.holder_ref, grant.organisation) == (await world.holder_ref(), "X26")
    assert (grant.roles, grant.purpose, grant.card_ref) == ("RA@X26", "PROFILE", CARD_REF)
    assert grant.expires_at - grant.issued_at == timedelta(minutes=10)


async def test_a_grant_names_200_roles_so_that_it_fits_into_a_cookie(world: World) -> None:
    await world.populate()
    codes = [f"R{number:07}" for number in range(201)]
    await world.take(*({**ORGANISATION, "code": code} for code in codes))
    await world.take(*({**ROLE, "organisation": code} for code in codes))

    assert read(world, await world.profile_grant()).roles.split() == [f"RA@{code}" for code in codes[:-1]]


async def test_a_role_that_was_taken_back_is_in_no_grant(world: World) -> None:
    await world.populate()
    await world.take(ROLE)
    await world.take(ROLE | {"granted": False})

    assert read(world, await world.profile_grant()).roles == ""


async def test_a_role_of_nobody_or_nowhere_is_refused(world: World) -> None:
    await world.populate()
    remarks = await world.take(ROLE | {"holder": "test-holder-0009"}, ROLE | {"organisation": "X99"})

    assert [remark.reason for remark in remarks] == ["HOLDER_UNKNOWN", "ORGANISATION_UNKNOWN"]


@pytest.mark.parametrize(
    "lesser",
    [
        {"level": "GENUINE"},
        {"level": "CLAIMED"},
        {"purpose": "UNLOCK"},
        {"purpose": "UNLOCK", "level": "GENUINE"},
    ],
    ids=str,
)
async def test_R31_R56_no_lesser_proof_signs_anybody_in(world: World, lesser: dict[str, str]) -> None:
    await world.populate()

    with pytest.raises(GrantRefused):
        await world.sign_in(**lesser)


async def test_a_proof_of_the_holder_is_no_permission_to_unlock(world: World) -> None:
    await world.populate()

    with pytest.raises(GrantRefused):
        await world.resolve(purpose="PROFILE", level="HOLDER_VERIFIED", reason="SIGN_IN")


async def test_a_proof_that_is_over_signs_nobody_in(world: World) -> None:
    await world.populate()
    now = world.clock.now()
    with pytest.raises(GrantRefused):
        await world.sign_in(issued_at=now - timedelta(minutes=6), expires_at=now - timedelta(minutes=1))


@pytest.mark.parametrize(
    ("status", "code"),
    [("FROZEN", "CARD_FROZEN"), ("LOST", "CARD_NOT_ACTIVE"), ("REVOKED", "CARD_NOT_ACTIVE")],
)
async def test_R63_R64_a_card_that_is_stopped_signs_nobody_in_and_it_is_recorded(
    world: World, status: str, code: str
) -> None:
    await world.populate()
    token = await world.profile_grant()
    await world.set_card_status(status)
    refused = await world.sign_in()

    assert isinstance(refused, Refused)
    assert (refused.code, refused.registration_authority is not None) == (code, True)
    (told,) = await world.told(common_pb2.SessionOutcome)
    assert (told.code, told.reason) == (code, common_pb2.REASON_SIGN_IN)
    for answer in (await world.profiles.profile(token), await world.profiles.update_contact(token, NEW, "")):
        assert isinstance(answer, Refused)
        assert answer.code == code


async def test_an_expired_card_and_one_that_is_not_known_sign_nobody_in(world: World) -> None:
    await world.populate()
    expired = await world.sign_in(certificate_expires_at=world.clock.now() - timedelta(seconds=1))
    unknown = await world.sign_in(card_ref="ff" * 16)

    assert [answer.code for answer in (expired, unknown)] == ["CERTIFICATE_EXPIRED", "CARD_UNKNOWN"]


async def test_R32_a_holder_sees_their_own_profile(world: World) -> None:
    await world.populate()
    found = await shown(world)

    assert (found.name, found.address, found.mobile, found.nudge) == ("Test Holder One", OLD, "", "")
    assert found.registration_authority.name == "Example Hospital"


@pytest.mark.parametrize(
    ("email", "nudge"), [(None, "NO_EMAIL"), ("holder@example.com", "EMAIL_DOMAIN_NOT_ALLOWED"), (OLD, "")]
)
async def test_R30_R34_the_profile_nudges_where_no_code_can_be_sent(
    world: World, email: str | None, nudge: str
) -> None:
    await world.populate(holder={"email": email})

    assert (await shown(world)).nudge == nudge


async def test_R31_R40_a_holder_overwrites_address_and_number_and_it_is_told_without_either(
    world: World,
) -> None:
    await world.populate()
    token = await world.profile_grant()
    after = await world.profiles.update_contact(token, f"  {NEW.replace('example', 'EXAMPLE')} ", MOBILE)

    assert isinstance(after, Profile)
    assert (after.address, after.mobile) == (NEW, "+447700900123")
    (told,) = await changed(world)
    assert (told.old_address_version, told.address_version, told.mobile_changed) == (1, 2, True)
    assert (told.holder_ref, told.actor.ref, told.card_ref) == (
        *[await world.holder_ref()] * 2,
        CARD_REF,
    )
    assert told.actor.kind == common_pb2.ACTOR_KIND_HOLDER
    assert NEW.encode() not in told.SerializeToString()


async def test_R32_contact_details_that_are_confirmed_change_nothing_and_are_not_told(world: World) -> None:
    await world.populate()
    token = await world.profile_grant()
    await world.profiles.update_contact(token, OLD, MOBILE)
    await world.profiles.update_contact(token, OLD, "+44 7700 900123")

    assert [event.address_version for event in await changed(world)] == [1]


async def test_a_number_can_be_taken_away_and_an_address_cannot(world: World) -> None:
    await world.populate()
    token = await world.profile_grant()
    await world.profiles.update_contact(token, OLD, MOBILE)
    after = await world.profiles.update_contact(token, OLD, "")
    refused = await world.profiles.update_contact(token, " ", "")

    assert isinstance(after, Profile)
    assert after.mobile == ""
    assert refused == ContactRefused("EMAIL_MISSING", "")


@pytest.mark.parametrize(
    ("address", "mobile", "codes"),
    [
        ("nonsense", "", ("EMAIL_MALFORMED", "")),
        ("holder@", "", ("EMAIL_MALFORMED", "")),
        ('"a b"@example.org', "", ("EMAIL_MALFORMED", "")),
        ("holder@example.com", "", ("EMAIL_DOMAIN_NOT_ALLOWED", "")),
        ("holder@example.org.example.com", "", ("EMAIL_DOMAIN_NOT_ALLOWED", "")),
        ("holder@exаmple.org", "", ("EMAIL_DOMAIN_NOT_ALLOWED", "")),
        (NEW, "020 7946 0000", ("", "MOBILE_MALFORMED")),
        (NEW, "12", ("", "MOBILE_MALFORMED")),
        (NEW, "9" * 41, ("", "MOBILE_MALFORMED")),
        ("nonsense", "12", ("EMAIL_MALFORMED", "MOBILE_MALFORMED")),
    ],
)
async def test_R26_R33_R40_what_cannot_stand_is_refused_at_its_field_and_changes_nothing(
    world: World, address: str, mobile: str, codes: tuple[str, str]
) -> None:
    await world.populate()
    refused = await world.profiles.update_contact(await world.profile_grant(), address, mobile)

    assert refused == ContactRefused(*codes)
    assert await changed(world) == []
    assert (await shown(world)).address == OLD


async def test_R7_an_address_that_was_just_added_unlocks_at_once(world: World) -> None:
    await world.populate(holder={"email": None})
    assert (await world.resolve()).code == "NO_EMAIL"
    await world.profiles.update_contact(await world.profile_grant(), NEW, "")

    assert world.verify((await world.resolve()).holder_grant).address_set_by == "holder"


async def test_R64_only_a_message_of_the_change_goes_to_the_address_before_and_only_for_a_week(
    world: World,
) -> None:
    await world.populate()
    await world.profiles.update_contact(await world.profile_grant(), NEW, "")
    ref = await world.holder_ref()

    assert (await world.holders.delivery_address(ref, 1)).refused_code == "ADDRESS_CHANGED"
    assert (await world.holders.delivery_address(ref, 1, of_change=True)).address == OLD
    assert (await world.holders.delivery_address(ref, 2, of_change=True)).address == NEW
    assert (await world.holders.delivery_address(ref, 3, of_change=True)).refused_code == "ADDRESS_CHANGED"
    world.clock.advance(days=7)
    assert (await world.holders.delivery_address(ref, 1, of_change=True)).refused_code == "ADDRESS_CHANGED"
    assert (await world.holders.delivery_address(ref, 2, of_change=True)).address == NEW


async def test_R33_nothing_is_ever_written_to_an_address_off_the_list(world: World) -> None:
    await world.populate(holder={"email": "holder@example.com"})
    await world.profiles.update_contact(await world.profile_grant(), NEW, "")
    old = await world.holders.delivery_address(await world.holder_ref(), 1, of_change=True)

    assert (old.address, old.refused_code) == ("", "ADDRESS_NOT_ALLOWED")


async def test_an_import_leaves_what_a_holder_set_and_says_so(world: World) -> None:
    await world.populate()
    await world.profiles.update_contact(await world.profile_grant(), NEW, MOBILE)
    remarks = await world.take(HOLDER)
    found = await shown(world)

    assert [(remark.reason, remark.taken) for remark in remarks] == [("EMAIL_SET_HERE", True)]
    assert (found.address, found.mobile) == (NEW, "+447700900123")
    assert await world.take(HOLDER | {"email": NEW}) == []


async def good(world: World) -> ProfileGrant:
    return read(world, await world.profile_grant(), "identity")


@pytest.mark.parametrize(
    "change",
    [
        {"purpose": "UNLOCK"},
        {"holder_ref": "ee" * 16},
        {"card_ref": OTHER_CARD},
        {"expires_at": timedelta(minutes=11)},
        {"issued_at": timedelta(minutes=2)},
        {"roles": 7},
    ],
    ids=str,
)
async def test_S29_a_profile_grant_that_is_changed_anywhere_opens_nothing(
    world: World, change: dict[str, Any]
) -> None:
    """Also one that identity itself would have signed so: another holder's card, a longer life."""
    await world.populate()
    await world.take(
        HOLDER | {"id": "test-holder-0002"}, CARD | {"card_ref": OTHER_CARD, "holder": "test-holder-0002"}
    )
    grant, now = await good(world), world.clock.now()
    timed: dict[str, Any] = {
        name: now + value if isinstance(value, timedelta) else value for name, value in change.items()
    }
    token = world.signed_by_identity(replace(grant, **timed))

    for call in (world.profiles.profile(token), world.profiles.update_contact(token, NEW, "")):
        with pytest.raises(GrantRefused):
            await call
    assert await changed(world) == []


@pytest.mark.parametrize("wrong", ["aud", "typ", "iss", "kid", "alg", "extra", "cut"])
async def test_S29_a_profile_grant_of_another_kind_or_for_others_opens_nothing(
    world: World, wrong: str
) -> None:
    await world.populate()
    token = world.forged(await good(world), wrong)

    with pytest.raises(GrantRefused):
        await world.profiles.profile(token)


async def test_S29_grants_of_other_kinds_open_no_profile(world: World) -> None:
    await world.populate()
    resolved = await world.resolve()
    tokens = ["", "random", resolved.holder_grant, world.grant(), world.grant(purpose="PROFILE")]

    for token in tokens:
        with pytest.raises(GrantRefused):
            await world.profiles.profile(token)


async def test_S29_a_profile_grant_is_over_after_ten_minutes(world: World) -> None:
    await world.populate()
    token = await world.profile_grant()
    world.clock.advance(minutes=10, seconds=31)  # and the clocks' allowance

    with pytest.raises(GrantRefused):
        await world.profiles.profile(token)


async def test_a_card_that_went_to_another_holder_shows_nobodys_profile(world: World) -> None:
    await world.populate()
    token = await world.profile_grant()
    await world.take(ORGANISATION, HOLDER | {"id": "test-holder-0002"})
    await world.move_card("test-holder-0002")

    with pytest.raises(GrantRefused):
        await world.profiles.profile(token)
    assert isinstance(await world.sign_in(), SignedIn)


async def test_R40_a_number_may_be_changed_while_the_address_that_stands_is_off_the_list(
    world: World,
) -> None:
    await world.populate(holder={"email": "holder@example.com"})
    grant = await world.profile_grant()
    found = await world.profiles.update_contact(grant, "holder@example.com", MOBILE)

    assert isinstance(found, Profile)
    assert (found.address, found.mobile, found.nudge) == (
        "holder@example.com", "+447700900123", "EMAIL_DOMAIN_NOT_ALLOWED",
    )  # fmt: skip
    assert [(each.address_version, each.mobile_changed) for each in await changed(world)] == [(1, True)]
    refused = await world.profiles.update_contact(grant, "another@example.com", MOBILE)
    assert refused == ContactRefused("EMAIL_DOMAIN_NOT_ALLOWED", "")
