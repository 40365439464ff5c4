"""The language of the pages: English as it stands in the code and the templates, or that of a catalogue.

A text is looked up when a page is rendered, by its English. A template's texts stand in `{% trans %}` and
`_()`; Python's are made here, as `text(...)` and `counted(...)`, by whose names they are extracted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from gettext import NullTranslations
from typing import Any

from markupsafe import escape


@dataclass(frozen=True)
class Language:
    """A language that the pages are in."""

    tag: str
    """What `lang` says. Source: BCP 47."""
    catalogue: NullTranslations


ENGLISH = Language("en", NullTranslations())
_spoken: ContextVar[Language] = ContextVar("spoken", default=ENGLISH)


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Look every text up in this language, within the block."""
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


def gettext(english: str) -> str:
    """Return a text in the language spoken now."""
    return _spoken.get().catalogue.gettext(english)


def ngettext(one: str, many: str, count: int) -> str:
    """Return a text of so many things in the language spoken now."""
    return _spoken.get().catalogue.ngettext(one, many, count)


class Text(str):
    """A text of the pages: English as a `str`, and in a page what the language spoken there has for it.

    Jinja asks for `__html__` where it escapes. A filter that takes a `str` would get English, and so would a
    component that uses one: it is given `text | e`.
    """

    one: str
    many: str
    number: int
    values: dict[str, Any]

    def __html__(self) -> str:
        """Return it as HTML in the language spoken now; texts among its values likewise."""
        told = ngettext(self.one, self.many, self.number) if self.many else gettext(self.one)
        return escape(told) % self.values if self.values else escape(told)


def text(english: str, **values: Any) -> Text:
    """Return a text; `%(name)s` in it stands for a value. Extracted by this function's name."""
    return _made(english, "", 1, values)


def counted(one: str, many: str, count: int, **values: Any) -> Text:
    """Return a text of so many things, `%(num)s` in it. Extracted by this function's name."""
    return _made(one, many, count, {"num": count, **values})


def _made(one: str, many: str, count: int, values: dict[str, Any]) -> Text:
    english = many if many and count != 1 else one
    told = Text(english % values if values else english)
    told.one, told.many, told.number, told.values = one, many, count, values
    return told


def filled(told: str, **values: Any) -> str:
    """Return a text with values that were not known where it was chosen; any other `str` as it is."""
    return text(told.one, **values) if isinstance(told, Text) and not told.values else told
