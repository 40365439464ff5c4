"""What migrations make is what the code believes, and every statement of a journey uses an index."""

import re

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from services.card_gateway.tables import metadata
from tests.ports.card_gateway.world import NEW_PINS, World, authorised, card_in_reader


async def test_migrations_make_the_tables_of_the_code(world: World) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with world.database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_P16_every_statement_of_a_journey_finds_its_rows_by_an_index(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    world.statements.clear()
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    await agent.work()
    hot = {each for each in world.statements if each.startswith(("SELECT", "UPDATE", "DELETE"))}

    assert len(hot) > 10
    for statement in hot:
        plan = await explained(world, statement)
        assert "Seq Scan" not in plan, (statement, plan)
        assert not re.search(r"SCAN (?!anon_)\w+(?! USING)\b(?!.*USING)", plan), (statement, plan)


async def explained(world: World, statement: str) -> str:
    """The plan of a statement for parameters that are not known yet."""
    async with world.database.engine.connect() as connection:
        if not world.database.is_postgresql:
            unknown = (None,) * statement.count("?")
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", unknown)
            return "\n".join(str(row) for row in rows.all())
        names = re.findall(r"%\((\w+)\)s", statement)
        for number, name in enumerate(names, 1):
            statement = statement.replace(f"%({name})s", f"${number}", 1)
        # The tables of a test are too small for an index to pay.
        await connection.execute(text("SET enable_seqscan = off"))
        await connection.execute(text("SET plan_cache_mode = force_generic_plan"))
        await connection.exec_driver_sql(f"PREPARE hot AS {statement}")
        rows = await connection.exec_driver_sql(f"EXPLAIN EXECUTE hot({', '.join(['NULL'] * len(names))})")
        plan = "\n".join(str(row) for row in rows.all())
        await connection.exec_driver_sql("DEALLOCATE hot")
        return plan
