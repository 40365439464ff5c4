"""The agent's life: offer this workstation, do the session's steps, report them, and offer it again.

One session is in use at a time; while it is, another is on offer (`spare`), and when a page claims that
one the session in use is left, as soon as no step of it is under way. A failed call is tried again for ever,
with growing waits; a step's report is kept until the gateway has it; a step given twice is answered with the
report of the first time.
"""

import asyncio
from contextlib import suppress

from services.agent import enrolment
from services.agent.attaching import Attaching
from services.agent.backoff import Backoff
from services.agent.journal import NOT_WRITTEN, Journal
from services.agent.polling import POLL_SECONDS, poll
from services.agent.ports import (
    Doing,
    Gateway,
    GatewayAway,
    Idle,
    Order,
    OrderRefused,
    Over,
    Pairing,
    Session,
    SessionLost,
    Window,
)
from services.agent.spare import Spare
from services.agent.steps import Steps
from services.agent.transport import PROXY_CODES
from services.agent.watch import Watch
from services.card_gateway.card.guard import Insertion
from services.card_gateway.card.script import End, Kind, Report
from services.runtime import logs
from services.runtime.errors import GATEWAY_BUSY
from services.runtime.words import matching_words

log = logs.logger("session")

_NAMED = PROXY_CODES | enrolment.CODES | {GATEWAY_BUSY}
"""Why a call failed, where the person is told more than that it did."""


