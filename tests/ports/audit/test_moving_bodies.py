"""The step that gives bodies a table of their own, while a store of the version before goes on writing."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

from services.audit.__main__ import MIGRATIONS
from services.audit.storage import microseconds
from services.runtime.database import sync_url
from tests.unit.audit.outcomes import NOON

ROWS = 12_000
INSERT = text(
    "INSERT INTO records (ce_id, ce_type, source, subject, occurred_us, relayseq, traceparent, topic, "
    "partition, kafka_offset, body, stored_us) "
    "VALUES (:ce_id, 't', 's', 's', 0, 0, '', 't', 0, 0, :body, :stored_us)"
)


@pytest.fixture(params=["sqlite", "postgres"])
def before(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    """A database as the version before left it."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'audit.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    command.upgrade(config, "0006")
    return config


def row(number: int) -> dict[str, object]:
    """Of three years, one of which nobody made a month for."""
    stored = microseconds(NOON) - number % 3 * 400 * 86_400_000_000
    return {"ce_id": f"e-{number:06}", "body": str(number).encode(), "stored_us": stored}


def kept(connection: Connection) -> dict[str, bytes]:
    joined = text(
        "SELECT records.ce_id, bodies.body FROM records LEFT JOIN bodies "
        "ON bodies.ce_id = records.ce_id AND bodies.stored_us = records.stored_us"
    )
    return {ce_id: body and bytes(body) for ce_id, body in connection.execute(joined)}


def test_F21_every_body_is_moved_and_those_that_an_old_store_writes_meanwhile(before: Config) -> None:
    engine = create_engine(sync_url(before.attributes["url"]))
    with engine.begin() as connection:
        connection.execute(INSERT, [row(number) for number in range(ROWS)])
    written = ROWS
    if engine.dialect.name == "postgresql":
        written = written_while(lambda: command.upgrade(before, "head"), before)
    else:
        command.upgrade(before, "head")

    with engine.connect() as connection:
        found = kept(connection)
    engine.dispose()
    assert found == {f"e-{number:06}": str(number).encode() for number in range(written)}
    assert written > ROWS or engine.dialect.name == "sqlite"


def written_while(migrate: Callable[[], None], before: Config) -> int:
    """Write as the version before does until its column is gone; how many rows there are then."""
    migrating = threading.Thread(target=migrate)
    engine = create_engine(sync_url(before.attributes["url"]))
    number = ROWS
    migrating.start()
    while True:
        meanwhile = migrating.is_alive()  # it may end as soon as a row is written
        try:
            with engine.begin() as connection:
                connection.execute(INSERT, row(number))
            number += 1
            assert meanwhile, "the migration ended, and the column is still there"
        except DBAPIError as error:
            if 'column "body"' in str(error.orig):
                break
            if not meanwhile:
                raise
    migrating.join()
    engine.dispose()
    return number


@pytest.mark.parametrize("before", ["postgres"], indirect=True)
def test_two_migrations_at_once_and_somebody_who_reads_for_long(before: Config) -> None:
    engine = create_engine(sync_url(before.attributes["url"]))
    with engine.begin() as connection:
        connection.execute(INSERT, [row(number) for number in range(9)])
    environment = {"PATH": os.environ["PATH"], "AUDIT_DATABASE_URL": before.attributes["url"]}
    command_line = [sys.executable, "-m", "services.audit", "migrate"]
    refused = text(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock' "
        "AND relation = 'records'::regclass"
    )
    with engine.connect() as reader, engine.connect() as watch:
        reader.execute(text("SELECT count(*) FROM records"))
        migrating = [subprocess.Popen(command_line, env=environment) for _ in range(2)]
        until(watch, lambda: watch.execute(refused).scalar() == 1)
        until(watch, lambda: watch.execute(refused).scalar() == 0)  # it gave up waiting
        assert [each.poll() for each in migrating] == [None, None]
    assert [each.wait() for each in migrating] == [0, 0]

    with engine.connect() as connection:
        assert len(kept(connection)) == 9
    engine.dispose()


def until(watch: Connection, so: Callable[[], bool]) -> None:
    """Look until it is so, for a minute at most; each time with fresh eyes."""
    end = time.monotonic() + 60
    while not so():
        assert time.monotonic() < end
        watch.rollback()
        time.sleep(0.05)


def test_the_step_is_run_again_where_it_was_stopped(before: Config) -> None:
    engine = create_engine(sync_url(before.attributes["url"]))
    with engine.begin() as connection:
        connection.execute(INSERT, [row(number) for number in range(9)])
    command.upgrade(before, "head")
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '0006'"))
        command.upgrade(before, "head")

    with engine.connect() as connection:
        assert len(kept(connection)) == 9
    engine.dispose()
