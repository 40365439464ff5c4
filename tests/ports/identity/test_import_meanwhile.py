"""An import while somebody freezes a card or changes contact details: PostgreSQL, two connections."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import event, select, text

from deploy.local.keys import Keys
from services.identity.directory import Remark
from services.identity.domain.holder import Address, FreezeToken
from services.identity.events import event_of
from services.identity.registry import SqlRegistry
from services.identity.storage import SqlStore, SqlWork
from services.identity.tables import addresses, cards, holders
from services.runtime.randomness import SystemRandomness
from tests.fakes.clock import NOON
from tests.ports.identity.world import CARD, CARD_REF, HOLDER, World, postgres_world

RENEWED = CARD | {"certificate_expires_at": "2028-03-02T12:00:00Z"}
RENAMED = HOLDER | {"name": "Test Holder Renamed", "email": "moved@example.org"}
TYPED = Address(2, "typed@example.org", NOON, "holder")
WAITING = text(
    "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
)


@pytest.fixture
async def on_postgres(request: pytest.FixtureRequest, keys: Keys) -> AsyncIterator[World]:
    """With connections that wait for a lock as long as the test needs to see it, not for 3 s."""
    async for made in postgres_world(request, keys):
        event.listen(made.database.engine.sync_engine, "connect", be_patient)
        yield made


def be_patient(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    for limit in ("lock_timeout", "statement_timeout"):
        cursor.execute(f"set {limit} = 0")
    cursor.close()
    connection.commit()


def begun(world: World) -> Any:
    return SqlStore(world.database, event_of, SystemRandomness()).begin("test.meanwhile")


async def until_it_waits(world: World) -> None:
    """Return once the import waits for a lock of the other connection."""
    async with asyncio.timeout(30):
        while True:
            async with world.database.read() as connection:
                if (await connection.execute(WAITING)).scalar_one():
                    return
            await asyncio.sleep(0.01)


async def imported_during(
    world: World, work: SqlWork, *records: dict[str, Any]
) -> asyncio.Task[list[Remark]]:
    """Start an import that the work holds up; it goes on when the work is committed."""
    running = asyncio.create_task(world.take(*records))
    await until_it_waits(world)
    return running


async def row_of(world: World, *columns: Any) -> tuple[Any, ...]:
    async with world.database.read() as connection:
        return tuple((await connection.execute(select(*columns))).one())


async def test_a_freeze_that_commits_during_an_import_stays(on_postgres: World) -> None:
    await on_postgres.populate()
    freeze = FreezeToken(b"", await on_postgres.holder_ref(), CARD_REF, NOON)
    async with begun(on_postgres) as work:
        assert await work.freeze(freeze, NOON) == [CARD_REF]
        running = await imported_during(on_postgres, work, RENEWED)

    assert await running == [Remark(1, "CARD_STAYS_FROZEN", taken=True)]
    assert await row_of(on_postgres, cards.c.status) == ("FROZEN",)


async def test_contact_details_that_are_stored_during_an_import_stay(on_postgres: World) -> None:
    await on_postgres.populate()
    ref = await on_postgres.holder_ref()
    async with begun(on_postgres) as work:
        await work.lock_holder(ref)
        await work.set_address(ref, TYPED)
        await work.set_mobile(ref, "+447700900000")
        running = await imported_during(on_postgres, work, RENAMED)

    assert await running == [Remark(1, "EMAIL_SET_HERE", taken=True)]
    kept = await row_of(on_postgres, holders.c.name, holders.c.address_version, holders.c.mobile)
    assert kept == ("Test Holder Renamed", 2, "+447700900000")
    async with on_postgres.database.read() as connection:
        found = await connection.execute(select(addresses.c.address).order_by(addresses.c.version))
        assert found.scalars().all() == [HOLDER["email"], TYPED.address]


async def test_the_statement_itself_thaws_nothing_that_the_plan_did_not_know_of(
    on_postgres: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SqlRegistry, "_locks", False)
    await on_postgres.populate()
    freeze = FreezeToken(b"", await on_postgres.holder_ref(), CARD_REF, NOON)
    async with begun(on_postgres) as work:
        await work.freeze(freeze, NOON)
        running = await imported_during(on_postgres, work, RENEWED)
    await running

    assert await row_of(on_postgres, cards.c.status) == ("FROZEN",)


async def test_lost_and_then_active_lifts_a_freeze_in_one_batch_too(world: World) -> None:
    await world.populate()
    await world.set_card_status("FROZEN")

    assert await world.take(CARD | {"status": "LOST"}, CARD) == []
    assert await row_of(world, cards.c.status) == ("ACTIVE",)