class Agent:
    """One workstation's agent."""

    def __init__(
        self,
        gateway: Gateway,
        window: Window,
        watch: Watch,
        steps: Steps,
        journal: Journal,
        backoff: Backoff,
        attaching: Attaching,
        spare: Spare,
    ) -> None:
        self._gateway, self._window, self._watch, self._steps = gateway, window, watch, steps
        self._journal, self._backoff, self._attaching = journal, backoff, attaching
        self._spare = spare
        self._stop = asyncio.Event()
        self._reports: dict[str, Report] = {}
        self._unreported: list[str] = []
        self._first_offer = True
        self._unsure = False
        """The gateway knows more of the session than we do: it is of a run before this one, or was on offer,
        or its card has just been asked who holds it."""
        self._proven: Insertion | None = None
        """The card that was asked."""
        self._signed_in = False

    def stop(self) -> None:
        """End soon: after the step under way and one try to report it."""
        self._stop.set()

    async def run(self) -> None:
        """Serve sessions until stopped."""
        session = self._recalled()
        log.info("ready", resumed=session is not None)
        while not self._stop.is_set():
            session = session or await self._attach()
            if session is not None and await self._serve(session):
                session = await self._next()
        await self._spare.hand_over()

    def _recalled(self) -> Session | None:
        remembered = self._journal.recall()
        if remembered is None:
            return None
        self._reports, self._unreported = remembered.reports, remembered.unacknowledged
        self._unsure = True
        if remembered.offered is not None:
            self._spare.recall(remembered.offered)
        return remembered.session

    async def _next(self) -> Session | None:
        """Return the session that was on offer meanwhile, if there is one; the one before is forgotten."""
        claimed = self._spare.taken.is_set()
        offer = await self._spare.hand_over()
        if offer is None:
            self._journal.forget()
            return None
        session, pairing = offer
        if not await self._remember_session(session) or self._stop.is_set():
            return None
        self._unsure = not claimed  # a page may have claimed it since it was asked last
        if claimed:
            words = matching_words(session.session_id, session.public_key)
            self._window.begun_anew(session.session_id, words)
        elif pairing is not None:
            self._offer(session, pairing)
        return session

    async def _attach(self) -> Session | None:
        """Offer this workstation until the gateway takes it; None when stopped."""
        while not self._stop.is_set():
            try:
                session, pairing = await self._attaching.attach()
            except GatewayAway as away:
                await self._pause(away)
                continue
            if await self._remember_session(session):
                self._offer(session, pairing)
                return session
        return None

    async def _remember_session(self, session: Session) -> bool:
        """Write it down before anybody is shown it, however long that takes; False where we were stopped."""
        while True:
            try:
                self._journal.begin_session(session)
                break
            except OSError:
                log.warning("session_not_written", session_id=session.session_id)
                self._window.problem(NOT_WRITTEN)
            if self._stop.is_set():
                return False
            await self._wait()
        self._backoff.reset()
        self._reports, self._unreported, self._unsure = {}, [], False
        self._proven, self._signed_in = None, False
        return True

    async def _serve(self, session: Session) -> bool:
        """Do what the session asks; True when it has ended, is lost or is left, False when we are stopped."""
        try:
            while not self._stop.is_set():
                for step_id in list(self._unreported):
                    await self._do(session, await self._deliver(session, step_id))
                if await self._polled_to_the_end(session):
                    return True
                if self._spare.taken.is_set():
                    log.info("session_left", session_id=session.session_id)
                    return True
        except SessionLost as lost:
            log.warning("session_lost", session_id=session.session_id, code=str(lost))
            self._window.problem("SESSION_LOST")
            await self._wait()
            return True
        else:
            return False
        finally:
            await self._steps.release()

    async def _polled_to_the_end(self, session: Session) -> bool:
        """Ask once for something to do, and do it; True when the session is over."""
        try:
            answer = await self._poll(session)
        except GatewayAway as away:
            await self._pause(away)
            return False
        except OrderRefused as refused:
            self._refuse(refused)
            return False
        match answer:
            case Idle(signed_in=True):
                self._stay_signed_in()
            case Idle(pairing, claimed):
                self._idle(session, pairing, claimed=claimed)
            case Order():
                self._spare.keep()
                await self._do(session, answer)
            case Over(outcome, code):
                log.info("session_ended", session_id=session.session_id, outcome=outcome, code=code)
                self._window.ended("SIGNED_OUT" if self._signed_in else outcome, code)
                return True
        return False

    async def _poll(self, session: Session) -> Order | Idle | Over | None:
        """Ask for something to do; None as soon as there is news that the gateway must hear first."""
        facts = self._watch.facts
        self._window.readers(facts)
        seconds, left = 0 if self._unsure else POLL_SECONDS, self._card_left()
        news = self._stop, self._spare.taken
        answer = await poll(
            self._gateway, self._watch, session, facts, *news, seconds=seconds, card_left=left
        )
        if answer is not None:
            self._unsure = False
            self._backoff.reset()
        return answer

    async def _do(self, session: Session, order: Order | None) -> None:
        """Run an order and report it, and so on with what the gateway gives for the report."""
        while order is not None:
            if order.step_id not in self._reports:
                kind = order.script.kind.value
                if order.script.kind is Kind.PROVE_HOLDER:
                    self._proven, self._unsure = self._watch.inserted(), True
                log.info("step_begins", session_id=session.session_id, step_id=order.step_id, kind=kind)
                report = await self._steps.run(session, order)
                log.info("step_ended", step_id=order.step_id, end=report.end.value, rule=report.rule)
                self._tell(report)
                self._reports[order.step_id] = report
            self._remember(order.step_id)
            order = await self._deliver(session, order.step_id)

    async def _deliver(self, session: Session, step_id: str) -> Order | None:
        """Hand in one report, however long it takes; return what follows at once."""
        following = None
        while True:
            try:
                following = await self._gateway.report(session, step_id, self._reports[step_id])
            except GatewayAway as away:
                if self._stop.is_set():  # the journal has it for the next run
                    return None
                await self._pause(away)
                continue
            except OrderRefused as refused:
                self._refuse(refused)
            self._unreported.remove(step_id)
            self._journal.acknowledged(step_id)
            return following

    def _refuse(self, refused: OrderRefused) -> None:
        log.warning("step_refused", step_id=refused.step_id, rule=refused.rule)
        self._reports[refused.step_id] = Report((), End.REFUSED, rule=refused.rule)
        self._remember(refused.step_id)

    def _remember(self, step_id: str) -> None:
        if step_id not in self._unreported:
            self._unreported.append(step_id)

    def _idle(self, session: Session, pairing: Pairing | None, *, claimed: bool) -> None:
        if claimed:
            self._window.doing(Doing.CLAIMED)
            self._spare.keep()
        elif pairing is not None:
            self._offer(session, pairing)

    def _stay_signed_in(self) -> None:
        """Say so, once. After a restart nobody knows whether the card has been in all the time."""
        self._proven = self._proven or Insertion()
        self._spare.keep()
        if not self._signed_in:
            self._signed_in = True
            self._window.ended("SIGNED_IN", "")

    def _card_left(self) -> bool:
        """Whether the card that was asked who holds it may have been out since."""
        return self._proven is not None and self._watch.inserted() is not self._proven

    def _offer(self, session: Session, pairing: Pairing) -> None:
        words = matching_words(session.session_id, session.public_key)
        self._window.offered(session.session_id, pairing, words, first=self._first_offer)
        self._first_offer = False

    def _tell(self, report: Report) -> None:
        if report.end is not End.COMPLETED:
            self._window.problem(report.rule or report.end.value)

    async def _pause(self, away: GatewayAway) -> None:
        """Say that the gateway is away, and wait before the next try."""
        log.warning("gateway_away", code=away.code)
        self._window.problem(away.code if away.code in _NAMED else "GATEWAY_AWAY")
        self._window.doing(Doing.NO_GATEWAY)
        await self._wait(away.retry_after)

    async def _wait(self, at_least: float = 0.0) -> None:
        """Let some time pass before the next try, or until stopped; `at_least`: seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._backoff.again(at_least)):
                await self._stop.wait()
