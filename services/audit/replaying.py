"""`audit replay`: messages that were set aside, read again by a version that may understand them.

What was set aside stays where it is, evidence that it came; a record that is there already changes nothing.
So it may be run at any time and as often as wanted.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, tuple_

from services.audit.domain.record import Message, Origin, Record, SetAsideCause
from services.audit.ports import Reading
from services.audit.tables import SET_ASIDE
from services.runtime.database import Database

PAGE = 500

Keep = Callable[[Sequence[Message]], Awaitable[None]]

_KEY = (SET_ASIDE.c.topic, SET_ASIDE.c.partition, SET_ASIDE.c.kafka_offset)


@dataclass(frozen=True)
class Replayed:
    """What came of what was set aside. Second outcomes of a kind are left out: they never are records."""

    taken: int
    left: int


async def replay(database: Database, read: Reading, keep: Keep) -> Replayed:
    """Store every message that is a record by now."""
    taken = left = 0
    async for page in _pages(database):
        messages = [message for message in page if isinstance(read(message), Record)]
        await keep(messages)
        taken, left = taken + len(messages), left + len(page) - len(messages)
    return Replayed(taken, left)


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
