"""A second session on offer while the first is in use: whoever sits down can always begin anew.

A session lives until its deadline, also one that was refused or whose page was closed. Without a second
offer nobody could use this workstation until then. It is written down before anybody is shown it: a page may
claim it while we are dead.
"""

import asyncio
from contextlib import suppress

from services.agent.attaching import Attaching
from services.agent.backoff import Backoff
from services.agent.journal import Journal
from services.agent.polling import POLL_SECONDS, poll
from services.agent.ports import (
    Gateway,
    GatewayAway,
    Idle,
    OrderRefused,
    Over,
    Pairing,
    Session,
    SessionLost,
    Window,
)
from services.agent.watch import Watch
from services.runtime import faults, logs
from services.runtime.words import matching_words

log = logs.logger("spare")


class Spare:
    """At most one session that nobody uses yet."""

    def __init__(
        self,
        gateway: Gateway,
        window: Window,
        watch: Watch,
        journal: Journal,
        backoff: Backoff,
        attaching: Attaching,
    ) -> None:
        self._gateway, self._window, self._watch = gateway, window, watch
        self._journal, self._backoff, self._attaching = journal, backoff, attaching
        self._task: asyncio.Task[None] | None = None
        self._offer: tuple[Session, Pairing | None] | None = None
        """Without a pairing: it is of an earlier run, and the gateway has not yet said how it stands."""
        self._unsure = False
        self.taken = asyncio.Event()
        """A page has claimed it."""

    def recall(self, session: Session) -> None:
        """Have this one of an earlier run, which a page may have claimed meanwhile."""
        self._offer, self._unsure = (session, None), True

    def keep(self) -> None:
        """Have one on offer from now on; more than once is once."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    @property
    def is_kept(self) -> bool:
        """Whether one is on offer or about to be: a page uses the first session."""
        return self._task is not None

    async def hand_over(self) -> tuple[Session, Pairing | None] | None:
        """Stop offering; return what was on offer, claimed or not."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        offer, self._offer = self._offer, None
        self.taken.clear()
        return offer

    async def _run(self) -> None:
        while not self.taken.is_set():
            try:
                if self._offer is None:
                    await self._attach()
                await self._until_taken()
            except SessionLost:
                self._offer = None
                await asyncio.sleep(self._backoff.again())
            except GatewayAway as away:
                await asyncio.sleep(self._backoff.again(away.retry_after))

    async def _attach(self) -> None:
        session, pairing = await self._attaching.attach()
        self._backoff.reset()
        await self._write_down(session)
        faults.reach("agent.offer.written")
        self._show(session, pairing)

    async def _write_down(self, session: Session) -> None:
        """However long that takes: nobody may be shown it before."""
        while True:
            try:
                self._journal.offer(session)
                return
            except OSError:
                log.warning("offer_not_written", session_id=session.session_id)
            await asyncio.sleep(self._backoff.again())

    async def _until_taken(self) -> None:
        """Poll until a page claims it. Raises GatewayAway, and SessionLost also where it has ended."""
        while self._offer is not None:
            session, _ = self._offer
            seconds = 0 if self._unsure else POLL_SECONDS
            try:
                answer = await poll(self._gateway, self._watch, session, self._watch.facts, seconds=seconds)
            except OrderRefused:
                self.taken.set()  # the session in use is the one that judges steps
                return
            self._unsure = self._unsure and answer is None
            match answer:
                case Idle(pairing, claimed=False):
                    if pairing is not None:
                        self._show(session, pairing)
                case None:
                    continue
                case Over():
                    raise SessionLost("ENDED")
                case _:
                    faults.reach("agent.offer.taken")
                    self.taken.set()
                    return

    def _show(self, session: Session, pairing: Pairing) -> None:
        self._offer = session, pairing
        self._window.spare(
            session.session_id, pairing, matching_words(session.session_id, session.public_key)
        )
