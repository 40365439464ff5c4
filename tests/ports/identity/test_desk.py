"""The RA's desk on both databases and over the wire: whom an RA finds, and what anybody else learns."""

from dataclasses import replace
from datetime import timedelta

import pytest
from smartcard_unlock.identity.v1 import ra_desk_pb2, ra_desk_pb2_grpc

from services.identity.use_cases import Refused
from services.identity.use_cases.desk import MOST_FOUND, FoundHolders, RecordsAllowed, ShownHolder
from services.runtime.grants import GrantRefused, GrantVerifier, ProfileGrant, RecordsGrant
from tests.ports.bare_calls import bare_channel, refusal_bytes, tls_of
from tests.ports.identity.test_calls import Served, served
from tests.ports.identity.world import CARD, CARD_REF, HOLDER, NEIGHBOUR_CARD, RA_CARD, RA_RECORDS, World

__all__ = ["served"]


async def found(world: World, token: str, typed: str) -> list[str]:
    answer = await world.desk.find(token, typed)
    assert isinstance(answer, FoundHolders)
    return [each.holder_id for each in answer.found]


@pytest.mark.parametrize(
    "typed",
    ["Test Holder One", "holdr one", "one", " TEST-HOLDER-0001 ", CARD_REF, CARD_REF[:6].upper(), "Tést Oné"],
)
async def test_R7_an_ra_finds_a_holder_by_name_identifier_or_card(world: World, typed: str) -> None:
    token = await world.populate_desk()

    assert await found(world, token, typed) == ["test-holder-0001"]


@pytest.mark.parametrize("typed", ["test-holder-0077", NEIGHBOUR_CARD, "zzz", "", "c1", "%", "' or 1=1 --"])
async def test_R25_nobody_of_another_organisation_is_found(world: World, typed: str) -> None:
    token = await world.populate_desk()

    assert await found(world, token, typed) == []


async def test_R7_a_search_is_bounded_and_says_that_there_are_more(world: World) -> None:
    token = await world.populate_desk()
    await world.take(*(HOLDER | {"id": f"many-{number}", "name": f"Many {number}"} for number in range(12)))
    answer = await world.desk.find(token, "many")

    assert isinstance(answer, FoundHolders)
    assert (len(answer.found), answer.more) == (MOST_FOUND, True)


async def test_R7_the_holders_page_has_cards_and_the_state_of_the_address(world: World) -> None:
    token = await world.populate_desk()
    await world.take(HOLDER | {"email": "test-holder-0001@example.com"})
    shown = await world.desk.show(token, await world.holder_ref())

    assert isinstance(shown, ShownHolder)
    assert (shown.masked_address, shown.mail_code) == ("t…1@example.com", "EMAIL_DOMAIN_NOT_ALLOWED")
    assert (shown.record.name, shown.oneself) == ("Test Holder One", False)
    assert [(card.card_ref, card.status.value) for card in shown.record.cards] == [(CARD_REF, "ACTIVE")]


async def test_R25_an_ra_is_told_that_the_holder_is_themselves(world: World) -> None:
    token = await world.populate_desk()
    shown = await world.desk.show(token, await world.holder_ref("test-holder-0009"))

    assert isinstance(shown, ShownHolder)
    assert shown.oneself


async def test_R63_an_ra_whose_card_was_stopped_finds_nobody(world: World) -> None:
    token = await world.populate_desk()
    await world.take(CARD | {"card_ref": RA_CARD, "holder": "test-holder-0009", "status": "LOST"})
    answers = await world.desk.find(token, "one"), await world.desk.show(token, await world.holder_ref())

    assert [answer.code for answer in answers if isinstance(answer, Refused)] == ["CARD_NOT_ACTIVE"] * 2


async def test_R25_a_role_that_was_taken_back_counts_at_once(world: World) -> None:
    token = await world.populate_desk()
    await world.take(RA_RECORDS[2] | {"granted": False})

    with pytest.raises(GrantRefused):
        await world.desk.find(token, "one")


async def test_R25_another_organisations_holder_and_nobody_get_the_same_bytes(served: Served) -> None:
    token = await served.world.populate_desk()
    refs = (await served.world.holder_ref("test-holder-0077"), "ab" * 16, "", "%", "x" * 2000)
    requests = [ra_desk_pb2.GetHolderRequest(profile_grant=token, holder_ref=ref) for ref in refs]
    answers = {(await served.desk.GetHolder(request)).SerializeToString() for request in requests}

    assert answers == {ra_desk_pb2.GetHolderResponse(refused_code="HOLDER_NOT_FOUND").SerializeToString()}


