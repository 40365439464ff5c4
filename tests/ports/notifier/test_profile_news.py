"""Who gets a letter of what identity tells: the holder or the RA team, once, and only while it is news."""

from dataclasses import replace
from datetime import timedelta

import pytest
from smartcard_unlock.identity.v1.identity_events_pb2 import ColleagueVouched

from deploy.events.samples import samples
from services.notifier.consumer import ProfileConsumer
from services.notifier.domain.delivery import NOTICE_LIFETIME
from services.notifier.ports import AddressChanged, Unreachable
from services.runtime.cloud_events import Received, received
from tests.contract.event_facts import CARD, HOLDER, SESSION
from tests.fakes.clock import NOON
from tests.ports.notifier.world import World

SAMPLES = {each.name: each for each in samples()}


def event_of(name: str) -> Received:
    sample = SAMPLES[name]
    headers = [(key, value.encode()) for key, value in sample.headers.items()]
    return received(sample.topic, 0, 0, headers, sample.raw)


async def take(world: World, name: str, times: int = 2) -> None:
    world.clock.set(NOON)
    for _ in range(times):
        await ProfileConsumer(world.deliveries).handle(event_of(name))


@pytest.mark.parametrize(
    ("name", "template", "version", "session", "card_ref"),
    [
        ("HolderRegistered", "registered", 3, SESSION, CARD),
        ("QuestionsAnswered.LOCKED", "answers-locked", 3, SESSION, CARD),
        ("FreezeLifted", "card-stopped", 2, None, CARD),
        ("CardFrozen", "card-frozen", 0, None, CARD),
        ("AddressProposed", "address-waits", 0, None, ""),
        ("ColleagueVouched", "let-through", 0, SESSION, CARD),
    ],
)
async def test_R25_R41_R48_R64_what_was_done_is_one_letter_however_often_it_is_told(
    world: World, name: str, template: str, version: int, session: str | None, card_ref: str
) -> None:
    await take(world, name)
    assert await world.send_due() == 1
    await take(world, name)

    (row,) = await world.rows()
    (letter,) = world.mail.sent
    assert (row.template, row.address_version, row.card_ref) == (template, version, card_ref)
    assert (row.session_id, row.holder_ref) == (session or row.message_id, HOLDER)
    assert letter.message_id == row.message_id
    assert letter.return_token
    assert await world.told() == [("SENT", "")]


async def test_R48_a_failure_that_locks_nothing_is_no_letter(world: World) -> None:
    await take(world, "QuestionsAnswered")

    assert await world.rows() == []


@pytest.mark.parametrize(("given", "needed"), [(1, 2), (0, 0)])
async def test_a_colleagues_word_that_lets_nobody_through_is_no_letter(
    world: World, given: int, needed: int
) -> None:
    event = event_of("ColleagueVouched")
    word = ColleagueVouched.FromString(event.value)
    word.words_given, word.words_needed = given, needed
    await ProfileConsumer(world.deliveries).handle(replace(event, value=word.SerializeToString()))

    assert await world.rows() == []


@pytest.mark.parametrize("name", ["HolderRegistered", "QuestionsAnswered.LOCKED"])
async def test_F14_a_letter_to_a_version_that_stands_no_more_goes_nowhere(world: World, name: str) -> None:
    world.addresses.fails = [AddressChanged()]
    await take(world, name)
    await world.send_due()

    assert world.mail.sent == []
    assert await world.told() == [("NOT_SENT", "ADDRESS_CHANGED")]


async def test_R25_a_letter_of_an_address_that_waits_dies_with_the_proposal(world: World) -> None:
    late = replace(event_of("AddressProposed"), ce_id="late")
    world.mail.fails = [Unreachable()]
    await take(world, "AddressProposed")
    await world.send_due()
    (row,) = await world.rows()
    assert row.expires_at == NOON + timedelta(hours=24)
    world.clock.set(row.expires_at)
    await world.send_due()
    await ProfileConsumer(world.deliveries).handle(late)
    await world.send_due()

    assert world.mail.sent == []
    assert {row.state for row in await world.rows()} == {"NOT_SENT"}


async def test_R64_other_letters_are_news_for_a_day_from_when_they_are_taken(world: World) -> None:
    await take(world, "HolderRegistered")
    (row,) = await world.rows()

    assert row.expires_at == NOON + NOTICE_LIFETIME
