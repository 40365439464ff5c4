"""One step of the gateway's, from its arrival to the report: our own rules, the person, the card.

What is never done here, whatever the gateway says: a script outside the allow-list, or a passcode that
the person did not say yes to in our own window.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from services.agent.agreeing import Agreed, ask, is_sealed_against, pins_of, sign_in_pin_of
from services.agent.holding import CannotHold, Hold
from services.agent.journal import NOT_WRITTEN, Journal
from services.agent.ports import Doing, Order, ReaderService, Session, Window
from services.agent.sealing import PinNotOpened
from services.agent.watch import Watch
from services.card_gateway.card.guard import Refused, check
from services.card_gateway.card.proof import Purpose, challenge_digest
from services.card_gateway.card.runner import Fill, run
from services.card_gateway.card.script import End, Kind, Report, Script, secret_sent
from services.runtime import faults

SCRIPT_SECONDS = 20.0
"""Longest script. Source: design `cards.md`, 2."""
KEEP_SECONDS = 10.0
"""From the proof to the reset on the same handle. Source: architecture section 3, call 9."""
ANSWER_SECONDS = 3.0
"""From an admin-key card's challenge to its answer; it is held meanwhile. Source: architecture section 5."""
RUNS = 3
"""How often a script is begun anew that another program's card reset cut short before any secret left."""

_ON_KEPT_HANDLE = frozenset({Kind.RESET, Kind.RECOVER, Kind.CHANGE})
_PURPOSES = {Kind.READ: Purpose.READ, Kind.PROVE: Purpose.RESET, Kind.PROVE_HOLDER: Purpose.SIGN_IN}
_ASKED_FIRST = frozenset({Kind.PROVE, Kind.PROVE_HOLDER})


@dataclass
class Proven:
    """The handle that a proof left open, and how long it may be used."""

    hold: Hold
    session_id: str
    until: float
    """On the monotonic clock."""
    agreed: Agreed


