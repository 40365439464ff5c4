"""Which master keys the database needs, and the move of what can be moved to the newest."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from sqlalchemy import and_, bindparam, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.card_gateway.domain.budget import Secret
from services.card_gateway.ports import NotReleased
from services.card_gateway.tables import OPEN, rotations, secrets
from services.card_gateway.use_cases.commits import REWRAP
from services.card_gateway.vault import MasterVault
from services.runtime.database import Database, for_update

BATCH = 500
"""Values a transaction; an unlock of one of their cards waits so long."""


@dataclass(frozen=True)
class Uses:
    """How many rows need one master key."""

    cards: int = 0
    """Cards whose PUK is derived from it; they leave it at their next rotation."""
    imports: int = 0
    """Factory values sealed under it; `vault rewrap` moves them."""
    open_rows: int = 0
    """Rotations that are not settled, on either side."""

    def __bool__(self) -> bool:
        return bool(self.cards or self.imports or self.open_rows)

    def __str__(self) -> str:
        return f"{self.cards} cards, {self.imports} imported values, {self.open_rows} open rotations need it"


async def key_uses(database: Database) -> dict[str, Uses]:
    """The uses of every key that has any. Reads all secrets: for commands, and when keys change."""
    async with database.read() as connection:
        counted = {
            "cards": await _counts(connection, secrets.c.kid, secrets.c.version > 0),
            "imports": await _counts(connection, secrets.c.imported_kid, secrets.c.imported.is_not(None)),
            "before": await _counts(connection, rotations.c.kid, and_(OPEN, rotations.c.version > 0)),
            "after": await _counts(connection, rotations.c.next_kid, OPEN),
        }
    kids = sorted({kid for counts in counted.values() for kid in counts})
    return {kid: _uses({name: counts.get(kid, 0) for name, counts in counted.items()}) for kid in kids}


def missing(uses: dict[str, Uses], kids: Iterable[str]) -> dict[str, Uses]:
    """The keys that rows need and that are not there."""
    return {kid: used for kid, used in uses.items() if kid not in kids}


async def _counts(connection: AsyncConnection, kid: object, where: object) -> dict[str, int]:
    statement = select(kid, func.count()).where(where).group_by(kid)  # type: ignore[call-overload]
    return {name: int(count) for name, count in await connection.execute(statement)}


def _uses(counts: dict[str, int]) -> Uses:
    return Uses(counts["cards"], counts["imports"], counts["before"] + counts["after"])


@dataclass(frozen=True)
class Rewrapped:
    """What a run did."""

    moved: int = 0
    damaged: tuple[str, ...] = ()
    """References of cards whose value does not open, or whose key is not there."""


async def rewrap(database: Database, vault: MasterVault, told: Callable[[int], None]) -> Rewrapped:
    """Seal every factory value under the newest key, batch by batch. Run again, it does what is left.

    `told` hears how many were looked at so far.
    """
    run, after, looked_at = Rewrapped(), "", 0
    while True:
        async with database.begin(REWRAP) as connection:
            found = await _next_batch(connection, vault.newest_kid, after)
            moved, damaged = _resealed(vault, found)
            if moved:
                await connection.execute(_MOVE, moved)
        if not found:
            return run
        after, looked_at = found[-1].card_ref, looked_at + len(found)
        run = replace(run, moved=run.moved + len(moved), damaged=run.damaged + damaged)
        told(looked_at)


async def _next_batch(connection: AsyncConnection, newest_kid: str, after: str) -> list[Secret]:
    wanted = (
        select(secrets)
        .where(secrets.c.card_ref > after, secrets.c.imported.is_not(None))
        .where(secrets.c.imported_kid != newest_kid)
        .order_by(secrets.c.card_ref)
        .limit(BATCH)
    )
    rows = (await connection.execute(for_update(wanted, connection))).mappings()
    return [Secret(**row) for row in rows]


def _resealed(vault: MasterVault, found: list[Secret]) -> tuple[list[dict[str, object]], tuple[str, ...]]:
    moved: list[dict[str, object]] = []
    damaged: list[str] = []
    for secret in found:
        try:
            imported, kid = vault.resealed(secret)
        except NotReleased:
            damaged.append(secret.card_ref)
        else:
            moved.append({"ref": secret.card_ref, "sealed": imported, "to": kid})
    return moved, tuple(damaged)


_MOVE = (
    update(secrets)
    .where(secrets.c.card_ref == bindparam("ref"))
    .values(
        imported=bindparam("sealed"),
        imported_kid=bindparam("to"),
        # Of a card that still bears its factory value, this is the key of the seal.
        kid=case((secrets.c.version == 0, bindparam("to")), else_=secrets.c.kid),
    )
)
