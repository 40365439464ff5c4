"""The person's window where there is a screen: what `console` tells in lines, to look at and to answer.

Tk has one thread and so have we: `run` lets it work 25 times a second on the agent's own loop, and nothing
here starts a loop of its own. There is no switch to answer the question: a person presses Yes, and No is what
Escape, Return at once, closing the window and no answer in time mean.
"""

import asyncio
import time
import tkinter
from _tkinter import DONT_WAIT
from collections.abc import Callable
from contextlib import suppress
from tkinter import font, ttk

from services.agent import messages
from services.agent.addresses import is_trusted
from services.agent.facts import Facts, ReaderState
from services.agent.pin_form import PinForm
from services.agent.ports import Doing, Pairing, Question, Typed
from services.runtime import logs

TURN_SECONDS = 0.04
"""Between two turns of Tk: below what a person notices."""
TEXT_WIDTH = "330p"
"""Of a line of text; in points, so that it grows with the screen's scaling."""
_GAP = "9p"
_ALARM = "#a00000"

log = logs.logger("window")


class NoScreen(Exception):
    """There is no screen to draw on."""


class TkWindow:
    """One window; `ports.Window` says what each method is for."""

    def __init__(
        self,
        origin: str,
        open_page: Callable[[str], object],
        *,
        opens_itself: bool,
        screen: str | None = None,
    ) -> None:
        """`opens_itself`: the first page is opened without a press. Raises NoScreen."""
        self._origin, self._open_page, self._opens_itself = origin, open_page, opens_itself
        self.on_close: Callable[[], None] = lambda: None
        """Called when the person closes the window."""
        self._address = ""
        self._answer: asyncio.Future[bool] | None = None
        try:
            self.root = tkinter.Tk(screenName=screen, className="smartcard-unlock")
        except tkinter.TclError:
            raise NoScreen from None
        self.root.title("Smartcard unlock")
        self.root.report_callback_exception = _report
        self.root.protocol("WM_DELETE_WINDOW", self._closed)
        self._draw()

    async def run(self) -> None:
        """Let Tk work until cancelled or closed."""
        with suppress(tkinter.TclError):  # destroyed
            while self.root.winfo_exists():
                self._turn()
                await asyncio.sleep(TURN_SECONDS)

    def _turn(self) -> None:
        """Let Tk do what waits, for as long as a turn at most.

        Its own `update` goes on until nothing waits: for ever before a screen that draws a step of the bar
        more slowly than the next one is due.
        """
        over = time.monotonic() + TURN_SECONDS
        while time.monotonic() < over and self.root.tk.dooneevent(DONT_WAIT):
            pass

    def close(self) -> None:
        """Answer no to what is asked, and take the window away; twice is once."""
        self._decide(False)
        with suppress(tkinter.TclError):
            self.root.destroy()

    def offered(self, session_id: str, pairing: Pairing, words: tuple[str, str, str], *, first: bool) -> None:
        """Show where the page is."""
        del session_id
        self._show(self._problem, "")
        if not is_trusted(pairing.page_address, self._origin):
            self.problem("PAGE_ADDRESS_REFUSED")
            return
        opening = first and self._opens_itself
        self._show(self._now, "Your browser opens the page." if opening else "Open the page in your browser.")
        self._show_page(pairing, "Or type this code on the start page:")
        self._show_words(words)
        if opening:
            self._open_page(pairing.page_address)

    def spare(self, session_id: str, pairing: Pairing, words: tuple[str, str, str]) -> None:
        """Show how to begin anew, without turning from what happens now."""
        del session_id, words
        if is_trusted(pairing.page_address, self._origin):
            self._show_page(pairing, "To begin again from the start, type this code there:")

    def begun_anew(self, session_id: str, words: tuple[str, str, str]) -> None:
        """Show the words of the session that is in use from now on."""
        del session_id
        self._show(self._now, "A page began anew. Go on in the browser.")
        self._show_words(words)

    def doing(self, what: Doing, script_kind: str = "") -> None:
        """Show what happens now."""
        if what is Doing.CLAIMED:
            self._show(self._now, "A page is using this reader. Go on in the browser.")
        elif what is Doing.ASKING:
            self._show(self._problem, "")
            self._show(self._now, "Answer the question below.")
        elif what is Doing.WORKING:
            self._show(self._problem, "")
            self._show(self._now, messages.WORKING.get(script_kind, messages.WORKING_ON_IT))
        self._turn_bar(what is Doing.WORKING)

    def readers(self, facts: Facts) -> None:
        """Show what the readers are like."""
        if facts.state is ReaderState.CARD:
            self._show(self._reader, f"There is a card in {messages.printable(facts.card_reader or '')}.")
        else:
            self._show(self._reader, messages.problem(facts.state.value))

    def problem(self, code: str) -> None:
        """Show a problem with its code and what to do."""
        self._turn_bar(False)
        self._show(self._problem, messages.problem(code))

    def warning(self, code: str) -> None:
        """Show a warning above the page's address."""
        self._show(self._warning, messages.warning(code))

    def ended(self, outcome: str, code: str) -> None:
        """Show how the session ended."""
        self._turn_bar(False)
        self._show(self._now, messages.outcome(outcome, code))

    async def confirm(self, question: Question, words: tuple[str, str, str], seconds: float) -> bool:
        """Ask Yes or No; the keyboard is on No."""
        self._answer = asyncio.get_running_loop().create_future()
        asked = messages.question(question, words)
        try:
            self._show(self._asked, asked)
            self._question.grid()
            self._come_forward()
            self._no.focus_force()
            async with asyncio.timeout(seconds):
                return await self._answer
        except (TimeoutError, tkinter.TclError):
            return False
        finally:
            self._answer = None
            with suppress(tkinter.TclError):
                self._question.grid_remove()

    async def ask_pins(self, question: Question, words: tuple[str, str, str], seconds: float) -> Typed | None:
        """Ask for the passcodes; the keyboard is on the first of them, and nothing else asks for anything."""
        asked = messages.question(question, words)
        wanted = {"asks_current": question.asks_current, "asks_new": not question.signs_in}
        try:
            self._page.grid_remove()
            self._come_forward()
            return await self._pins.ask(asked, **wanted, seconds=seconds)
        except tkinter.TclError:
            return None
        finally:
            with suppress(tkinter.TclError):
                self._page.grid()

    def _come_forward(self) -> None:
        self.root.deiconify()
        self.root.lift()

    def _decide(self, yes: bool) -> None:
        if not yes:
            self._pins.cancel()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(yes)

    def _closed(self) -> None:
        self._decide(False)
        self.on_close()

    def _show_page(self, pairing: Pairing, what_for: str) -> None:
        self._address = pairing.page_address
        self._show(self._page_address, pairing.page_address)
        self._show(self._code_label, what_for)
        self._show(self._code, pairing.code)
        with suppress(tkinter.TclError):
            self._open.state(["!disabled"])

    def _show_words(self, words: tuple[str, str, str]) -> None:
        self._show(self._words_label, "The page must show these words:")
        self._show(self._words, "  ".join(words))

    def _show(self, text: tkinter.StringVar, value: str) -> None:
        with suppress(tkinter.TclError):  # the window was closed: nobody to show it to
            text.set(messages.printable(value))

    def _turn_bar(self, on: bool) -> None:
        with suppress(tkinter.TclError):
            if on:
                self._bar.grid()
                self._bar.start(30)
            else:
                self._bar.stop()
                self._bar.grid_remove()

    def _draw(self) -> None:
        """Put everything in one column; what is long wraps, what is new pushes the rest down."""
        texts = [tkinter.StringVar(self.root) for _ in range(10)]
        (self._reader, self._now, self._problem, self._page_address) = texts[:4]
        (self._code_label, self._code, self._words_label, self._words, self._asked) = texts[4:9]
        self._warning = texts[9]
        frame = ttk.Frame(self.root, padding=_GAP)
        frame.grid(sticky="nsew")
        self.root.columnconfigure(0, weight=1)
        frame.columnconfigure(0, weight=1)
        self._line(frame, self._reader)
        self._line(frame, self._now)
        self._bar = ttk.Progressbar(frame, mode="indeterminate")
        self._bar.grid(sticky="ew", pady="4p")
        self._line(frame, self._problem, foreground=_ALARM)
        self._line(frame, self._warning, foreground=_ALARM)
        self._page = ttk.Frame(frame)
        self._page.grid(sticky="ew")
        self._page.columnconfigure(0, weight=1)
        self._draw_page(self._page)
        self._line(frame, self._words_label)
        self._line(frame, self._words, size=16)
        self._draw_question(frame)
        self._pins = PinForm(frame, self._line, _ALARM)
        self._pins.grid(sticky="ew", pady=("4p", 0))
        for hidden in (self._bar, self._question, self._pins):  # now, when every row has its place
            hidden.grid_remove()

    def _draw_page(self, frame: ttk.Frame) -> None:
        address = ttk.Entry(frame, textvariable=self._page_address, state="readonly")
        address.grid(sticky="ew")
        self._open = ttk.Button(
            frame, text="Open the page", command=lambda: self._open_page(self._address), state="disabled"
        )
        self._open.grid(sticky="w", pady="4p")
        self._open.bind("<Return>", lambda _: self._open.invoke())
        self._line(frame, self._code_label)
        self._line(frame, self._code, size=16)

    def _draw_question(self, frame: ttk.Frame) -> None:
        self._question = ttk.Frame(frame, padding=(_GAP, "4p"), relief="solid", borderwidth=2)
        self._question.grid(sticky="ew", pady=("4p", 0))
        self._line(self._question, self._asked, size=12)
        buttons = ttk.Frame(self._question)
        buttons.grid(sticky="w")
        self._no = ttk.Button(buttons, text="No, change nothing", command=lambda: self._decide(False))
        self._yes = ttk.Button(buttons, text="Yes, set it", command=lambda: self._decide(True))
        for column, button in enumerate((self._no, self._yes)):
            button.grid(row=0, column=column, padx=(0, _GAP), pady="4p")
            button.bind("<Return>", lambda event: event.widget.invoke())
        self.root.bind("<Escape>", lambda _: self._decide(False))

    def _line(
        self, frame: ttk.Frame, text: tkinter.StringVar, *, size: int = 11, foreground: str = "black"
    ) -> None:
        face = font.nametofont("TkDefaultFont", self.root).copy()
        face.configure(size=size)
        width = round(self.root.winfo_fpixels(TEXT_WIDTH))
        label = ttk.Label(frame, textvariable=text, font=face, wraplength=width, foreground=foreground)
        label.grid(sticky="w", pady=("2p", 0))


def _report(kind: type[BaseException], *_: object) -> None:
    """Tell of a defect by its kind and no more: what it carries may be a secret."""
    log.error("window_failed", error=kind.__name__)
