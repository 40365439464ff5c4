"""Whether the holder of a card may unlock it now, and if not, the first reason why.

Pure: callers pass in the time, the registry's facts and the card's own.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import Enum

from services.identity.domain.address import domain_of
from services.identity.domain.allow_list import AllowedDomain, allows
from services.identity.domain.holder import Address, CardStatus, HeldCard, HolderStatus


class Refusal(Enum):
    """Why not; stable codes that people see. The order is that of their telling."""

    CARD_UNKNOWN = "CARD_UNKNOWN"
    CARD_FROZEN = "CARD_FROZEN"
    CARD_NOT_ACTIVE = "CARD_NOT_ACTIVE"
    CERTIFICATE_EXPIRED = "CERTIFICATE_EXPIRED"
    NO_EMAIL = "NO_EMAIL"
    EMAIL_DOMAIN_NOT_ALLOWED = "EMAIL_DOMAIN_NOT_ALLOWED"
    NOT_REGISTERED = "NOT_REGISTERED"
    """Only where security questions are asked: the holder chose none. R41."""
    ANSWERS_LOCKED = "ANSWERS_LOCKED"
    """Of the same: three failures in a row. R48."""
    ADDRESS_WAITS = "ADDRESS_WAITS"
    """An RA has proposed an address, and a second one has not confirmed it."""
    NO_MAILBOX_ACCESS = "NO_MAILBOX_ACCESS"
    """Not judged: the holder's own word. R35, R60."""
    OWN_CARD = "OWN_CARD"
    """Of the RA who would vouch in person: nobody does so for themselves. R36."""
    OTHER_ORGANISATION = "OTHER_ORGANISATION"
    """Of the same: the holder belongs to another organisation."""
    EMAIL_USABLE = "EMAIL_USABLE"
    """Of a holder who asks colleagues: a code can be mailed to them. No outcome of the session."""
    VOUCH_TOO_OFTEN = "VOUCH_TOO_OFTEN"
    """Of the same: colleagues let this card through as often as they may."""


def needs_mail(reason: str, route: str, *, change_needs_code: bool = False) -> bool:
    """Tell whether the way leads over a mailed code: not where the PIN or the RA vouches instead. R2."""
    return route == "SELF" and (reason != "CHANGE" or change_needs_code)


def card_refusal(held: HeldCard, certificate_expires_at: datetime, now: datetime) -> Refusal | None:
    """Return why this card may not be unlocked, or None (R5, R8, R9, R63).

    The earlier of the card's own date and the registry's counts. A certificate is good through
    the instant it names (RFC 5280, 4.1.2.5).
    """
    if held.card_status is CardStatus.FROZEN:
        return Refusal.CARD_FROZEN
    if held.card_status is not CardStatus.ACTIVE or held.holder_status is not HolderStatus.ACTIVE:
        return Refusal.CARD_NOT_ACTIVE
    if now > min(certificate_expires_at, held.certificate_expires_at or certificate_expires_at):
        return Refusal.CERTIFICATE_EXPIRED
    return None


def mail_refusal(address: Address | None, allow_list: Iterable[AllowedDomain]) -> Refusal | None:
    """Return why no code may go to this address, or None (R3, R6, R33)."""
    if address is None or address.address is None:
        return Refusal.NO_EMAIL
    if not allows(allow_list, domain_of(address.address)):
        return Refusal.EMAIL_DOMAIN_NOT_ALLOWED
    return None
