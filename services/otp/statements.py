"""The SQL statements of otp, each built once: building one costs as much as running it."""

from typing import Any

from sqlalchemy import and_, bindparam, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.otp.tables import codes, ledgers, told_outcomes

CODES_OF = select(codes).where(codes.c.session_id == bindparam("session_id")).order_by(codes.c.issued_at)

CODES_AND_MAILS = (
    select(codes)
    .where(
        or_(
            codes.c.session_id == bindparam("session_id"),
            and_(
                codes.c.holder_ref == bindparam("holder_ref"),
                codes.c.address_version == bindparam("address_version"),
                codes.c.issued_at > bindparam("since"),
            ),
        )
    )
    .order_by(codes.c.issued_at)
)

LEDGER = select(ledgers.c.cards).where(ledgers.c.holder_ref == bindparam("holder_ref"))

REPLACE = update(codes).where(codes.c.code_id == bindparam("row"))

KEEP = update(ledgers).where(ledgers.c.holder_ref == bindparam("row"))

DELIVERED = update(codes).where(codes.c.code_id == bindparam("row"))


def _lock(dialect: Any) -> Any:
    """Insert the holder's row, or update it to what it is: which locks it and returns what stands in it."""
    new = dialect.insert(ledgers)
    unchanged = {"holder_ref": new.excluded.holder_ref}
    return new.on_conflict_do_update(index_elements=[ledgers.c.holder_ref], set_=unchanged).returning(
        ledgers.c.cards
    )


def _first_outcome(dialect: Any) -> Any:
    """Insert a note that was not there. Judged by what comes back: psycopg leaves rowcount at -1 here."""
    return dialect.insert(told_outcomes).on_conflict_do_nothing().returning(told_outcomes.c.kind)


_DIALECTS = {"postgresql": postgresql, "sqlite": sqlite}
LOCK = {name: _lock(dialect) for name, dialect in _DIALECTS.items()}
FIRST_OUTCOME = {name: _first_outcome(dialect) for name, dialect in _DIALECTS.items()}
ADD = insert(codes)
