"""Where two RAs look at an address: it waits until another one confirms it, and counts no sooner. R7, R25."""

from datetime import timedelta
from typing import Any

import pytest
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.identity.v1 import identity_events_pb2 as told
from smartcard_unlock.identity.v1 import ra_desk_pb2

from services.identity.approved_domains import ApprovedDomains
from services.identity.domain.acts import ActReason, Why
from services.identity.events import event_of
from services.identity.use_cases import Refused, Resolved
from services.identity.use_cases.acting import ADDRESS_WAITS, Errand
from services.identity.use_cases.desk import ShownHolder, Waiting
from services.identity.use_cases.telling import Kind
from services.runtime.randomness import SystemRandomness
from tests.ports.identity.test_calls import Served, served
from tests.ports.identity.test_desk_acts import NEW, OTHER_NEW, WHY, attempt
from tests.ports.identity.world import (
    ADDRESSES_PER_DAY,
    CARD,
    CARD_REF,
    HOLDER,
    RA_RECORDS,
    World,
)

__all__ = ["served"]

COLLEAGUE_CARD = "b2" * 16
COLLEAGUE: tuple[dict[str, Any], ...] = (
    HOLDER | {"id": "test-holder-0010", "name": "Test Colleague", "email": "colleague@example.org"},
    CARD | {"card_ref": COLLEAGUE_CARD, "holder": "test-holder-0010"},
    {"kind": "role", "holder": "test-holder-0010", "role": "RA", "organisation": "X26"},
)
NOTHING = Why(None)
NOT_THEIRS = Why(ActReason.ADDRESS_WRONG, "not their mailbox")


async def populate(world: World) -> tuple[str, str]:
    """A holder without an address; the grants of two RAs."""
    token = await world.populate_desk()
    await world.take(HOLDER | {"email": None}, *COLLEAGUE)
    return token, await world.profile_grant(card_ref=COLLEAGUE_CARD)


async def propose(world: World, token: str, address: str = NEW, number: int = 1) -> Refused | str:
    errand = Errand(token, await world.holder_ref(), WHY, attempt(number))
    return await world.two_ras.set_address(errand, address)


async def proposal_id(world: World, token: str) -> str:
    waiting = await world.desk.waiting(token)
    assert isinstance(waiting, Waiting)
    return waiting.addresses[0].proposal.proposal_id if waiting.addresses else ""


async def confirm(world: World, token: str, number: int = 5, which: str = "") -> Refused | str:
    which = which or await proposal_id(world, token)
    errand = Errand(token, await world.holder_ref(), NOTHING, attempt(number))
    return await world.second.confirm(errand, which)


async def decline(world: World, token: str, why: Why = NOT_THEIRS) -> Refused | str:
    errand = Errand(token, await world.holder_ref(), why, attempt(6))
    return await world.second.decline(errand, await proposal_id(world, token))


async def refusal(world: World) -> str:
    later = world.clock.now() + timedelta(minutes=45)
    answer = await world.resolve(expires_at=later, issued_at=world.clock.now())
    return answer.code if isinstance(answer, Refused) else ""


async def endings(world: World) -> list[tuple[str, str]]:
    """How proposals ended, and who ended them."""
    known = await world.told(told.AddressProposalEnded)
    return [
        (told.ProposalEnding.Name(each.ending).removeprefix("PROPOSAL_ENDING_"), each.actor.ref)
        for each in known
    ]


async def test_R7_R25_an_address_waits_until_another_ra_confirms_it(world: World) -> None:
    token, colleague = await populate(world)
    assert await refusal(world) == "NO_EMAIL"
    assert [await propose(world, token), await propose(world, token)] == [ADDRESS_WAITS] * 2
    assert await refusal(world) == ADDRESS_WAITS

    assert await confirm(world, token) == "OWN_PROPOSAL"
    assert await refusal(world) == ADDRESS_WAITS
    assert await confirm(world, colleague) == ""

    resolved = await world.resolve()
    assert isinstance(resolved, Resolved)
    assert world.verify(resolved.holder_grant).address_set_by == "ra"
    assert await confirm(world, colleague) == ""  # the same attempt
    assert await confirm(world, colleague, 7, "gone") == "PROPOSAL_GONE"


