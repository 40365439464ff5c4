"""Import of organisations, holders and cards, line by line: streaming, and safe to run again.

A line is one record; organisations come before their holders, holders before their cards. A row
that cannot be taken is reported with its line and reason and never ends the import; so is a
row that was taken though something about it will keep its holder from unlocking. No name and
no address is in a report.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from services.identity.domain.holder import CardStatus, HolderStatus

BATCH = 500
"""Rows a transaction."""

LONGEST_LINE = 16 * 1024
"""Characters; a longer line is no record of ours."""

Code = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,16}$")]
Text = Annotated[str, Field(min_length=1, max_length=200)]


class _Record(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, str_strip_whitespace=True, hide_input_in_errors=True
    )


class Contact(_Record):
    """How to reach the RA of an organisation."""

    telephone: str = Field("", max_length=64)
    email: str = Field("", max_length=320)
    opening_hours: str = Field("", max_length=400)


class Organisation(_Record):
    """An organisation and its RA."""

    kind: Literal["organisation"]
    code: Code
    name: Text
    registration_authority: Contact = Contact()


class Domain(_Record):
    """An entry of the allow list."""

    kind: Literal["allowed_domain"]
    domain: Annotated[str, Field(max_length=255)]
    subdomains: bool = True
    organisation: Code | Literal[""] = ""
    """Whose holders it is for; empty: for all."""


class Holder(_Record):
    """A holder; `id` is what the directory calls the person, and stays in this service."""

    kind: Literal["holder"]
    id: Annotated[str, Field(min_length=1, max_length=64)]
    organisation: Code
    name: Text
    email: str | None = Field(None, max_length=320)
    status: HolderStatus = HolderStatus.ACTIVE


class Card(_Record):
    """A card; `card_ref` is the random reference that card_gateway was given too."""

    kind: Literal["card"]
    card_ref: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    holder: Annotated[str, Field(min_length=1, max_length=64)]
    status: CardStatus = CardStatus.ACTIVE
    certificate_expires_at: AwareDatetime | None = None


class Role(_Record):
    """What a holder may do for others, at one organisation; `granted` false takes it back."""

    kind: Literal["role"]
    holder: Annotated[str, Field(min_length=1, max_length=64)]
    role: Literal["RA"]
    organisation: Code
    granted: bool = True


Record = Organisation | Domain | Holder | Card | Role

_RECORD: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])


@dataclass(frozen=True)
class Row:
    """One line of the file that is a record."""

    line: int
    record: Record


@dataclass(frozen=True)
class Remark:
    """What there is to say of a row: refused, or taken with something to mend."""

    line: int
    reason: str
    taken: bool = False


class Registry(Protocol):
    """Where imported records go; one transaction a call."""

    async def take(self, rows: list[Row]) -> list[Remark]:
        """Store the rows; return remarks on some. Rows that differ in nothing change nothing."""
        ...

    async def finish(self) -> int:
        """Tell how many holders the touched organisations have now; return how many those are."""
        ...


class Import:
    """One run over one file."""

    def __init__(self, registry: Registry, read: Callable[[str], Record] | None = None) -> None:
        """`read` makes a record of a line; without it lines are JSON."""
        self._registry = registry
        self._read = read or record_of
        self.counts = {"lines": 0, "taken": 0, "refused": 0, "remarks": 0}

    async def run(self, lines: Iterable[str]) -> AsyncIterator[Remark]:
        """Import the lines, a batch a transaction; yield remarks as they arise."""
        numbered = enumerate(lines, 1)
        while batch := list(islice(numbered, BATCH)):
            rows, remarks = read_rows(batch, self._read)
            remarks += await self._registry.take(rows)
            self._count(batch, remarks)
            for remark in sorted(remarks, key=lambda remark: remark.line):
                yield remark
        self.counts["organisations"] = await self._registry.finish()

    def _count(self, batch: list[tuple[int, str]], remarks: list[Remark]) -> None:
        lines = sum(not blank(line) for _, line in batch)
        refused = sum(not remark.taken for remark in remarks)
        self.counts["lines"] += lines
        self.counts["taken"] += lines - refused
        self.counts["refused"] += refused
        self.counts["remarks"] += len(remarks) - refused


def read_rows(
    batch: Iterable[tuple[int, str]], read: Callable[[str], Record]
) -> tuple[list[Row], list[Remark]]:
    """Return the records among some lines, and a remark for every line that is none."""
    rows: list[Row] = []
    remarks: list[Remark] = []
    for number, line in batch:
        if blank(line):
            continue
        try:
            rows.append(Row(number, read(line)))
        except ValueError as error:
            remarks.append(Remark(number, str(error)))
    return rows, remarks


def blank(line: str) -> bool:
    """Tell whether a line holds nothing, or a comment."""
    return not line.strip() or line.lstrip().startswith("#")


def record_of(line: str) -> Record:
    """Return the record in a line. Raises ValueError with a reason that quotes nothing of it."""
    if len(line) > LONGEST_LINE:
        raise ValueError("LINE_TOO_LONG")
    if "\N{REPLACEMENT CHARACTER}" in line:
        raise ValueError("LINE_NOT_UTF8")
    try:
        return _RECORD.validate_json(line)
    except ValidationError as error:
        raise ValueError(_reason(error.errors(include_input=False, include_url=False)[0])) from None


def record_from(fields: Mapping[str, Any]) -> Record:
    """Return the record that has these fields, each as text. Raises ValueError, as `record_of`."""
    try:
        return _RECORD.validate_python(fields)
    except ValidationError as error:
        raise ValueError(_reason(error.errors(include_input=False, include_url=False)[0])) from None


def _reason(problem: Any) -> str:
    """Return `FIELD_WRONG email`, or what is wrong with the whole line."""
    if problem["type"] == "json_invalid":
        return "LINE_NOT_JSON"
    if problem["type"].startswith("union_tag") or not problem["loc"]:
        return "KIND_UNKNOWN"
    place = [str(part) for part in problem["loc"][1:]]
    # The name of a field that is not ours may be anything: it is not quoted.
    return (
        "FIELD_UNKNOWN" if problem["type"] == "extra_forbidden" else f"FIELD_WRONG {'.'.join(place)}".strip()
    )


def report_line(remark: Remark, meaning: str) -> str:
    """Return a remark as one JSON line, with what its reason means."""
    said = {"line": remark.line, "reason": remark.reason, "taken": remark.taken, "meaning": meaning}
    return json.dumps(said)
