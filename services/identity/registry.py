"""The import's way into the database: what a batch needs is read at once and written at once.

A batch is a dozen statements whatever its size, so a million rows pass in bounded memory.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity import approved_domains
from services.identity.approved_domains import ChangeWriter
from services.identity.desk_changes import spend_freeze_tokens
from services.identity.directory import (
    Card,
    Contact,
    Domain,
    Holder,
    Organisation,
    Registry,
    Remark,
    Role,
    Row,
)
from services.identity.domain.address import domain_of
from services.identity.domain.allow_list import ListChange, on_list
from services.identity.domain.facts import Fact, HoldersImported
from services.identity.domain.holder import CardStatus
from services.identity.import_plan import IMPORT, NewAddress, Plan, StoredCard, StoredHolder
from services.identity.putting import put
from services.identity.storage import PROCESS
from services.identity.tables import (
    STANDING,
    addresses,
    cards,
    holders,
    organisations,
    outbox,
    registration_authorities,
    roles,
)
from services.runtime.clock import Clock
from services.runtime.database import Database, for_update
from services.runtime.outbox import Event, tell_all
from services.runtime.randomness import Randomness

_CARDS = select(cards.c.card_ref, cards.c.holder_ref, cards.c.status, cards.c.certificate_expires_at)
"""What the directory says of a card."""

_HOLDERS = select(holders, addresses.c.address, addresses.c.set_by.label("address_set_by")).outerjoin(
    addresses, STANDING
)
_ORGANISATIONS = select(organisations, registration_authorities).outerjoin(
    registration_authorities, registration_authorities.c.organisation == organisations.c.code
)


class SqlRegistry:
    """The directory's records in identity's database."""

    _locks = True
    """Whether nobody else may change what a batch is about, from its first read to its end."""

    def __init__(
        self,
        database: Database,
        event_of: Callable[[Fact], Event],
        randomness: Randomness,
        clock: Clock,
    ) -> None:
        self._database = database
        self._event_of = event_of
        self._randomness = randomness
        self._clock = clock
        self._list_changes = ChangeWriter(event_of, randomness)
        self._touched: set[str] = set()

    async def take(self, rows: list[Row]) -> list[Remark]:
        """Store the rows in one transaction; return remarks on some."""
        async with self._begin() as connection:
            plan = await self._known(connection, rows)
            remarks = [remark for row in rows if (remark := plan.take(row)) is not None]
            await self._write(connection, plan)
        self._touched |= plan.touched
        return remarks

    def _begin(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self._database.begin("identity.import")

    async def finish(self) -> int:
        """Tell how many holders the touched organisations have now; return how many those are."""
        now = self._clock.now()
        async with self._begin() as connection:
            if connection.dialect.name == "postgresql":
                # Counts over every holder: of millions they take longer than a call may.
                await connection.execute(text("SET LOCAL statement_timeout = 0"))
            all_of, eligible = await _holders_by_organisation(connection), await self._eligible(connection)
            facts = [
                HoldersImported(code, all_of.get(code, 0), eligible.get(code, 0), now)
                for code in sorted(self._touched)
            ]
            events = [(self._event_of(fact), self._randomness.uuid7()) for fact in facts]
            await tell_all(connection, outbox, PROCESS, events)
        return len(facts)

    async def _known(self, connection: AsyncConnection, rows: list[Row]) -> Plan:
        """Return a plan that knows what the database holds of these rows' keys."""
        records = [row.record for row in rows]
        plan = Plan(new_ref=lambda: self._randomness.token(16).hex())
        codes = {r.code for r in records if isinstance(r, Organisation)}
        codes |= {r.organisation for r in records if isinstance(r, Holder | Domain | Role)}
        for row in await connection.execute(_ORGANISATIONS.where(organisations.c.code.in_(codes))):
            plan.organisations[row.code] = _organisation(row)
        ids = {r.id for r in records if isinstance(r, Holder)}
        ids |= {r.holder for r in records if isinstance(r, Card | Role)}
        refs = {r.card_ref for r in records if isinstance(r, Card)}
        if self._locks:
            await _lock(connection, ids, refs)
        for row in await connection.execute(_HOLDERS.where(holders.c.holder_id.in_(ids))):
            plan.holders[row.holder_id] = StoredHolder(**row._mapping)
        for row in await connection.execute(_CARDS.where(cards.c.card_ref.in_(refs))):
            plan.cards[row.card_ref] = StoredCard(**row._mapping)
        plan.allow_list = {
            (each.organisation, each.domain): each.subdomains
            for each in await approved_domains.entries(connection, codes)
        }
        return plan

    async def _write(self, connection: AsyncConnection, plan: Plan) -> None:
        now = self._clock.now()
        changed = [plan.organisations[code] for code in sorted(plan.changed_organisations)]
        named = [{"code": each.code, "name": each.name, "changed_at": now} for each in changed]
        await put(connection, organisations, named)
        await put(connection, registration_authorities, [_contact(each) for each in changed])
        changes = [ListChange(entry, change, IMPORT, now) for entry, change in plan.list_changes]
        await self._list_changes.write(connection, changes)
        await put(connection, holders, [_holder(plan.holders[each]) for each in sorted(plan.changed_holders)])
        await put(connection, addresses, [_address(each) | {"set_at": now} for each in plan.new_addresses])
        lifted = plan.changed_cards & plan.lifted
        kept = [vars(plan.cards[each]) for each in sorted(plan.changed_cards - lifted)]
        await put(connection, cards, kept, {"status": _stays_frozen})
        await put(connection, cards, [vars(plan.cards[each]) for each in sorted(lifted)])
        for each in sorted(lifted):
            await spend_freeze_tokens(connection, plan.cards[each].holder_ref, each)
        await put(connection, roles, [_role(key, plan.roles[key]) for key in sorted(plan.roles)])

    async def _eligible(self, connection: AsyncConnection) -> dict[str, int]:
        """Return, by organisation, the holders who could unlock a card of theirs today (R15)."""
        good = or_(
            cards.c.certificate_expires_at.is_(None), cards.c.certificate_expires_at >= self._clock.now()
        )
        by_domain = (
            select(holders.c.organisation, addresses.c.domain, func.count(holders.c.holder_ref.distinct()))
            .join(addresses, STANDING)
            .join(cards, cards.c.holder_ref == holders.c.holder_ref)
            .where(holders.c.status == "ACTIVE", cards.c.status == "ACTIVE", good)
            .where(addresses.c.domain.is_not(None))
            .group_by(holders.c.organisation, addresses.c.domain)
        )
        approved = await approved_domains.entries(connection)
        listed = {(each.organisation, each.domain): each.subdomains for each in approved}
        eligible: dict[str, int] = {}
        for organisation, domain, count in await connection.execute(by_domain):
            if on_list(listed, organisation, domain):
                eligible[organisation] = eligible.get(organisation, 0) + count
        return eligible


