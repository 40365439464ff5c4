"""Import of cards: JSON lines in, nothing out. Write-only, and safe to run again.

A line: card_ref, profile, guid (32 hex each but profile), key_9e (base64 of an SPKI DER key), expires_at
(end of 9A, ISO 8601 with zone), puk (factory value; without it the card is ERR1009). A card that is
there keeps its secret and its counters: only its end is brought up to date.
"""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.card_gateway import tables
from services.card_gateway.card import profiles
from services.card_gateway.domain.budget import FULL
from services.card_gateway.use_cases.commits import IMPORT_CARDS
from services.card_gateway.vault import MasterVault
from services.runtime.database import Database

BATCH = 500
"""Cards a transaction."""


class Refused(Exception):
    """A line that is no card; `code` says why, without its content."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


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


@dataclass(frozen=True)
class Complaint:
    """A line that was not taken."""

    number: int
    code: str


async def import_cards(database: Database, vault: MasterVault, lines: Iterable[str]) -> list[Complaint]:
    """Take all lines that are cards; return the others."""
    complaints: list[Complaint] = []
    numbered = enumerate(lines, 1)
    while batch := list(islice(numbered, BATCH)):
        async with database.begin(IMPORT_CARDS) as connection:
            for number, text in batch:
                try:
                    if text.strip():
                        await _take(connection, vault, parse(number, text))
                except Refused as refused:
                    complaints.append(Complaint(number, refused.code))
    return complaints


def parse(number: int, text: str) -> Line:
    """Read one line. Raises Refused(BAD_LINE, BAD_KEY, UNKNOWN_PROFILE or BAD_PUK)."""
    try:
        raw: dict[str, Any] = json.loads(text)
        line = Line(
            number,
            bytes.fromhex(raw["card_ref"]).hex(),
            raw["profile"],
            bytes.fromhex(raw["guid"]),
            base64.b64decode(raw["key_9e"], validate=True),
            datetime.fromisoformat(raw["expires_at"]).astimezone(UTC),
            raw.get("puk"),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refused("BAD_LINE") from None
    if len(line.card_ref) != 32 or len(line.guid) != 16:
        raise Refused("BAD_LINE")
    if line.profile not in profiles.BY_KIND:
        raise Refused("UNKNOWN_PROFILE")
    _check_key(line.key_9e)
    return line


def _check_key(der: bytes) -> None:
    try:
        load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        raise Refused("BAD_KEY") from None


async def _take(connection: AsyncConnection, vault: MasterVault, line: Line) -> None:
    cards, secrets = tables.cards, tables.secrets
    known = (await connection.execute(select(cards).where(cards.c.card_ref == line.card_ref))).first()
    if known is None:
        taken = await connection.scalar(select(cards.c.card_ref).where(cards.c.guid == line.guid))
        if taken is not None:
            raise Refused("GUID_TAKEN")
    elif (known.guid, known.key_9e) != (line.guid, line.key_9e):
        raise Refused("OTHER_CARD")
    secret = None if line.puk is None else _sealed(vault, line)
    if known is None:
        row = {"card_ref": line.card_ref, "profile": line.profile, "guid": line.guid}
        await connection.execute(insert(cards), row | {"key_9e": line.key_9e, "expires_at": line.expires_at})
    else:
        ends = update(cards).where(cards.c.card_ref == line.card_ref).values(expires_at=line.expires_at)
        await connection.execute(ends)
    mine = secrets.c.card_ref == line.card_ref
    held = (await connection.execute(select(secrets.c.imported).where(mine))).first()
    if secret is not None and held is None:
        await connection.execute(insert(secrets), secret)
    elif secret is not None and held is not None and held.imported is None:
        # `vault catch-up` knew the card's version and not its factory value.
        factory = {name: secret[name] for name in ("imported", "imported_kid")}
        await connection.execute(update(secrets).where(mine).values(factory))


def _sealed(vault: MasterVault, line: Line) -> dict[str, Any]:
    try:
        imported, kid = vault.seal_imported(line.card_ref, line.profile, line.puk or "")
    except ValueError:
        raise Refused("BAD_PUK") from None
    return {
        "card_ref": line.card_ref, "version": 0, "kid": kid, "highest": 0, "imported": imported,
        "imported_kid": kid, "tries": FULL, "tries_full": FULL, "stopped": "",
    }  # fmt: skip
