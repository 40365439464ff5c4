"""Dead letters taken again, once what could not read them is mended.

They are read where they lie, outside any group and as often as wanted: what was taken is known by its
`ce_id` (inbox), and what still cannot be read stays where it is.
"""

from dataclasses import dataclass

from services.runtime.broker import DEAD_LETTERS, Handler
from services.runtime.brokers import Brokers
from services.runtime.cloud_events import Unreadable, received
from services.runtime.told import every_record


@dataclass(frozen=True)
class Replayed:
    """What came of the dead letters of one topic."""

    topic: str
    taken: int
    """Read now; those that were taken before changed nothing."""
    left: int
    """Still not to be read."""

    def __str__(self) -> str:
        return f"{self.topic}: {self.taken} dead letters were read, {self.left} still cannot be"


async def replay(brokers: Brokers | str, topic: str, handle: Handler) -> Replayed:
    """Hand every dead letter of a topic to its handler, in order by key.

    Raises KafkaError or OSError where the broker cannot be asked, and whatever else the handler raises.
    """
    taken = left = 0
    async for record in every_record(brokers, topic + DEAD_LETTERS):
        try:
            await handle(received(topic, record.partition, record.offset, record.headers, record.value))
            taken += 1
        except Unreadable:
            left += 1
    return Replayed(topic, taken, left)
