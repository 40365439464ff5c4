"""Import of cards: a file in, nothing out. Write-only, in bounded memory, and safe to run again.

A row: card_ref, profile, guid (32 hex each but profile), key_9e (base64 of an SPKI DER key), expires_at
(end of 9A, ISO 8601 with zone), puk (factory value; without it the card is ERR1009). Profile GIDS has an
empty key_9e, and admin_key (48 hex digits) where others have puk. Optional: key_9a (base64 of an SPKI DER
key), without which nobody can sign in with the card. A card that is there keeps its secret and its
counters: only its end and its key_9a, which a renewal changes, are brought up to date.
"""

import base64
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice, pairwise
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.card_gateway import tables
from services.card_gateway.card import profiles
from services.card_gateway.cards_file import Refused, Row
from services.card_gateway.proofs import algorithm_of
from services.card_gateway.use_cases.commits import IMPORT_CARDS
from services.card_gateway.vault import MasterVault
from services.runtime.database import Database, TransientDatabaseError
from services.runtime.judge import again_while_faults_pass

BATCH = 500
"""Cards a transaction."""

DEFAULT_PUK = "12345678"
"""The PUK of PIV cards that nobody personalised."""

_HEX_16_BYTES = re.compile(r"[0-9a-fA-F]{32}")


@dataclass(frozen=True)
class Line:
    """One card to import."""

    number: int
    card_ref: str
    profile: str
    guid: bytes
    key_9e: bytes
    expires_at: datetime
    puk: str | None = field(repr=False)
    """Or the admin key, of a card that has one."""
    key_9a: bytes | None = None
    """The holder's own key; None where the line says nothing of it."""


@dataclass(frozen=True)
class Remark:
    """A line that was not taken, or one that was and is remarkable."""

    number: int
    code: str
    taken: bool = False
    first: int = 0
    """The line that was there before it, where there is one."""


class Import:
    """One run over a file. `counts` has what became of its rows so far."""

    def __init__(self, database: Database, vault: MasterVault, *, dry_run: bool = False) -> None:
        self._database = database
        self._vault = vault
        self._dry_run = dry_run
        self._seen = _Seen()
        self.counts = Counter({"taken": 0, "updated": 0, "there": 0, "refused": 0, "warned": 0})

    async def run(self, rows: Iterable[Row]) -> AsyncIterator[Remark]:
        """Take all rows that are cards, a transaction a batch; remark on the others."""
        waiting = iter(rows)
        while batch := list(islice(waiting, BATCH)):
            remarks: list[Remark] = []
            lines = list(self._readable(batch, remarks))
            known = remarks + await self._take(lines)
            for remark in sorted(known, key=lambda each: each.number):
                self.counts["warned" if remark.taken else "refused"] += 1
                yield remark

    def _readable(self, batch: list[Row], remarks: list[Remark]) -> Iterator[Line]:
        for row in batch:
            try:
                if row.refused:
                    raise Refused(row.refused)
                line = parse(row)
            except Refused as refused:
                remarks.append(Remark(row.number, refused.code))
                continue
            twin = self._seen.before(line)
            if twin is not None:
                remarks.append(twin)
            else:
                yield line

    async def _take(self, lines: list[Line]) -> list[Remark]:
        took: _Taking = await again_while_faults_pass(lambda: self._write(lines))
        self.counts.update(taken=len(took.cards), updated=took.updated, there=took.there)
        return took.remarks

    async def _write(self, lines: list[Line]) -> "_Taking":
        try:
            async with self._database.begin(IMPORT_CARDS) as connection:
                taking = _Taking(self._vault, await _there(connection, lines))
                for line in lines:
                    taking.judge(line)
                if not self._dry_run:
                    await taking.write(connection)
        except IntegrityError as faster:  # another import had the same card: the next run finds it there
            raise TransientDatabaseError from faster
        return taking


