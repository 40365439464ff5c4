"""The SQL statements of otp, each built once: building one costs as much as running it."""

from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.otp.tables import codes, ended_locks, ledgers, told_alarms, told_outcomes, wrong_entries

MOST_ENDED = 50
"""Locks that were ended, of one holder, that are listed."""

CODES_OF = select(codes).where(codes.c.session_id == bindparam("session_id")).order_by(codes.c.issued_at)


def _issued(column: ColumnElement[str], name: str) -> ColumnElement[int]:
    """Count the codes since then in one place."""
    counted = select(func.count()).select_from(codes)
    return (
        counted.where(column == bindparam(name), codes.c.issued_at > bindparam("since"))
        .scalar_subquery()
        .label(f"of_{name}")
    )


_COUNTS = select(
    _issued(codes.c.organisation, "organisation"), _issued(codes.c.network_ref, "network_ref")
).subquery("counts")

RECENT = (
    select(codes, _COUNTS.c.of_organisation, _COUNTS.c.of_network_ref)
    .select_from(
        _COUNTS.outerjoin(
            codes,
            or_(
                codes.c.session_id == bindparam("session_id"),
                and_(codes.c.holder_ref == bindparam("holder_ref"), codes.c.issued_at > bindparam("since")),
            ),
        )
    )
    .order_by(codes.c.issued_at)
)
"""The counts in every row, and one row of counts where there is no code."""

NOTE_WRONG = insert(wrong_entries)


def _cards(name: str, *where: ColumnElement[bool]) -> ColumnElement[int]:
    """Count the cards with a wrong entry since then, up to a limit."""
    found = select(wrong_entries.c.card_ref).where(wrong_entries.c.at > bindparam("since"), *where)
    limited = found.distinct().limit(bindparam(f"most_{name}")).subquery()
    return select(func.count()).select_from(limited).scalar_subquery().label(name)


WRONG_CARDS = select(
    _cards("network", wrong_entries.c.network_ref == bindparam("network_ref")),
    _cards("organisation", wrong_entries.c.organisation == bindparam("organisation")),
    _cards("everywhere"),
)

LEDGER = select(ledgers.c.cards).where(ledgers.c.holder_ref == bindparam("holder_ref"))

LEDGER_KNOWN = select(ledgers.c.cards, ledgers.c.organisation).where(
    ledgers.c.holder_ref == bindparam("holder_ref")
)

LOCK_KNOWN = LEDGER_KNOWN.with_for_update()

ENDED = (
    select(ended_locks)
    .where(
        ended_locks.c.holder_ref == bindparam("holder_ref"),
        ended_locks.c.organisation == bindparam("organisation"),
    )
    .order_by(ended_locks.c.clearing_id.desc())
    .limit(MOST_ENDED)
)

KEEP_ENDED = insert(ended_locks)

REPLACE = update(codes).where(codes.c.code_id == bindparam("row"))

KEEP = update(ledgers).where(ledgers.c.holder_ref == bindparam("row"))

DELIVERED = update(codes).where(codes.c.code_id == bindparam("row"))


def _lock(dialect: Any) -> Any:
    """Insert the holder's row, or note the organisation anew: which locks it; return what stands in it."""
    new = dialect.insert(ledgers)
    noted = {"organisation": new.excluded.organisation}
    return new.on_conflict_do_update(index_elements=[ledgers.c.holder_ref], set_=noted).returning(
        ledgers.c.cards
    )


def _first_outcome(dialect: Any) -> Any:
    """Insert a note that was not there. Judged by what comes back: psycopg leaves rowcount at -1 here."""
    return dialect.insert(told_outcomes).on_conflict_do_nothing().returning(told_outcomes.c.kind)


def _first_alarm(dialect: Any) -> Any:
    return dialect.insert(told_alarms).on_conflict_do_nothing().returning(told_alarms.c.scope)


_DIALECTS = {"postgresql": postgresql, "sqlite": sqlite}
LOCK = {name: _lock(dialect) for name, dialect in _DIALECTS.items()}
FIRST_OUTCOME = {name: _first_outcome(dialect) for name, dialect in _DIALECTS.items()}
FIRST_ALARM = {name: _first_alarm(dialect) for name, dialect in _DIALECTS.items()}
ADD = insert(codes)
