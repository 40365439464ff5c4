"""What time has made due, in SQL, and what is kept no longer. Keeps the contract of `ports.Timetable`."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, delete, or_, select

from services.card_gateway import tables
from services.card_gateway.domain.pairing import GUESS_WINDOW
from services.card_gateway.domain.session import KEPT
from services.card_gateway.domain.step import ASKED_FIRST, SET_PIN
from services.card_gateway.domain.words import State
from services.card_gateway.use_cases.commits import FORGET
from services.runtime.database import Database

SPENT_GRANTS_KEPT = timedelta(days=1)
"""Longer than any grant lives, clocks that differ included."""

_S, _T = tables.sessions.c, tables.steps.c
_WITHOUT_SCRIPT = [
    state.value for state in (State.ATTACHED, State.CARD_READ, State.AUTHORISED, State.PROVING)
]


class SqlTimetable:
    """Looks for what is due; each hit is judged again under its lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def unclaimed(self, seen_before: datetime, limit: int) -> tuple[str, ...]:
        """NEW sessions whose agent was not heard of since."""
        due = and_(_S.state == State.NEW.value, _S.seen_at <= seen_before)
        return await self._ids(select(_S.session_id).where(due).limit(limit))

    async def past_deadline(self, now: datetime, limit: int) -> tuple[str, ...]:
        """Claimed sessions without a script under way that have not ended and whose deadline has passed."""
        due = and_(_S.state.in_(_WITHOUT_SCRIPT), _S.deadline <= now)
        return await self._ids(select(_S.session_id).where(due).limit(limit))

    async def late_steps(
        self, asked: datetime, proved_unsent: datetime, proved_sent: datetime, limit: int
    ) -> tuple[str, ...]:
        """Sessions that wait for a PROVE made before `asked`, or a reset made before the other two."""
        asking = _T.kind.in_([kind.value for kind in ASKED_FIRST])
        proving = and_(_S.state == State.PROVING.value, asking, _T.created_at <= asked)
        resetting = and_(
            _S.state == State.RESETTING.value,
            _T.kind.in_([kind.value for kind in SET_PIN]),
            or_(
                and_(_T.sent_at.is_(None), _T.created_at <= proved_unsent),
                _T.created_at <= proved_sent,
            ),
        )
        joined = tables.steps.join(tables.sessions, _S.session_id == _T.session_id)
        found = select(_T.session_id).select_from(joined).where(or_(proving, resetting))
        return await self._ids(found.where(_T.created_at <= proved_unsent).limit(limit))

    async def forget(self, now: datetime) -> None:
        """Delete what is kept no longer: old sessions and what is theirs, offers, guesses, spent grants.

        The journal and the counts of resets stay: versions are never forgotten.
        """
        old = select(_S.session_id).where(_S.created_at < now - KEPT)
        async with self._database.begin(FORGET) as connection:
            for table in (tables.pairings, tables.steps, tables.attempts):
                await connection.execute(delete(table).where(table.c.session_id.in_(old)))
            await connection.execute(delete(tables.sessions).where(_S.created_at < now - KEPT))
            await connection.execute(delete(tables.pairings).where(tables.pairings.c.expires_at < now - KEPT))
            ended = now - GUESS_WINDOW * 2
            await connection.execute(delete(tables.guesses).where(tables.guesses.c.window < ended))
            spent = tables.spent_grants
            await connection.execute(delete(spent).where(spent.c.expires_at < now - SPENT_GRANTS_KEPT))

    async def _ids(self, statement: Select[Any]) -> tuple[str, ...]:
        async with self._database.read() as connection:
            return tuple((await connection.execute(statement)).scalars())
