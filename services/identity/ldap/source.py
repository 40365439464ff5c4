"""The lines of an import, out of an LDAP directory: every search in turn, an entry at a time."""

from collections.abc import Iterator, Sequence, Set
from datetime import datetime
from typing import Any, Protocol

from services.identity.directory import BATCH
from services.identity.ldap.mapping import DirectoryMapping, Entry, Search, line_of
from services.identity.role_list import Granted

NOBODY = "ROLES_KEPT: a search for roles found nobody, so nobody's role was taken away"


class Server(Protocol):
    """What an LDAP server is asked for."""

    def entries(self, search: Search, wanted: str, more: Sequence[str]) -> Iterator[Entry]:
        """Yield the entries that match a filter, with some attributes besides the search's own."""
        ...


class LdapSource:
    """One reading of the directory; after it, `kept` says what was not done and why."""

    def __init__(
        self, server: Server, mapping: DirectoryMapping, granted: Set[Granted], since: datetime | None
    ) -> None:
        """`granted`: the roles that stand. `since`: only what changed from then on; None: all of it."""
        self._server = server
        self._mapping = mapping
        self._granted = granted
        self._since = since
        self._references = [""] * BATCH
        self.count = 0
        self.kept: list[str] = []

    def reference(self, line: int) -> str:
        """Which entry a line of the last batch came from; empty where it came from none."""
        return self._references[line % BATCH]

    def lines(self) -> Iterator[str]:
        """Yield every record as a line. Raises LdapFailed."""
        for search in self._mapping.search:
            found: set[Granted] = set()
            for reference, record in self._records(search):
                if search.complete and (role := _granted(record)):
                    found.add(role)
                yield self._line(reference, record)
            if search.complete:
                yield from self._taken_back(search, found)

    def _records(self, search: Search) -> Iterator[tuple[str, dict[str, Any]]]:
        named = self._mapping.reference
        for entry in self._server.entries(search, self._wanted(search), [named]):
            reference = "".join(entry.get(named.lower(), []))
            for record in search.records(entry):
                yield reference, record

    def _wanted(self, search: Search) -> str:
        """A search that is complete is never one for what changed: who lost the role did not change."""
        if self._since is None or search.complete:
            return search.filter
        return search.changed_since(self._mapping.changed, f"{self._since:%Y%m%d%H%M%SZ}")

    def _taken_back(self, search: Search, found: set[Granted]) -> Iterator[str]:
        role = search.constants.get("role")
        lost = sorted(each for each in self._granted - found if role in (None, each.role))
        if lost and not found:
            # More likely a filter that is wrong than an organisation without any RA.
            self.kept.append(NOBODY)
            return
        for each in lost:
            yield self._line("", {"kind": "role", **each._asdict(), "granted": "false"})

    def _line(self, reference: str, record: dict[str, Any]) -> str:
        self.count += 1
        self._references[self.count % BATCH] = reference
        return line_of(record)


def _granted(record: dict[str, Any]) -> Granted | None:
    values = [record.get(name) for name in Granted._fields]
    if not all(isinstance(value, str) for value in values):
        return None
    return Granted(*map(str, values))