async def test_S1_S2_whoever_is_no_ra_gets_the_same_bytes_as_nobody(served: Served) -> None:
    world = served.world
    token = await world.populate_desk()
    known = GrantVerifier.from_dir(world.keys.verify_dir, "otp", world.clock).verify(token, ProfileGrant)
    holder = await world.profile_grant()
    of_a_holder = GrantVerifier.from_dir(world.keys.verify_dir, "otp", world.clock).verify(
        holder, ProfileGrant
    )
    tokens = [
        "",
        "random",
        holder,
        world.grant(),
        world.signed_by_identity(replace(known, roles="")),
        world.signed_by_identity(replace(of_a_holder, roles="RA@X26")),
        world.signed_by_identity(replace(known, purpose="UNLOCK")),
        world.signed_by_identity(replace(known, holder_ref=of_a_holder.holder_ref)),
        token[:-4] + "AAAA",
    ]
    channel = bare_channel("identity", served.address_of_server, tls_of(world.keys, "web"))
    bare, ref = ra_desk_pb2_grpc.RaDeskServiceStub(channel), await world.holder_ref()
    answers = set()
    for bad in tokens:
        for request in (
            ra_desk_pb2.FindHoldersRequest(profile_grant=bad, query="one"),
            ra_desk_pb2.GetHolderRequest(profile_grant=bad, holder_ref=ref),
        ):
            call = bare.FindHolders if isinstance(request, ra_desk_pb2.FindHoldersRequest) else bare.GetHolder
            answers.add(await refusal_bytes(call(request)))  # type: ignore[arg-type]
    await channel.close()

    assert len(answers) == 1
    assert "GRANT_REFUSED" in str(answers)


async def test_R7_a_holder_crosses_the_wire_as_the_desk_shows_them(served: Served) -> None:
    token = await served.world.populate_desk()
    request = ra_desk_pb2.FindHoldersRequest(profile_grant=token, query="one")
    (one,) = (await served.desk.FindHolders(request)).found
    shown = await served.desk.GetHolder(
        ra_desk_pb2.GetHolderRequest(profile_grant=token, holder_ref=one.holder_ref)
    )

    assert (one.name, one.holder_id, one.organisation) == ("Test Holder One", "test-holder-0001", "X26")
    assert (shown.holder.masked_address, shown.holder.address_set_by) == ("t…1@example.org", "import")
    assert shown.holder.cards[0].certificate_expires_at.seconds > 0


async def test_R25_an_ra_may_read_the_records_of_a_card_of_their_own_organisation(world: World) -> None:
    token, ref = await world.populate_desk(), await world.holder_ref()
    allowed = await world.desk.allow_records(token, ref, CARD_REF)

    assert isinstance(allowed, RecordsAllowed)
    reader = GrantVerifier.from_dir(world.keys.verify_dir, "audit_reader", world.clock)
    grant = reader.verify(allowed.records_grant, RecordsGrant)
    assert (grant.card_ref, grant.holder_ref, grant.organisation) == (CARD_REF, ref, "X26")
    assert (grant.purpose, grant.expires_at - grant.issued_at) == ("RECORDS", timedelta(minutes=5))
    for other in ("identity", "otp", "card_gateway"):
        with pytest.raises(GrantRefused):
            GrantVerifier.from_dir(world.keys.verify_dir, other, world.clock).verify(
                allowed.records_grant, RecordsGrant
            )


async def test_R25_records_of_another_organisations_card_and_of_none_get_the_same_bytes(
    served: Served,
) -> None:
    world = served.world
    token = await world.populate_desk()
    own, neighbour = await world.holder_ref(), await world.holder_ref("test-holder-0077")
    asked = [
        (neighbour, NEIGHBOUR_CARD),
        (own, NEIGHBOUR_CARD),
        (own, "ab" * 16),
        (own, RA_CARD),
        ("ab" * 16, CARD_REF),
        (own, ""),
    ]
    answers = {
        (
            await served.desk.AllowCardRecords(
                ra_desk_pb2.AllowCardRecordsRequest(profile_grant=token, holder_ref=holder, card_ref=card)
            )
        ).SerializeToString()
        for holder, card in asked
    }

    expected = ra_desk_pb2.AllowCardRecordsResponse(refused_code="HOLDER_NOT_FOUND")
    assert answers == {expected.SerializeToString()}


async def test_R25_R63_no_records_for_a_role_taken_back_or_a_card_that_was_stopped(served: Served) -> None:
    world = served.world
    token, ref = await world.populate_desk(), await world.holder_ref()
    request = ra_desk_pb2.AllowCardRecordsRequest(profile_grant=token, holder_ref=ref, card_ref=CARD_REF)
    assert (await served.desk.AllowCardRecords(request)).records_grant
    await world.take(CARD | {"card_ref": RA_CARD, "holder": "test-holder-0009", "status": "LOST"})
    assert (await served.desk.AllowCardRecords(request)).refused.code == "CARD_NOT_ACTIVE"
    await world.take(CARD | {"card_ref": RA_CARD, "holder": "test-holder-0009"})
    await world.take(RA_RECORDS[2] | {"granted": False})

    with pytest.raises(GrantRefused):
        await world.desk.allow_records(token, ref, CARD_REF)
