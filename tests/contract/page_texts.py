"""Writes services/web/locale/web.pot, every text of the pages: `python -m tests.contract.page_texts`.

A translator copies it to a catalogue of their language. Comments name the files that say a text, not the
lines, so that it changes only where a text does.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from services.web.domain.errors import GROUPS

ROOT = Path(__file__).parents[2]
WEB = ROOT / "services/web"
POT = WEB / "locale/web.pot"
METHODS = [("templates/**.jinja", "jinja2"), ("**.py", "python")]
KEYWORDS: dict[str, Any] = dict.fromkeys(("_", "gettext", "text")) | {
    "ngettext": (1, 2),
    "counted": (1, 2),
}
OPTIONS: dict[str, Any] = {"templates/**.jinja": {"trimmed": "true", "newstyle_gettext": "true"}}
HEADER = """\
# Texts of the web pages. Written by `python -m tests.contract.page_texts`.
msgid ""
msgstr ""
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def texts() -> Catalog:
    """Every text: of the templates, of the code, and of the error codes, which are data."""
    catalogue = Catalog(fuzzy=False)
    marked = extract_from_dir(WEB, METHODS, OPTIONS, KEYWORDS)
    for file, _, message, _, _ in sorted(marked, key=lambda found: (found[0], found[1])):
        catalogue.add(message, locations=[(f"services/web/{file}", 0)])
    for said in _of_error_codes():
        catalogue.add(said, locations=[("services/web/domain/catalogue", 0)])
    return catalogue


def _of_error_codes() -> Iterator[str]:
    for _, entries in GROUPS:
        for entry in entries:
            yield from (entry.title.one, entry.happened.one, entry.next_step.one)


def pot() -> str:
    """The file."""
    written = BytesIO()
    write_po(written, texts(), omit_header=True, include_lineno=False, width=110)
    return HEADER + written.getvalue().decode()


if __name__ == "__main__":
    POT.write_text(pot())
