"""Which entries of an LDAP directory are records of ours, and which of their attributes are the fields.

Pure: a file of TOML in, JSON lines of the import out; no server, no database.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.identity.directory import Card, Holder, Organisation, Role

Entry = Mapping[str, list[str]]
"""An entry's values by the name of their attribute, in lower case."""

FIELDS: dict[str, type[BaseModel]] = {
    "organisation": Organisation,
    "holder": Holder,
    "card": Card,
    "role": Role,
}
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:[.,]\d+)?Z")
"""GeneralizedTime, in UTC. Source: RFC 4517, 3.3.13."""


class BadMapping(Exception):
    """The file is no mapping; the text says why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Search(_Part):
    """One search, whose entries are all of one kind."""

    kind: Literal["organisation", "holder", "card", "role"]
    base: str
    filter: str = Field("(objectClass=*)", pattern=r"^\(.*\)$")
    scope: Literal["subtree", "one"] = "subtree"
    fields: dict[str, str]
    """Our field, such as `registration_authority.telephone`, to its attribute."""

    constants: dict[str, str] = {}
    """Our field to what it is for every entry."""

    patterns: dict[str, str] = {}
    """Our field to a regular expression; its first group is the value. What does not match is no value."""

    values: dict[str, dict[str, str]] = {}
    """Our field to its words there, and what each is here; a word without one stays as it is."""

    each: str = ""
    """Our field whose every value makes a record of its own."""

    complete: bool = False
    """Of roles: whoever is not found has the role no more."""

    @model_validator(mode="after")
    def _knows_our_fields(self) -> "Search":
        named = [*self.fields, *self.constants]
        known = FIELDS[self.kind].model_fields
        if unknown := [name for name in named if name.partition(".")[0] not in known or name == "kind"]:
            raise ValueError(f"{self.kind} has no field {unknown[0]}")
        if self.complete and (self.kind != "role" or "granted" in named):
            raise ValueError("only a search for roles that are granted can be complete")
        for extra in (*self.patterns, *self.values, *filter(None, [self.each])):
            if extra not in self.fields:
                raise ValueError(f"{extra} is not among the fields")
        for pattern in self.patterns.values():
            if re.compile(pattern).groups != 1:
                raise ValueError("a pattern has one group")
        return self

    @property
    def attributes(self) -> list[str]:
        """The attributes to ask for."""
        return sorted(set(self.fields.values()))

    def changed_since(self, attribute: str, time: str) -> str:
        """The filter for what changed at a time (GeneralizedTime) or after it."""
        return f"(&{self.filter}({attribute}>={time}))"

    def records(self, entry: Entry) -> Iterator[dict[str, Any]]:
        """Yield the records of an entry: its fields, one in another where a name has a dot."""
        found = {name: self._values(name, entry) for name in self.fields}
        if not self.each:
            yield self._record(found)
        for value in found.get(self.each, []):
            yield self._record({**found, self.each: [value]})

    def _values(self, name: str, entry: Entry) -> list[str]:
        found = entry.get(self.fields[name].lower(), [])
        if pattern := self.patterns.get(name):
            found = [match[1] for value in found if (match := re.search(pattern, value))]
        words = self.values.get(name, {})
        return [_TIME.sub(r"\1-\2-\3T\4:\5:\6Z", words.get(value, value)) for value in found]

    def _record(self, found: Mapping[str, list[str]]) -> dict[str, Any]:
        record: dict[str, Any] = {"kind": self.kind}
        given = {name: [value] for name, value in self.constants.items()}
        for name, values in chain(given.items(), found.items()):
            outer, _, inner = name.partition(".")
            # An attribute's values have no order: of several none is chosen, and the import refuses the row.
            value = values[0] if len(values) == 1 else values
            if values and inner:
                record.setdefault(outer, {})[inner] = value
            elif values:
                record[outer] = value
        return record


class DirectoryMapping(_Part):
    """The searches, in their order: organisations, holders, then cards and roles."""

    reference: str = "entryUUID"
    """The attribute that names an entry in the report, and says nothing of the person."""

    changed: str = "modifyTimestamp"
    """The attribute that says when an entry last changed; GeneralizedTime."""

    search: tuple[Search, ...] = Field(min_length=1)


def mapping_of(content: str) -> DirectoryMapping:
    """Return the mapping in a file's text. Raises BadMapping."""
    try:
        return DirectoryMapping.model_validate(tomllib.loads(content))
    except tomllib.TOMLDecodeError as error:
        raise BadMapping(f"no TOML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise BadMapping(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except re.error as error:
        raise BadMapping(f"no regular expression: {error}") from None


def line_of(record: Mapping[str, Any]) -> str:
    """Return a record as a line of the import."""
    return json.dumps(record, ensure_ascii=False)
