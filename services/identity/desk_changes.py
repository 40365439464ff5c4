"""What RAs did, in SQL: kept with who, when and why, counted, and listed beside the changes of others."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.acts import Act, ActKind, Change, Done, kind_of
from services.identity.domain.holder import CardStatus
from services.identity.tables import addresses, cards, freeze_tokens, holders, ra_acts
from services.runtime.database import for_update

MOST_CHANGES = 50
"""Of one holder that are listed, the newest first."""

_ACTED = select(ra_acts.c.kind, ra_acts.c.holder_ref, ra_acts.c.card_ref).where(
    ra_acts.c.actor_ref == bindparam("actor"), ra_acts.c.attempt_id == bindparam("attempt")
)
_COUNTED = select(func.count()).where(
    ra_acts.c.actor_ref == bindparam("actor"),
    ra_acts.c.kind.in_(bindparam("kinds", expanding=True)),
    ra_acts.c.at > bindparam("since"),
)
_ACTOR = holders.alias("actor")
_ACTS = (
    select(ra_acts, _ACTOR.c.name.label("actor_name"))
    .outerjoin(_ACTOR, _ACTOR.c.holder_ref == ra_acts.c.actor_ref)
    .where(ra_acts.c.holder_ref == bindparam("wanted"))
    .order_by(ra_acts.c.act_id.desc())
    .limit(MOST_CHANGES)
)
_OTHERS = (
    select(addresses.c.set_at, addresses.c.set_by)
    .where(addresses.c.holder_ref == bindparam("wanted"), addresses.c.set_by != "ra")
    .order_by(addresses.c.version.desc())
    .limit(MOST_CHANGES)
)

_FROZEN = select(cards.c.card_ref, cards.c.holder_froze_at).where(
    cards.c.holder_ref == bindparam("wanted"), cards.c.holder_froze_at.is_not(None)
)


class DeskWrites:
    """Acts of RAs, in one transaction with what they change."""

    _connection: AsyncConnection

    async def acted(self, actor_ref: str, attempt_id: str) -> Done | None:
        """Return what this attempt of this RA already did; None where it was not taken."""
        wanted = {"actor": actor_ref, "attempt": attempt_id}
        row = (await self._connection.execute(_ACTED, wanted)).first()
        return None if row is None else Done(kind_of(row.kind), row.holder_ref, row.card_ref)

    async def keep_act(self, act: Act) -> None:
        """Keep who did what, when and why."""
        row: dict[str, Any] = {name: value for name, value in vars(act).items() if name != "why"}
        reason = act.why.reason.value if act.why.reason else ""
        row |= {"kind": act.kind.value, "reason": reason, "note": act.why.note.strip()}
        await self._connection.execute(insert(ra_acts), row)

    async def restate(self, holder_ref: str, card_ref: str, old: CardStatus, new: CardStatus) -> bool:
        """Give a holder's card another status; False where it is not theirs, or has not the old one."""
        mine = and_(
            cards.c.card_ref == card_ref, cards.c.holder_ref == holder_ref, cards.c.status == old.value
        )
        await self._connection.execute(for_update(select(cards.c.card_ref).where(mine), self._connection))
        stands = {"status": new.value, "holder_froze_at": None}
        changed = update(cards).where(mine).values(stands).returning(cards.c.card_ref)
        return (await self._connection.execute(changed)).first() is not None

    async def spend_freeze_tokens(self, holder_ref: str, card_ref: str) -> None:
        """Delete what could freeze this card: its own tokens, and those of every card of the holder's."""
        await spend_freeze_tokens(self._connection, holder_ref, card_ref)


class DeskRecords:
    """What is kept of changes."""

    _connection: AsyncConnection

    async def count_acts(self, actor_ref: str, kinds: Sequence[ActKind], since: datetime) -> int:
        """Return how many acts of some kinds an RA did since then."""
        wanted = {"actor": actor_ref, "kinds": [kind.value for kind in kinds], "since": since}
        return int((await self._connection.execute(_COUNTED, wanted)).scalar_one())

    async def changes_of(self, holder_ref: str) -> Sequence[Change]:
        """Return what was changed of a holder here, the newest first."""
        acts = [_act(row) for row in await self._connection.execute(_ACTS, {"wanted": holder_ref})]
        rows = await self._connection.execute(_OTHERS, {"wanted": holder_ref})
        others = [Change(row.set_at, ActKind.ADDRESS_SET, row.set_by) for row in rows]
        frozen = await self._connection.execute(_FROZEN, {"wanted": holder_ref})
        others += [Change(row[1], ActKind.CARD_FROZEN, "holder", row.card_ref) for row in frozen]
        return sorted([*acts, *others], key=lambda change: change.at, reverse=True)[:MOST_CHANGES]


async def spend_freeze_tokens(connection: AsyncConnection, holder_ref: str, card_ref: str) -> None:
    """Delete what could freeze a card whose freeze was lifted: no mail from before freezes it again. R64."""
    one_or_all = or_(freeze_tokens.c.card_ref == card_ref, freeze_tokens.c.card_ref == "")
    mine = and_(freeze_tokens.c.holder_ref == holder_ref, one_or_all)
    await connection.execute(delete(freeze_tokens).where(mine))


def _act(row: Any) -> Change:
    return Change(
        at=row.at,
        kind=kind_of(row.kind),
        by="ra",
        card_ref=row.card_ref,
        reason=row.reason,
        note=row.note,
        actor_name=row.actor_name or "",
    )
