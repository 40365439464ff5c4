"""What Kafka takes for done and the ledger does not hold is found, and read again."""

from collections.abc import Sequence
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from services.audit import repair
from services.audit.consumer import read
from services.audit.domain.ledger import Run
from services.audit.domain.record import Message, Origin
from services.audit.reports import SqlReports
from services.audit.storage import SqlStore
from services.audit.use_cases import KeepRecords
from services.runtime.database import Database
from tests.fakes.clock import FakeClock
from tests.unit.audit.outcomes import message, outcome


async def produce(kafka: str, topic: str, count: int) -> list[Message]:
    sent = [
        message(outcome(session_id=f"s-{n}"), ce_id=f"e-{n}", offset=n, topic=topic) for n in range(count)
    ]
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    for item in sent:
        await producer.send_and_wait(topic, item.body, partition=0, headers=list(item.headers))
    await producer.stop()
    return sent


async def take_without_storing(kafka: str, topic: str, group: str, up_to: int) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
    await consumer.start()
    at = TopicPartition(topic, 0)
    consumer.assign([at])
    await consumer.commit({at: up_to})
    await consumer.stop()


async def test_I6_a_hole_is_found_and_read_again(kafka: str, records: Database) -> None:
    topic, group = f"repair-{uuid4()}", f"group-{uuid4()}"
    sent = await produce(kafka, topic, 10)
    await take_without_storing(kafka, topic, group, 10)
    kept: list[Origin] = []
    keeper = KeepRecords(SqlStore(records, FakeClock()), read, FakeClock())
    await keeper.keep(sent[2:4] + sent[6:8])

    async def keep(messages: Sequence[Message]) -> None:
        kept.extend(item.origin for item in messages)
        await keeper.keep(messages)

    held = SqlReports(records).held
    holes = await repair.find_missing(kafka, group, [topic], held)
    counts = [await repair.read_again(kafka, hole, keep) for hole in holes]

    assert holes == [Run(topic, 0, 0, 1), Run(topic, 0, 4, 5), Run(topic, 0, 8, 9)]
    assert counts == [2, 2, 2]
    assert [origin.offset for origin in kept] == [0, 1, 4, 5, 8, 9]
    assert await repair.find_missing(kafka, group, [topic], held) == []


async def test_a_group_that_never_committed_misses_nothing(kafka: str, records: Database) -> None:
    held = SqlReports(records).held

    assert await repair.find_missing(kafka, f"group-{uuid4()}", ["t"], held) == []
