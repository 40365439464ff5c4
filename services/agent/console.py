"""The person's window, here a terminal: where the page is, what happens, and the one question.

The question goes to the controlling terminal and is answered there, whatever standard input and output are.
There is no switch to answer it otherwise: whoever can type there can see the words.
"""

import asyncio
import os
import select
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from services.agent import messages
from services.agent.addresses import is_trusted
from services.agent.facts import Facts, ReaderState
from services.agent.ports import Doing, Pairing, Question

TERMINAL = "/dev/tty"
LONGEST_ANSWER = 64
"""Characters; the only one that counts has three."""
SLICE_SECONDS = 0.2
"""How soon a waiting question notices that the agent is ending."""


class Console:
    """Lines on standard output, a question on the terminal."""

    def __init__(self, out: TextIO, origin: str, open_page: Callable[[str], object] | None) -> None:
        """`open_page`: opens a browser; None where the person opens it."""
        self._out, self._origin, self._open_page = out, origin, open_page
        self._shown: tuple[str, ...] = ()
        self._state: ReaderState | None = None
        self._problem = self._spare_code = ""
        self._ending = False
        self.on_close: Callable[[], None] = lambda: None
        """Never called: who closes a terminal sends us a signal."""

    def offered(self, session_id: str, pairing: Pairing, words: tuple[str, str, str], *, first: bool) -> None:
        """Show where the page is."""
        del session_id
        self._problem = ""
        if self._same("offered", pairing.page_address, pairing.code):
            return
        if not is_trusted(pairing.page_address, self._origin):
            self.problem("PAGE_ADDRESS_REFUSED")
        elif first and self._open_page is not None:
            self._say("Your browser opens the page.")
            self._open_page(pairing.page_address)
        else:
            self._say(f"Open this address (good for two minutes): {pairing.page_address}")
        self._say(f"Or type this code on the start page: {pairing.code}")
        self._say(f"The page must show these words: {' '.join(words)}")

    def spare(self, session_id: str, pairing: Pairing, words: tuple[str, str, str]) -> None:
        """Show how to begin anew, without turning from what happens now."""
        del session_id, words
        if pairing.code != self._spare_code and is_trusted(pairing.page_address, self._origin):
            self._spare_code = pairing.code
            self._say(f"To begin again from the start: {pairing.page_address} (code {pairing.code})")

    def begun_anew(self, session_id: str, words: tuple[str, str, str]) -> None:
        """Show the words of the session that is in use from now on."""
        del session_id
        self._same(Doing.CLAIMED.value, "")
        self._say(f"A page began anew. It must show these words: {' '.join(words)}")

    def doing(self, what: Doing, script_kind: str = "") -> None:
        """Show what happens now."""
        if self._same(what.value, script_kind):
            return
        if what is Doing.CLAIMED:
            self._say("A page is using this reader. Go on in the browser.")
        elif what is Doing.WORKING:
            self._say(messages.WORKING.get(script_kind, messages.WORKING_ON_IT))

    def readers(self, facts: Facts) -> None:
        """Show what the readers are like, once for each change."""
        if facts.state is self._state:
            return
        self._state = facts.state
        if self._state is ReaderState.CARD:
            self._say(f"There is a card in {facts.card_reader}.")
        else:
            self._say(messages.problem(self._state.value))

    def problem(self, code: str) -> None:
        """Show a problem, once as long as it lasts."""
        if code != self._problem:
            self._problem = code
            self._say(messages.problem(code))

    def ended(self, outcome: str, code: str) -> None:
        """Show how the session ended."""
        self._say(messages.outcome(outcome, code))

    async def confirm(self, question: Question, words: tuple[str, str, str], seconds: float) -> bool:
        """Ask on the controlling terminal; only the word yes is a yes."""
        text = messages.question(question.last_four, words, last_try=question.last_try) + " Type yes: "
        return await asyncio.to_thread(self._ask, text, time.monotonic() + seconds)

    async def run(self) -> None:
        """Nothing to draw: the terminal does."""

    def instead_of_window(self, why: str) -> None:
        """Say that there is no window, and why."""
        self._say(f"There is no window here ({why}): read and answer in this terminal.")

    def close(self) -> None:
        """Stop waiting for an answer: the agent ends."""
        self._ending = True

    def _ask(self, text: str, give_up: float) -> bool:
        try:
            terminal = os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY)
        except OSError:
            return False
        try:
            termios.tcflush(terminal, termios.TCIFLUSH)  # what was typed before the question answers nothing
            os.write(terminal, b"\n" + text.encode())
            return self._answer(terminal, give_up).strip().lower() == "yes"
        except OSError:
            return False
        finally:
            os.close(terminal)

    def _answer(self, terminal: int, give_up: float) -> str:
        """Return the line typed, or nothing."""
        typed = b""
        while not typed.endswith(b"\n") and len(typed) < LONGEST_ANSWER:
            if self._ending or time.monotonic() > give_up:
                return ""
            if select.select([terminal], [], [], SLICE_SECONDS)[0]:
                read = os.read(terminal, LONGEST_ANSWER)
                if not read:
                    return ""
                typed += read
        return typed.decode(errors="replace")

    def _same(self, *shown: str) -> bool:
        same, self._shown = shown == self._shown, shown
        return same

    def _say(self, line: str) -> None:
        with suppress(OSError, ValueError):  # a closed window is no reason to stop
            self._out.write(messages.printable(line) + "\n")
            self._out.flush()
