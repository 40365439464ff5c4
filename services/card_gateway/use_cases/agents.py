"""What an agent can ask: offer a workstation, get something to do, report what a script did."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.card_gateway.card.proof import AGENT_KEY_LENGTH
from services.card_gateway.card.script import Report
from services.card_gateway.domain.readers import ReaderState, Sighting
from services.card_gateway.domain.session import ENDED, Session
from services.card_gateway.domain.step import ASKED_FIRST, SET_PIN, Step, StepKind
from services.card_gateway.domain.words import Reason, State
from services.card_gateway.ports import Outside
from services.card_gateway.use_cases import callers, commits, offers
from services.card_gateway.use_cases.changing import Changing
from services.card_gateway.use_cases.offers import Offer
from services.card_gateway.use_cases.orders import Idle, Next, Order, Over, order
from services.card_gateway.use_cases.proving import Proving
from services.card_gateway.use_cases.reading import Reading
from services.card_gateway.use_cases.resetting import Resetting
from services.card_gateway.use_cases.signing_in import SigningIn
from services.card_gateway.use_cases.up_to_date import require_current
from services.runtime.errors import ATTEMPT_OVER, GATEWAY_BUSY, exhausted, invalid
from services.runtime.randomness import digest_of

LONGEST_WAIT = 25.0
"""Seconds an agent may wait for something to do."""

ATTACH_ANSWERED_AGAIN_WITHIN = timedelta(seconds=120)
"""How long the same attempt is given the same token: long enough for every retry."""

ROOM_AGAIN_AFTER = 30.0
"""Seconds: offers whose agent has fallen silent are deleted after 120."""

TOKEN = "agent-token"  # noqa: S105 - what a token is for
"""The same attempt makes the same token, so that it need not be kept."""

_STEPS_OF = {
    State.ATTACHED: (StepKind.READ,),
    State.UNKNOWN: (StepKind.READ,),
    State.PROVING: ASKED_FIRST,
    State.RESETTING: SET_PIN,
}
"""Which step a state waits for; other kinds are there only for a report that may still come."""


@dataclass(frozen=True)
class Attached:
    """The session on offer."""

    session: Session
    agent_token: str = field(repr=False)
    offer: Offer
    given_at: datetime
    """The gateway's clock as it answered."""


