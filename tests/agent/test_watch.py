"""What the agent sees of readers and cards, through the real PC/SC service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from deploy.local.pcsc import READERS, OwnPcscd
from services.agent.backoff import Backoff
from services.agent.facts import ReaderState
from services.agent.readers import PcscService
from services.agent.watch import Watch
from tests.agent.cards import new_card

pytestmark = pytest.mark.pcsc


@pytest.fixture
async def watch(pcsc: OwnPcscd) -> AsyncIterator[Watch]:
    watch = Watch(PcscService(), Backoff(0.05, 0.5, lambda: 0.5))
    following = asyncio.create_task(watch.run())
    yield watch
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following


async def becomes(watch: Watch, state: ReaderState) -> None:
    """Wait until the readers are so."""
    async with asyncio.timeout(60):
        while watch.facts.state is not state:
            await watch.differs(watch.facts)


async def test_R45_a_card_is_seen_as_it_comes_and_goes(pcsc: OwnPcscd, watch: Watch) -> None:
    await becomes(watch, ReaderState.NO_CARD)

    pcsc.insert(new_card(pcsc))
    await becomes(watch, ReaderState.CARD)
    assert watch.facts.card_reader == READERS[0]

    pcsc.remove()
    await becomes(watch, ReaderState.NO_CARD)


async def test_R45_two_cards_are_no_card(pcsc: OwnPcscd, watch: Watch) -> None:
    pcsc.insert(new_card(pcsc))
    pcsc.insert(new_card(pcsc), slot=1)

    await becomes(watch, ReaderState.TWO_CARDS)
    assert watch.facts.card_reader is None

    pcsc.remove(0)
    await becomes(watch, ReaderState.CARD)
    assert watch.facts.card_reader == READERS[1]


async def test_a_killed_service_is_told_and_found_again_by_the_same_watch(
    pcsc: OwnPcscd, watch: Watch
) -> None:
    pcsc.insert(new_card(pcsc))
    await becomes(watch, ReaderState.CARD)

    pcsc.kill_service()
    await becomes(watch, ReaderState.READER_SERVICE_DOWN)
    pcsc.start_service()

    await becomes(watch, ReaderState.CARD)


async def test_a_service_that_hangs_is_told_and_found_again(pcsc: OwnPcscd, watch: Watch) -> None:
    pcsc.insert(new_card(pcsc))
    await becomes(watch, ReaderState.CARD)

    pcsc.freeze_service()
    try:
        await becomes(watch, ReaderState.READER_SERVICE_DOWN)
    finally:
        pcsc.thaw_service()

    await becomes(watch, ReaderState.CARD)


async def test_each_insertion_counts_its_own_losses(pcsc: OwnPcscd, watch: Watch) -> None:
    name = new_card(pcsc)
    pcsc.insert(name)
    await becomes(watch, ReaderState.CARD)
    first = watch.insertion(READERS[0])

    assert watch.insertion(READERS[0]) is first

    pcsc.remove()
    await becomes(watch, ReaderState.NO_CARD)
    pcsc.insert(name)
    await becomes(watch, ReaderState.CARD)
    assert watch.insertion(READERS[0]) is not first
