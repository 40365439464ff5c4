"""The allow list in the database: read, changed, and each change written down and told with it. R33.

Used by the import and by the `allow-list` commands; what a holder's check needs of it is in `storage.py`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Executable, delete, func, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.allow_list import EVERYWHERE, AllowedDomain, Change, ListChange
from services.identity.domain.facts import AllowListChanged, Fact
from services.identity.storage import PROCESS
from services.identity.tables import (
    STANDING,
    addresses,
    allow_list,
    allow_list_changes,
    holders,
    organisation_domains,
    organisations,
    outbox,
)
from services.runtime.clock import Clock
from services.runtime.database import Database
from services.runtime.outbox import Event, tell_all
from services.runtime.randomness import Randomness


class OrganisationUnknown(Exception):
    """No organisation has this code."""


class ApprovedDomains:
    """The allow list, for whoever keeps it."""

    def __init__(
        self, database: Database, event_of: Callable[[Fact], Event], randomness: Randomness, clock: Clock
    ) -> None:
        self._database = database
        self._changes = ChangeWriter(event_of, randomness)
        self._clock = clock

    async def put(self, entry: AllowedDomain, by: str) -> Change | None:
        """Add or change an entry; None where it stands already. Raises OrganisationUnknown."""
        async with self._database.begin("identity.allow_list") as connection:
            known = {(each.organisation, each.domain): each for each in await entries(connection)}
            if entry.organisation and not await _known(connection, entry.organisation):
                raise OrganisationUnknown
            stands = known.get((entry.organisation, entry.domain))
            if stands == entry:
                return None
            change = Change.CHANGED if stands else Change.ADDED
            await self._changes.write(connection, [ListChange(entry, change, by, self._clock.now())])
        return change

    async def remove(self, domain: str, organisation: str, by: str) -> int | None:
        """Take an entry away; return how many holders have an address by it, None where there is none."""
        async with self._database.begin("identity.allow_list") as connection:
            for entry in await entries(connection):
                if (entry.domain, entry.organisation) == (domain, organisation):
                    removal = ListChange(entry, Change.REMOVED, by, self._clock.now())
                    await self._changes.write(connection, [removal])
                    return await _holders_by(connection, entry)
        return None

    async def entries(self) -> list[AllowedDomain]:
        """Return every entry: those for all first, then by organisation."""
        async with self._database.read() as connection:
            return sorted(await entries(connection), key=lambda each: (each.organisation, each.domain))

    async def changes(self) -> list[ListChange]:
        """Return every change there ever was, the oldest first."""
        async with self._database.read() as connection:
            in_order = select(allow_list_changes).order_by(allow_list_changes.c.change_id)
            return [_change(row) for row in await connection.execute(in_order)]


class ChangeWriter:
    """Writes changes of the list, what stands after them, and the word of them, all in one transaction."""

    def __init__(self, event_of: Callable[[Fact], Event], randomness: Randomness) -> None:
        self._event_of = event_of
        self._randomness = randomness

    async def write(self, connection: AsyncConnection, changes: Sequence[ListChange]) -> None:
        """Write changes, in this order."""
        if not changes:
            return
        for each in changes:
            await _write(connection, each)
        rows = [self._row(each) for each in changes]
        await connection.execute(insert(allow_list_changes), rows)
        facts = [AllowListChanged(each.entry, each.change, each.at) for each in changes]
        await tell_all(
            connection, outbox, PROCESS, [(self._event_of(fact), self._randomness.uuid7()) for fact in facts]
        )

    def _row(self, change: ListChange) -> dict[str, Any]:
        return _row_of(change, self._randomness.uuid7())


async def change_again(connection: AsyncConnection, change: ListChange, change_id: str) -> bool:
    """Write a change that was told already; False where its organisation is not known."""
    organisation = change.entry.organisation
    if organisation != EVERYWHERE and not await _known(connection, organisation):
        return False
    await _write(connection, change)
    await connection.execute(insert(allow_list_changes), _row_of(change, change_id))
    return True


async def _write(connection: AsyncConnection, change: ListChange) -> None:
    removed = change.change is Change.REMOVED
    await connection.execute(_removed(change.entry) if removed else _put(connection, change.entry))


def _row_of(change: ListChange, change_id: str) -> dict[str, Any]:
    return {
        "change_id": change_id,
        **vars(change.entry),
        "change": change.change.value,
        "changed_by": change.by,
        "changed_at": change.at,
    }


async def entries(
    connection: AsyncConnection, organisation_codes: Iterable[str] | None = None
) -> list[AllowedDomain]:
    """Return the entries for all, and the additions of some organisations, or of all where none are named."""
    found = [
        AllowedDomain(row.domain, row.subdomains) for row in await connection.execute(select(allow_list))
    ]
    additions = select(organisation_domains)
    if organisation_codes is not None:
        additions = additions.where(organisation_domains.c.organisation.in_(set(organisation_codes)))
    rows = await connection.execute(additions)
    return found + [AllowedDomain(row.domain, row.subdomains, row.organisation) for row in rows]


def _put(connection: AsyncConnection, entry: AllowedDomain) -> Executable:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = vars(entry).copy()
    table = organisation_domains if entry.organisation else allow_list
    if not entry.organisation:
        del values["organisation"]
    new: Any = dialect.insert(table).values(**values)
    keys = [column.name for column in table.primary_key]
    put: Executable = new.on_conflict_do_update(index_elements=keys, set_={"subdomains": entry.subdomains})
    return put


def _removed(entry: AllowedDomain) -> Executable:
    if entry.organisation == EVERYWHERE:
        return delete(allow_list).where(allow_list.c.domain == entry.domain)
    mine = organisation_domains.c.organisation == entry.organisation
    return delete(organisation_domains).where(mine, organisation_domains.c.domain == entry.domain)


async def _known(connection: AsyncConnection, code: str) -> bool:
    found = await connection.execute(select(organisations.c.code).where(organisations.c.code == code))
    return found.first() is not None


async def _holders_by(connection: AsyncConnection, entry: AllowedDomain) -> int:
    """Return how many holders have an address that an entry allows."""
    at = addresses.c.domain == entry.domain
    if entry.subdomains:
        at = or_(at, addresses.c.domain.endswith(f".{entry.domain}", autoescape=True))
    counted = select(func.count()).select_from(holders).join(addresses, STANDING).where(at)
    if entry.organisation:
        counted = counted.where(holders.c.organisation == entry.organisation)
    return int((await connection.execute(counted)).scalar_one())


def _change(row: Any) -> ListChange:
    entry = AllowedDomain(row.domain, row.subdomains, row.organisation)
    return ListChange(entry, Change(row.change), row.changed_by, row.changed_at)
