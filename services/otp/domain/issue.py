"""Whether a session may have a(nother) code now.

Pure: callers pass in the time and what was issued before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.otp.domain.code import Code, newest, next_code_at
from services.otp.domain.policy import Policy

DAY = timedelta(hours=24)


@dataclass(frozen=True)
class Refusal:
    """Why no code was issued: a stable code, and when to ask again where that helps."""

    code: str
    retry_at: datetime | None = None


def refusal(
    codes: Sequence[Code], mailed: Sequence[datetime], entries_left: int, policy: Policy, now: datetime
) -> Refusal | None:
    """Return why the session gets no code now, or None.

    `mailed` are the instants of all codes to this address version, of this session and others.
    """
    if entries_left == 0:
        return Refusal("LOCKED_TO_RA")
    if len(codes) >= policy.codes_per_session:
        return Refusal("NO_MORE_CODES")
    last = newest(codes)
    if last is not None and now < next_code_at(last, policy.resend_after):
        return Refusal("RESEND_TOO_SOON", next_code_at(last, policy.resend_after))
    if sum(instant > now - DAY for instant in mailed) >= policy.mails_per_day:
        return Refusal("MAIL_LIMIT")
    return None
