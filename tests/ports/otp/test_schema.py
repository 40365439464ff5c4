"""What migrations make is what the code believes, and hot statements find their rows by an index."""

import re

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from services.otp.tables import metadata
from tests.ports.otp.world import World


async def test_migrations_make_the_tables_of_the_code(world: World) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with world.database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


@pytest.mark.parametrize("call", ["issue", "redeem", "status"])
async def test_P16_hot_statements_use_an_index(world: World, call: str) -> None:
    await world.issue()
    code = await world.code()
    world.statements.clear()
    await {"issue": world.issue, "redeem": lambda: world.redeem(code)}.get(
        call, lambda: world.codes.status(world.grant())
    )()
    reads = [each for each in world.statements if each.startswith(("SELECT", "UPDATE"))]

    assert reads
    for statement in reads:
        plan = await explained(world, statement)
        assert "Seq Scan" not in plan, plan
        assert "SCAN codes" not in plan, plan
        assert "SCAN ledgers" not in plan, plan


async def explained(world: World, statement: str) -> str:
    """Return the plan of a statement for parameters that are not known yet."""
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