def parse(row: Row) -> Line:
    """What the row says. Raises Refused(BAD_CARD_REF, BAD_GUID, BAD_KEY, BAD_END or UNKNOWN_PROFILE)."""
    said = row.fields
    if not isinstance(said["profile"], str) or said["profile"] not in profiles.BY_KIND:
        raise Refused("UNKNOWN_PROFILE")
    return Line(
        row.number,
        _sixteen_bytes(said["card_ref"], "BAD_CARD_REF").hex(),
        said["profile"],
        _sixteen_bytes(said["guid"], "BAD_GUID"),
        _key(said["key_9e"]) if said["profile"] in profiles.PUK else _no_key(said["key_9e"]),
        _end(said["expires_at"]),
        _secret(said),
        _holders_key(said),
    )


def _sixteen_bytes(text: Any, code: str) -> bytes:
    if not isinstance(text, str) or not _HEX_16_BYTES.fullmatch(text):
        raise Refused(code)
    return bytes.fromhex(text)


def _key(text: Any) -> bytes:
    try:
        der = base64.b64decode(text, validate=True)
        load_der_public_key(der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused("BAD_KEY") from None
    return der


def _holders_key(said: dict[str, Any]) -> bytes | None:
    if not said.get("key_9a"):
        return None
    if said["profile"] not in profiles.PUK:
        raise Refused("BAD_KEY_9A")
    try:
        key = _key(said["key_9a"])
    except Refused:
        raise Refused("BAD_KEY_9A") from None
    if algorithm_of(key) is None:
        raise Refused("BAD_KEY_9A")
    return key


def _end(text: Any) -> datetime:
    try:
        end = datetime.fromisoformat(text)
        if end.tzinfo is None:
            raise Refused("BAD_END")
        return end.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        raise Refused("BAD_END") from None


_BAD_SECRET = ("BAD_PUK", "BAD_ADMIN_KEY")


def _secret(said: dict[str, Any]) -> str | None:
    """The PUK or the admin key, whichever the card's kind has; the other one must not be there."""
    admin = said["profile"] in profiles.ADMIN_KEY
    mine, other = ("admin_key", "puk") if admin else ("puk", "admin_key")
    secret = said.get(mine)
    if not isinstance(secret, str | None):
        raise Refused(_BAD_SECRET[admin])
    if said.get(other) is not None:
        raise Refused(_BAD_SECRET[not admin])
    return secret


def _no_key(text: object) -> bytes:
    if text != "":
        raise Refused("BAD_KEY")
    return b""


def weakness(puk: str) -> str:
    """Why a PUK is hardly one; empty where it may do. It goes with the card's first unlock."""
    if not puk.isdecimal():
        return ""
    if puk == DEFAULT_PUK:
        return "DEFAULT_PUK"
    steps = {(ord(after) - ord(before)) % 10 for before, after in pairwise(puk)}
    if steps in ({0}, {1}, {9}):
        return "WEAK_PUK"
    return "SHORT_PUK" if len(puk) < len(DEFAULT_PUK) else ""


class _Taking:
    """What one batch comes to, beside what is there."""

    def __init__(self, vault: MasterVault, there: "_There") -> None:
        self._vault = vault
        self._there = there
        self.cards: list[dict[str, Any]] = []
        self.secrets: list[dict[str, Any]] = []
        self.ends: list[dict[str, Any]] = []
        self.values: list[dict[str, Any]] = []
        self.remarks: list[Remark] = []
        self.updated = self.there = 0

    def judge(self, line: Line) -> None:
        """Decide on one line."""
        try:
            secret = None if line.puk is None else _sealed(self._vault, line)
            known = self._there.cards.get(line.card_ref)
            if known is None:
                self._add(line)
            elif (known.guid, known.key_9e) != (line.guid, line.key_9e):
                raise Refused("OTHER_CARD")
        except Refused as refused:
            self.remarks.append(Remark(line.number, refused.code))
            return
        added = secret is not None and self._keep(line, secret)
        weak = weakness(line.puk or "") if line.profile in profiles.PUK else ""
        if added and weak:
            self.remarks.append(Remark(line.number, weak, taken=True))
        if known is not None:
            key_9a = line.key_9a or known.key_9a
            moved = (known.expires_at, known.key_9a) != (line.expires_at, key_9a)
            if moved:
                self.ends.append({"ref": line.card_ref, "end": line.expires_at, "key": key_9a})
            self.updated += added or moved
            self.there += not (added or moved)

    def _add(self, line: Line) -> None:
        if line.guid in self._there.guids:
            raise Refused("GUID_TAKEN")
        row: dict[str, Any] = {"card_ref": line.card_ref, "profile": line.profile, "guid": line.guid}
        keys = {"key_9e": line.key_9e, "key_9a": line.key_9a}
        self.cards.append(row | keys | {"expires_at": line.expires_at})

    def _keep(self, line: Line, secret: dict[str, Any]) -> bool:
        """Keep the secret where the card has none; False where it has one."""
        if line.card_ref not in self._there.secrets:
            self.secrets.append(secret)
        elif not self._there.secrets[line.card_ref]:
            # `vault catch-up` knew the card's version and not its factory value.
            self.values.append(
                {"ref": line.card_ref, "sealed": secret["imported"], "by": secret["imported_kid"]}
            )
        else:
            return False
        return True

    async def write(self, connection: AsyncConnection) -> None:
        """Store it."""
        for statement, rows in (
            (insert(tables.cards), self.cards),
            (insert(tables.secrets), self.secrets),
            (_END, self.ends),
            (_VALUE, self.values),
        ):
            if rows:
                await connection.execute(statement, rows)


_END = (
    update(tables.cards)
    .where(tables.cards.c.card_ref == bindparam("ref"))
    .values(expires_at=bindparam("end"), key_9a=bindparam("key"))
)
_VALUE = (
    update(tables.secrets)
    .where(tables.secrets.c.card_ref == bindparam("ref"))
    .values(imported=bindparam("sealed"), imported_kid=bindparam("by"))
)


@dataclass(frozen=True)
class _There:
    """What the database has of a batch's cards."""

    cards: dict[str, Any]
    guids: frozenset[bytes]
    secrets: dict[str, bool]
    """Whether the card's secret has its factory value."""


async def _there(connection: AsyncConnection, lines: Sequence[Line]) -> _There:
    cards, secrets = tables.cards.c, tables.secrets.c
    refs, guids = [line.card_ref for line in lines], [line.guid for line in lines]
    known = await connection.execute(select(tables.cards).where(cards.card_ref.in_(refs)))
    taken = await connection.scalars(select(cards.guid).where(cards.guid.in_(guids)))
    held = await connection.execute(
        select(secrets.card_ref, secrets.imported.is_not(None)).where(secrets.card_ref.in_(refs))
    )
    return _There(
        {row.card_ref: row for row in known},
        frozenset(taken),
        {ref: bool(imported) for ref, imported in held},
    )


def _sealed(vault: MasterVault, line: Line) -> dict[str, Any]:
    try:
        imported, kid = vault.seal_imported(line.card_ref, line.profile, line.puk or "")
    except ValueError:
        raise Refused(_BAD_SECRET[line.profile in profiles.ADMIN_KEY]) from None
    tries = profiles.BY_KIND[line.profile].SECRET_TRIES
    return {
        "card_ref": line.card_ref, "version": 0, "kid": kid, "highest": 0, "imported": imported,
        "imported_kid": kid, "tries": tries, "tries_full": tries, "stopped": "",
    }  # fmt: skip


class _Seen:
    """Which cards a file has named so far, on disk where there are many, in a file that has no name."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        for table in ("refs", "guids"):
            self._database.execute(f"create table {table} (id blob primary key, line integer) without rowid")
        self._database.execute("begin")

    def before(self, line: Line) -> Remark | None:
        """What to say of a card that an earlier line named; None, and remembered, where none did."""
        if first := self._line("refs", bytes.fromhex(line.card_ref)):
            return Remark(line.number, "DUPLICATE", first=first)
        if first := self._line("guids", line.guid):
            return Remark(line.number, "GUID_TAKEN", first=first)
        self._database.execute("insert into refs values (?, ?)", (bytes.fromhex(line.card_ref), line.number))
        self._database.execute("insert into guids values (?, ?)", (line.guid, line.number))
        return None

    def _line(self, table: str, key: bytes) -> int:
        statement = f"select line from {table} where id = ?"  # noqa: S608 - one of our two names
        found = self._database.execute(statement, (key,)).fetchone()
        return int(found[0]) if found else 0
