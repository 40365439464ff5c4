"""The pages as a person without JavaScript meets them: forms by their fields, over plain HTTP.

A browser keeps Secure cookies on http://127.0.0.1; HTTP libraries do not, so the one cookie is kept here.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

import httpx

COOKIE = "__Host-unlock"
PATIENCE = 30.0
"""Seconds for one page: longer than any deadline that the pages themselves keep (S5: 5 s)."""


@dataclass
class Shown:
    """One page as it was answered, after redirects."""

    path: str
    status: int
    html: str = field(repr=False)
    codes: list[str] = field(default_factory=list)
    """Error codes that it names."""
    fields: dict[str, str] = field(default_factory=dict)
    """Hidden fields of its last form."""
    facts: dict[str, str] = field(default_factory=dict)
    """`data-…` attributes of its forms."""
    words: list[str] = field(default_factory=list)
    """The matching words."""


class _Reader(HTMLParser):
    def __init__(self, shown: Shown) -> None:
        super().__init__()
        self._shown, self._in_words, self._in_word = shown, False, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if code := given.get("data-error-code"):
            self._shown.codes.append(code)
        if tag == "input" and given.get("type") == "hidden":
            self._shown.fields[given["name"]] = given.get("value", "")
        if tag == "form":
            self._shown.facts |= {name: value for name, value in given.items() if name.startswith("data-")}
        if tag == "ul":
            self._in_words = "app-words" in given.get("class", "")
        self._in_word = tag == "li" and self._in_words

    def handle_endtag(self, tag: str) -> None:
        if tag == "ul":
            self._in_words = False
        self._in_word = False

    def handle_data(self, data: str) -> None:
        if self._in_word and data.strip() and data.strip() not in self._shown.words:
            self._shown.words.append(data.strip())


class Browser:
    """Asks for pages of one origin and keeps its cookie."""

    def __init__(self, origin: str) -> None:
        """`origin`: scheme, host and port."""
        self._origin, self._cookie = origin, ""
        self._client = httpx.Client(timeout=PATIENCE, follow_redirects=False)

    def get(self, path: str) -> Shown:
        """Show a page; `path` may be a whole address of the same origin."""
        return self._follow("GET", urlsplit(path).path if "://" in path else path, {})

    def post(self, shown: Shown, path: str | None = None, **typed: str) -> Shown:
        """Send the form of the page, with what was typed."""
        return self._follow("POST", path or shown.path, shown.fields | typed)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def _follow(self, method: str, path: str, form: dict[str, str]) -> Shown:
        for _ in range(6):
            response = self._client.request(
                method,
                self._origin + path,
                data=form or None,
                headers={"Origin": self._origin, "Cookie": self._cookie},
            )
            self._keep_cookie(response)
            if not response.has_redirect_location:
                return _read(path, response)
            method, path, form = "GET", response.headers["location"], {}
        raise AssertionError(f"redirects without end at {path}")

    def _keep_cookie(self, response: httpx.Response) -> None:
        for line in response.headers.get_list("set-cookie"):
            if line.startswith(f"{COOKIE}="):
                self._cookie = line.partition(";")[0]


def _read(path: str, response: httpx.Response) -> Shown:
    shown = Shown(path, response.status_code, response.text)
    _Reader(shown).feed(response.text)
    return shown
