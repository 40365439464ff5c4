"""The person's window, here a terminal: where the page is, what happens, and the one question.

The question goes to the controlling terminal and is answered there, whatever standard input and output are.
There is no switch to answer it otherwise: whoever can type there can see the words.
"""

import asyncio
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO, TypeVar

from services.agent import messages
from services.agent.addresses import is_trusted
from services.agent.facts import Facts, ReaderState
from services.agent.ports import Doing, Pairing, Question, Typed
from services.agent.terminal import NoAnswer, Terminal, terminal

HOW = "Type it here; nothing of it is shown. An empty line changes nothing."

T = TypeVar("T")


class Console:
    """Lines on standard output, a question on the terminal."""

    def __init__(self, out: TextIO, origin: str, open_page: Callable[[str], object] | None) -> None:
        """`open_page`: opens a browser; None where the person opens it."""
        self._out, self._origin, self._open_page = out, origin, open_page
        self._shown: tuple[str, ...] = ()
        self._state: ReaderState | None = None
        self._problem = self._spare_code = self._page = ""
        self._ending = False
        self.on_close: Callable[[], None] = lambda: None
        """Never called: who closes a terminal sends us a signal."""

    def offered(self, session_id: str, pairing: Pairing, words: tuple[str, str, str], *, first: bool) -> None:
        """Show where the page is."""
        del session_id
        self._problem = ""
        if self._same("offered", pairing.page_address, pairing.code):
            return
        self._page = pairing.page_address if is_trusted(pairing.page_address, self._origin) else ""
        if not self._page:
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

    def warning(self, code: str) -> None:
        """Show a warning, and where the page is."""
        if code:
            self._say(messages.warning(code))
            if self._page:
                self._say(f"The page: {self._page}")

    def ended(self, outcome: str, code: str) -> None:
        """Show how the session ended."""
        self._say(messages.outcome(outcome, code))

    async def confirm(self, question: Question, words: tuple[str, str, str], seconds: float) -> bool:
        """Ask on the controlling terminal; only the word yes is a yes."""
        text = messages.question(question, words)
        answer = await asyncio.to_thread(self._ask, text, lambda opened: opened.line(" Type yes: "), seconds)
        return answer is not None and answer.lower() == "yes"

    async def ask_pins(self, question: Question, words: tuple[str, str, str], seconds: float) -> Typed | None:
        """Ask on the controlling terminal, which shows nothing of what is typed."""
        asked = f"{messages.question(question, words)} {HOW}"
        wanted = {"asks_current": question.asks_current, "asks_new": not question.signs_in}
        return await asyncio.to_thread(self._ask, asked, lambda opened: opened.pins(**wanted), seconds)

    async def run(self) -> None:
        """Nothing to draw: the terminal does."""

    def instead_of_window(self, why: str) -> None:
        """Say that there is no window, and why."""
        self._say(f"There is no window here ({why}): read and answer in this terminal.")

    def close(self) -> None:
        """Stop waiting for an answer: the agent ends."""
        self._ending = True

    def _ask(self, question: str, answer: Callable[[Terminal], T], seconds: float) -> T | None:
        """Put a question on the terminal; None where nobody answers it there."""
        try:
            with terminal(time.monotonic() + seconds, lambda: self._ending) as opened:
                opened.say(f"\n{messages.printable(question)}")
                return answer(opened)
        except (NoAnswer, OSError, termios.error):
            return None

    def _same(self, *shown: str) -> bool:
        same, self._shown = shown == self._shown, shown
        return same

    def _say(self, line: str) -> None:
        with suppress(OSError, ValueError):  # a closed window is no reason to stop
            self._out.write(messages.printable(line) + "\n")
            self._out.flush()
