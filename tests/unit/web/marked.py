"""A language in which every text stands in ⟦ ⟧, and the search for what a page says outside them."""

import re
from gettext import NullTranslations
from html.parser import HTMLParser

from services.web.domain.language import Language

SPOKEN = frozenset({"alt", "aria-label", "placeholder", "title"})
"""Attributes that are read out or shown."""
DATA = frozenset({"app-code", "app-words", "app-recipe"})
"""Classes of what is no text: codes, references, addresses, the words to compare, recipes."""
SILENT = frozenset({"script", "style", "textarea"})
"""Elements whose content is no text of ours: what a person typed, too."""
VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "path", "rect"})
WORD = re.compile(r"[^\W\d_]{2,}")


class _Marks(NullTranslations):
    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"


MARKED = Language("en-x-marked", _Marks())


def unmarked(html: str, names: re.Pattern[str]) -> list[str]:
    """The words of a page that stand outside all marks, but for data and these names."""
    page = _Page()
    page.feed(html)
    page.close()
    return [said for said in page.outside if WORD.search(names.sub("", said))]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.outside: list[str] = []
        self._depth = 0
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        is_button = tag == "input" and told.get("type") in {"submit", "button", "reset"}
        for name, value in told.items():
            if name in SPOKEN or name.startswith("data-i18n") or (is_button and name == "value"):
                self.outside.append(_outside(value, 0)[0])
        if tag not in VOID:
            data = tag in SILENT or not DATA.isdisjoint(told.get("class", "").split())
            self._open.append((tag, data or self._in_data))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element of a drawing says nothing."""

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        said, self._depth = _outside(data, self._depth)
        if not self._in_data:
            self.outside.append(said.strip())

    @property
    def _in_data(self) -> bool:
        return bool(self._open) and self._open[-1][1]


def _outside(text: str, depth: int) -> tuple[str, int]:
    """What stands outside the marks, and how many are open at the end."""
    said = ""
    for letter in text:
        depth -= letter == "⟧"
        if depth == 0 and letter != "⟧":
            said += "" if letter == "⟦" else letter
        depth += letter == "⟦"
    return said, depth
