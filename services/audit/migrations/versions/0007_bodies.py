"""Bodies in a table of their own, a partition a month on PostgreSQL, so that old ones can go as a whole.

On PostgreSQL nothing waits for it but at its end, for an instant, or for the three seconds that it waits for
somebody who reads `records`; then it lets all others through and tries again. Stores of the version before
go on writing bodies into `records`, and a trigger copies them, while all that are there are copied page by
page. Stopped anywhere, it is run again from its beginning. Then the column goes. From then on a store of the
version before waits, and loses nothing, until the new one takes its place. Old bodies stay in the pages of
`records` until these are rewritten.
"""

import time
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op
from psycopg.errors import LockNotAvailable

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

PAGE = 5000

TRIES = 200
PAUSE = 2.0
"""Seconds between two tries to take the column away: in them, everybody else goes on."""

BODIES = """
CREATE TABLE IF NOT EXISTS bodies (
  ce_id text NOT NULL, stored_us bigint NOT NULL, body {bytes} NOT NULL, PRIMARY KEY (ce_id, stored_us)
){partitioned}
"""

RETIRED = """
CREATE TABLE IF NOT EXISTS retired (
  month text PRIMARY KEY, bodies bigint NOT NULL, size bigint NOT NULL, retired_us bigint NOT NULL
)
"""

KEEP_BODY = """
CREATE OR REPLACE FUNCTION keep_body() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public AS $$ BEGIN
  INSERT INTO bodies VALUES (NEW.ce_id, NEW.stored_us, NEW.body) ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$
"""

KEEP_EACH = """
CREATE OR REPLACE TRIGGER keep_body AFTER INSERT ON records FOR EACH ROW EXECUTE FUNCTION keep_body()
"""

LEAVE_RECORDS = (
    "DROP TRIGGER keep_body ON records",
    "DROP FUNCTION keep_body()",
    "ALTER TABLE records DROP COLUMN body",
)

APPEND_ONLY = """
CREATE OR REPLACE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""

COPY = """
WITH page AS (SELECT ce_id, stored_us, body FROM records WHERE ce_id > :last ORDER BY ce_id LIMIT :page),
  copied AS (INSERT INTO bodies SELECT * FROM page ON CONFLICT DO NOTHING)
SELECT max(ce_id) FROM page
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            op.execute("SET lock_timeout = '3s'")
            _on_postgresql(op.get_bind())
    else:
        _on_sqlite()


def _on_postgresql(connection: sa.Connection) -> None:
    op.execute(BODIES.format(bytes="bytea", partitioned=" PARTITION BY RANGE (stored_us)"))
    op.execute("CREATE TABLE IF NOT EXISTS bodies_rest PARTITION OF bodies DEFAULT")
    op.execute(RETIRED)
    for month in _months(connection):
        _make(month)
    for table in ("bodies", "bodies_rest", "retired"):
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM PUBLIC")
        op.execute(APPEND_ONLY.format(table=table))
    if "body" in {column["name"] for column in sa.inspect(connection).get_columns("records")}:
        _move_bodies(connection)


def _move_bodies(connection: sa.Connection) -> None:
    op.execute(KEEP_BODY)
    op.execute(KEEP_EACH)
    last: str | None = ""
    while last is not None:
        last = connection.execute(sa.text(COPY), {"last": last, "page": PAGE}).scalar()
    for _ in range(TRIES):
        if _leave_records():
            return
        time.sleep(PAUSE)
    raise TimeoutError(f"records was read at each of {TRIES} tries: run it again")


def _leave_records() -> bool:
    """Take the column away; False where the lock may not be waited for any longer."""
    try:
        for statement in ("BEGIN", *LEAVE_RECORDS, "COMMIT"):
            op.execute(statement)
    except sa.exc.OperationalError as error:
        op.execute("ROLLBACK")
        if isinstance(error.orig, LockNotAvailable):
            return False
        raise
    return True


def _months(connection: sa.Connection) -> list[datetime]:
    """Those from the first record's to the next: `audit retire` makes those to come."""
    now: datetime = connection.execute(sa.text("SELECT now()")).scalar_one().astimezone(UTC)
    first = connection.execute(sa.text("SELECT min(stored_us) FROM records")).scalar()
    month = (datetime.fromtimestamp(first / 1_000_000, UTC) if first else now).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    found = []
    while month < now + timedelta(days=31):
        found.append(month)
        month = _next(month)
    return found


def _next(month: datetime) -> datetime:
    return (month + timedelta(days=31)).replace(day=1)


def _make(month: datetime) -> None:
    name = f"bodies_{month:%Y_%m}"
    first, end = (int(at.timestamp()) * 1_000_000 for at in (month, _next(month)))
    op.execute(f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF bodies FOR VALUES FROM ({first}) TO ({end})")
    op.execute(APPEND_ONLY.format(table=name))


def _on_sqlite() -> None:
    op.execute(BODIES.format(bytes="blob", partitioned=""))
    op.execute(RETIRED)
    op.execute("INSERT INTO bodies SELECT ce_id, stored_us, body FROM records")
    op.execute("ALTER TABLE records DROP COLUMN body")
    for table in ("bodies", "retired"):
        op.execute(
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
    op.execute(
        "CREATE TRIGGER retired_no_delete BEFORE DELETE ON retired "
        "BEGIN SELECT RAISE(ABORT, 'retired is append-only'); END"
    )
    # A body goes with its month, once that is written down.
    op.execute(
        "CREATE TRIGGER bodies_no_delete BEFORE DELETE ON bodies WHEN NOT EXISTS (SELECT 1 FROM retired "
        "WHERE month = strftime('%Y-%m', OLD.stored_us / 1000000, 'unixepoch')) "
        "BEGIN SELECT RAISE(ABORT, 'bodies is append-only'); END"
    )
