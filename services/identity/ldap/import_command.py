"""`import` from an LDAP server: what the import of a file is, with an entry where that has a line."""

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.identity.directory import Import, Registry, Remark
from services.identity.feeds import Feeds
from services.identity.import_command import meaning, written_to
from services.identity.ldap.server import LdapFailed
from services.identity.ldap.source import LdapSource
from services.runtime.clock import Clock
from services.runtime.progress import Progress

OVERLAP = timedelta(minutes=15)
"""How much of the last run's time is read again: clocks differ, and replicas of a directory are late."""

NOT_MOVED = "FEED_NOT_MOVED: the next run reads the same again, or give --accept-refused"


@dataclass(frozen=True)
class Asked:
    """What the command was asked for."""

    dry_run: bool = False
    report: Path | None = None
    feed: str = ""
    """Empty: all entries, and nothing is noted."""
    accept_refused: bool = False


async def since_of(feed: str, feeds: Feeds) -> datetime | None:
    """Return from when on a feed needs what changed; None where it never ran, or there is no feed."""
    position = await feeds.position(_noted(feed)) if feed else 0
    return datetime.fromtimestamp(position, UTC) if position else None


async def import_ldap(
    asked: Asked,
    source: LdapSource,
    registry: AbstractAsyncContextManager[Registry],
    feeds: Feeds,
    clock: Clock,
) -> int:
    """Import a directory; 1 where rows were refused or roles kept, 2 where the server failed.

    What came before a failure is stored. The feed moves only when all was taken, so the next run reads
    again what this one may have lost.
    """
    began = clock.now()
    try:
        async with registry as into:
            counts = await _run(asked, source, into)
    except (OSError, LdapFailed) as error:
        print(f"UNREADABLE: {error}", file=sys.stderr)
        return 2
    whole = not source.kept and (not counts["refused"] or asked.accept_refused)
    if asked.feed and not asked.dry_run and whole:
        await feeds.moved(_noted(asked.feed), int((began - OVERLAP).timestamp()))
    for said in source.kept:
        print(said)
    if asked.feed and not whole:
        print(NOT_MOVED)
    print(("nothing written, as it would be: " if asked.dry_run else "") + json.dumps(counts))
    return 1 if counts["refused"] or source.kept else 0


async def _run(asked: Asked, source: LdapSource, into: Registry) -> dict[str, int]:
    bar, run = Progress(sys.stderr), Import(into)
    with written_to(asked.report) if asked.report else nullcontext(sys.stdout) as out:
        async for remark in run.run(_watched(source, bar)):
            bar.clear()
            print(_report_line(remark, source.reference(remark.line)), file=out)
    bar.clear()
    return run.counts


def _watched(source: LdapSource, bar: Progress) -> Iterator[str]:
    for line in source.lines():
        bar.at(0, source.count)
        yield line


def _report_line(remark: Remark, reference: str) -> str:
    said = {"entry": reference, "reason": remark.reason, "taken": remark.taken, "meaning": meaning(remark)}
    return json.dumps(said)


def _noted(feed: str) -> str:
    """Its times are not mistaken for the numbers of a file's feed."""
    return f"ldap:{feed}"


def _not_moved() -> str:
    return (
        "FEED_NOT_MOVED: the next run reads again what changed since the last whole one; or --accept-refused"
    )
