"""A stack whose processes die at the points that a test names, and a person who does not give up."""

import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx

from deploy.local.agent_window import AgentWindow
from deploy.local.child import Child, ChildFailed
from deploy.local.stack import Stack
from tests.journeys.pages import Browser, Shown
from tests.journeys.person import Person, codes_mailed, good_pin, offer_of

KILLED = -signal.SIGKILL
"""How a process that met an armed point ends."""

SETTLING = 30.0
"""Seconds in which what lies behind the page comes to its points, once the person is done."""

PATIENCE = 180.0
"""Seconds in which a step must succeed although processes die in it."""


class ArmedWindow(AgentWindow):
    COMMAND = ("tests.faults.armed", "services.agent", "run")
    LONGEST_TEXT = 64 * 1024 * 1024
    """All of it: a person looks at what came since they sat down."""


class ArmedStack(Stack):
    """`arm` names points; `revive` starts again what has died, as Kubernetes would."""

    def __init__(self, folder: Path, *arguments: Any, **options: Any) -> None:
        self.armed = folder / "armed"
        self.armed.mkdir(parents=True)
        super().__init__(folder, *arguments, **options)
        agent = self.surroundings.of_agent(folder / "agent") | self.pcsc.environment
        self.agent = ArmedWindow(agent | {"ARMED_FOLDER": str(self.armed)}, folder / "logs" / "agent.log")
        self.parts["agent"] = self.agent

    def _service(self, name: str) -> Child:
        child = super()._service(name)
        child.argv[1:3] = ["-m", "tests.faults.armed", child.argv[2]]
        child.env["ARMED_FOLDER"] = str(self.armed)
        return child

    def arm(self, points: Iterable[str]) -> None:
        for point in points:
            (self.armed / point).touch()

    def still_armed(self) -> set[str]:
        return {path.name for path in self.armed.iterdir()}

    def wait_for_hits(self) -> set[str]:
        """Revive until every armed point was hit; return those that were not, SETTLING seconds later.

        What lies behind the page (a mail, an audit record) may be reached after the person has left.
        """
        deadline = time.monotonic() + SETTLING
        while (left := self.still_armed()) and time.monotonic() < deadline:
            self.revive()
            time.sleep(0.1)
        return left

    def disarm(self, points: Iterable[str]) -> None:
        for point in points:
            (self.armed / point).unlink(missing_ok=True)

    def revive(self) -> None:
        """Start whatever has ended; only a kill of ours may have ended it, also while it starts."""
        for name, code in self.ended().items():
            child = self.children.get(name)
            if child is None:
                self.parts[name].start()
            elif code != KILLED:
                raise ChildFailed(f"{name} ended by itself with {code}\n{child.tail()}")
            else:
                self._start_again(child)

    def _start_again(self, child: Child) -> None:
        try:
            child.start()
        except ChildFailed:
            if child.exit_code != KILLED:
                raise


class StubbornBrowser(Browser):
    """Asks again what was not answered, with the same form, as a person reloads a page."""

    def __init__(self, stack: ArmedStack) -> None:
        super().__init__(stack.addresses.url("web"))
        self._stack = stack

    def _follow(self, method: str, path: str, form: dict[str, str]) -> Shown:
        deadline = time.monotonic() + PATIENCE
        while True:
            self._stack.revive()
            try:
                shown = super()._follow(method, path, form)
            except httpx.TransportError:
                shown = Shown(path, 599, "")
            if shown.status < 500 or time.monotonic() > deadline:
                return shown
            time.sleep(0.2)


class StubbornPerson(Person):
    """Goes through the journey although processes die around them."""

    stack: ArmedStack

    def __init__(self, stack: ArmedStack, card: str, reason: str = "LOCKED") -> None:
        super().__init__(stack, card, reason)
        self.browser = StubbornBrowser(stack)
        self._may_be = [self.card.pin]
        """CHANGE: what the card may have, the likelier last."""

    def open_journey(self) -> Shown:
        """Wait for the agent's offer while processes come back, then open it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            self.stack.revive()
            try:
                offer_of(self.stack, seconds=0.5)
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise
                continue
            return super().open_journey()

    def read_mail(self, older: int = 0) -> str:
        deadline = time.monotonic() + PATIENCE
        while len(codes_mailed(self.stack, self.card)) <= older:
            self.stack.revive()
            if time.monotonic() > deadline:
                raise TimeoutError("no mail with a code")
            time.sleep(0.1)
        self.code = codes_mailed(self.stack, self.card)[-1]
        return self.code

    def unlock(self) -> Shown:
        """The whole way; after a reset that did not happen, another passcode in the same session."""
        self.come_to_passcode()
        return self.finish()

    def come_to_passcode(self) -> None:
        """As far as the page that takes the passcode."""
        self.open_journey()
        self.say_why()
        self.insert_card()
        self.ask_for_code()
        self.read_mail()
        self.type_code()

    def finish(self) -> Shown:
        """From there to the end, however many passcodes it takes."""
        return self._until_done(self.choose_passcode)

    def change(self) -> Shown:
        """Change the passcode; where nobody knows which one the card has, try the one, then the other."""
        self.open_journey()
        self.say_why()
        self.insert_card()
        self.confirm_words()
        return self._until_done(self._change_from_what_may_be)

    def _change_from_what_may_be(self) -> None:
        if "CURRENT_PIN_WRONG" in self.page.html:
            self._may_be.pop()
        elif "OUTCOME_UNKNOWN" in self.page.html:
            self._may_be.append(self.new_pin)
        self.new_pin = good_pin()
        self.change_passcode(self._may_be[-1])

    def _until_done(self, choose: Callable[[], object]) -> Shown:
        deadline = time.monotonic() + 3 * PATIENCE
        while self.page.path != "/done":
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"not unlocked: {self.page} {self.page.codes}\n{self.stack.agent.text[-800:]}"
                )
            if self.page.path == "/passcode":
                choose()
            self.answer_if_asked()
            self.page = self.browser.get(self.page.path if self.page.status < 400 else "/card")
            time.sleep(0.1)
        return self.page

    def answer_if_asked(self) -> None:
        """Say yes where the agent has asked since it was last answered."""
        text = self.stack.agent.text
        if "Type yes" in text[self._window_from :]:
            self._window_from = len(text)
            self.stack.agent.type("yes")
