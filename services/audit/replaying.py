"""`audit replay`: messages that were set aside, read again by a version that may understand them.

What was set aside stays where it is, evidence that it came; a record that is there already changes nothing.
So it may be run at any time and as often as wanted.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, tuple_

from services.audit.domain.record import Message, Origin, Record, SetAside, SetAsideCause
from services.audit.ports import Reading
from services.audit.tables import RECORDS, SET_ASIDE
from services.runtime.database import Database

PAGE = 500

Stays = Callable[[Origin, str], None]
"""Is told which message stays set aside, and why."""

Keep = Callable[[Sequence[Message]], Awaitable[None]]

_KEY = (SET_ASIDE.c.topic, SET_ASIDE.c.partition, SET_ASIDE.c.kafka_offset)


@dataclass(frozen=True)
class Replayed:
    """What came of what was set aside. Second outcomes of a kind are left out: they never are records."""

    taken: int
    left: int


async def replay(database: Database, read: Reading, keep: Keep, stays: Stays) -> Replayed:
    """Store every message that is a record by now; count those that are there afterwards."""
    taken = left = 0
    async for page in _pages(database):
        readings = [(message, read(message)) for message in page]
        await keep([message for message, reading in readings if isinstance(reading, Record)])
        there = await _stored(database, [each.ce_id for _, each in readings if isinstance(each, Record)])
        for message, reading in readings:
            if isinstance(reading, Record) and reading.ce_id in there:
                taken += 1
            else:
                left += 1
                stays(message.origin, await _why(database, reading))
    return Replayed(taken, left)


async def _stored(database: Database, ids: Sequence[str]) -> set[str]:
    async with database.read() as connection:
        return set(await connection.scalars(select(RECORDS.c.ce_id).where(RECORDS.c.ce_id.in_(ids))))


async def _why(database: Database, reading: Record | SetAside) -> str:
    if isinstance(reading, SetAside):
        return reading.cause.value
    if (outcome := reading.outcome) is None:
        return SetAsideCause.UNREADABLE.value
    first = select(RECORDS.c.ce_id).where(
        RECORDS.c.session_id == outcome.session_id, RECORDS.c.kind == outcome.kind.value
    )
    async with database.read() as connection:
        known = await connection.scalar(first)
    return f"{SetAsideCause.REPEATED.value} of record {known}" if known else SetAsideCause.UNREADABLE.value


async def _pages(database: Database) -> AsyncIterator[list[Message]]:
    chosen = select(SET_ASIDE).where(SET_ASIDE.c.cause != SetAsideCause.REPEATED).order_by(*_KEY).limit(PAGE)
    after = chosen
    while True:
        async with database.read() as connection:
            rows = (await connection.execute(after)).all()
        if not rows:
            return
        yield [_message(row) for row in rows]
        last = rows[-1]
        after = chosen.where(tuple_(*_KEY) > tuple_(last.topic, last.partition, last.kafka_offset))


def _message(row: Row[Any]) -> Message:
    headers = tuple((name, bytes.fromhex(value)) for name, value in json.loads(row.headers))
    key = bytes(row.message_key) if row.message_key is not None else None
    return Message(Origin(row.topic, row.partition, row.kafka_offset), headers, key, bytes(row.body))
