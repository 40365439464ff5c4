"""Addresses that wait for a second RA, and cards that their holders froze, in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.acts import ActReason, Why
from services.identity.domain.holder import CardStatus
from services.identity.domain.proposal import WAITS_FOR, FrozenByHolder, Proposal, WaitingAddress
from services.identity.tables import address_proposals, cards, holders

MOST_WAITING = 50
"""Of each sort that are listed."""

_ACTOR = holders.alias("actor")
_OWN = holders.c.organisation.in_(bindparam("organisations", expanding=True))
_WAITING = (
    select(address_proposals, holders.c.name, _ACTOR.c.name.label("actor_name"))
    .join(holders, holders.c.holder_ref == address_proposals.c.holder_ref)
    .outerjoin(_ACTOR, _ACTOR.c.holder_ref == address_proposals.c.actor_ref)
    .where(
        holders.c.address_version == address_proposals.c.over_version,
        address_proposals.c.at > bindparam("since"),
    )
)
_OF_ORGANISATIONS = _WAITING.where(_OWN).order_by(address_proposals.c.at).limit(MOST_WAITING)
_OF_HOLDER = _WAITING.where(address_proposals.c.holder_ref == bindparam("wanted"))
_FROZEN = (
    select(holders.c.holder_ref, holders.c.name, cards.c.card_ref, cards.c.holder_froze_at)
    .join(holders, holders.c.holder_ref == cards.c.holder_ref)
    .where(cards.c.holder_froze_at.is_not(None), cards.c.status == CardStatus.FROZEN.value, _OWN)
    .order_by(cards.c.holder_froze_at.desc())
    .limit(MOST_WAITING)
)
_ENDED = (
    delete(address_proposals)
    .where(address_proposals.c.holder_ref == bindparam("wanted"))
    .returning(address_proposals)
)
_LAPSED = select(address_proposals.c.holder_ref).where(address_proposals.c.at <= bindparam("until"))


class ProposalReads:
    """What waits."""

    _connection: AsyncConnection

    async def waiting_address(self, holder_ref: str, now: datetime) -> WaitingAddress | None:
        """Return the address that waits for a holder; None where none does."""
        wanted = {"wanted": holder_ref, "since": now - WAITS_FOR}
        row = (await self._connection.execute(_OF_HOLDER, wanted)).first()
        return None if row is None else _waiting(row)

    async def waiting_addresses(
        self, organisations: Sequence[str], now: datetime
    ) -> Sequence[WaitingAddress]:
        """Return the addresses that wait for holders of some organisations, the oldest first."""
        wanted = {"organisations": list(organisations), "since": now - WAITS_FOR}
        return [_waiting(row) for row in await self._connection.execute(_OF_ORGANISATIONS, wanted)]

    async def frozen_by_holders(self, organisations: Sequence[str]) -> Sequence[FrozenByHolder]:
        """Return the cards that holders of some organisations froze, the newest first."""
        wanted = {"organisations": list(organisations)}
        return [FrozenByHolder(*row) for row in await self._connection.execute(_FROZEN, wanted)]


class ProposalWrites:
    """Proposals, kept and ended."""

    _connection: AsyncConnection

    async def propose(self, proposal: Proposal) -> None:
        """Keep a proposal; the holder has none."""
        row = {name: value for name, value in vars(proposal).items() if name != "why"}
        reason = proposal.why.reason.value if proposal.why.reason else ""
        row |= {"reason": reason, "note": proposal.why.note.strip()}
        await self._connection.execute(insert(address_proposals), row)

    async def end_proposal(self, holder_ref: str) -> Proposal | None:
        """Delete a locked holder's proposal, also one whose time is up; return it."""
        row = (await self._connection.execute(_ENDED, {"wanted": holder_ref})).first()
        return None if row is None else _proposal(row)

    async def lapsed_proposals(self, now: datetime) -> Sequence[str]:
        """Return the holders whose proposals' time is up."""
        return (await self._connection.execute(_LAPSED, {"until": now - WAITS_FOR})).scalars().all()


def _waiting(row: Any) -> WaitingAddress:
    return WaitingAddress(_proposal(row), row.name, row.actor_name or "")


def _proposal(row: Any) -> Proposal:
    return Proposal(
        proposal_id=row.proposal_id,
        holder_ref=row.holder_ref,
        actor_ref=row.actor_ref,
        address=row.address,
        over_version=row.over_version,
        why=Why(ActReason(row.reason), row.note),
        at=row.at,
    )
