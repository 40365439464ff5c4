"""A service's database with outbox and inbox, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from smartcard_unlock.otp.v1 import otp_events_pb2
from sqlalchemy import Column, Integer, MetaData, Table

from services.runtime.database import Database
from services.runtime.inbox import inbox_table
from services.runtime.outbox import Event, outbox_tables
from tests.fakes.clock import NOON

METADATA = MetaData()
OUTBOX, POSITION = outbox_tables(METADATA)
INBOX = inbox_table(METADATA)
COUNTS = Table("counts", METADATA, Column("number", Integer, primary_key=True))


def event(topic: str, session_id: str, number: int) -> Event:
    message = otp_events_pb2.CodeRequested(session_id=session_id, codes_in_session=number)
    return Event(topic, session_id, message, NOON + timedelta(seconds=number))


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite+aiosqlite:///{tmp_path}/world.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    database = Database(url)
    async with database.engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    yield database
    await database.close()
