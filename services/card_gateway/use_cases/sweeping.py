"""What time does to sessions: one small transaction each, judged again under its lock; offers in bulk.

A script under way goes before a deadline, and both go before offers that nobody took, however many there are.

Two replicas may sweep at once: the second finds nothing left to do.
"""

from datetime import datetime

from services.card_gateway.domain import session as sessions
from services.card_gateway.domain import settling
from services.card_gateway.domain import step as steps
from services.card_gateway.domain.facts import SWEEPER
from services.card_gateway.domain.session import Session
from services.card_gateway.domain.step import ASKED_FIRST, SET_PIN, Step
from services.card_gateway.domain.words import State
from services.card_gateway.ports import Outside, Timetable, Work
from services.card_gateway.use_cases import commits
from services.card_gateway.use_cases.closing import Closing

EVERY = 2.0
"""Seconds between two turns: the longest that a deadline is seen late."""

FORGET_EVERY = 3600.0
"""Seconds between two deletions of what is kept no longer."""

BATCH = 100

UNCLAIMED_BATCH = 500
"""Silent offers deleted in one turn, so 250 a second: some 20 ms for which SQLite's other writers wait."""


class Sweeping:
    """Ends what nobody ended."""

    def __init__(self, outside: Outside, timetable: Timetable) -> None:
        self._outside = outside
        self._timetable = timetable
        self._closing = Closing(outside)

    async def turn(self) -> int:
        """Do all that is due now; return how many sessions were looked at.

        None while the database may be an old copy, in which sessions are open that have ended.
        """
        if not self._outside.freshness.is_current:
            return 0
        now = self._outside.clock.now()
        due = (
            *await self._timetable.late_steps(
                now - steps.PROVE_ANSWERED_WITHIN,
                now - steps.RESET_BEGINS_WITHIN,
                now - steps.RESET_REPORTED_WITHIN,
                BATCH,
            ),
            *await self._timetable.past_deadline(now, BATCH),
        )
        for session_id in due:
            await self._one(session_id)
        return len(due) + await self._forget_unclaimed(now - sessions.UNCLAIMED)

    async def forget(self) -> None:
        """Delete what is kept no longer."""
        await self._timetable.forget(self._outside.clock.now())

    async def _one(self, session_id: str) -> None:
        async with self._outside.books.begin(commits.SWEEP) as work:
            session = await work.lock_session(session_id)
            now = self._outside.clock.now()
            if session is None or session.state is State.NEW:
                return
            session = await self._without_late_steps(work, session, now)
            ended = settling.expired(session, now)
            if ended is None:
                return
            for step in await work.steps(session_id):
                await work.drop_step(step.step_id)
            if ended.state is State.UNKNOWN:
                await work.store(session, ended)
            else:
                await self._closing.store(work, session, ended, now, SWEEPER)

    async def _forget_unclaimed(self, seen_before: datetime) -> int:
        """Delete offers whose agent is silent: after all that somebody waits for, and in one statement.

        Nobody sees them again, so none needs a transaction of its own; the rest is for the next turn.
        """
        silent = await self._timetable.unclaimed(seen_before, UNCLAIMED_BATCH)
        gone = [each for each in silent if not self._outside.attendance.saw(each, seen_before)]
        if not gone:
            return 0
        async with self._outside.books.begin(commits.SWEEP) as work:
            return await work.delete_unclaimed(gone, seen_before)

    async def _without_late_steps(self, work: Work, session: Session, now: datetime) -> Session:
        """A proof or a reset that nobody reported in time is given up."""
        for step in await work.steps(session.session_id):
            if session.state is State.PROVING and step.kind in ASKED_FIRST and _is_late(step, now):
                await work.drop_step(step.step_id)
                return await work.store(session, sessions.go_back(session, "PROOF_TIMED_OUT"))
            if session.state is State.RESETTING and step.kind in SET_PIN and _is_late(step, now):
                return await self._closing.give_up(work, session, now) or session
        return session


def _is_late(step: Step, now: datetime) -> bool:
    if step.kind in ASKED_FIRST:
        return now >= step.created_at + steps.PROVE_ANSWERED_WITHIN
    if step.sent_at is None:
        return now >= step.begin_before
    return now >= step.created_at + steps.RESET_REPORTED_WITHIN
