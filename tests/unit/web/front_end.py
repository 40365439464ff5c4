"""Another front end: it calls the JSON API and keeps its token."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

import httpx

from services.runtime.randomness import SystemRandomness
from services.web.domain.journey import Reason, State
from services.web.ports import Reader
from tests.fakes.web_peers import PAIRING_CODE, RIGHT_CODE, World

API = "/api/v1"
SEALED, CURRENT = (urlsafe_b64encode(bytes([n]) * 60).rstrip(b"=").decode() for n in (1, 2))


def attempt() -> str:
    return SystemRandomness().uuid7()


@dataclass
class FrontEnd:
    """What a program of another front end does, one call a method."""

    client: httpx.AsyncClient
    token: str = ""

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(API + path, headers={**self._bearer(), **headers})

    async def post(self, path: str, fields: dict[str, Any], **headers: str) -> httpx.Response:
        body = {"attempt_id": attempt(), **fields}
        return await self.client.post(API + path, json=body, headers={**self._bearer(), **headers})

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    async def claim(self, reason: Reason = Reason.LOCKED) -> httpx.Response:
        answer = await self.post("/sessions", {"pairing_code": PAIRING_CODE, "reason": reason.value})
        self.token = answer.json().get("session_token", "")
        return answer

    async def reach_card(self, world: World, reason: Reason = Reason.LOCKED, **card: object) -> None:
        """Claim a session and have the card read."""
        await self.claim(reason)
        world.change(state=State.CARD_READ, reader=Reader.CARD, tries_left=3, **card)

    async def reach_passcode(self, world: World) -> None:
        """Claim a session, have the card read, and type the right code."""
        await self.reach_card(world)
        await self.post("/session/code-requests", {"words_match": True})
        await self.post("/session/code-entries", {"code": RIGHT_CODE})

    async def send_passcode(self, **fields: Any) -> httpx.Response:
        """`sealed`: None leaves it out."""
        body = {"words_match": True, "sealed": SEALED, **fields}
        return await self.post(
            "/session/passcodes", {name: it for name, it in body.items() if it is not None}
        )


def problem(answer: httpx.Response) -> dict[str, Any]:
    """The problem details of a refusal, which name its status too."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told: dict[str, Any] = answer.json()
    assert told["status"] == answer.status_code
    return told


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, problem(answer)["code"]
