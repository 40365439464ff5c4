"""`audit export`: every signed record as Parquet, a folder a month, for analysts. D2.

The log is cut into segments of so many places; a segment gives one file for each month that its records
happened in. Places never change, so a whole segment gives the same files for ever and is not written again;
only the last one, which still grows, is. One page of records is in memory at a time.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.segment import Segment
from services.audit.parquet import Folder
from services.audit.storage import instant_of
from services.audit.tables import ANALYST_RECORDS, HEADS
from services.runtime.database import Database

SEGMENT = 1 << 17
"""Places a segment."""

PAGE = 1 << 14
"""Records read at once, and of one month a row group of a file."""

Told = Callable[[Segment, int], None]
"""Hears of each segment that was written, and how many records are signed."""


@dataclass(frozen=True)
class Exported:
    """What the folder holds now."""

    records: int
    written: int
    """Segments that were written; all others were whole."""


async def export(database: Database, folder: Folder, told: Told, places: int = SEGMENT) -> Exported:
    """Bring a folder up to the newest head. Raises OSError; BlockingIOError while another export writes."""
    size = await _signed(database)
    written = 0
    with folder.held():
        for first in range(0, size, places):
            segment = Segment(first, min(first + places, size))
            if not folder.is_whole(segment):
                await _write(database, folder, segment)
                told(segment, size)
                written += 1
    return Exported(size, written)


async def _signed(database: Database) -> int:
    """How many records the newest head covers."""
    async with database.read() as connection:
        return int(await connection.scalar(select(func.max(HEADS.c.size))) or 0)


async def _write(database: Database, folder: Folder, segment: Segment) -> None:
    with folder.files_of(segment) as files:
        async for page in _pages(database, segment):
            for month, rows in _by_month(page).items():
                files.add(month, rows)


async def _pages(database: Database, segment: Segment) -> AsyncIterator[Sequence[Any]]:
    for first in range(segment.first, segment.end, PAGE):
        async with database.read() as connection:
            page = await _page(connection, first, min(first + PAGE, segment.end))
        yield page


async def _page(connection: AsyncConnection, first: int, end: int) -> Sequence[Any]:
    place = ANALYST_RECORDS.c.place
    chosen = select(ANALYST_RECORDS).where(place >= first, place < end).order_by(place)
    return (await connection.execute(chosen)).mappings().all()


def _by_month(page: Sequence[Any]) -> dict[str, list[dict[str, Any]]]:
    months: dict[str, list[dict[str, Any]]] = {}
    for row in page:
        occurred, stored = instant_of(row["occurred_us"]), instant_of(row["stored_us"])
        months.setdefault(f"{occurred:%Y-%m}", []).append(
            {**row, "occurred_at": occurred, "stored_at": stored}
        )
    return months
