"""What people type and paste: brought into one form, or known to be no code at all.

Whether a code is right is for `otp` and `card_gateway` to say.
"""

import re

PAIRING_LENGTH = 10
CODE_LENGTHS = range(7, 11)
"""Digits of a code in any deployment; `otp` knows how many it has in this one."""
ORGANISATION_CODE = re.compile(r"[!-~]{1,16}")
"""Source: the contract of ListApprovedDomains, for the length."""
ADDRESS_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
"""32 bytes, base64url without padding."""
FREEZE_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
"""16 bytes, likewise."""
BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_BETWEEN = re.compile(r"[\s\u00a0\u200b\u2010-\u2015\u2212_.-]+")


def pairing_code(typed: str) -> str | None:
    """Return the agent's code without spaces and hyphens, in capitals; None for what cannot be one."""
    code = _BETWEEN.sub("", typed).upper()
    fits = len(code) == PAIRING_LENGTH and code.isascii() and code.isalnum()
    return code if fits else None


def organisation_code(typed: str) -> str:
    """Return an organisation's code in capitals; empty for what cannot be one, which nobody is asked for."""
    code = typed.strip().upper()
    return code if ORGANISATION_CODE.fullmatch(code) else ""


def one_time_code(typed: str) -> str | None:
    """Return the digits of a code; None for what cannot be one, which then spends no entry."""
    code = _BETWEEN.sub("", typed)
    return code if len(code) in CODE_LENGTHS and code.isascii() and code.isdigit() else None
