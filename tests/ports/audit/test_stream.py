"""Whatever stands in a topic goes through Faust: stored, or set aside, and then done."""

import asyncio
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from sqlalchemy import select

from services.audit import app, repair
from services.audit.consumer import read
from services.audit.reports import SqlReports
from services.audit.storage import SqlStore
from services.audit.tables import SET_ASIDE
from services.audit.use_cases import KeepRecords
from services.runtime.clock import SystemClock
from services.runtime.database import Database
from tests.unit.audit.outcomes import message, outcome

POISON = [b"", b"\xff" * 10, b"\x00" * (900 * 1024), None]


async def test_F25_poison_is_set_aside_and_the_stream_goes_on(kafka: str, records: Database) -> None:
    topic, group = f"poison-{uuid4()}", f"group-{uuid4()}"
    good = message(outcome(), topic=topic)
    producer = AIOKafkaProducer(bootstrap_servers=kafka, max_request_size=2**20)
    await producer.start()
    for body in POISON:
        await producer.send_and_wait(topic, body, key=None if body else b"k", partition=0)
    await producer.send_and_wait(topic, b"\xff", headers=list(good.headers), partition=0)
    await producer.send_and_wait(topic, good.body, headers=list(good.headers), partition=0)
    await producer.stop()

    keeper = KeepRecords(SqlStore(records, SystemClock()), read, SystemClock())
    stream = asyncio.create_task(app.run_stream(kafka, [topic], group, keeper.keep, keeper.calm))
    try:
        async with asyncio.timeout(60):
            while await _committed(kafka, topic, group) != len(POISON) + 2:
                assert not stream.done()
                await asyncio.sleep(0.2)
    finally:
        stream.cancel()
        await asyncio.gather(stream, return_exceptions=True)

    # The last one is told on a topic that is not its service's own: no record either.
    assert await _causes(records) == ["UNREADABLE"] * 5 + ["NOT_THE_OWNER"]
    assert [(run.first, run.last) for run in await SqlReports(records).held()] == [(0, len(POISON) + 1)]


async def _committed(kafka: str, topic: str, group: str) -> int:
    found = await repair._committed(kafka, group, [topic])
    return next(iter(found.values()), 0)


async def _causes(records: Database) -> list[str]:
    async with records.read() as connection:
        chosen = select(SET_ASIDE.c.cause).order_by(SET_ASIDE.c.kafka_offset)
        return list((await connection.execute(chosen)).scalars())
