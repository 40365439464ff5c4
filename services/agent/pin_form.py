"""The form of the window in which passcodes are typed: masked, twice, judged before they leave it."""

import asyncio
import tkinter
from collections.abc import Callable
from contextlib import suppress
from tkinter import ttk

from services.agent import messages, typed
from services.agent.ports import Typed

MASK = "•"
SET, SIGN_IN = "Set this passcode", "Sign in"
WIDTH = 12
"""Of a field, in characters; the longest passcode has 8."""

DrawLine = Callable[..., None]
"""Draws a line of text in a frame, as the window does."""


class PinForm(ttk.Frame):
    """Shown only while it asks; what was typed is taken out of its fields with the answer."""

    def __init__(self, parent: ttk.Frame, draw_line: DrawLine, alarm: str) -> None:
        super().__init__(parent, padding=("9p", "4p"), relief="solid", borderwidth=2)
        self._answer: asyncio.Future[Typed | None] | None = None
        self._asks_current, self._asks_new = False, True
        self._asked, self._complaint = tkinter.StringVar(self), tkinter.StringVar(self)
        self._shows = tkinter.BooleanVar(self)
        draw_line(self, self._asked, size=12)
        draw_line(self, self._complaint, foreground=alarm)
        self._fields = ttk.Frame(self)
        self._fields.grid(sticky="w")
        self._current_label, self.current = self._field("Current passcode", 0)
        self._new_label, self.new = self._field("New passcode", 1)
        self._again_label, self.again = self._field("New passcode again", 2)
        self._shown = ttk.Checkbutton(self, text="Show what I type", variable=self._shows, command=self._mask)
        self._shown.grid(sticky="w", pady="4p")
        self._draw_buttons()

    async def ask(
        self, asked: str, *, asks_current: bool, seconds: float, asks_new: bool = True
    ) -> Typed | None:
        """Return what was typed once it is good; None for a no, Escape, or no answer in time.

        Raises tkinter.TclError where the window is gone.
        """
        self._answer = asyncio.get_running_loop().create_future()
        self._asks_current, self._asks_new = asks_current, asks_new
        self._asked.set(messages.printable(asked))
        try:
            self._lay_out()
            async with asyncio.timeout(seconds):
                return await self._answer
        except TimeoutError:
            return None
        finally:
            self._answer = None
            with suppress(tkinter.TclError):
                self._empty()
                self.grid_remove()

    def cancel(self) -> None:
        """Answer no, if anything is asked."""
        self._end(None)

    def _lay_out(self) -> None:
        of_new = (self._new_label, self.new, self._again_label, self.again)
        _show_or_hide(self._asks_current, self._current_label, self.current)
        _show_or_hide(self._asks_new, *of_new)
        self._submit_button.configure(text=SET if self._asks_new else SIGN_IN)
        self._shows.set(False)
        self._mask()
        self.grid()
        (self.current if self._asks_current else self.new).focus_force()

    def _submit(self) -> None:
        new, again, current = self.new.get(), self.again.get(), self.current.get()
        refused = typed.first_objection(
            new, again, current, asks_current=self._asks_current, asks_new=self._asks_new
        )
        if refused:
            self._complain(refused)
        else:
            self._end(Typed(new, current))

    def _complain(self, reason: str) -> None:
        """Say why, and let it be typed again where it was wrong."""
        self._complaint.set(messages.PASSCODE_REFUSED[reason])
        about_current = reason in messages.ABOUT_CURRENT
        for field in (self.current,) if about_current else (self.new, self.again):
            field.delete(0, "end")
        (self.current if about_current else self.new).focus_set()

    def _end(self, answer: Typed | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def _empty(self) -> None:
        self._complaint.set("")
        for field in (self.current, self.new, self.again):
            field.delete(0, "end")

    def _mask(self) -> None:
        for field in (self.current, self.new, self.again):
            field.configure(show="" if self._shows.get() else MASK)

    def _field(self, name: str, row: int) -> tuple[ttk.Label, ttk.Entry]:
        """Draw a field; what stands in it is never offered to other programs as the selection."""
        label = ttk.Label(self._fields, text=name)
        label.grid(row=row, column=0, sticky="w", padx=(0, "9p"))
        field = ttk.Entry(self._fields, show=MASK, width=WIDTH, exportselection=False)
        field.grid(row=row, column=1, pady=("4p", 0))
        field.bind("<Return>", lambda _: self._submit())
        return label, field

    def _draw_buttons(self) -> None:
        buttons = ttk.Frame(self)
        buttons.grid(sticky="w")
        cancel = ttk.Button(buttons, text="No, change nothing", command=self.cancel)
        self._submit_button = ttk.Button(buttons, text=SET, command=self._submit)
        for column, button in enumerate((self._submit_button, cancel)):
            button.grid(row=0, column=column, padx=(0, "9p"), pady="4p")
            button.bind("<Return>", lambda event: event.widget.invoke())


def _show_or_hide(shown: bool, *widgets: tkinter.Widget) -> None:
    for widget in widgets:
        if shown:
            widget.grid()
        else:
            widget.grid_remove()
