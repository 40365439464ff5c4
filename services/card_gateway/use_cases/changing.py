"""A CHANGE: the holder's current PIN sets the new one. No PUK is let out and no journal row is opened.

What no READ can tell is which PIN stands after an outcome nobody saw: then it stays unknown until the
holder proves one of the two by another CHANGE.
"""

from datetime import datetime

from services.card_gateway.card import profiles
from services.card_gateway.card.profiles.profile import ChangeOfPin
from services.card_gateway.card.script import Kind, Report, Script
from services.card_gateway.card.verdict import ChangeVerdict, Holder
from services.card_gateway.domain import session as sessions
from services.card_gateway.domain.session import Card, Session
from services.card_gateway.domain.step import Step
from services.card_gateway.domain.words import State
from services.card_gateway.ports import Outside, Work
from services.card_gateway.use_cases import commits, making, reports
from services.card_gateway.use_cases.closing import Closing
from services.card_gateway.use_cases.orders import Order

_END_OF = {Holder.SUCCESS: State.SUCCESS, Holder.FAILED: State.FAILED}


class Changing:
    """The order and the report of a CHANGE; `Resetting.fetch` hands it out."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._closing = Closing(outside)

    def order(self, session: Session, step: Step) -> Order:
        """The script; past `begin_before` an empty one, with which no agent begins."""
        card, now = session.knows_card(), self._outside.clock.now()
        if now >= step.begin_before:
            return Order(making.without_pin(step), Script(Kind.CHANGE, ()), now)
        script = _change_of(card).change_script(card.chuid_hash, last_try=step.last_try)
        return Order(step, script, now)

    async def report(self, session_id: str, step: Step, report: Report) -> None:
        """Judge a CHANGE. A second report of a step changes nothing."""
        async with self._outside.books.begin(commits.REPORT_RESET) as work:
            session = await reports.taken(work, session_id, step, only_sent=True)
            if session is None:
                return
            verdict = _change_of(session.knows_card()).judge_change(report)
            if session.state in (State.RESETTING, State.UNKNOWN, sessions.chosen_in(session)):
                await self._tell_holder(work, session, verdict, self._outside.clock.now())

    async def _tell_holder(self, work: Work, before: Session, verdict: ChangeVerdict, now: datetime) -> None:
        session = _counted(before, verdict)
        if verdict.holder in _END_OF:
            await self._closing.end(work, before, session, _END_OF[verdict.holder], verdict.code, now)
        elif verdict.holder is Holder.UNKNOWN and session.state is State.RESETTING:
            lost = sessions.lose_sight(session, verdict.code)
            await work.put_step(making.read_step(self._outside, lost, now))
            await self._closing.store(work, before, lost, now)
        elif verdict.holder is not Holder.UNKNOWN and session.state in (State.RESETTING, State.UNKNOWN):
            await making.drop_steps(work, session.session_id)
            await work.store(before, sessions.go_back(session, verdict.code))


def _counted(session: Session, verdict: ChangeVerdict) -> Session:
    told = verdict.tries
    return session if told is None else sessions.counted(session, told.left, blocked=told.blocked)


def _change_of(card: Card) -> ChangeOfPin:
    change = profiles.BY_KIND[card.profile].CHANGE
    if change is None:
        raise sessions.WrongState
    return change
