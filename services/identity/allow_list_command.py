"""`allow-list` of the command line: show, add, remove, changes. R33, R39.

The list is data: a change counts at the next check of an address, and nothing has to be started anew.
"""

import os
import pwd
from datetime import UTC

from services.identity.approved_domains import ApprovedDomains, OrganisationUnknown
from services.identity.domain.address import NoAddress, canonical_domain
from services.identity.domain.allow_list import EVERYWHERE, AllowedDomain, Change

LONGEST_NAME = 64
"""Characters of who made a change."""


def account() -> str:
    """Return the account this runs as: who made a change, where nobody says another name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def _domain(text: str) -> str | None:
    """Return a domain in its canonical form; None, and a word of why, for what is none."""
    try:
        return canonical_domain(text.strip())
    except NoAddress:
        print("DOMAIN_MALFORMED: give the domain alone, such as example.org, without @ and *")
        return None


async def add(
    approved: ApprovedDomains, text: str, *, exact: bool, organisation: str | None, by: str | None
) -> int:
    """Add an entry, for all or for one organisation; 1 where it cannot be added."""
    domain = _domain(text)
    if domain is None:
        return 1
    entry = AllowedDomain(domain, not exact, organisation or EVERYWHERE)
    try:
        change = await approved.put(entry, _by(by))
    except OrganisationUnknown:
        print("ORGANISATION_UNKNOWN: no organisation has this code; import it first")
        return 1
    print(f"{change.value if change else 'UNCHANGED'} {_told(entry)}")
    return 0


async def remove(approved: ApprovedDomains, text: str, *, organisation: str | None, by: str | None) -> int:
    """Take an entry away and say whom that touches; 1 where there is none."""
    domain = _domain(text)
    if domain is None:
        return 1
    held = await approved.remove(domain, organisation or EVERYWHERE, _by(by))
    if held is None:
        print("NOT_ON_THE_LIST: see `allow-list show`; an entry for one organisation needs --organisation")
        return 1
    print(f"{Change.REMOVED.value} {domain}; holders with an address by it: {held}")
    return 0


async def show(approved: ApprovedDomains) -> int:
    """Print every entry."""
    for entry in await approved.entries():
        print(_told(entry))
    return 0


async def changes(approved: ApprovedDomains) -> int:
    """Print every change there ever was, the oldest first: when, who, what."""
    for each in await approved.changes():
        at = each.at.astimezone(UTC).isoformat(timespec="seconds")
        print(f"{at} {each.by}: {each.change.value} {_told(each.entry)}")
    return 0


def _by(name: str | None) -> str:
    return (name or account())[:LONGEST_NAME]


def _told(entry: AllowedDomain) -> str:
    where = f"for {entry.organisation}" if entry.organisation else "for all"
    return f"{entry.domain} {'and below' if entry.subdomains else 'exactly'}, {where}"
