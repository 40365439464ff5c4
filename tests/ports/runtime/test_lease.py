"""A lease that nobody gives back is found and ended as the runbook says."""

import asyncio
import re
from pathlib import Path

from sqlalchemy import text

from services.runtime.database import Database
from services.runtime.lease import Lease, NotLeader

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbooks" / "lease-stuck.md"


async def leads(database: Database) -> bool:
    try:
        async with Lease(database, "relay"):
            return True
    except NotLeader:
        return False


async def test_I14_the_runbooks_words_find_who_holds_a_lease_and_end_it(postgres_url: str) -> None:
    find, end = re.findall(r"```sql\n(.*?)```", RUNBOOK.read_text(), re.S)
    gone, other = Database(postgres_url), Database(postgres_url)
    lease = Lease(gone, "relay")
    await lease.__aenter__()
    assert not await leads(other)

    async with other.engine.connect() as connection:
        (holder,) = (await connection.execute(text(find.strip().rstrip(";")))).all()
        await connection.execute(text(end.strip().rstrip(";")), {"pid": holder.pid})

    async with asyncio.timeout(30):
        while not await leads(other):  # PostgreSQL answers before the other backend has ended
            await asyncio.sleep(0.05)
    await lease.__aexit__()
    await other.close()
    await gone.close()
