"""Bring a database that was restored from an older copy to what its service has told since.

One transaction: each event is done again as far as it says enough, the outbox forgets what has left already,
and last the relay's numbers go on after the highest that was told, so that nobody sees a gap or a repeat.
Safe to run again, and while the service runs: it does nothing before this has committed.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka.errors import KafkaError
from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.brokers import Brokers
from services.runtime.cloud_events import Received, Unreadable
from services.runtime.database import Database
from services.runtime.process import Command
from services.runtime.told import read_back

IN_ONE = 500
"""Rows a statement deletes."""

Again = Callable[[AsyncConnection, Received], Awaitable[bool]]
"""Does again what an event tells; False where that needs nothing, or cannot be done. Raises Unreadable."""


class Hole(Exception):
    """Numbers that were given since the copy and that the topic does not hold any more."""

    def __init__(self, runs: list[tuple[int, int]]) -> None:
        super().__init__("; ".join(f"{first} to {last}" for first, last in runs))
        self.runs = runs


def missing(numbers: Iterable[int], after: int) -> list[tuple[int, int]]:
    """Runs of numbers that nobody has: from `after` + 1 to the highest; first and last of each."""
    runs, expected = [], after + 1
    for number in sorted(set(numbers)):
        if number > expected:
            runs.append((expected, number - 1))
        expected = max(expected, number + 1)
    return runs


@dataclass(frozen=True)
class Books:
    """What a service's relay has written down, of one topic."""

    outbox: Table
    position: Table
    topic: str

    async def known(self, connection: AsyncConnection) -> int:
        """Return the highest number that the database gave."""
        mine = self.position.c.topic == self.topic
        return int(await connection.scalar(select(self.position.c.relayseq).where(mine)) or 0)

    async def waiting(self, connection: AsyncConnection) -> set[str]:
        """Return the ids of the copy's own events that it had not seen acknowledged."""
        mine = self.outbox.c.topic == self.topic
        return set((await connection.execute(select(self.outbox.c.ce_id).where(mine))).scalars())

    async def close(self, connection: AsyncConnection, told: Mapping[str, int]) -> None:
        """`told`: numbers by id. Forget what has left, under whatever number; number on after all of it."""
        ids = sorted(await self.waiting(connection) & told.keys())
        for first in range(0, len(ids), IN_ONE):
            chosen = self.outbox.c.ce_id.in_(ids[first : first + IN_ONE])
            await connection.execute(delete(self.outbox).where(chosen))
        await self._number_on(connection, max([await self.known(connection), *told.values()]))

    async def _number_on(self, connection: AsyncConnection, highest: int) -> None:
        table = self.position
        moved = update(table).where(table.c.topic == self.topic).values(relayseq=highest)
        if await connection.scalar(moved.returning(table.c.topic)) is None:
            await connection.execute(insert(table).values(topic=self.topic, relayseq=highest))


@dataclass
class CaughtUp:
    """Events that the database did not know, by type: how many, and how many were done again."""

    told: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)


async def catch_up(
    database: Database,
    books: Sequence[Books],
    told: Mapping[str, Sequence[Received]],
    again: Again,
    *,
    with_hole: bool = False,
) -> CaughtUp:
    """Do again what the first of the topics tells and the database does not know; number on on all of them.

    Raises Hole where some of it is gone or cannot be read, unless that is accepted.
    """
    async with database.begin("catch_up") as connection:
        events = told[books[0].topic]
        known, waiting = await books[0].known(connection), await books[0].waiting(connection)
        news = [each for each in events if each.relayseq > known and each.ce_id not in waiting]
        done, unread = CaughtUp(), set[int]()
        for event in news:
            try:
                await _do_again(connection, event, again, done)
            except Unreadable:
                unread.add(event.relayseq)
        runs = missing((each.relayseq for each in events if each.relayseq not in unread), known)
        if runs and not with_hole:
            raise Hole(runs)
        for each in books:
            await each.close(connection, {event.ce_id: event.relayseq for event in told[each.topic]})
    return done


async def _do_again(connection: AsyncConnection, event: Received, again: Again, done: CaughtUp) -> None:
    kind = event.ce_type.rpartition(".")[2]
    done.told[kind] += 1
    done.done[kind] += await again(connection, event)


async def by_command(
    opened: Database,
    brokers: Brokers,
    books: Sequence[Books],
    source: str,
    again: Again,
    *,
    with_hole: bool = False,
) -> int:
    """The command `catch-up` of a service: catch up, say what was done, close. Returns the exit status."""

    async def caught_up() -> list[str]:
        told = {each.topic: await read_back(brokers, each.topic, source) for each in books}
        done = await catch_up(opened, books, told, again, with_hole=with_hole)
        counts = [
            f"{kind}: {done.told[kind]}, of which {done.done[kind]} done again" for kind in sorted(done.told)
        ]
        return [f"{done.told.total()} events that the database did not know", *counts]

    return await said(opened, caught_up)


async def said(opened: Database, caught_up: Callable[[], Awaitable[Iterable[str]]]) -> int:
    """Print what was done, or why it could not be, and close. Returns the exit status: 0 or 1."""
    try:
        lines = await caught_up()
    except Hole as hole:
        print(f"HOLE: the topic does not hold events {hole} any more", file=sys.stderr)
        return 1
    except (KafkaError, OSError) as error:
        print(f"{type(error).__name__}: Kafka cannot be asked", file=sys.stderr)
        return 1
    finally:
        await opened.close()
    print("\n".join(lines))
    return 0


def commands(act: Callable[[bool], Awaitable[int]], group: str = "") -> dict[str, Command]:
    """Return the two commands of a service that catches up, for `process.main`.

    `act` is told whether a hole is accepted, and returns the exit status; `group` goes before their names.
    """

    async def strictly(_: argparse.Namespace) -> int:
        """After a restore: bring the database to what was told since the copy; 1 where it cannot."""
        return await act(False)

    async def with_hole(_: argparse.Namespace) -> int:
        """As catch-up, where the topic no longer holds all that was told: the rest stays as in the copy."""
        return await act(True)

    return {f"{group}catch-up": strictly, f"{group}catch-up-with-hole": with_hole}
