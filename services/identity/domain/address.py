"""E-mail addresses: what we accept as one, the form it is judged and kept in, and its mask.

What is judged is what is written to: a domain in other letters or scripts is first brought to
the one form that the mail's own routing knows (A-labels, lower case; RFC 5891).
"""

import re
import unicodedata

LONGEST_LOCAL_PART = 64
LONGEST_DOMAIN = 253

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL_PART = re.compile(rf"{_ATOM}(\.{_ATOM})*\Z")
"""Dot-atom of RFC 5321; neither quoted forms nor other scripts, which our mail path does not carry."""
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
"""Letters, digits, hyphen; RFC 1123, section 2.1."""


class NoAddress(ValueError):
    """The text is not an address we can write to."""


def canonical(text: str) -> str:
    """Return the address in the form it is kept in: the local part as given, the domain canonical.

    Raises NoAddress.
    """
    local_part, at, domain = text.strip().rpartition("@")
    if not at or len(local_part) > LONGEST_LOCAL_PART or not _LOCAL_PART.match(local_part):
        raise NoAddress
    return f"{local_part}@{canonical_domain(domain)}"


def canonical_domain(text: str) -> str:
    """Return a domain of two labels or more as lower-case A-labels. Raises NoAddress."""
    folded = unicodedata.normalize("NFKC", text).casefold().removesuffix(".")
    try:
        ascii_form = folded.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise NoAddress from error
    labels = ascii_form.split(".")
    if len(ascii_form) > LONGEST_DOMAIN or len(labels) < 2 or not all(map(_LABEL.match, labels)):
        raise NoAddress
    return ascii_form


def domain_of(address: str) -> str:
    """Return the domain of a canonical address."""
    return address.rpartition("@")[2]


def masked(address: str) -> str:
    """Return the address with most of it hidden: enough for its owner, `t…1@example.org`."""
    local_part, _, domain = address.rpartition("@")
    if len(local_part) < 3:
        return f"…@{domain}"
    return f"{local_part[0]}…{local_part[-1]}@{domain}"
