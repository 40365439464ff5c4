"""The catalogue of error codes: what happened, what to do, whom to ask. R10 to R13.

A code is stable and is what people quote; the sentences may be improved at any time.
"""

from services.web.domain.catalogue import (
    api,
    browser,
    card,
    holder,
    program,
    questions,
    security_code,
    service,
    session,
    workstation,
)
from services.web.domain.entry import Ask, Entry
from services.web.domain.language import text

GROUPS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (text("The reader and the workstation"), workstation.ENTRIES),
    (text("The unlock program"), program.ENTRIES),
    (text("Your smartcard"), card.ENTRIES),
    (text("You and your profile"), holder.ENTRIES),
    (text("Security questions, where they are asked"), questions.ENTRIES),
    (text("The security code"), security_code.ENTRIES),
    (text("Your unlock"), session.ENTRIES),
    (text("This service"), service.ENTRIES),
    (text("Your browser"), browser.ENTRIES),
    (text("Another front end"), api.ENTRIES),
)

CATALOGUE: dict[str, Entry] = {entry.code: entry for _, entries in GROUPS for entry in entries}


def entry_for(code: str) -> Entry:
    """Return the entry of a code; an unknown code reads as INTERNAL under its own name."""
    known = CATALOGUE.get(code)
    if known:
        return known
    internal = CATALOGUE["INTERNAL"]
    return Entry(code, internal.title, internal.happened, internal.next_step, internal.ask)


_ASKED = {Ask.RA: "Registration Authority", Ask.IT: "IT service desk", Ask.REPORT: "report the problem"}


def as_markdown() -> str:
    """Return the whole catalogue as a document."""
    lines = [
        "# Error codes",
        "",
        "Made by `python -m services.web errors`; each code has a page at `/help/errors/<code>`.",
    ]
    for heading, entries in GROUPS:
        lines += [
            "",
            f"## {heading}",
            "",
            "| code | what happened | what to do | who helps |",
            "|---|---|---|---|",
        ]
        lines += [_row(entry) for entry in entries]
    return "\n".join(lines) + "\n"


def _row(entry: Entry) -> str:
    return (
        f"| `{entry.code}` | **{entry.title}.** {entry.happened} | {entry.next_step} | {_ASKED[entry.ask]} |"
    )
