"""How long an inclusion proof takes in a log of a million leaves, beside reading one row by its key.

`python -m bench.inclusion_proofs [LEAVES]`: blocks A B B A on one PostgreSQL. A = the newest head, and the
proof of a leaf somewhere, as `GetReceipt` makes it; B = one leaf by its primary key. Says the most hashes and
the most tiles that a proof took; each proof is verified against the head's root, outside of the time.
"""

import asyncio
import hashlib
import random
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from sqlalchemy import select

from bench.blocks import interleaved, print_table
from deploy.local.postgres import Postgres
from services.audit.__main__ import MIGRATIONS
from services.audit.domain.checkpoint import Head
from services.audit.domain.merkle import RightEdge, Tile
from services.audit.log_storage import add_head
from services.audit.ports import SignedHead
from services.audit.receipts import Proofs, newest_head
from services.audit.tables import LEAVES
from services.runtime import logs
from services.runtime.database import Database, migrate
from tests.unit.audit.proofs import included

LEAVES_IN_ALL = 1_000_000
PROOFS = 400
ORDER = "ABBAABBAABBAAB"


def leaf_hash(place: int) -> bytes:
    return hashlib.sha256(place.to_bytes(8, "big")).digest()


class Log:
    """A log of so many leaves, and what its proofs took."""

    def __init__(self, database: Database, size: int) -> None:
        self._database = database
        self._size = size
        self._choice = random.Random(1)
        self._made: list[tuple[int, list[bytes]]] = []
        self.root = b""
        self.most_tiles = 0

    async def fill(self, url: str) -> None:
        """Put leaves, tiles and one head into the tables."""
        edge = RightEdge()
        with psycopg.connect(url.replace("postgresql+psycopg:", "postgresql:")) as connection:
            tiles = []
            with connection.cursor() as cursor, cursor.copy("COPY leaves FROM STDIN") as copy:
                for place in range(self._size):
                    copy.write_row((place, f"e-{place:012}", leaf_hash(place)))
                    tiles += edge.append(leaf_hash(place))
            with connection.cursor() as cursor, cursor.copy("COPY tiles FROM STDIN") as copy:
                for row in _rows(tiles):
                    copy.write_row(row)
            connection.commit()
            connection.autocommit = True
            connection.execute("ANALYZE")
        self.root = edge.root()
        async with self._database.begin("bench.head") as connection:
            head = SignedHead(Head(self._size, self.root, "unsigned"), datetime(2026, 11, 21, tzinfo=UTC))
            await add_head(connection, head, edge.peaks())

    async def prove(self, times: int) -> None:
        """Subject."""
        for _ in range(times):
            place = self._choice.randrange(self._size)
            async with self._database.read() as connection:
                head = await newest_head(connection)
                assert head is not None
                proofs = Proofs(connection, head)
                self._made.append((place, await proofs.inclusion(place)))
            self.most_tiles = max(self.most_tiles, proofs.tiles_read)

    async def read(self, times: int) -> None:
        """Floor."""
        for _ in range(times):
            place = self._choice.randrange(self._size)
            async with self._database.read() as connection:
                await connection.execute(select(LEAVES).where(LEAVES.c.leaf_index == place))

    def judge(self) -> int:
        """Verify every proof; return the most hashes of one."""
        for place, proof in self._made:
            assert included(place, self._size, leaf_hash(place), proof, self.root)
        return max(len(proof) for _, proof in self._made)


def _rows(tiles: list[Tile]) -> Iterator[tuple[int, int, bytes, bytes]]:
    for tile in tiles:
        yield tile.level, tile.number, tile.root, b"".join(tile.hashes)


async def measure(url: str, size: int) -> None:
    await migrate(url, MIGRATIONS)
    database = Database(url)
    log = Log(database, size)
    try:
        await log.fill(url)
        found = await interleaved({"A": log.prove, "B": log.read}, ORDER, PROOFS)
    finally:
        await database.close()
    names = {"A": "A: head and inclusion proof", "B": "B: one row by its key"}
    print_table(found, names, [("A", "B")], f"proofs a second, {size:,} leaves")
    print(f"at most {log.judge()} hashes and {log.most_tiles} tiles a proof; every proof was verified")


def main() -> None:
    """Start the server, measure, print."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else LEAVES_IN_ALL
    logs.configure("bench", "WARNING")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        Path(name).chmod(0o755)
        postgres = Postgres(Path(name) / "postgres", durable=True)
        try:
            postgres.start()
            asyncio.run(measure(postgres.create_database(), size))
        finally:
            postgres.stop()


if __name__ == "__main__":
    main()
