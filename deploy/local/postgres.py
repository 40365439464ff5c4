"""PostgreSQL for the tests: one server in a folder of its own, on 127.0.0.1 and a free port.

PostgreSQL refuses to run as root; then it runs as the user `postgres` that its Debian package makes.
"""

import itertools
import os
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from deploy.local.child import Child, ChildFailed, free_port

FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""For tests that ask nothing of a power cut; `durable=True` leaves them out."""


class Postgres:
    """One server. Stopped and started again, it keeps its data and its port."""

    def __init__(
        self, folder: Path, *, port: int = 0, durable: bool = False, max_connections: int = 300
    ) -> None:
        """`folder` must lie where the user `postgres` may go, as the system's temporary folder does."""
        self._data, self._port, self._numbers = folder / "data", port or free_port(), itertools.count(1)
        options = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            f"max_connections={max_connections}",
        ]
        options += [] if durable else FAST
        self._child = Child(
            "postgres",
            [*_as_user(), str(_binary("postgres")), "-D", str(self._data), "-p", str(self._port),
             *(part for option in options for part in ("-c", option))],
            folder / "postgres.log",
            ready_line="database system is ready to accept connections",
            stop_signal=signal.SIGINT,  # fast shutdown; SIGTERM would wait for every client
        )  # fmt: skip

    @property
    def child(self) -> Child:
        """The process, for those who watch it."""
        return self._child

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return self._port

    def start(self, seconds: float = 60) -> None:
        """Prepare, start, and wait until it serves. Raises ChildFailed."""
        self.prepare()
        self._child.start(seconds)

    def prepare(self) -> None:
        """Make its cluster if there is none."""
        if not self._data.exists():
            self._initialise()

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back."""
        self._child.stop(15)

    def kill(self) -> None:
        """End it and all its backends as a power cut would."""
        self._child.kill()

    def url(self, database: str) -> str:
        """The SQLAlchemy address of one of its databases."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/{database}"

    def create_database(self, template: str | None = None, name: str | None = None) -> str:
        """A fresh database, empty or a copy of the database `template`; its SQLAlchemy address."""
        name = name or f"test_{os.getpid()}_{next(self._numbers)}"
        with psycopg.connect(
            f"host=127.0.0.1 port={self._port} user=postgres", autocommit=True
        ) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template or "template0")
                )
            )
        return self.url(name)

    def _initialise(self) -> None:
        self._data.mkdir(parents=True, mode=0o700)
        if os.geteuid() == 0:
            self._data.parent.chmod(0o755)
            shutil.chown(self._data, "postgres")
        argv = [*_as_user(), str(_binary("initdb")), "-D", str(self._data), "-U", "postgres"]
        done = subprocess.run(
            [*argv, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
            capture_output=True, text=True, timeout=120, cwd="/",
        )  # fmt: skip
        if done.returncode:
            raise ChildFailed(f"PostgreSQL's initdb failed\n{done.stderr}")


def _as_user() -> list[str]:
    # setpriv becomes the server itself, so that our signals reach it; runuser would stand between.
    # A change of user clears the death signal that a Child sets, hence --pdeathsig.
    user = ["--reuid=postgres", "--regid=postgres", "--init-groups"]
    return ["setpriv", *user, "--pdeathsig=INT", "--"] if os.geteuid() == 0 else []


def _binary(name: str) -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not found:
        raise ChildFailed("PostgreSQL is missing: `make setup` installs the package postgresql")
    return found[-1]