class Agents:
    """The use cases of AgentService."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._reading = Reading(outside)
        self._proving = Proving(outside)
        self._resetting = Resetting(outside)
        self._changing = Changing(outside)
        self._signing_in = SigningIn(outside)

    async def attach(self, agent_public_key: bytes, reader: ReaderState, attempt_id: str) -> Attached:
        """Make a session (NEW) and offer it. Raises GATEWAY_BUSY where too many are on offer."""
        if len(agent_public_key) != AGENT_KEY_LENGTH or not attempt_id:
            raise invalid()
        outside = self._outside
        if not await outside.crowd.takes_one_more():
            return await self._attached_or_busy(agent_public_key, attempt_id)
        async with outside.books.begin(commits.ATTACH) as work:
            made_in = await work.attempted("Attach", attempt_id)
            if made_in is not None:
                return self._attached_before(await work.session(made_in), agent_public_key, attempt_id)
            session_id, now = outside.randomness.uuid7(), outside.clock.now()
            token = offers.new_token(outside, TOKEN, session_id, attempt_id)
            new = Session(
                session_id, State.NEW, 1, agent_public_key, digest_of(token), now, Sighting(reader, now)
            )
            session = offers.next_round(outside, new, now)
            await work.add_session(session)
            await offers.add_offer(outside, work, session)
            await work.remember("Attach", attempt_id, session_id, now)
        return self._attached(session, token)

    async def next_step(
        self, session_id: str, agent_token: str, reader: ReaderState, wait: float, *, card_left: bool = False
    ) -> Next:
        """Give something to do, or wait for it up to `wait` seconds. Commits nothing on a journey's path.

        `card_left`: the card that proved its holder is not known to have been in the reader ever since.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + min(wait, LONGEST_WAIT)
        with self._outside.bell.listen(session_id) as ear:
            session, steps = await self._look(session_id, agent_token)
            if session.attended_until() is not None and (card_left or reader is not ReaderState.CARD):
                await self._signing_in.card_left(session_id)
                session, steps = await self._look(session_id, agent_token)
            if offers.is_due(self._outside, session, self._outside.clock.now()):
                session = callers.for_agent(await offers.renew(self._outside, session_id), agent_token)
                until = loop.time()
            claimed = session.state is not State.NEW
            with self._outside.attendance.here(session_id, reader, claimed=claimed):
                while True:
                    found, pause = await self._choose(session, steps, reader)
                    left = 0 if self._outside.bell.closed else until - loop.time()
                    if not isinstance(found, Idle) or left <= 0:
                        return found
                    rung = await ear.wait(min(left, pause or left))
                    if not rung and not pause:
                        return found
                    session, steps = await self._look(session_id, agent_token)

    async def report_step(
        self, session_id: str, agent_token: str, step_id: str, report: Report
    ) -> Order | None:
        """Take a report; the first one of a step counts. What to do at once, if there is something.

        Raises VAULT_BEHIND for the report of a proof or a reset, which the agent keeps and repeats.
        """
        step = await self._step(session_id, agent_token, step_id)
        if step is not None and step.kind is StepKind.READ:
            await self._reading.report(session_id, step, report)
        elif step is not None and step.kind is StepKind.PROVE:
            require_current(self._outside)
            await self._proving.report(session_id, step, report)
        elif step is not None and step.kind is StepKind.PROVE_HOLDER:
            await self._signing_in.report(session_id, step, report)
        elif step is not None and step.kind is StepKind.CHANGE:
            await self._changing.report(session_id, step, report)
        elif step is not None:
            require_current(self._outside)
            await self._resetting.report(session_id, step, report)
        # A proof whose answer was lost is reported again: its step is gone, the reset still waits.
        if step is None or step.kind is StepKind.PROVE:
            return await self._resetting.fetch(session_id)
        return None

    async def _step(self, session_id: str, agent_token: str, step_id: str) -> Step | None:
        async with self._outside.books.read() as view:
            callers.for_agent(await view.session(session_id), agent_token)
            return next((step for step in await view.steps(session_id) if step.step_id == step_id), None)

    async def _look(self, session_id: str, agent_token: str) -> tuple[Session, tuple[Step, ...]]:
        """The session and its steps; one probe while nobody has claimed it."""
        async with self._outside.books.read() as view:
            session = callers.for_agent(await view.session(session_id), agent_token)
            steps = await view.steps(session_id) if session.state in _STEPS_OF else ()
        return session, steps

    async def _choose(
        self, session: Session, steps: tuple[Step, ...], reader: ReaderState
    ) -> tuple[Next, float]:
        """What there is to do, and in how many seconds to look again by oneself; 0 for never."""
        now = self._outside.clock.now()
        attended_until = session.attended_until()
        if attended_until is not None and now < attended_until:
            return Idle(None, claimed=True, signed_in=True), (attended_until - now).total_seconds()
        if session.is_over(now) and session.state is not State.RESETTING:
            return _over(session), 0
        kinds = _STEPS_OF.get(session.state, ())
        step = next((step for step in steps if step.kind in kinds), None)
        idle = Idle(offers.offer_of(self._outside, session), session.state is not State.NEW)
        if step is None or (step.kind is StepKind.READ and reader is not ReaderState.CARD):
            return idle, 0
        if now < step.not_before:
            return idle, (step.not_before - now).total_seconds()
        if step.kind in SET_PIN:
            return await self._resetting.fetch(session.session_id) or idle, 0
        if step.kind is StepKind.PROVE_HOLDER:
            return await self._signing_in.order(session, step, now) or idle, 0
        return order(session, step, now), 0

    async def _attached_or_busy(self, key: bytes, attempt_id: str) -> Attached:
        """The answer of before to an attempt that succeeded; no write waits for one that did not."""
        async with self._outside.books.read() as view:
            made_in = await view.attempted("Attach", attempt_id)
            if made_in is None:
                raise exhausted(GATEWAY_BUSY, retry_after=ROOM_AGAIN_AFTER)
            session = await view.session(made_in)
        return self._attached_before(session, key, attempt_id)

    def _attached(self, session: Session, token: str) -> Attached:
        offer = offers.offer_of(self._outside, session)
        if offer is None:
            raise invalid(ATTEMPT_OVER)
        return Attached(session, token, offer, self._outside.clock.now())

    def _attached_before(self, session: Session | None, key: bytes, attempt_id: str) -> Attached:
        """The same answer to the same attempt, while a retry may come and nobody has claimed it."""
        now = self._outside.clock.now()
        if session is None or now - session.created_at >= ATTACH_ANSWERED_AGAIN_WITHIN:
            raise invalid(ATTEMPT_OVER)
        token = offers.token_of(
            self._outside, session.agent_token_digest, TOKEN, session.session_id, attempt_id
        )
        if session.agent_public_key != key or not token:
            raise invalid(ATTEMPT_OVER)
        return self._attached(session, token)


def _over(session: Session) -> Over:
    if session.reason is Reason.SIGN_IN and session.state is State.SUCCESS:
        return Over("SIGNED_IN", "")
    if session.state in ENDED or session.state is State.UNKNOWN:
        return Over(session.state.value, session.code)
    return Over(State.ABANDONED.value, "SESSION_ENDED")
