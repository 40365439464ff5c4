"""GOV.UK Notify as a mail service: letters by its REST API (https, JWT in each request).

Its template has `((subject))` as subject and `((body))` as body: the words stand in one place, with us.
The message's id is its `reference`: asked for before a repeat, so that a repeat is no second mail.
Source: Notify's REST API documentation.
"""

import asyncio
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import httpx
from joserfc import jwt
from joserfc.jwk import OctKey

from services.notifier.domain.bounce import MAIL_RETURNED, MAILBOX_UNKNOWN, Fate, Report
from services.notifier.ports import Letter, MaybeTaken, Refused, Unreachable
from services.runtime.clock import Clock

LONGEST_CONNECT = timedelta(seconds=5)

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_KEY = re.compile(rf".+-({_UUID})-({_UUID})\Z")
"""`name-<service id>-<secret>`."""

_FATES = {
    "delivered": Report(Fate.DELIVERED),
    "permanent-failure": Report(Fate.BOUNCED, MAILBOX_UNKNOWN),
    "temporary-failure": Report(Fate.BOUNCED, MAIL_RETURNED),
    "technical-failure": Report(Fate.BOUNCED, MAIL_RETURNED),
}
"""Of `status`; the others (`created`, `sending`) are no last word."""


class BadApiKey(ValueError):
    """The file holds no API key of Notify; the text is one line and shows nothing of it."""


@dataclass(frozen=True)
class ApiKey:
    """An API key of Notify: whose it is, and the secret its requests are signed with."""

    service_id: str
    secret: str = field(repr=False)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a key as Notify shows it. Raises BadApiKey or OSError."""
        found = _KEY.match(path.read_text("utf-8", "replace").strip())
        if not found:
            raise BadApiKey("not an API key of Notify: name-<service id>-<secret>")
        return cls(found[1], found[2])

    def token(self, clock: Clock) -> str:
        """Return what a request made now is signed with; Notify takes it for 30 s."""
        claims = {"iss": self.service_id, "iat": int(clock.now().timestamp())}
        key = OctKey.import_key(self.secret)
        return jwt.encode({"typ": "JWT", "alg": "HS256"}, claims, key, algorithms=["HS256"])


class NotifyMail:
    """Hands letters to Notify; keeps the ports Mail and Fates."""

    def __init__(self, url: str, key: ApiKey, template_id: str, clock: Clock) -> None:
        self._key = key
        self._template_id = template_id
        self._clock = clock
        self._client = httpx.AsyncClient(base_url=url, trust_env=False)

    async def send(self, letter: Letter, within: timedelta, *, again: bool = False) -> None:
        """Return when Notify has taken it. Raises Refused, Unreachable or MaybeTaken.

        `again`: it may have it already, and is asked first.
        """
        try:
            async with asyncio.timeout(within.total_seconds()):
                if again and await self._known(letter.message_id):
                    return
                answer = await self._post(letter, within)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise (MaybeTaken if again else Unreachable) from None
        except (httpx.HTTPError, TimeoutError, ValueError):
            raise MaybeTaken from None
        _judge(answer)

    async def fate_of(self, message_id: str) -> Report | None:
        """Return what became of a mail; None while nobody knows. Raises Unreachable."""
        try:
            (found,) = await self._by_reference(message_id) or [{}]
        except (httpx.HTTPError, ValueError):
            raise Unreachable from None
        return _FATES.get(str(found.get("status")))

    async def close(self) -> None:
        """Give up the connections that are kept."""
        await self._client.aclose()

    async def _post(self, letter: Letter, within: timedelta) -> httpx.Response:
        body = "\n".join(line.strip() for line in letter.text.splitlines())
        wanted = {
            "email_address": letter.recipient,
            "template_id": self._template_id,
            "personalisation": {"subject": letter.subject, "body": body},
            "reference": letter.message_id,
        }
        connect = min(LONGEST_CONNECT, within / 2).total_seconds()
        timeout = httpx.Timeout(within.total_seconds(), connect=connect)
        path = "/v2/notifications/email"
        return await self._client.post(path, json=wanted, headers=self._headers(), timeout=timeout)

    async def _known(self, message_id: str) -> bool:
        return bool(await self._by_reference(message_id))

    async def _by_reference(self, message_id: str) -> list[dict[str, Any]]:
        """Return the notifications of this reference, at most one. Raises HTTPError, ValueError."""
        wanted = {"reference": message_id}
        answer = await self._client.get(
            "/v2/notifications", params=wanted, headers=self._headers(), timeout=10
        )
        found = answer.raise_for_status().json().get("notifications")
        if not isinstance(found, list):
            raise ValueError("no list of notifications")
        return found[:1]

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key.token(self._clock)}"}


def _judge(answer: httpx.Response) -> None:
    """Return where the letter was taken. Raises Refused for its address; else what a repeat may mend."""
    if answer.status_code == httpx.codes.CREATED:
        return
    if answer.status_code >= 500:
        raise MaybeTaken
    # 400 for an address; for template or key, and 401, 403, 404, 429: we are at fault, or too many.
    raise (Refused if answer.status_code == 400 and _about_the_address(answer) else Unreachable)


def _about_the_address(answer: httpx.Response) -> bool:
    try:
        errors = answer.json()["errors"]
        return any("email_address" in str(error["message"]) for error in errors)
    except (ValueError, KeyError, TypeError):
        return False
