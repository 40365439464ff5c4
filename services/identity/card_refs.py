"""`cards refs` of the command line: the cards that are known here, for `reconcile` of card_gateway.

One reference a line, in order, and nothing of who holds them; the last line counts them, so that a file that
was cut is no file.
"""

import sys
from collections.abc import AsyncIterator

from sqlalchemy import bindparam, select

from services.identity.tables import cards
from services.runtime.database import Database

PAGE = 5_000
"""Rows a statement reads."""

_AFTER = (
    select(cards.c.card_ref)
    .where(cards.c.card_ref > bindparam("last"))
    .order_by(cards.c.card_ref)
    .limit(PAGE)
)


async def card_refs(database: Database) -> AsyncIterator[str]:
    """Yield every card's reference in ascending order, page by page."""
    last = ""
    while True:
        async with database.read() as connection:
            page = (await connection.execute(_AFTER, {"last": last})).scalars().all()
        for card_ref in page:
            yield card_ref
        if len(page) < PAGE:
            return
        last = page[-1]


async def write_refs(database: Database) -> int:
    """Print them; 0."""
    count = 0
    async for card_ref in card_refs(database):
        sys.stdout.write(f"{card_ref}\n")
        count += 1
    sys.stdout.write(f"# {count} cards\n")
    return 0