class Steps:
    """Runs the steps of one session after another on the one card there is."""

    def __init__(
        self,
        service: ReaderService,
        watch: Watch,
        window: Window,
        journal: Journal,
        gateway_name: str,
        now: Callable[[], float] = time.monotonic,
        *,
        only_typed_here: bool = False,
    ) -> None:
        """`only_typed_here`: no passcode is taken that a page sealed."""
        self._only_typed_here = only_typed_here
        self._service, self._watch, self._window, self._journal = service, watch, window, journal
        self._gateway_name, self._now = gateway_name, now
        self._proven: Proven | None = None
        self._agreed: Agreed | None = None
        self._due: asyncio.Task[None] | None = None

    async def run(self, session: Session, order: Order) -> Report:
        """Run one step and return what to report of it; never raises for card, person or script."""
        refusal = self._refusal(session, order) or await self._declined(session, order)
        if refusal is not None:
            return refusal
        try:
            fill = self._fill(session, order)
        except PinNotOpened:
            return _not_sent(End.PIN_REFUSED, "PIN_NOT_OPENED")
        except ValueError:
            return _not_sent(End.REFUSED, "NONCE_LENGTH")
        self._window.doing(Doing.WORKING, order.script.kind.value)
        try:
            self._journal.begin_step(order.step_id, order.script.kind)
        except OSError:
            return _not_sent(End.NOT_RUN, NOT_WRITTEN)
        report = await asyncio.to_thread(self._on_card, session, order.script, fill)
        self._agreed = None  # what was typed lives on only with the handle that its reset needs
        self._journal.end_step(report)
        if self._proven is not None:
            self._due = asyncio.create_task(self._release_when_due(self._proven))
        return report

    async def release(self) -> None:
        """Give back a handle that a proof left open."""
        proven, self._proven = self._proven, None
        if proven is not None:
            await asyncio.to_thread(proven.hold.close)

    async def _release_when_due(self, proven: Proven) -> None:
        """Give back a handle whose reset never came, at the end of its time."""
        await asyncio.sleep(max(0.0, proven.until - self._now()))
        if self._proven is proven:
            await self.release()

    def _refusal(self, session: Session, order: Order) -> Report | None:
        """Judge what needs neither person nor card."""
        if self._now() >= order.begin_by:  # such a step may come without its commands
            return _not_sent(End.NOT_RUN, "TOO_LATE")
        try:
            check(order.script)
        except Refused as refused:
            return _not_sent(End.REFUSED, refused.rule)
        if order.script.kind in _ON_KEPT_HANDLE and not self._may_set_pin(session):
            return _not_sent(End.NOT_RUN, "PROVE_AGAIN")
        if is_sealed_against(order, self._agreed_before, only_typed_here=self._only_typed_here):
            return _not_sent(End.REFUSED, "SEALED_PIN_REFUSED")
        return None

    def _may_set_pin(self, session: Session) -> bool:
        """Only within its time, on a handle whose card was proven after the person's yes."""
        proven = self._proven
        return proven is not None and proven.session_id == session.session_id and self._now() < proven.until

    async def _declined(self, session: Session, order: Order) -> Report | None:
        """Ask before a proof that leads to a reset, or says who holds the card, while no card is held."""
        if order.script.kind not in _ASKED_FIRST:
            return None
        self._agreed = None
        await self.release()
        if order.question is None:  # without the question there can be no reset: no reason to sign either
            return _not_sent(End.REFUSED, "NO_QUESTION")
        self._window.doing(Doing.ASKING)
        # By our own word, so that nobody says yes to a sign-in that is a reset.
        question = replace(order.question, signs_in=order.script.kind is Kind.PROVE_HOLDER)
        agreed = await ask(self._window, session, question, order.begin_by - self._now())
        if agreed is None:
            return _not_sent(End.DECLINED, "")
        if self._now() >= order.begin_by:
            return _not_sent(End.NOT_RUN, "TOO_LATE")
        self._agreed = agreed
        return None

    def _fill(self, session: Session, order: Order) -> Fill:
        if order.script.kind in _ON_KEPT_HANDLE:
            return pins_of(session, order, self._agreed_before)
        purpose = _PURPOSES[order.script.kind]
        name, public = self._gateway_name, session.public_key
        digest = challenge_digest(purpose, name, session.session_id, order.nonce, public)
        if order.script.kind is not Kind.PROVE_HOLDER:
            return Fill(digest=digest)
        return replace(sign_in_pin_of(session, order, self._agreed), digest=digest)

    @property
    def _agreed_before(self) -> Agreed | None:
        """What led to the handle that a proof left open."""
        return None if self._proven is None else self._proven.agreed

    def _on_card(self, session: Session, script: Script, fill: Fill) -> Report:
        """Hold the card for one script; runs on a thread of its own."""
        try:
            if script.kind in _ON_KEPT_HANDLE:
                return self._on_kept_handle(script, fill)
            return self._on_new_handle(session, script, fill)
        except CannotHold as cannot:
            return _not_sent(cannot.end, cannot.rule)

    def _on_kept_handle(self, script: Script, fill: Fill) -> Report:
        proven, self._proven = self._proven, None
        if proven is None:
            raise CannotHold(End.NOT_RUN, "PROVE_AGAIN")
        try:
            proven.hold.take_again()
            report = self._run(script, fill, proven.hold)
        finally:
            proven.hold.close()
        if report.rule == "RESET_BY_OTHER" and not secret_sent(script, report):
            return _not_sent(End.NOT_RUN, "PROVE_AGAIN")
        return report

    def _on_new_handle(self, session: Session, script: Script, fill: Fill) -> Report:
        for _ in range(RUNS):
            report = self._once(session, script, fill)
            if report.rule != "RESET_BY_OTHER" or secret_sent(script, report):
                break
        return report

    def _once(self, session: Session, script: Script, fill: Fill) -> Report:
        reader = self._watch.facts.card_reader
        if reader is None:
            raise CannotHold(End.NOT_RUN, self._watch.facts.state.value)
        hold = Hold(self._service, reader)
        keep = False
        try:
            hold.take()
            report = self._run(script, fill, hold)
            # A challenge dies with any other program's select: that card is not let go of.
            keep = script.leave_open and report.end is End.COMPLETED
            keep = keep and (script.awaits_answer or hold.leave())
        finally:
            if keep and self._agreed is not None:
                seconds = ANSWER_SECONDS if script.awaits_answer else KEEP_SECONDS
                self._proven = Proven(hold, session.session_id, self._now() + seconds, self._agreed)
            else:
                hold.close()
        return report

    def _run(self, script: Script, fill: Fill, hold: Hold) -> Report:
        give_up = self._now() + SCRIPT_SECONDS
        return run(
            script,
            hold,
            fill,
            self._watch.insertion(hold.reader),
            on_send=self._sending,
            on_answer=self._answered,
            out_of_time=lambda: self._now() >= give_up,
        )

    def _sending(self, name: str) -> None:
        self._journal.send(name)
        faults.reach(f"agent.{name}.sending")

    def _answered(self, name: str, sw: int) -> None:
        faults.reach(f"agent.{name}.answered")
        self._journal.answer(name, sw)


def _not_sent(end: End, rule: str) -> Report:
    return Report((), end, rule=rule)