class Rehearsal(SqlRegistry):
    """The same, in one transaction that is undone: what an import would do, to its last row.

    The rows it changes are locked until it ends; on SQLite the whole database is. Those that it only reads
    are not: it may run for long, and nobody is to wait for it with a freeze.
    """

    _locks = False

    @asynccontextmanager
    async def rehearsed(self) -> AsyncIterator[Registry]:
        """Take rows inside; nothing of it stays."""
        async with self._database.engine.connect() as connection:
            self._connection = connection
            try:
                yield self
            finally:
                await connection.rollback()

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[AsyncConnection]:
        yield self._connection


async def _holders_by_organisation(connection: AsyncConnection) -> dict[str, int]:
    counts: Select[Any] = (
        select(holders.c.organisation, func.count())
        .where(holders.c.status == "ACTIVE")
        .group_by(holders.c.organisation)
    )
    return {organisation: count for organisation, count in await connection.execute(counts)}  # noqa: C416


async def _lock(connection: AsyncConnection, ids: set[str], refs: set[str]) -> None:
    """Lock holders, then cards, each in the order of their keys, so that no two wait for each other.

    By statements of their own: one that waited for a row reads that row anew, but what it joins as it was.
    """
    held = select(holders.c.holder_id).where(holders.c.holder_id.in_(ids)).order_by(holders.c.holder_id)
    carried = select(cards.c.card_ref).where(cards.c.card_ref.in_(refs)).order_by(cards.c.card_ref)
    for wanted in (held, carried):
        await connection.execute(for_update(wanted, connection))


def _stays_frozen(new: ColumnElement[str]) -> ColumnElement[str]:
    """The status that stands: what somebody froze is not thawed, whatever this batch knew of it (R64)."""
    frozen, active = CardStatus.FROZEN.value, CardStatus.ACTIVE.value
    return case((and_(cards.c.status == frozen, new == active), frozen), else_=new)


def _organisation(row: Any) -> Organisation:
    contact = Contact(
        telephone=row.telephone or "", email=row.email or "", opening_hours=row.opening_hours or ""
    )
    return Organisation(kind="organisation", code=row.code, name=row.name, registration_authority=contact)


def _contact(organisation: Organisation) -> dict[str, str]:
    return {"organisation": organisation.code, **organisation.registration_authority.model_dump()}


def _holder(holder: StoredHolder) -> dict[str, Any]:
    kept = vars(holder).items()
    return {name: value for name, value in kept if name not in ("address", "address_set_by")}


def _role(key: tuple[str, str, str], granted: bool) -> dict[str, Any]:
    holder_ref, role, organisation = key
    return {"holder_ref": holder_ref, "role": role, "organisation": organisation, "granted": granted}


def _address(new: NewAddress) -> dict[str, Any]:
    domain = domain_of(new.address) if new.address else None
    return {**vars(new), "domain": domain, "set_by": IMPORT}
