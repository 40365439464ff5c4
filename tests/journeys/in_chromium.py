"""The same person in a real browser: Debian's Chromium, driven by Playwright, JavaScript and all."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from playwright.sync_api import Page, expect, sync_playwright

from deploy.local.stack import Stack
from tests.journeys.person import Person, offer_of

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync")  # fmt: skip
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)  # its own 5 s are little for a browser beside a whole stack


@contextmanager
def chromium(width: int = 1280, height: int = 900) -> Iterator[Page]:
    """One page in a fresh profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(FLAGS))
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(PATIENCE_MS)
        try:
            yield page
        finally:
            browser.close()


@contextmanager
def another_browser(page: Page) -> Iterator[Page]:
    """One page of somebody else: nothing that the first one keeps is in it."""
    browser = page.context.browser
    if browser is None:
        raise AssertionError("the page has no browser")
    other = browser.new_page()
    other.set_default_timeout(PATIENCE_MS)
    try:
        yield other
    finally:
        other.context.close()


class PersonInChromium(Person):
    """Does by clicks and keys what `Person` does by requests."""

    def __init__(
        self,
        stack: Stack,
        card: str,
        page: Page,
        say: Callable[[str], None] = lambda line: None,
        *,
        reason: str = "LOCKED",
    ) -> None:
        """`say` gets one line for each step, with its seconds."""
        super().__init__(stack, card, reason)
        self.tab, self._say = page, say

    def unlock_in_browser(self) -> float:
        """The whole way to the last page; seconds from the inserted card to its answer."""
        self._step("open the agent's address", self._begin)
        self._step(f"say why: {self.reason.lower()}", self._say_why)
        inserted = time.monotonic()
        self._step("insert the card, it is read", lambda: self._insert("/address"))
        self._step("ask for a code", self._ask)
        self._step("read the mail", self.read_mail)
        self._step("type the code", self._type_code)
        self._step("choose a new passcode", self._choose)
        self._step("compare the words, answer the agent", self._answer)
        self._step("the card takes it", lambda: self._arrive("/done"))
        return time.monotonic() - inserted

    def change_in_browser(self) -> None:
        """The whole way of who knows the passcode."""
        self._begin()
        self._say_why()
        self._insert("/change")
        self._confirm_words("/passcode")
        self.tab.locator("#current-passcode").fill(self.card.pin)
        self._choose()
        self._answer()
        self._arrive("/done")

    def sign_in_in_browser(self, ends: str = "") -> None:
        """The whole way to one's own profile; `ends`: the error code that stands there instead."""
        self._begin()
        self.tab.goto(self.stack.addresses.url("web") + "/sign-in")
        self._press("Sign in", "/card")
        self._insert("/sign-in/words")
        self._confirm_words("/sign-in/passcode")
        self.tab.locator("#current-passcode").fill(self.card.pin)
        self._press("Sign in", "/working")
        self._answer()
        self._arrive("/profile")
        if ends:
            expect(self.tab.locator(f"[data-error-code={ends}]")).to_be_visible()

    def register_in_browser(self, answers: Mapping[str, str]) -> None:
        """As who is signed in: choose these questions, answer them, confirm the address, type the code."""
        self.tab.get_by_role("link", name="Register now").click()
        self._arrive("/profile/questions")
        for place, (question, answer) in enumerate(answers.items(), start=1):
            self.tab.get_by_label(f"Question {place}", exact=True).select_option(question)
            self.tab.get_by_label(f"Answer {place}", exact=True).fill(answer)
        self._press("Continue", "/profile/questions/email")
        self._press("Confirm and send me a code", "/profile/questions/code")
        self.tab.get_by_label("Registration code", exact=True).fill(self.read_mail())
        self._press("Complete the registration", "/profile/questions/done")

    def come_to_questions(self) -> None:
        """As far as the security questions, which come before a code."""
        self._begin()
        self._say_why()
        self._insert("/questions")

    def answer_questions(self, answers: Iterable[str], path: str) -> None:
        """Answer them in their order."""
        for field, answer in zip(self.tab.get_by_role("textbox").all(), answers, strict=True):
            field.fill(answer)
        self._press("Continue", path)

    def unlock_after_answers(self, older: int) -> None:
        """From the address to the last page; so many codes were mailed before."""
        self._ask()
        self.read_mail(older)
        self._type_code()
        self._choose()
        self._answer()
        self._arrive("/done")

    def come_with_card(self) -> None:
        """As far as the card's own page: the address a code would go to, or why there is none."""
        self._begin()
        self._say_why()
        self._insert("/address")

    def _begin(self) -> None:
        """With an empty reader: a card that is in when the session is claimed would be read at once."""
        self.stack.slots.remove()
        self._open()

    def _confirm_words(self, path: str) -> None:
        self.tab.get_by_label("The unlock program on this computer shows these 3 words").check()
        self._press("Continue", path)

    def _step(self, what: str, take: Callable[[], object]) -> None:
        began = time.monotonic()
        take()
        self._say(f"  {what:<38} {time.monotonic() - began:5.2f} s")

    def _open(self) -> None:
        self.session_id, address = offer_of(self.stack)
        self.tab.goto(address)
        self._arrive("/reason")

    def _say_why(self) -> None:
        self.tab.locator(f"input[name=reason][value={self.reason}]").check()
        self._press("Continue", "/card")

    def _insert(self, path: str) -> None:
        self.stack.slots.insert(self.card.name)
        self._arrive(path)

    def _ask(self) -> None:
        self.tab.get_by_label("The unlock program on this computer shows these 3 words").check()
        self._press("Send me a code", "/code")

    def _type_code(self) -> None:
        self.tab.get_by_label("Security code", exact=True).fill(self.code)
        self._press("Continue", "/passcode")

    def _choose(self) -> None:
        self.tab.locator("#passcode").fill(self.new_pin)
        self.tab.locator("#passcode-again").fill(self.new_pin)
        self._press("Set new passcode", "/working")

    def _answer(self) -> None:
        words = self.tab.locator(".app-words li").all_inner_texts()
        before = self._window_from
        self._window_from = self.stack.agent.wait_for("Type yes", 30, after=before)
        asked = self.stack.agent.text[before : self._window_from]
        if not words or " ".join(words) not in asked:
            raise AssertionError(f"the page shows {words}, the agent asked: {asked}")
        self.stack.agent.type("yes")

    def _press(self, button: str, path: str) -> None:
        """Press it and be on the page that answers, whose address may be that of the page before."""
        with self.tab.expect_navigation(url=lambda url: _is_at(url, path)):
            self.tab.get_by_role("button", name=button, exact=True).click()
        expect(self.tab.locator("h1")).to_be_visible()

    def _arrive(self, path: str) -> None:
        self.tab.wait_for_url(lambda url: _is_at(url, path))
        expect(self.tab.locator("h1")).to_be_visible()


def _is_at(url: str, path: str) -> bool:
    return url.split("?")[0].endswith(path)
