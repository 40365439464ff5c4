"""The body of the stream: retries for ever, loses nothing, never raises."""

from collections.abc import Sequence
from datetime import datetime

from services.audit.consumer import read
from services.audit.domain.record import Message, SetAsideCause
from services.audit.ports import Batch, StoreBusy, Unstorable
from services.audit.use_cases import KeepRecords
from tests.fakes.clock import FakeClock
from tests.unit.audit.outcomes import message, outcome

MESSAGES = [
    message(outcome(session_id=f"s-{number}"), ce_id=f"e-{number}", offset=number) for number in range(7)
]


class FakeStore:
    """A store that fails as it is told to."""

    def __init__(self, fails: Sequence[Exception] = (), poison: str = "") -> None:
        self._fails = list(fails)
        self._poison = poison
        self.batches: list[Batch] = []
        self.recent: list[int] = []

    async def store(self, batch: Batch) -> None:
        if self._fails:
            raise self._fails.pop(0)
        if self._poison in [record.ce_id for record in batch.records]:
            raise Unstorable
        self.batches.append(batch)

    async def set_aside_since(self, instant: datetime) -> int:
        return self.recent.pop(0) if self.recent else 0


class Sleeps:
    """Waits for nobody, and remembers."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def keeper(store: FakeStore, sleeps: Sleeps) -> KeepRecords:
    return KeepRecords(store, read, FakeClock(), sleeps)


def stored(store: FakeStore) -> set[str]:
    return {record.ce_id for batch in store.batches for record in batch.records}


async def test_a_batch_is_one_transaction_with_its_offsets() -> None:
    store = FakeStore()
    await keeper(store, Sleeps()).keep(MESSAGES)

    (batch,) = store.batches
    assert len(batch.records) == 7
    assert [(run.first, run.last) for run in batch.runs] == [(0, 6)]


async def test_F8_F10_a_store_that_is_away_is_tried_until_it_is_back() -> None:
    store, sleeps = FakeStore([StoreBusy()] * 20), Sleeps()
    await keeper(store, sleeps).keep(MESSAGES)

    assert len(stored(store)) == 7
    assert sleeps.seconds[0] < sleeps.seconds[-1] <= 5.0


async def test_a_defect_loses_nothing() -> None:
    store = FakeStore([RuntimeError(), KeyError("x")])
    await keeper(store, Sleeps()).keep(MESSAGES)

    assert len(stored(store)) == 7


async def test_F25_a_message_that_no_store_takes_is_set_aside_alone() -> None:
    store = FakeStore(poison="e-4")
    await keeper(store, Sleeps()).keep(MESSAGES)

    aside = [item for batch in store.batches for item in batch.set_aside]
    assert stored(store) == {f"e-{number}" for number in range(7)} - {"e-4"}
    assert [(item.message.origin.offset, item.cause) for item in aside] == [(4, SetAsideCause.UNREADABLE)]


async def test_an_unreadable_message_is_stored_with_its_offset() -> None:
    store = FakeStore()
    odd = Message(MESSAGES[0].origin, (), None, b"\xff")
    await keeper(store, Sleeps()).keep([odd])

    assert [item.cause for item in store.batches[0].set_aside] == [SetAsideCause.UNREADABLE]
    assert len(store.batches[0].runs) == 1


async def test_F25_more_than_ten_set_aside_in_an_hour_stop_the_stream() -> None:
    store, sleeps = FakeStore(), Sleeps()
    store.recent = [11, 11, 10]
    await keeper(store, sleeps).calm()

    assert len(sleeps.seconds) == 2
