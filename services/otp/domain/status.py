"""How the newest code of a session stands, as its holder may know it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.otp.domain.code import Bearer, Code, Delivery, newest, next_code_at
from services.otp.domain.policy import Policy

QUIET = timedelta(seconds=20)
"""A mail takes a second. Where nobody has said anything of it for so long, the page says that it is late."""

MAIL_LATE = "MAIL_LATE"


@dataclass(frozen=True)
class Status:
    """One code without the code."""

    code_id: str
    delivery: Delivery
    delivery_reason: str
    expires_at: datetime
    entries_left: int
    resends_left: int
    next_code_at: datetime
    live: bool
    digits: int = 8


def status(
    codes: Sequence[Code], bearer: Bearer, entries_left: int, policy: Policy, now: datetime
) -> Status | None:
    """Return how the newest code of the bearer's session stands; None where there is none."""
    code = newest(codes)
    if code is None:
        return None
    return Status(
        code_id=code.code_id,
        delivery=code.delivery,
        delivery_reason=code.delivery_reason or _silence(code, now),
        expires_at=code.expires_at,
        entries_left=entries_left,
        resends_left=max(policy.codes_per_session - len(codes), 0),
        next_code_at=next_code_at(code, policy.resend_after),
        live=code.live(now) and code.bearer == bearer and entries_left > 0,
        digits=policy.digits,
    )


def _silence(code: Code, now: datetime) -> str:
    """Return MAIL_LATE where the notifier should have said something by now: it may not even know of it."""
    return MAIL_LATE if code.delivery is Delivery.QUEUED and now - code.issued_at >= QUIET else ""


def same_session(one: Bearer, other: Bearer) -> bool:
    """Tell whether two bearers are one session of one holder with one card, whatever the address."""
    return (one.session_id, one.holder_ref, one.card_ref) == (
        other.session_id,
        other.holder_ref,
        other.card_ref,
    )
