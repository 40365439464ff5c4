"""PostgreSQL for a bench: one that waits for its disk, and plain connections to it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from deploy.local.postgres import Postgres


@contextmanager
def durable_postgres() -> Iterator[tuple[Path, Postgres]]:
    """Start a server in a folder of its own; both are gone after the block."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = Postgres(folder / "postgres", durable=True)
        try:
            postgres.start()
            yield folder, postgres
        finally:
            postgres.stop()


class Connections:
    """So many connections of psycopg's, none of SQLAlchemy's."""

    def __init__(self, url: str, count: int) -> None:
        self._url = url.replace("postgresql+psycopg:", "postgresql:")
        self._count = count
        self.idle: list[psycopg.AsyncConnection] = []

    async def open(self) -> None:
        self.idle = [await psycopg.AsyncConnection.connect(self._url) for _ in range(self._count)]

    async def close(self) -> None:
        for connection in self.idle:
            await connection.close()
