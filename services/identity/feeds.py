"""How far each feed of changes was taken: deltas come by number, each once, and none is left out.

A directory that sends only what changed numbers its deltas. One that was taken is not taken again, and one
that comes before its turn is refused, so that nobody is silently lost between two files.
"""

from enum import Enum

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from services.identity.tables import feeds
from services.runtime.clock import Clock
from services.runtime.database import Database

FIRST = 1
"""The lowest number of a delta; 0 says that none was taken."""


class Turn(Enum):
    """What a delta's number says."""

    NEXT = "NEXT"
    """It is to be taken now. The first one that a feed brings may have any number."""
    TAKEN = "TAKEN"
    GAP = "GAP"
    """Deltas before it are missing."""


class Feeds:
    """The positions of feeds."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def position(self, feed: str) -> int:
        """Return the number of the last delta that was taken; 0 where none was."""
        async with self._database.read() as connection:
            found = await connection.execute(select(feeds.c.position).where(feeds.c.feed == feed))
            return int(found.scalar() or 0)

    async def turn(self, feed: str, number: int) -> Turn:
        """Tell whether a delta is to be taken now. Raises ValueError for a number below FIRST."""
        if number < FIRST:
            raise ValueError("a feed's numbers start at 1")
        position = await self.position(feed)
        if position and number <= position:
            return Turn.TAKEN
        return Turn.GAP if position and number > position + 1 else Turn.NEXT

    async def moved(self, feed: str, number: int) -> None:
        """Write down that a delta was taken; a run that died before it is run again. Never goes back."""
        async with self._database.begin("identity.feed") as connection:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            now = self._clock.now()
            new = dialect.insert(feeds).values(feed=feed, position=number, taken_at=now)
            stands = new.on_conflict_do_update(
                index_elements=["feed"],
                set_={"position": number, "taken_at": now},
                where=feeds.c.position < number,
            )
            await connection.execute(stands)
