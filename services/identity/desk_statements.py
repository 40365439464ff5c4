"""What an RA's desk reads of holders, in SQL: one statement each, and bounded."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.desk import FoundHolder, HolderRecord, RegistryCard
from services.identity.domain.holder import Address, CardStatus, HolderStatus
from services.identity.tables import STANDING, addresses, answer_tries, cards, holders

MOST_CARDS = 50
"""Of one holder that are shown."""

_AFTER_HEX = "g"
"""Sorts behind every reference that begins alike."""

_FOUND = select(holders.c.holder_ref, holders.c.holder_id, holders.c.name, holders.c.organisation)
_OWN = holders.c.organisation.in_(bindparam("organisations", expanding=True))

_BY_ID = _FOUND.where(holders.c.holder_id.in_(bindparam("ids", expanding=True)), _OWN)
_BY_CARD = (
    _FOUND.join(cards, cards.c.holder_ref == holders.c.holder_ref)
    .where(cards.c.card_ref >= bindparam("first"), cards.c.card_ref < bindparam("after"), _OWN)
    .distinct()
    .order_by(holders.c.holder_ref)
    .limit(bindparam("most"))
)
_BY_REF = _FOUND.where(holders.c.holder_ref.in_(bindparam("refs", expanding=True)), _OWN)
_NAMES = select(holders.c.holder_ref, holders.c.name).where(
    holders.c.organisation == bindparam("organisation")
)

_RECORD = (
    select(holders, addresses.c.version, addresses.c.address, addresses.c.set_at, addresses.c.set_by)
    .outerjoin(addresses, STANDING)
    .where(holders.c.holder_ref == bindparam("wanted"), _OWN)
)
_CARDS = (
    select(cards.c.card_ref, cards.c.status, cards.c.certificate_expires_at, answer_tries.c.locked_at)
    .outerjoin(
        answer_tries,
        and_(
            answer_tries.c.card_ref == cards.c.card_ref,
            answer_tries.c.holder_ref == cards.c.holder_ref,
        ),
    )
    .where(cards.c.holder_ref == bindparam("wanted"))
    .order_by(cards.c.card_ref)
    .limit(MOST_CARDS)
)


class DeskReads:
    """What an RA may read: holders of the organisations that are named, and of no other."""

    _connection: AsyncConnection

    async def holders_by_id(self, ids: Sequence[str], organisations: Sequence[str]) -> list[FoundHolder]:
        """Return the holders that the directory calls so."""
        return await self._found(_BY_ID, ids=list(ids), organisations=list(organisations))

    async def holders_by_card(
        self, reference: str, organisations: Sequence[str], most: int
    ) -> list[FoundHolder]:
        """Return the holders of cards whose reference begins so."""
        first, own = {"first": reference, "after": reference + _AFTER_HEX}, list(organisations)
        return await self._found(_BY_CARD, **first, organisations=own, most=most)

    async def holders_by_ref(self, refs: Sequence[str], organisations: Sequence[str]) -> list[FoundHolder]:
        """Return holders by reference, in the order that was asked for."""
        found = await self._found(_BY_REF, refs=list(refs), organisations=list(organisations))
        return sorted(found, key=lambda each: refs.index(each.holder_ref))

    async def names_of_holders(self, organisation: str) -> Sequence[tuple[str, str]]:
        """Return reference and name of every holder of an organisation."""
        rows = await self._connection.execute(_NAMES, {"organisation": organisation})
        return [(row.holder_ref, row.name) for row in rows]

    async def holder_record(self, holder_ref: str, organisations: Sequence[str]) -> HolderRecord | None:
        """Return a holder of these organisations with their cards; None where there is none."""
        wanted = {"wanted": holder_ref, "organisations": list(organisations)}
        row = (await self._connection.execute(_RECORD, wanted)).first()
        if row is None:
            return None
        held = await self._connection.execute(_CARDS, {"wanted": holder_ref})
        return _record(row, [RegistryCard(c.card_ref, CardStatus(c.status), *c[2:]) for c in held])

    async def _found(self, statement: Any, **wanted: Any) -> list[FoundHolder]:
        return [FoundHolder(*row) for row in await self._connection.execute(statement, wanted)]


def _record(row: Any, held: list[RegistryCard]) -> HolderRecord:
    known = None if row.version is None else Address(row.version, row.address, row.set_at, row.set_by)
    return HolderRecord(
        holder_ref=row.holder_ref,
        holder_id=row.holder_id,
        name=row.name,
        organisation=row.organisation,
        status=HolderStatus(row.status),
        address=known,
        cards=held,
    )
