"""One-time codes: which entries are accepted, and when a code dies.

Pure: callers pass in the time and the digests; no clock, no key, no database. How many wrong
entries anybody has left is not here but in `tally.py`.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum


class State(Enum):
    """What became of a code. An expired code keeps its state: time alone says so."""

    LIVE = "LIVE"
    USED = "USED"
    SUPERSEDED = "SUPERSEDED"


class Delivery(Enum):
    """How far the mail with the code has come."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    NOT_SENT = "NOT_SENT"
    DELIVERED = "DELIVERED"
    BOUNCED = "BOUNCED"


class Finding(Enum):
    """How an entry compares with the codes of its session."""

    RIGHT = "RIGHT"
    WRONG = "WRONG"
    SUPERSEDED = "SUPERSEDED"
    DEAD = "DEAD"


@dataclass(frozen=True)
class Bearer:
    """Whose code it is and what for: all of it must be the same when it is redeemed."""

    session_id: str
    holder_ref: str
    card_ref: str
    purpose: str
    address_version: int


@dataclass(frozen=True)
class Particulars:
    """What the mail says of card and reader, so that its reader can tell whether it is theirs; a hint."""

    card_last_four: str = ""
    site: str = ""


@dataclass(frozen=True)
class Use:
    """The one use of a code, so that the same attempt earns the same grant again."""

    attempt_id: str
    jti: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Code:
    """One code, without its digits."""

    code_id: str
    bearer: Bearer
    digest: bytes
    issued_at: datetime
    expires_at: datetime
    attempt_id: str
    """The attempt that asked for it."""
    state: State = State.LIVE
    use: Use | None = None
    delivery: Delivery = Delivery.QUEUED
    delivery_reason: str = ""
    organisation: str = ""
    network_ref: str = ""
    """Keyed digest of the browser's network; empty where not known."""
    key_id: str = ""
    """Which key the digest is under; empty in rows from before keys had names."""

    def live(self, now: datetime) -> bool:
        """True before its last instant, unless used or superseded. R49: refused at 15:00 exactly."""
        return self.state is State.LIVE and now < self.expires_at


def newest(codes: Sequence[Code]) -> Code | None:
    """Return the code issued last."""
    return max(codes, key=lambda code: (code.issued_at, code.code_id), default=None)


def next_code_at(code: Code, resend_after: timedelta) -> datetime:
    """Return the first instant at which another code may be asked for."""
    return code.issued_at + resend_after


def superseded(codes: Sequence[Code]) -> list[Code]:
    """Return the codes that a new one ends, as they must then be stored. I10: one live code a session."""
    return [replace(code, state=State.SUPERSEDED) for code in codes if code.state is State.LIVE]


def compare(
    codes: Sequence[Code], entry: Mapping[str, Sequence[bytes]], bearer: Bearer, now: datetime
) -> tuple[Finding, Code | None]:
    """Compare an entry with the codes of a session; return the finding and the live code.

    `entry` holds, by code id, the digests that the typed digits can have for that code: one a key. A used
    or expired code answers DEAD, so that a replay cannot be told from a late entry; so does one whose key
    is gone, for nobody may lose a try over it. An older code answers SUPERSEDED while a newer one lives,
    and costs nothing.
    """
    matching = {code.code_id for code in codes if is_of(code, entry)}
    live = next((code for code in codes if code.live(now) and code.bearer == bearer), None)
    if live is None or not entry[live.code_id]:
        return Finding.DEAD, None
    if live.code_id in matching:
        return Finding.RIGHT, live
    return (Finding.SUPERSEDED if matching else Finding.WRONG), live


def is_of(code: Code, entry: Mapping[str, Sequence[bytes]]) -> bool:
    """Tell whether an entry, as `compare` takes it, has the digits of this code, whatever became of it.

    Compares with all digests, each in constant time, so that no time tells which key it was.
    """
    return sum(hmac.compare_digest(code.digest, candidate) for candidate in entry[code.code_id]) > 0


def digits_of(typed: str, count: int) -> str | None:
    """Return the digits of what a person typed or pasted; None where that is no code at all.

    Spaces and hyphens of any kind are dropped: people copy what they see.
    """
    bare = "".join(letter for letter in typed if not letter.isspace() and letter not in "-‐‑‒–—")
    return bare if len(bare) == count and bare.isascii() and bare.isdigit() else None
