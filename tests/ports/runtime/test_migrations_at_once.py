"""Two replicas that start side by side, and both migrate, on PostgreSQL."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from deploy.local.postgres import Postgres
from services.audit.rights import ANALYST, READERS
from services.runtime.database import sync_url


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server of its own, with the roles that audit grants rights to."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    folder.chmod(0o755)  # the user `postgres` goes through it
    made = Postgres(folder / "server")
    made.start()
    engine = create_engine(sync_url(made.create_database()))
    with engine.begin() as connection:
        for role in (ANALYST, *READERS):
            connection.execute(text(f"CREATE ROLE {role}"))
    engine.dispose()
    yield made
    made.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("service", ["audit", "card_gateway", "identity", "notifier", "otp"])
def test_two_that_migrate_at_once_both_end_well(service: str, server: Postgres) -> None:
    assert migrate_twice(service, server.create_database()) == [0, 0]


def test_two_that_grant_the_same_rights_at_once_both_end_well(server: Postgres) -> None:
    url = server.create_database()

    assert [migrate_twice("audit", url) for _ in range(3)] == [[0, 0]] * 3


def migrate_twice(service: str, url: str) -> list[int]:
    """Migrate by two processes at once; how each ended."""
    environment = {"PATH": os.environ["PATH"], f"{service.upper()}_DATABASE_URL": url}
    argv = [sys.executable, "-m", f"services.{service}", "migrate"]
    both = [subprocess.Popen(argv, env=environment) for _ in range(2)]
    return [each.wait() for each in both]
