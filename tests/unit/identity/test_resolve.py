"""Who may unlock, on real SQL with a clock that stands still."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from smartcard_unlock.common.v1 import common_pb2

from services.identity.domain.holder import RegistrationAuthority
from services.identity.use_cases import Delivery, Refused, Resolved
from services.runtime.grants import GrantRefused
from tests.fakes.clock import NOON
from tests.ports.identity.world import CARD, CARD_GRANT, CONTACT, DOMAIN, HOLDER, ORGANISATION, World

RA = RegistrationAuthority("X26", "Example Hospital", **CONTACT)
OTHER_SESSION = "0195573c-0000-7000-8000-000000000002"


async def test_R15_an_import_makes_a_holder_eligible_at_once(world: World) -> None:
    await world.populate()

    answer = await world.resolve()

    assert isinstance(answer, Resolved)
    assert answer.masked_address == "t…1@example.org"
    assert answer.registration_authority == RA
    assert answer.expires_at == NOON + timedelta(minutes=5)


async def test_a_grant_binds_what_the_card_grant_bound_and_adds_the_holder(world: World) -> None:
    await world.populate()

    grant = world.verify((await world.resolve()).holder_grant)

    assert grant.binds_like(CARD_GRANT)
    assert grant.holder_ref == await world.holder_ref()
    assert (grant.organisation, grant.address_version, grant.address_set_by) == ("X26", 1, "import")
    assert grant.address_set_at == NOON


async def test_a_grant_never_outlives_the_card_grant(world: World) -> None:
    await world.populate()

    answer = await world.resolve(expires_at=NOON + timedelta(minutes=2))

    assert answer.expires_at == world.verify(answer.holder_grant).expires_at == NOON + timedelta(minutes=2)


async def refused(world: World, **changes: Any) -> str:
    answer = await world.resolve(**changes)
    assert isinstance(answer, Refused)
    assert answer.registration_authority == RA
    return answer.code


@pytest.mark.parametrize("status", ["LOST", "REPLACED", "REVOKED"])
async def test_R63_a_card_reported_lost_replaced_or_revoked(world: World, status: str) -> None:
    await world.populate(card={"status": status})

    assert await refused(world) == "CARD_NOT_ACTIVE"


async def test_R63_a_card_of_someone_who_left(world: World) -> None:
    await world.populate(holder={"status": "LEFT"})

    assert await refused(world) == "CARD_NOT_ACTIVE"


async def test_R64_a_frozen_card(world: World) -> None:
    await world.populate(card={"status": "FROZEN"})

    assert await refused(world) == "CARD_FROZEN"


@pytest.mark.parametrize(
    ("registry", "card"), [(-1, 400), (400, -1), (-400, -400)], ids=["registry", "card", "both"]
)
async def test_R5_R9_the_earlier_of_both_dates_counts_by_our_clock(
    world: World, registry: int, card: int
) -> None:
    date = (NOON + timedelta(days=registry)).isoformat()
    await world.populate(card={"certificate_expires_at": date})

    assert await refused(world, certificate_expires_at=NOON + timedelta(days=card)) == "CERTIFICATE_EXPIRED"


async def test_R8_a_certificate_is_good_through_its_last_instant(world: World) -> None:
    await world.populate(card={"certificate_expires_at": None})

    assert isinstance(await world.resolve(certificate_expires_at=NOON), Resolved)
    assert await refused(world, certificate_expires_at=NOON - timedelta(seconds=1)) == "CERTIFICATE_EXPIRED"


async def test_R6_no_address(world: World) -> None:
    await world.populate(holder={"email": None})

    assert await refused(world) == "NO_EMAIL"


@pytest.mark.parametrize("email", ["holder@example.com", "holder@notexample.org", "holder@exаmple.org"])
async def test_R3_an_address_that_is_not_on_the_list(world: World, email: str) -> None:
    await world.populate(holder={"email": email})

    assert await refused(world) == "EMAIL_DOMAIN_NOT_ALLOWED"


@pytest.mark.parametrize("domain", ["nhs.net", "nhs.uk", "gov.uk", "mod.uk", "trust.nhs.uk", "NHS.NET"])
async def test_R33_the_list_starts_with_four_domains(world: World, domain: str) -> None:
    await world.populate(holder={"email": f"test-holder@{domain}"})

    assert isinstance(await world.resolve(), Resolved)


async def test_a_card_that_is_not_known_names_no_ra(world: World) -> None:
    await world.populate()

    assert await world.resolve(card_ref="ff" * 16) == Refused("CARD_UNKNOWN", None)


async def test_the_card_is_judged_before_the_mail(world: World) -> None:
    await world.populate(holder={"email": None}, card={"status": "LOST"})

    assert await refused(world) == "CARD_NOT_ACTIVE"


@pytest.mark.parametrize("way", [{"reason": "CHANGE"}, {"route": "RA_IN_PERSON"}])
@pytest.mark.parametrize("email", [None, "holder@example.com"])
async def test_R2_R36_no_mailbox_is_needed_where_no_code_is_mailed(
    world: World, way: dict[str, str], email: str | None
) -> None:
    await world.populate(holder={"email": email})

    answer = await world.resolve(**way)

    assert (answer.masked_address, world.verify(answer.holder_grant).address_version) == ("", 0)
    assert answer.nudge == ("EMAIL_DOMAIN_NOT_ALLOWED" if email else "NO_EMAIL")


async def test_R30_R34_who_has_an_address_is_not_nudged(world: World) -> None:
    await world.populate()

    answer = await world.resolve(reason="CHANGE")
    assert (answer.nudge, world.verify(answer.holder_grant).address_version) == ("", 1)


async def test_R2_with_change_needs_code_a_change_needs_a_mailbox_as_the_others_do(world: World) -> None:
    await world.populate(holder={"email": None})
    world.holders._parts = replace(world.holders._parts, change_needs_code=True)

    assert isinstance(await world.resolve(reason="CHANGE"), Refused)
    assert isinstance(await world.resolve(route="RA_IN_PERSON"), Resolved)


async def test_D1_a_refusal_is_told_once_a_session_with_its_actor(world: World) -> None:
    await world.populate(holder={"email": None})
    for session_id in (CARD_GRANT.session_id, CARD_GRANT.session_id, OTHER_SESSION):
        await world.resolve(session_id=session_id)

    outcomes = await world.told(common_pb2.SessionOutcome)

    assert [outcome.session_id for outcome in outcomes] == [CARD_GRANT.session_id, OTHER_SESSION]
    assert {(outcome.kind, outcome.code) for outcome in outcomes} == {
        (common_pb2.OUTCOME_KIND_REFUSED, "NO_EMAIL")
    }
    assert outcomes[0].holder_ref == outcomes[0].actor.ref == await world.holder_ref()
    assert (outcomes[0].organisation, outcomes[0].card_ref) == ("X26", CARD_GRANT.card_ref)


async def test_D1_success_writes_and_tells_nothing(world: World) -> None:
    await world.populate()
    world.statements.clear()

    await world.resolve()

    assert all(statement.startswith("SELECT") for statement in world.statements)
    assert len(world.statements) == 2
    assert await world.told(common_pb2.SessionOutcome) == []


async def test_R35_R60_D1_no_access_to_the_mailbox_is_an_outcome_of_its_own_once_a_session(
    world: World,
) -> None:
    await world.populate()
    answers = [await world.holders.no_mailbox(world.grant()) for _ in range(2)]

    [outcome] = await world.told(common_pb2.SessionOutcome)

    assert {answer.code for answer in answers} == {outcome.code} == {"NO_MAILBOX_ACCESS"}
    assert outcome.kind == common_pb2.OUTCOME_KIND_REFUSED
    assert outcome.actor.ref == await world.holder_ref()
    assert answers[0].registration_authority is not None
    assert isinstance(await world.resolve(), Resolved)


@pytest.mark.parametrize(
    ("holder", "card", "code"),
    [({"email": None}, {}, "NO_EMAIL"), ({}, {"status": "LOST"}, "CARD_NOT_ACTIVE")],
)
async def test_R35_another_reason_goes_before_it(
    world: World, holder: dict[str, Any], card: dict[str, Any], code: str
) -> None:
    await world.populate(holder=holder, card=card)

    assert (await world.holders.no_mailbox(world.grant())).code == code


async def test_S1_R35_without_a_good_grant_nothing_is_written(world: World) -> None:
    await world.populate()
    with pytest.raises(GrantRefused):
        await world.holders.no_mailbox(world.grant(purpose="REGISTER"))

    assert await world.told(common_pb2.SessionOutcome) == []


async def test_R7_a_refusal_is_not_remembered(world: World) -> None:
    await world.populate(holder={"email": None})
    await world.resolve()
    await world.take(HOLDER)

    assert isinstance(await world.resolve(), Resolved)


async def test_S1_S2_without_a_good_grant_nothing_is_said(world: World) -> None:
    await world.populate()
    foreign = world.grant(issued_at=NOON - timedelta(hours=2), expires_at=NOON - timedelta(hours=1))

    for token in ("", "random", foreign, world.grant(purpose="REGISTER"), world.grant(level="NONE")):
        with pytest.raises(GrantRefused):
            await world.holders.resolve(token)


async def test_R4_the_address_is_given_while_its_version_stands(world: World) -> None:
    await world.populate()

    answer = await world.holders.delivery_address(await world.holder_ref(), 1)

    assert answer == Delivery(address="test-holder-0001@example.org")
    assert "example.org" not in repr(answer)


async def test_F14_another_version_is_given_to_neither(world: World) -> None:
    await world.populate()
    ref = await world.holder_ref()
    await world.take(HOLDER | {"email": "moved@example.org"})

    assert await world.holders.delivery_address(ref, 1) == Delivery(refused_code="ADDRESS_CHANGED")
    assert (await world.holders.delivery_address(ref, 2)).address == "moved@example.org"
    await world.take(HOLDER | {"email": None})
    for version in (0, 1, 2, 3):
        assert await world.holders.delivery_address(ref, version) == Delivery(refused_code="ADDRESS_CHANGED")


async def test_a_holder_that_is_not_known_has_no_address(world: World) -> None:
    assert await world.holders.delivery_address("ff" * 16, 1) == Delivery(refused_code="HOLDER_UNKNOWN")


async def test_an_organisation_without_an_ra_is_named_all_the_same(world: World) -> None:
    await world.take(ORGANISATION | {"registration_authority": {}}, DOMAIN, HOLDER, CARD)

    assert (await world.resolve()).registration_authority == RegistrationAuthority("X26", "Example Hospital")
