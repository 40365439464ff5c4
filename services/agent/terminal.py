"""The controlling terminal: where the person is asked and answers, whatever standard input and output are."""

import os
import select
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.agent import messages, typed
from services.agent.ports import Typed

PATH = "/dev/tty"
LONGEST_ANSWER = 64
"""Characters; the longest that counts is a passcode of eight."""
SLICE_SECONDS = 0.2
"""How soon a waiting question notices that the agent is ending."""
CURRENT, NEW, AGAIN = "Current passcode: ", "New passcode: ", "New passcode again: "
_ECHO = 3
"""Where `termios` keeps the flags of which echo is one."""


class NoAnswer(Exception):
    """Nothing was typed, not in time, or there is no terminal to type on."""


class Terminal:
    """One question, from its first line to its last. Every method may raise OSError or NoAnswer."""

    def __init__(self, file: int, give_up: float, ending: Callable[[], bool]) -> None:
        self._file, self._give_up, self._ending = file, give_up, ending

    def say(self, text: str) -> None:
        """Show a text."""
        os.write(self._file, text.encode())

    def line(self, prompt: str) -> str:
        """Return one line that was typed, without its end; it may be empty."""
        self.say(prompt)
        read = b""
        while not read.endswith(b"\n") and len(read) < LONGEST_ANSWER:
            if self._ending() or time.monotonic() > self._give_up:
                raise NoAnswer
            if select.select([self._file], [], [], SLICE_SECONDS)[0]:
                some = os.read(self._file, LONGEST_ANSWER)
                if not some:
                    raise NoAnswer
                read += some
        return read.decode(errors="replace").strip()

    def pins(self, *, asks_current: bool, asks_new: bool = True) -> Typed:
        """Ask for passcodes, unseen, until they are good; an empty line ends it with NoAnswer."""
        with self._unseen():
            self.say("\n")
            current = self._good(CURRENT, typed.current_objection) if asks_current else ""
            while asks_new:
                new = self._good(NEW, lambda pin: typed.objection(pin, current))
                if self._some(AGAIN) == new:
                    return Typed(new, current)
                self._refuse(typed.DIFFERENT)
            return Typed("", current)

    def _good(self, prompt: str, objection: Callable[[str], str]) -> str:
        while refused := objection(pin := self._some(prompt)):
            self._refuse(refused)
        return pin

    def _some(self, prompt: str) -> str:
        """Return a line that is not empty."""
        if pin := self.line(prompt):
            return pin
        raise NoAnswer

    def _refuse(self, reason: str) -> None:
        self.say(messages.PASSCODE_REFUSED[reason] + "\n")

    @contextmanager
    def _unseen(self) -> Iterator[None]:
        """Show line ends only of what is typed; in the background the terminal is not ours to change."""
        if os.tcgetpgrp(self._file) != os.getpgrp():
            raise NoAnswer
        before = termios.tcgetattr(self._file)
        unseen = list(before)
        unseen[_ECHO] = before[_ECHO] & ~termios.ECHO | termios.ECHONL
        termios.tcsetattr(self._file, termios.TCSAFLUSH, unseen)
        try:
            yield
        finally:
            termios.tcsetattr(self._file, termios.TCSADRAIN, before)


@contextmanager
def terminal(give_up: float, ending: Callable[[], bool]) -> Iterator[Terminal]:
    """Open the terminal; what was typed before the question answers nothing. Raises OSError.

    `give_up`: on the monotonic clock; `ending`: whether the agent is about to end.
    """
    file = os.open(PATH, os.O_RDWR | os.O_NOCTTY)
    try:
        termios.tcflush(file, termios.TCIFLUSH)
        yield Terminal(file, give_up, ending)
    finally:
        os.close(file)
