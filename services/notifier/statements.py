"""The SQL statements of notifier, each built once: building one costs as much as running it."""

from dataclasses import fields
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.notifier.domain.delivery import Delivery, State
from services.notifier.tables import DELIVERIES, IS_QUEUED

_FIELDS = [DELIVERIES.c[field.name] for field in fields(Delivery)]

_ROW = DELIVERIES.c.message_id == bindparam("row")


def _add(dialect: Any) -> Any:
    return dialect.insert(DELIVERIES).on_conflict_do_nothing()


def _claim(*, skip_locked: bool) -> Any:
    """Take due deliveries, those first that are due longest."""
    due = select(DELIVERIES.c.message_id).where(IS_QUEUED, DELIVERIES.c.due_at <= bindparam("now"))
    due = due.order_by(DELIVERIES.c.due_at).limit(bindparam("most"))
    if skip_locked:
        due = due.with_for_update(skip_locked=True)
    taken: dict[Any, Any] = {"due_at": bindparam("until"), "claimed_by": bindparam("worker")}
    return update(DELIVERIES).where(DELIVERIES.c.message_id.in_(due)).values(taken).returning(*_FIELDS)


ADD = {"postgresql": _add(postgresql), "sqlite": _add(sqlite)}

CLAIM = {"postgresql": _claim(skip_locked=True), "sqlite": _claim(skip_locked=False)}

REPLACE = update(DELIVERIES).where(_ROW, IS_QUEUED).returning(DELIVERIES.c.message_id)

RETURNED = select(*_FIELDS).where(DELIVERIES.c.return_token == bindparam("token")).with_for_update()

SENT_BY = (
    select(*_FIELDS)
    .where(
        DELIVERIES.c.held_by == bindparam("service"),
        DELIVERIES.c.state == State.SENT.value,
        DELIVERIES.c.ended_at > bindparam("since"),
    )
    .order_by(DELIVERIES.c.ended_at.desc())
    .limit(bindparam("most"))
)

SETTLE = update(DELIVERIES).where(_ROW)

RELEASE = (
    update(DELIVERIES)
    .where(DELIVERIES.c.claimed_by == bindparam("worker"), IS_QUEUED)
    .values(due_at=DELIVERIES.c.made_at, claimed_by=None)
)

FORGET = delete(DELIVERIES).where(DELIVERIES.c.ended_at < bindparam("before"))