async def test_R25_all_of_it_is_told_without_the_address_or_a_note(world: World) -> None:
    token, colleague = await populate(world)
    first, second = [await world.holder_ref(f"test-holder-{number}") for number in ("0009", "0010")]
    await propose(world, token)
    await confirm(world, colleague)
    [proposed] = await world.told(told.AddressProposed)
    [ended] = await world.told(told.AddressProposalEnded)
    changed = (await world.told(told.ContactChanged))[-1]

    assert (proposed.actor.ref, proposed.reason) == (first, told.ACT_REASON_NO_ADDRESS)
    assert (ended.ending, ended.actor.ref, ended.proposed_by) == (
        told.PROPOSAL_ENDING_CONFIRMED,
        second,
        first,
    )
    assert (changed.actor.ref, changed.reason) == (second, told.ACT_REASON_NO_ADDRESS)
    for message in (proposed, ended, changed):
        for secret in (NEW, "request 7"):
            assert secret.encode() not in message.SerializeToString()
    changes = await world.desk.changes(token, await world.holder_ref())
    assert not isinstance(changes, Refused | str)
    assert [(each.kind.value, each.actor_name, each.note) for each in changes if each.by == "ra"] == [
        ("ADDRESS_SET", "Test Colleague", ""),
        ("ADDRESS_PROPOSED", "Test Registrar", "request 7"),
    ]


async def test_R25_nobody_confirms_after_24_hours_and_the_sweep_tells_so(world: World) -> None:
    token, colleague = await populate(world)
    await propose(world, token)
    which = await proposal_id(world, token)
    world.clock.advance(hours=24)
    colleague = await world.profile_grant(card_ref=COLLEAGUE_CARD)

    assert await confirm(world, colleague, which=which) == "PROPOSAL_GONE"
    assert await refusal(world) == "NO_EMAIL"
    assert await endings(world) == []
    await world.holders.sweep()
    await world.holders.sweep()
    assert await endings(world) == [("LAPSED", "identity")]
    [ended] = await world.told(told.AddressProposalEnded)
    assert ended.actor.kind == common_pb2.ACTOR_KIND_SYSTEM


async def test_R25_a_declined_address_never_counts_and_ones_own_can_be_withdrawn(world: World) -> None:
    token, colleague = await populate(world)
    await propose(world, token)
    assert await decline(world, colleague, NOTHING) == "REASON_MISSING"
    assert await decline(world, colleague) == ""
    assert await refusal(world) == "NO_EMAIL"

    await propose(world, token, number=2)
    assert await decline(world, token) == ""
    ras = [await world.holder_ref(f"test-holder-{number}") for number in ("0010", "0009")]
    assert await endings(world) == [("DECLINED", ra) for ra in ras]


async def test_R25_another_proposal_takes_the_place_of_the_one_before(world: World) -> None:
    token, colleague = await populate(world)
    await propose(world, token)
    before = await proposal_id(world, token)
    await propose(world, token, OTHER_NEW, 2)

    assert await confirm(world, colleague, which=before) == "PROPOSAL_GONE"
    assert [ending for ending, _ in await endings(world)] == ["REPLACED"]
    assert await confirm(world, colleague, 7) == ""
    ref = await world.holder_ref()
    version = (await world.told(told.ContactChanged))[-1].address_version
    delivery = (await world.telling.delivery_address(ref, version, Kind.OTHER, "")).delivery
    assert delivery.address == OTHER_NEW


async def test_R25_what_the_holder_or_the_directory_set_meanwhile_stands(world: World) -> None:
    token, colleague = await populate(world)
    await propose(world, token)
    which = await proposal_id(world, token)
    await world.take(HOLDER)

    assert await confirm(world, colleague, which=which) == "PROPOSAL_GONE"
    assert await refusal(world) == ""


async def test_R26_the_list_judges_again_as_the_address_is_confirmed(world: World) -> None:
    token, colleague = await populate(world)
    addition = {"kind": "allowed_domain", "domain": "own.example.net", "organisation": "X26"}
    await world.take(addition)
    assert await propose(world, token, "holder@own.example.net") == ADDRESS_WAITS
    approved = ApprovedDomains(world.database, event_of, SystemRandomness(), world.clock)
    assert await approved.remove("own.example.net", "X26", "a test") is not None

    assert await confirm(world, colleague) == "EMAIL_DOMAIN_NOT_ALLOWED"
    assert await refusal(world) == ADDRESS_WAITS


async def test_R25_proposals_and_confirmations_count_towards_an_ras_day(world: World) -> None:
    token, colleague = await populate(world)
    for number in range(ADDRESSES_PER_DAY):
        assert await propose(world, token, f"holder-{number}@example.org", number) == ADDRESS_WAITS
    assert await propose(world, token, NEW, 8) == "RA_DAILY_LIMIT"
    shown = await world.desk.show(token, await world.holder_ref())
    assert isinstance(shown, ShownHolder)
    assert shown.addresses_left == 0

    assert await confirm(world, colleague) == ""
    shown = await world.desk.show(colleague, await world.holder_ref())
    assert isinstance(shown, ShownHolder)
    assert shown.addresses_left == ADDRESSES_PER_DAY - 1


async def test_R25_an_ra_of_another_organisation_neither_sees_nor_confirms(world: World) -> None:
    token, _ = await populate(world)
    await propose(world, token)
    which = await proposal_id(world, token)
    role = {"kind": "role", "holder": "test-holder-0077", "role": "RA", "organisation": "Y77"}
    await world.take(role)
    stranger = await world.profile_grant(card_ref="e5" * 16)

    waiting = await world.desk.waiting(stranger)
    assert isinstance(waiting, Waiting)
    assert (list(waiting.addresses), list(waiting.frozen)) == ([], [])
    assert await confirm(world, stranger, which=which) == "HOLDER_NOT_FOUND"


