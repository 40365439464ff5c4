"""Rows that are there once by their key: put in, or set anew (SQLAlchemy)."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


async def put(
    connection: AsyncConnection,
    table: Table,
    rows: Iterable[Mapping[str, Any]],
    kept: Mapping[str, Callable[[ColumnElement[Any]], ColumnElement[Any]]] = MappingProxyType({}),
) -> None:
    """Insert rows, or set what differs where their key is there already; `kept` says what else counts."""
    rows = list(rows)
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    new = dialect.insert(table)
    keys = [column.name for column in table.primary_key]
    others = {name: new.excluded[name] for name in rows[0] if name not in keys}
    others |= {name: rule(new.excluded[name]) for name, rule in kept.items()}
    await connection.execute(new.on_conflict_do_update(index_elements=keys, set_=others), rows)
