"""`audit store` with a fault that strikes inside a batch; what the process then does is under test.

The environment says which fault, how often in all, and in which file the strikes are counted, so that every
point is struck in turn and the fault then stops.
"""

import asyncio
import os
import signal
from pathlib import Path

from services.audit import app
from services.audit.__main__ import store
from services.audit.ports import Batch
from services.audit.storage import SqlStore
from services.runtime import faults, process

POINTS = ("audit.store.before_commit", "audit.store.after_commit", "audit.store.before_ack")

PASSES = 2
"""Times that a worker gets past a point before it is struck there."""


class Planted(Exception):
    """A fault of the test."""


class Fault:
    """One fault, which strikes at each point in turn until it has struck often enough."""

    def __init__(self) -> None:
        self._name = os.environ["AUDIT_FAULT"]
        self._limit = int(os.environ["AUDIT_FAULT_HITS"])
        self._struck = Path(os.environ["AUDIT_FAULT_FILE"])
        self._passed = 0

    def __call__(self, point: str) -> None:
        hits = len(self._struck.read_text().splitlines()) if self._struck.exists() else 0
        if hits >= self._limit or point != POINTS[hits % len(POINTS)]:
            return
        self._passed += 1
        if self._passed > PASSES:
            self._passed = 0
            with self._struck.open("a") as file:
                file.write(f"{point}\n")
            self._strike()

    def _strike(self) -> None:
        if self._name == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self._name == "cancel":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        if self._name == "raise":
            raise Planted


async def store_slowly(store: SqlStore, batch: Batch) -> None:
    """A slow database: what is acknowledged too early is committed before it is stored."""
    await asyncio.sleep(20 * app.COMMIT_SECONDS)
    await store_at_once(store, batch)


store_at_once = SqlStore.store

if __name__ == "__main__":
    faults.act = Fault()
    app.COMMIT_SECONDS = 0.005
    SqlStore.store = store_slowly  # type: ignore[method-assign, assignment]
    # A killed worker keeps its partitions for as long: the test has other things to wait for.
    app.SESSION_SECONDS = float(os.environ["AUDIT_SESSION_SECONDS"])
    app.BATCH = int(os.environ["AUDIT_BATCH"])
    process.main("audit", {"store": store})
