"""When each page of help was last edited: `python -m services.web dates` writes down what changed. R62.

A page is known by the digest of what it says. Only a page that says something else gets today's date, and a
test fails where a page was edited and its date was not.
"""

import json
from collections.abc import Mapping
from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path

from services.web.domain.errors import CATALOGUE
from services.web.domain.guides import GUIDES, REDIRECTS

FILE = Path(__file__).parent / "help_dates.json"
Dated = tuple[str, int]
"""A day (ISO 8601), and the digest of what the page said on it."""
TEMPLATES = Path(__file__).parent / "templates" / "help"


def texts_of_pages() -> dict[str, str]:
    """Return what each page says, by the name its date is kept under."""
    files = ["index.jinja", "approved_domains.jinja", *(guide.template for guide in GUIDES)]
    files += [f"redirects/{name}.jinja" for name in REDIRECTS]
    said = {name: (TEMPLATES / name).read_text() for name in files}
    for entry in CATALOGUE.values():
        said[f"errors/{entry.code}"] = (
            f"{entry.title}\n{entry.happened}\n{entry.next_step}\n{entry.ask.value}"
        )
    return said


def digest(text: str) -> int:
    """Return what tells two texts apart: 12 digits of their hash."""
    return int.from_bytes(sha256(text.encode()).digest()) % 10**12


def edited_since(written: Mapping[str, Dated], today: date) -> dict[str, Dated]:
    """Return date and digest of every page as they are now: today's where a page says something else."""
    now = {name: digest(text) for name, text in sorted(texts_of_pages().items())}
    return {
        name: written[name] if name in written and written[name][1] == mark else (today.isoformat(), mark)
        for name, mark in now.items()
    }


def written_down() -> dict[str, Dated]:
    """Return date and digest of every page, as the file has them."""
    return {name: (on, mark) for name, (on, mark) in json.loads(FILE.read_text()).items()}


def as_json(dates: Mapping[str, Dated]) -> str:
    """Return the file: a line a page, so that two people's edits seldom meet."""
    lines = [f"{json.dumps(name)}: {json.dumps(dated)}" for name, dated in sorted(dates.items())]
    return "{\n" + ",\n".join(lines) + "\n}\n"


@cache
def last_edited(name: str) -> date | None:
    """Return when a page was last edited; None for a page that keeps no date."""
    dated = written_down().get(name)
    return date.fromisoformat(dated[0]) if dated else None
