"""A holder who goes through the journey over HTTP, reads the mail and answers the agent.

Every step may be taken again: a person reloads a page that failed.
"""

import json
import re
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import httpx

from deploy.local.child import wait_until
from deploy.local.demo_data import DemoCard
from deploy.local.stack import Stack
from services.card_gateway.card.pin_policy import weakness
from services.runtime.hpke import current_pin_info, pin_info, seal, sign_in_pin_info
from tests.journeys.pages import Browser, Shown

CODE_IN_MAIL = re.compile(r"^    (\d{7,10})$", re.MULTILINE)
PATIENCE = 60.0
"""Seconds a person waits for a page to move on by itself."""


class Person:
    """One holder with one card, one browser and the agent's window before them."""

    def __init__(self, stack: Stack, card: str, reason: str = "LOCKED") -> None:
        """`card`: a demonstration card's name; `reason`: LOCKED, FORGOTTEN or CHANGE."""
        self.stack, self.card, self.reason = stack, stack.card(card), reason
        self.browser = Browser(stack.addresses.url("web"))
        self.new_pin = good_pin()
        self.page = Shown("", 0, "")
        self.code, self.session_id = "", ""
        self._window_from = len(stack.agent.text)

    def open_journey(self) -> Shown:
        """Open the address that the agent offers; once a session is claimed, the page it is on."""
        self.session_id, address = offer_of(self.stack)
        self.page = self.browser.get(address)
        return self.page

    def say_why(self) -> Shown:
        """Choose the reason; this claims the agent's session."""
        _claimed.add(self.session_id)
        self.page = self.browser.post(self.browser.get("/reason"), reason=self.reason)
        return self.page

    def insert_card(self) -> Shown:
        """Put the card in and wait until the page moves on."""
        self.stack.slots.insert(self.card.name)
        return self.wait_past("/card")

    def choose_other_reason(self, reason: str) -> Shown:
        """Take another way, where the card is not as they thought."""
        self.page = self.browser.post(self.browser.get("/other-reason"), reason=reason)
        return self.page

    def confirm_words(self) -> Shown:
        """Confirm the words before a change."""
        self.page = self.browser.post(self.browser.get("/change"), words_match="yes")
        return self.page

    def ask_for_code(self) -> Shown:
        """Confirm the words and have a code sent."""
        self.page = self.browser.post(self.browser.get("/address"), words_match="yes")
        return self.page

    def read_mail(self, older: int = 0) -> str:
        """The code in the holder's newest mail, once there are more than `older` mails with one."""
        wait_until("a mail with a code", lambda: len(codes_mailed(self.stack, self.card)) > older, PATIENCE)
        self.code = codes_mailed(self.stack, self.card)[-1]
        return self.code

    def type_code(self, code: str | None = None) -> Shown:
        """Type the code."""
        self.page = self.browser.post(self.browser.get("/code"), code=self.code if code is None else code)
        return self.page

    def cannot_read_mail(self) -> Shown:
        """Say on the code page that the mailbox cannot be read."""
        self.page = self.browser.post(self.browser.get("/code"), "/no-mailbox")
        return self.page

    def choose_passcode(self) -> Shown:
        """Seal the new passcode as the page's script does, and send it."""
        shown = self.browser.get("/passcode")
        key = from_base64url(shown.facts["data-agent-key"])
        context = (shown.facts["data-session"], shown.fields["attempt_id"])
        self.page = self.browser.post(shown, sealed=sealed(key, self.new_pin, pin_info(*context)))
        return self.page

    def change_passcode(self, current: str) -> Shown:
        """Seal both passcodes as the page's script does, and send them."""
        shown = self.browser.get("/passcode")
        key = from_base64url(shown.facts["data-agent-key"])
        context = (shown.facts["data-session"], shown.fields["attempt_id"])
        self.page = self.browser.post(
            shown,
            sealed=sealed(key, self.new_pin, pin_info(*context)),
            sealed_current=sealed(key, current, current_pin_info(*context)),
        )
        return self.page

    def begin_sign_in(self) -> Shown:
        """Choose to sign in, which claims the agent's session; put the card in; confirm the words."""
        self.open_journey()
        _claimed.add(self.session_id)
        self.page = self.browser.post(self.browser.get("/sign-in"))
        if self.insert_card().path == "/sign-in/words":
            self.page = self.browser.post(self.page, words_match="yes")
        return self.page

    def prove(self, pin: str) -> Shown:
        """Seal the card's passcode as the page's script does, send it, and answer the agent."""
        shown = self.browser.get("/sign-in/passcode")
        key = urlsafe_b64decode(shown.facts["data-agent-key"] + "=")
        info = sign_in_pin_info(shown.facts["data-session"], shown.fields["attempt_id"])
        self.page = self.browser.post(shown, sealed_current=sealed(key, pin, info))
        self.answer_agent()
        return self.wait_for_end()

    def sign_in(self) -> Shown:
        """The whole way to one's own profile."""
        self.begin_sign_in()
        return self.prove(self.card.pin)

    def begin_in_person(self) -> str:
        """As an RA who is signed in: have the card that is in the reader now read; the session."""
        self.session_id, code = code_offered(self.stack)
        shown = self.browser.get("/ra/in-person")
        self.page = self.browser.post(shown, reason="LOCKED", pairing_code=code)
        return self.session_id

    def vouch(self) -> Shown:
        """As an RA: say that the holder stands there, and that they know them."""
        shown = self.browser.get("/ra/in-person/vouch")
        self.page = self.browser.post(shown, basis="KNOWN", words_match="yes")
        return self.page

    def update_contact(self, email: str, mobile: str = "") -> Shown:
        """Overwrite the contact details."""
        self.page = self.browser.post(self.browser.get("/profile/contact"), email=email, mobile=mobile)
        return self.page

    def answer_agent(self, answer: str = "yes") -> None:
        """Wait for the agent's question and answer it."""
        self._window_from = self.stack.agent.wait_for("Type yes", PATIENCE, after=self._window_from)
        self.stack.agent.type(answer)

    def type_at_agent(self, *lines: tuple[str, str]) -> None:
        """Have the agent ask for passcodes, and type each line when its prompt is there."""
        self.page = self.browser.post(self.browser.get("/passcode"))
        for prompt, line in lines:
            self._window_from = self.stack.agent.wait_for(prompt, PATIENCE, after=self._window_from)
            self.stack.agent.type(line)

    def wait_for_end(self) -> Shown:
        """The page on which the reset ends."""
        return self.wait_past("/working")

    def unlock(self) -> Shown:
        """The whole way; the last page."""
        self.open_journey()
        self.say_why()
        self.insert_card()
        self.ask_for_code()
        self.read_mail()
        self.type_code()
        self.choose_passcode()
        self.answer_agent()
        return self.wait_for_end()

    def wait_past(self, path: str) -> Shown:
        """Follow the pages as their script does until they lead somewhere else than `path`."""
        return self.wait_for(lambda shown: shown.path != path, f"to leave {path}")

    def wait_for(self, good: Callable[[Shown], bool], what: str, seconds: float = PATIENCE) -> Shown:
        """Reload the page that the session is on until it is `good`. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while True:
            self.page = self.browser.get(self.page.path if self.page.path in PLACES else "/card")
            if self.page.status < 400 and good(self.page):
                return self.page
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: still {self.page}")
            time.sleep(0.1)


def sealed(key: bytes, pin: str, info: bytes) -> str:
    """A PIN as a front end seals it to the agent's key."""
    return urlsafe_b64encode(seal(key, pin.encode(), info)).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    """The bytes of a text without padding."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def spent(session_id: str) -> None:
    """Remember that a session was claimed, also where it was not by `Person.say_why`."""
    _claimed.add(session_id)


PLACES = (
    "/card", "/other-reason", "/change", "/last-try", "/address", "/code", "/passcode", "/working", "/done",
    "/unknown", "/stopped", "/sign-in/words", "/sign-in/passcode", "/profile",
    "/ra/in-person/vouch",
)  # fmt: skip
"""Pages that lead on to where the session is."""


def good_pin() -> str:
    """Eight digits that no rule refuses."""
    while weakness(pin := "".join(secrets.choice("0123456789") for _ in range(8))) is not None:
        pass
    return pin


def offer_of(stack: Stack, seconds: float = PATIENCE) -> tuple[str, str]:
    """Session and page address that the agent offers at this moment, once it offers one."""
    found: list[tuple[str, str]] = []

    def offered() -> bool:
        status = agent_status(stack)
        offer: dict[str, Any] = status if status.get("state") == "OFFERED" else status.get("spare", {})
        if offer.get("page_address") and offer["session_id"] not in _claimed:
            found.append((offer["session_id"], offer["page_address"]))
        return bool(found)

    wait_until("an address from the agent", offered, seconds)
    return found[-1]


def code_offered(stack: Stack, seconds: float = PATIENCE) -> tuple[str, str]:
    """Session and code that the agent shows at this moment, once it shows one; it counts as claimed."""
    found: list[tuple[str, str]] = []

    def offered() -> bool:
        status = agent_status(stack)
        offer: dict[str, Any] = status if status.get("state") == "OFFERED" else status.get("spare", {})
        if offer.get("pairing_code") and offer["session_id"] not in _claimed:
            found.append((offer["session_id"], offer["pairing_code"]))
        return bool(found)

    wait_until("a code from the agent", offered, seconds)
    spent(found[-1][0])
    return found[-1]


_claimed: set[str] = set()
"""Sessions that were claimed: the agent may still show their address for a moment."""


def agent_status(stack: Stack) -> dict[str, Any]:
    """What the running agent says of itself; empty while it says nothing: a killed one left its file."""
    try:
        status: dict[str, Any] = json.loads((stack.folder / "agent" / "status.json").read_text())
    except (OSError, ValueError):
        return {}
    return status if status["pid"] == stack.agent.pid else {}


def mails_to(stack: Stack, card: DemoCard) -> list[dict[str, str]]:
    """The mails that the card's holder got, oldest first; none while the mailbox is away."""
    return mails_at(stack, card.address or "")


def mails_at(stack: Stack, address: str) -> list[dict[str, str]]:
    """The mails that came to an address, oldest first; none while the mailbox is away."""
    return [mail for mail in all_mails(stack) if address in mail["to"]]


def all_mails(stack: Stack) -> list[dict[str, str]]:
    """Every mail, oldest first; none while the mailbox is away."""
    try:
        mails: list[dict[str, str]] = httpx.get(
            stack.addresses.url("mailbox") + "/api/mails", timeout=10
        ).json()
    except httpx.TransportError:
        return []
    return mails


def codes_mailed(stack: Stack, card: DemoCard) -> list[str]:
    """The codes that the card's holder got."""
    return codes_at(stack, card.address or "")


def codes_at(stack: Stack, address: str) -> list[str]:
    """The codes in the mails that came to an address."""
    mails = mails_at(stack, address)
    return [found[1] for mail in mails if (found := CODE_IN_MAIL.search(mail["text"]))]
