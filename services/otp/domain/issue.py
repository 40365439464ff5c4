"""Whether a session may have a(nother) code now.

Pure: callers pass in the time and what was issued before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.otp.domain.code import Bearer, Code, newest, next_code_at
from services.otp.domain.policy import Policy

DAY = timedelta(hours=24)


@dataclass(frozen=True)
class Refusal:
    """Why no code was issued: a stable code, and when to ask again where that helps."""

    code: str
    retry_at: datetime | None = None


@dataclass(frozen=True)
class Recent:
    """The codes that the limits count."""

    of_session: Sequence[Code]
    of_holder: Sequence[Code]
    """Of 24 h, over all sessions, cards and addresses."""
    of_network: int = 0
    """Of 24 h; 0 where the network is not known. May miss what is issued at the same instant."""
    of_organisation: int = 0
    """The same for the organisation."""


def refusal(
    recent: Recent, bearer: Bearer, entries_left: int, policy: Policy, now: datetime
) -> Refusal | None:
    """Return why the bearer's session gets no code now, or None."""
    if entries_left == 0:
        return Refusal("LOCKED_TO_RA")
    if len(recent.of_session) >= policy.codes_per_session:
        return Refusal("NO_MORE_CODES")
    last = newest(recent.of_session)
    if last is not None and now < next_code_at(last, policy.resend_after):
        return Refusal("RESEND_TOO_SOON", next_code_at(last, policy.resend_after))
    return next(
        (Refusal(code) for code, count, most in _of_a_day(recent, bearer, policy, now) if count >= most), None
    )


def _of_a_day(recent: Recent, bearer: Bearer, policy: Policy, now: datetime) -> list[tuple[str, int, int]]:
    """Return each limit of 24 h: its error code, what counts, and how many there may be."""
    day = [code for code in recent.of_holder if code.issued_at > now - DAY]
    to_address = sum(code.bearer.address_version == bearer.address_version for code in day)
    of_card = sum(code.bearer.card_ref == bearer.card_ref for code in day)
    return [
        ("MAIL_LIMIT", to_address, policy.mails_per_day),
        ("CARD_CODE_LIMIT", of_card, policy.codes_per_card),
        ("HOLDER_CODE_LIMIT", len(day), policy.codes_per_holder),
        ("NETWORK_CODE_LIMIT", recent.of_network, policy.codes_per_network),
        ("ORGANISATION_CODE_LIMIT", recent.of_organisation, policy.codes_per_organisation),
    ]
