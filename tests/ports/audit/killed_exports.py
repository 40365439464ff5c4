"""Export into FOLDER/whole undisturbed, and into FOLDER/killed with a SIGKILL at every step of every run.

`python -m tests.ports.audit.killed_exports FOLDER`; prints how many kills there were, and how many files were
seen after one that are not as they have to be. A fork is a process of its own: nothing is tidied up after it.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from services.audit.__main__ import MIGRATIONS
from services.audit.exporting import export
from services.audit.parquet import Folder
from services.runtime import faults
from services.runtime.database import Database, migrate
from tests.ports.audit.log import append_all, keep, sequencer_of
from tests.ports.audit.test_exporting import quiet, story

STEPS = 14
"""One segment has eleven: three pages, and before and after each of three files and the note."""


async def fill(url: str) -> None:
    await migrate(url, MIGRATIONS)
    records = Database(url)
    await keep(records, story())
    sequence = sequencer_of(records)
    await append_all(sequence)
    await sequence.sign()
    await records.close()


async def run(url: str, path: Path) -> None:
    records = Database(url)
    await export(records, Folder(path), quiet, 100)
    await records.close()


def forked(url: str, path: Path, step: int) -> bool:
    """Export in a process of its own that dies at that step; False where it was done before."""
    pid = os.fork()
    if pid == 0:
        left = iter(range(step - 1))
        faults.act = lambda _: None if next(left, None) is not None else os.kill(os.getpid(), signal.SIGKILL)
        asyncio.run(run(url, path))
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def main() -> None:
    folder = Path(sys.argv[1])
    url = f"sqlite+aiosqlite:///{folder / 'audit.db'}"
    asyncio.run(fill(url))
    forked(url, folder / "whole", 10_000)
    right = {file.read_bytes() for file in (folder / "whole").rglob("*.parquet")}
    kills = odd = 0
    while forked(url, folder / "killed", 1 + kills % STEPS):
        kills += 1
        seen = (folder / "killed").rglob("[!.]*.parquet")
        odd += sum(file.read_bytes() not in right for file in seen)
    print(kills, odd)


if __name__ == "__main__":
    main()
