"""Holds one card: connected shared, in a transaction, each call with a limit of its own.

Shared, because another program may sit on the card; in a transaction, because that program must not get
between two commands. A call that never returns costs us its thread, not the agent.
"""

import time
from collections.abc import Callable
from contextlib import suppress

from services.agent.lane import Lane, Overdue
from services.agent.pcsc_codes import SHARING_VIOLATION, cannot_hold, card_fault
from services.agent.ports import CardHandle, PcscError, ReaderContext, ReaderService
from services.card_gateway.card.apdu import CardGone, CardTimeout
from services.card_gateway.card.script import End

APDU_SECONDS = 3.0
"""Longest answer to one APDU. Source: design `cards.md`, 2."""
TAKE_SECONDS = 4.0
"""How long another program may keep the card before the person is told."""
RETRY_SECONDS = 0.2
"""Between two tries to connect while another program has the card for itself."""
TIDY_SECONDS = 2.0
"""How long we wait for a card reset and the handle's end; it goes on without us."""


class CannotHold(Exception):
    """The card could not be taken, and nothing was sent to it: how the step ends, and why."""

    def __init__(self, end: End, rule: str) -> None:
        super().__init__(rule)
        self.end, self.rule = end, rule


class Hold:
    """A card port (`transmit`) on one handle; `take` first, `close` last."""

    def __init__(self, service: ReaderService, reader: str) -> None:
        self.reader = reader
        self._service = service
        self._lane = Lane("card")
        self._context: ReaderContext | None = None
        self._handle: CardHandle | None = None
        self._in_transaction = self._sent = self._overdue = self._closed = False

    def take(self) -> None:
        """Connect and begin a transaction, within TAKE_SECONDS. Raises CannotHold."""
        give_up = time.monotonic() + TAKE_SECONDS - RETRY_SECONDS
        self._enter(lambda: self._connect(give_up), cannot_hold)

    def take_again(self) -> None:
        """Begin a transaction on the handle that `leave` left. Raises CannotHold: then prove again.

        Nothing to do where the transaction was never ended.
        """
        if self._in_transaction:
            return
        self._enter(self._begin, lambda code: (End.NOT_RUN, "PROVE_AGAIN"))

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Send one APDU. Raises CardGone, CardWasReset, CardTimeout."""
        handle = self._handle
        if handle is None or self._overdue:
            raise CardGone
        self._sent = True
        try:
            answer = self._lane.call(lambda: handle.transmit(apdu), APDU_SECONDS)
        except Overdue:
            self._overdue = True
            raise CardTimeout from None
        except PcscError as error:
            raise card_fault(error.code) from None
        if len(answer) < 2:  # "success" without an answer is what a torn link looks like
            raise CardGone
        return answer[:-2], int.from_bytes(answer[-2:], "big")

    def leave(self) -> bool:
        """End the transaction without a reset and keep the handle; False where that failed."""
        try:
            self._lane.call(lambda: self._end(reset=False), APDU_SECONDS)
        except (Overdue, PcscError):
            return False
        return True

    def close(self) -> None:
        """Reset a card we spoke to, so that nothing stays selected; give it back; never raises."""
        if self._closed:
            return
        self._closed = True
        tidied = self._lane.submit(self._tidy)
        self._lane.retire()
        if not self._overdue:
            try:
                tidied.result(TIDY_SECONDS)
            except TimeoutError:
                self._overdue = True

    def _enter(self, work: Callable[[], None], judge: Callable[[int], tuple[End, str]]) -> None:
        try:
            self._lane.call(work, TAKE_SECONDS)
        except Overdue:
            self._overdue = True
            raise CannotHold(End.READER_BUSY, "READER_BUSY") from None
        except PcscError as error:
            raise CannotHold(*judge(error.code)) from None

    def _connect(self, give_up: float) -> None:
        if self._context is None:
            self._context = self._service.open()
        while self._handle is None:
            try:
                self._handle = self._context.connect(self.reader)
            except PcscError as error:
                if error.code != SHARING_VIOLATION or time.monotonic() > give_up:
                    raise
                time.sleep(RETRY_SECONDS)
        self._begin()

    def _begin(self) -> None:
        if self._handle is None:
            raise PcscError(0)
        self._handle.begin()
        self._in_transaction = True

    def _end(self, *, reset: bool) -> None:
        if self._handle is not None and self._in_transaction:
            self._in_transaction = False
            self._handle.end(reset=reset)

    def _tidy(self) -> None:
        """Undo all that was done, whatever fails on the way."""
        with suppress(PcscError):
            self._end(reset=self._sent)
        with suppress(PcscError):
            self._disconnect()
        if self._context is not None:
            self._context.close()

    def _disconnect(self) -> None:
        if self._handle is not None:
            self._handle.disconnect()
