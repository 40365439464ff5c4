"""The same person at another front end, which knows the JSON API and nothing of our pages."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from deploy.local.stack import Stack
from services.runtime.hpke import current_pin_info, pin_info
from services.runtime.randomness import SystemRandomness
from tests.journeys.pages import PATIENCE as PATIENCE_OF_A_CALL
from tests.journeys.person import PATIENCE, Person, agent_status, from_base64url, offer_of, sealed, spent

Told = dict[str, Any]


class PersonOverTheApi:
    """One holder, and the front end that calls for them; mail and agent are the person's as ever."""

    def __init__(self, stack: Stack, card: str, reason: str = "LOCKED") -> None:
        """`card`: a demonstration card's name; `reason`: LOCKED, FORGOTTEN or CHANGE."""
        self.person = Person(stack, card, reason)
        origin = stack.addresses.url("web")
        self._client = httpx.Client(base_url=f"{origin}/api/v1", timeout=PATIENCE_OF_A_CALL + 20)
        self._new = SystemRandomness().uuid7
        self.told: Told = {}

    def claim(self) -> Told:
        """Type the code that the agent shows."""
        self.person.session_id, _ = offer_of(self.person.stack)
        spent(self.person.session_id)
        code = code_shown(self.person.stack, self.person.session_id)
        claimed = self.post("/sessions", pairing_code=code, reason=self.person.reason)
        self._client.headers["Authorization"] = f"Bearer {claimed['session_token']}"
        self.told = claimed["session"]
        return self.told

    def insert_card(self) -> Told:
        """Put the card in and follow the session until it was read."""
        self.person.stack.slots.insert(self.person.card.name)
        return self.follow(lambda told: told["step"] != "CARD")

    def send_passcode(self, current: str = "") -> Told:
        """Seal the new passcode to the agent's key, and the current one where it is asked for."""
        attempt = self._new()
        key, context = from_base64url(self.told["agent_public_key"]), (self.told["session_id"], attempt)
        fields = {"sealed": sealed(key, self.person.new_pin, pin_info(*context))}
        if current:
            fields["sealed_current"] = sealed(key, current, current_pin_info(*context))
        self.told = self.post("/session/passcodes", attempt_id=attempt, words_match=True, **fields)
        return self.told

    def wait_for_end(self) -> Told:
        """Answer the agent, and follow the session to its end."""
        self.person.answer_agent()
        return self.follow(lambda told: bool(told["ended"]))

    def follow(self, good: Callable[[Told], bool]) -> Told:
        """Follow the session by long polls until it is `good`. Raises TimeoutError."""
        deadline = time.monotonic() + PATIENCE
        while not good(self.told):
            if time.monotonic() > deadline:
                raise TimeoutError(f"still {self.told['step']}: {self.told['error']}")
            self.told = self.get(f"/session?since={self.told['version']}&wait=5")
        return self.told

    def get(self, path: str) -> Told:
        """Ask; what was told, also where it is a refusal."""
        return self._told(self._client.get(path))

    def post(self, path: str, **fields: Any) -> Told:
        """Ask for something as a new attempt; what was told, also where it is a refusal."""
        return self._told(self._client.post(path, json={"attempt_id": self._new(), **fields}))

    def _told(self, answer: httpx.Response) -> Told:
        told: Told = answer.json()
        return told


def code_shown(stack: Stack, session_id: str) -> str:
    """The code that the agent shows for a session it offers."""
    status = agent_status(stack)
    offers = (status, status.get("spare", {}))
    return next(str(offer["pairing_code"]) for offer in offers if offer.get("session_id") == session_id)
