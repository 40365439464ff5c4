"""The sealed cookie: the only thing the web process keeps, and it keeps it with the browser.

AES-256-GCM-SIV under a key of web's own: whoever holds the cookie can neither read nor change it.
Another front end's session token is sealed the same way, for another purpose: neither opens as the other.
"""

import dataclasses
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import asdict
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from services.runtime.randomness import Randomness
from services.web import grants
from services.web.domain.journey import Journey, Reason

COOKIE = "__Host-unlock"
NONCE_BYTES = 12  # RFC 8452
MOST_BYTES = 4096
"""What browsers keep at most. Source: RFC 6265, 6.1."""
COOKIE_PURPOSE = b"smartcard-unlock/web-cookie/v1"
TOKEN_PURPOSE = b"smartcard-unlock/api-token/v1"


class CookieSealer:
    """Seals journeys into cookie values and opens them again."""

    def __init__(self, key: bytes, randomness: Randomness, purpose: bytes = COOKIE_PURPOSE) -> None:
        self._key = key
        self._cipher = AESGCMSIV(key)
        self._randomness = randomness
        self._purpose = purpose

    def for_tokens(self) -> "CookieSealer":
        """Return the sealer of the JSON API's session tokens."""
        return CookieSealer(self._key, self._randomness, TOKEN_PURPOSE)

    def seal(self, journey: Journey) -> str:
        """Return the cookie's value; every seal is different."""
        nonce = self._randomness.token(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, _to_json(journey), self._purpose)
        return urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode()

    def open(self, value: str, now: datetime) -> Journey | None:
        """Return the journey; None for one that is over, or for what we never sealed."""
        try:
            raw = urlsafe_b64decode(value[:MOST_BYTES] + "==")
            journey = _from_json(self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], self._purpose))
        except (InvalidTag, ValueError, KeyError, TypeError, AttributeError):
            return None
        return None if journey.over(now) else journey


def _to_json(journey: Journey) -> bytes:
    fields = asdict(journey)
    fields["profile_grant"] = grants.packed(journey.profile_grant)
    fields["ends_at"] = journey.ends_at.isoformat()
    fields["signed_in_until"] = journey.signed_in_until.isoformat() if journey.signed_in_until else ""
    fields["reason"] = journey.reason.value if journey.reason else ""
    return json.dumps(fields, separators=(",", ":")).encode()


def _from_json(raw: bytes) -> Journey:
    known = {field.name for field in dataclasses.fields(Journey)}
    # A newer replica's cookie may say more; what we do not know, we do not need.
    fields: dict[str, Any] = {name: value for name, value in json.loads(raw).items() if name in known}
    fields["ends_at"] = datetime.fromisoformat(fields["ends_at"])
    until = fields.get("signed_in_until", "")
    fields["signed_in_until"] = datetime.fromisoformat(until) if until else None
    fields["reason"] = Reason.__members__.get(fields.get("reason", ""))
    fields["profile_grant"] = grants.unpacked(fields.get("profile_grant", ""))
    return Journey(**fields)


def set_cookie(value: str) -> str:
    """Return the Set-Cookie header: to this host only, never to scripts, never from other sites."""
    return f"{COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Strict"
