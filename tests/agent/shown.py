"""The agent's window on an X server without a monitor, and what a person does to it."""

import asyncio
import gc
import os
import subprocess
import tkinter
from collections.abc import Iterator
from contextlib import suppress
from tkinter import ttk

from services.agent.ports import Question, Typed
from services.agent.window import TkWindow

WORDS = ("gecko", "ocean", "roof")
QUESTION = Question("1234", "LOCKED")
YES, NO, SET = "Yes, set it", "No, change nothing", "Set this passcode"


def x_server(*options: str) -> Iterator[str]:
    """A display of its own; nothing on the network."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x1024x24", "-nolisten", "tcp", *options],
        pass_fds=[write], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait()


class Shown:
    """A window, and what a person does to it."""

    def __init__(self, screen: str) -> None:
        self.opened: list[str] = []
        self.window = TkWindow("", self.opened.append, opens_itself=False, screen=screen)
        self._drawing = asyncio.create_task(self.window.run())

    async def close(self) -> None:
        self._drawing.cancel()
        with suppress(asyncio.CancelledError):
            await self._drawing
        self.window.close()
        del self.window, self._drawing
        gc.collect()  # here and now: Tk's variables complain when another thread does it

    def all(self, kind: type[tkinter.Widget]) -> list[tkinter.Widget]:
        found, waiting = [], list(self.window.root.winfo_children())
        while waiting:
            widget = waiting.pop(0)
            waiting += widget.winfo_children()
            if isinstance(widget, kind) and widget.winfo_viewable():
                found.append(widget)
        return found

    @property
    def text(self) -> str:
        return "\n".join(str(label.cget("text")) or variable(label) for label in self.all(ttk.Label))

    def button(self, text: str) -> tkinter.Widget:
        return next(button for button in self.all(ttk.Button) if button.cget("text") == text)

    async def asked(self) -> "asyncio.Task[bool]":
        """Ask the question; return once it is to be seen, with the keyboard on No."""
        asking = asyncio.create_task(self.window.confirm(QUESTION, WORDS, 60))
        while not any(button.cget("text") == NO for button in self.all(ttk.Button)):
            await asyncio.sleep(0.02)
        await self._has_keyboard()
        return asking

    async def asked_to_type(self, reason: str = "LOCKED") -> "asyncio.Task[Typed | None]":
        """Ask for passcodes; return once the form is to be seen, with the keyboard in its first field."""
        asking = asyncio.create_task(self.window.ask_pins(to_type(reason), WORDS, 60))
        while not any(button.cget("text") == SET for button in self.all(ttk.Button)):
            await asyncio.sleep(0.02)
        await self._has_keyboard()
        return asking

    async def _has_keyboard(self) -> None:
        """Wait until the X server has given it: what is pressed before goes nowhere."""
        while self.window.root.focus_get() is None:
            await asyncio.sleep(0.02)
        await self.settled()

    def type(self, text: str) -> None:
        """Type digits where the keyboard is."""
        for digit in text:
            self.press(f"<KeyPress-{digit}>")

    async def settled(self) -> None:
        """Wait until the window is on the screen, and the X server has answered all that Tk asked so far."""
        root = self.window.root
        while not root.winfo_viewable():
            await asyncio.sleep(0.02)
        for _ in range(4):
            await asyncio.sleep(0.05)
            root.winfo_pointerxy()  # the server answers in turn: its news of before are in by now

    def press(self, key: str) -> None:
        """Press a key where the keyboard is."""
        (self.window.root.focus_get() or self.window.root).event_generate(key)

    async def click(self, button: tkinter.Widget) -> None:
        for event in ("<Enter>", "<ButtonPress-1>", "<ButtonRelease-1>"):
            button.event_generate(event, x=5, y=5)
            await self.settled()


def to_type(reason: str) -> Question:
    return Question("1234", reason, pin_at_agent=True)


def overlap(one: tkinter.Widget, other: tkinter.Widget) -> bool:
    """Whether two widgets cover the same dots."""
    left = max(one.winfo_rootx(), other.winfo_rootx())
    right = min(one.winfo_rootx() + one.winfo_width(), other.winfo_rootx() + other.winfo_width())
    top = max(one.winfo_rooty(), other.winfo_rooty())
    bottom = min(one.winfo_rooty() + one.winfo_height(), other.winfo_rooty() + other.winfo_height())
    return left < right and top < bottom


def variable(label: tkinter.Widget) -> str:
    """The text of a widget that shows a variable."""
    return str(label.getvar(str(label.cget("textvariable"))))