async def test_R35_who_cannot_read_the_old_mailbox_is_told_that_a_new_address_waits(world: World) -> None:
    token = await world.populate_desk()
    await propose(world, token)

    assert isinstance(await world.resolve(), Resolved)
    assert (await world.holders.no_mailbox(world.grant(session_id=attempt(3)))).code == ADDRESS_WAITS


@pytest.mark.parametrize("lifted", [False, True])
async def test_R64_an_ra_sees_the_cards_that_their_holders_froze_until_the_freeze_is_lifted(
    world: World, lifted: bool
) -> None:
    token = await world.populate_desk()
    ref = await world.holder_ref()
    link = (await world.telling.delivery_address(ref, 1, Kind.UNLOCKED, CARD_REF)).freeze_token
    await world.telling.freeze_card(link)
    if lifted:
        why = Why(ActReason.HOLDER_CONFIRMED)
        await world.acts.lift_freeze(Errand(token, ref, why, attempt(1)), CARD_REF)
        await world.acts.freeze(Errand(token, ref, Why(ActReason.CARD_LOST), attempt(2)), CARD_REF)
    waiting = await world.desk.waiting(token)

    assert isinstance(waiting, Waiting)
    frozen = [(each.holder_name, each.card_ref, each.at) for each in waiting.frozen]
    assert frozen == ([] if lifted else [("Test Holder One", CARD_REF, world.clock.now())])
    changes = await world.desk.changes(token, ref)
    assert not isinstance(changes, Refused | str)
    assert any(each.by == "holder" for each in changes) is not lifted


async def test_R25_what_waits_crosses_the_wire(served: Served) -> None:
    world = served.world
    token, colleague = await populate(world)
    ref = await world.holder_ref()
    await propose(world, token)
    for grant, own in ((token, True), (colleague, False)):
        listed = await served.desk.ListWaiting(ra_desk_pb2.ListWaitingRequest(profile_grant=grant))
        [waits] = listed.addresses
        assert (waits.address, waits.holder_name, waits.proposed_by) == (
            NEW,
            "Test Holder One",
            "Test Registrar",
        )
        assert (waits.note, waits.proposed_by_oneself) == ("request 7", own)
        shown = await served.desk.GetHolder(ra_desk_pb2.GetHolderRequest(profile_grant=grant, holder_ref=ref))
        assert shown.holder.proposal == waits
    said: dict[str, Any] = {"profile_grant": colleague, "holder_ref": ref, "proposal_id": waits.proposal_id}
    declined = ra_desk_pb2.DeclineHolderAddressRequest(**said, attempt_id=attempt(2))
    assert (await served.desk.DeclineHolderAddress(declined)).refused_code == "REASON_MISSING"
    confirmed = ra_desk_pb2.ConfirmHolderAddressRequest(**said, attempt_id=attempt(3))
    assert (await served.desk.ConfirmHolderAddress(confirmed)).refused_code == ""
    assert isinstance(await world.resolve(), Resolved)


async def test_R63_an_ra_whose_card_was_stopped_sees_and_confirms_nothing(world: World) -> None:
    token, colleague = await populate(world)
    await propose(world, token)
    which = await proposal_id(world, token)
    await world.set_card_status("FROZEN", COLLEAGUE_CARD)

    for answer in (await world.desk.waiting(colleague), await confirm(world, colleague, which=which)):
        assert isinstance(answer, Refused)
        assert answer.code == "CARD_FROZEN"


async def test_R25_a_proposal_ends_with_the_role_of_who_proposed_it(world: World) -> None:
    token, colleague = await populate(world)
    await propose(world, token)
    waiting = await proposal_id(world, colleague)
    await world.take(RA_RECORDS[2] | {"granted": False})

    assert await confirm(world, colleague, which=waiting) == "PROPOSAL_GONE"
    assert await refusal(world) != ""
    assert await world.told(told.ContactChanged) == []
    await world.take(RA_RECORDS[2])
    assert await confirm(world, colleague, which=waiting) == ""


async def test_R25_an_attempt_that_ended_one_proposal_does_not_end_another(world: World) -> None:
    token, colleague = await populate(world)
    await propose(world, token)
    assert await confirm(world, colleague) == ""
    await propose(world, token, OTHER_NEW, 2)

    assert await confirm(world, colleague) == "ATTEMPT_SPENT"
    assert await decline(world, colleague) == ""
    await propose(world, token, OTHER_NEW, 3)
    assert await decline(world, colleague) == "ATTEMPT_SPENT"
    assert [ending for ending, _ in await endings(world)] == ["CONFIRMED", "DECLINED"]
