"""How long codes live and how often anybody may try: the figures a deployment can set.

What the figures mean together, the chance of a guess, is in `guess.py`.
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Policy:
    """The limits in force; the defaults are those of the sources."""

    digits: int = 8
    """Digits of a code. Source: quality S3."""
    lifetime: timedelta = timedelta(minutes=15)
    """From issue to refusal. Source: S1, "valid for 15 minutes" (R49)."""
    codes_per_session: int = 3
    """The first code and two resends. Source: quality S10."""
    resend_after: timedelta = timedelta(seconds=60)
    """From one code to the next in a session. Source: quality S10."""
    mails_per_day: int = 6
    """Codes to one address version in any 24 h, over all sessions and cards. Source: quality S10."""
    codes_per_card: int = 6
    """Codes in any 24 h, whatever the address: a change of address gives a thief no more of them."""
    codes_per_holder: int = 12
    """Codes in any 24 h over all cards and addresses."""
    codes_per_network: int = 500
    """Codes in any 24 h to one network of browsers: more than a large hospital asks for."""
    codes_per_organisation: int = 2_000
    """Codes in any 24 h; all NHS organisations together unlock about 2,000 cards a day (R20)."""
    wrong_per_session: int = 3
    """Wrong entries that end a session. Source: S1, "3 failed attempts" (R48)."""
    wrong_per_day: int = 3
    """Wrong entries in any 24 h that lock a holder's card. Source: quality S3."""
    wrong_per_year: int | None = 9
    """Wrong entries in any 365 days that lock a holder's card; None: no such limit. Source: quality S3."""
    cool_off: timedelta | None = None
    """After which a lock of the day ends by itself; None: only the RA ends it. Source: architecture §3."""
    alarm_cards_of_network: int = 10
    """Cards with a wrong entry within an hour, from one network, that are told as an alarm."""
    alarm_cards_of_organisation: int = 25
    """The same within one organisation."""
    alarm_cards_everywhere: int = 250
    """The same over all cards."""
