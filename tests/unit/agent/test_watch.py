"""The watch starts over after every error, and never shows old facts as new."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from smartcard_unlock.card_gateway.v1 import agents_pb2 as pb

from services.agent import wire
from services.agent.backoff import Backoff
from services.agent.facts import ReaderState
from services.agent.pcsc_codes import (
    COUNTER_SHIFT,
    NO_READERS,
    NO_SERVICE,
    SERVICE_STOPPED,
    STATE_MUTE,
    STATE_PRESENT,
    STATE_STORAGE_CARD,
    UNKNOWN_READER,
)
from services.agent.ports import PcscError
from services.agent.readers import storage_card
from services.agent.watch import Watch
from tests.unit.agent.world import EMPTY, PRESENT, READER, FakeService


@asynccontextmanager
async def followed(service: FakeService) -> AsyncIterator[Watch]:
    """Follow the readers until the block ends."""
    watch = Watch(service, Backoff(0.001, 0.002, lambda: 0.5))
    following = asyncio.create_task(watch.run())
    yield watch
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following


async def becomes(watch: Watch, state: ReaderState) -> None:
    async with asyncio.timeout(20):
        while watch.facts.state is not state:
            await watch.differs(watch.facts)


@pytest.mark.parametrize("code", [NO_SERVICE, SERVICE_STOPPED, 0x80100001])
async def test_a_service_that_went_away_is_told_and_followed_again(code: int) -> None:
    service = FakeService()
    async with followed(service) as watch:
        service.states.put(PRESENT)
        await becomes(watch, ReaderState.CARD)

        service.states.put(PcscError(code))
        await becomes(watch, ReaderState.READER_SERVICE_DOWN)

        service.states.put(PRESENT)
        await becomes(watch, ReaderState.CARD)


async def test_the_last_reader_unplugged_is_no_reader_and_not_a_dead_service() -> None:
    service = FakeService()
    async with followed(service) as watch:
        service.states.put(PRESENT)
        await becomes(watch, ReaderState.CARD)

        service.states.put(PcscError(NO_READERS))
        await becomes(watch, ReaderState.NO_READER)


async def test_a_reader_unplugged_between_two_looks_does_not_look_like_a_dead_service() -> None:
    service, told = FakeService(), list[ReaderState]()
    async with followed(service) as watch:
        service.states.put(PRESENT)
        await becomes(watch, ReaderState.CARD)
        service.states.put(PcscError(UNKNOWN_READER))
        service.states.put(EMPTY)

        told.append((await watch.differs(watch.facts)).state)

    assert told == [ReaderState.NO_CARD]


async def test_R45_a_card_the_wrong_way_round_is_mute() -> None:
    service = FakeService()
    async with followed(service) as watch:
        service.states.put({READER: STATE_PRESENT | STATE_MUTE})

        await becomes(watch, ReaderState.CARD_MUTE)


async def test_S35_a_card_keeps_its_losses_until_it_was_out() -> None:
    """A card that was exchanged between two looks has another count of events, and so its own losses."""
    watch = Watch(FakeService(), Backoff(1, 1, lambda: 0.5))
    first_card, second_card = (
        {READER: STATE_PRESENT | 1 << COUNTER_SHIFT},
        {READER: STATE_PRESENT | 3 << COUNTER_SHIFT},
    )

    watch._judged(first_card)
    first = watch.insertion(READER)
    watch._judged(first_card)
    assert watch.insertion(READER) is first

    watch._judged(second_card)
    assert watch.insertion(READER) is not first


async def test_a_card_without_contacts_is_told_and_not_taken() -> None:
    service = FakeService()
    async with followed(service) as watch:
        service.states.put({READER: STATE_PRESENT | STATE_STORAGE_CARD})

        await becomes(watch, ReaderState.CONTACTLESS)
        assert watch.facts.card_reader is None
        told = wire.to_facts(watch.facts)
        assert [reader.presence for reader in told.readers] == [pb.CARD_PRESENCE_EMPTY]


@pytest.mark.parametrize(
    ("atr", "is_one"),
    [
        ("3B8F8001804F0CA000000306030001000000006A", True),  # MIFARE Classic 1K. Source: PC/SC part 3
        ("3B80800101", False),
        ("", False),
    ],
)
def test_a_card_without_contacts_is_known_by_the_answer_that_its_reader_makes_up(
    atr: str, is_one: bool
) -> None:
    assert bool(storage_card(bytes.fromhex(atr))) is is_one
