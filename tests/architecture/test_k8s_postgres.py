"""The databases of deploy/k8s on a real PostgreSQL: rules, roles and addresses as in the manifests."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.audit.tables import ANALYST_RECORDS
from services.runtime.database import Database
from tests.architecture.cluster_postgres import ROLES, ClusterPostgres
from tests.architecture.roles import package_of

pytestmark = pytest.mark.xdist_group("cluster")

WITH_OUTBOX = [process for process in ROLES if process not in ("audit_store", "audit_reader")]
ADD_ONLY = {
    "audit_store": {"records", "bodies", "set_aside", "ledger", "unsequenced"},
    "audit_sequencer": {
        "leaves", "tiles", "heads", "outbox", "outbox_position",
        "spans", "span_sums", "span_users", "span_stages", "span_imports",
    },
    "audit_reader": set[str](),
}  # fmt: skip
"""What audit's processes may add to; the others write all of their tables."""

RIGHTS = """
SELECT table_name, has_table_privilege(quote_ident(table_name), 'SELECT') AS reads,
  has_table_privilege(quote_ident(table_name), 'INSERT') AS writes
FROM information_schema.tables WHERE table_schema = 'public' AND table_name <> 'alembic_version'
"""
SEQUENCES = (
    "SELECT count(*) FROM pg_sequences WHERE NOT has_sequence_privilege(sequencename::regclass, 'UPDATE')"
)


@pytest.mark.parametrize("process", ROLES)
async def test_S46_a_process_reads_and_writes_its_own_tables_and_makes_none(
    migrated: ClusterPostgres, process: str
) -> None:
    database = Database(migrated.address(process))
    try:
        async with database.read() as connection:
            rights = (await connection.execute(text(RIGHTS))).all()
            unusable = (await connection.execute(text(SEQUENCES))).scalar_one()
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.begin("mischief") as connection:
                await connection.execute(text("CREATE TABLE mischief (id int)"))
    finally:
        await database.close()

    assert rights
    assert all(row.reads for row in rights)
    written = {row.table_name for row in rights if row.writes}
    assert written == ADD_ONLY.get(process, {row.table_name for row in rights})
    assert process in ADD_ONLY or unusable == 0


@pytest.mark.parametrize("process", WITH_OUTBOX)
async def test_a_process_writes_through_its_own_address(migrated: ClusterPostgres, process: str) -> None:
    database = Database(migrated.address(process))
    try:
        async with database.begin("write") as connection:
            await connection.execute(text("INSERT INTO outbox SELECT * FROM outbox WHERE false"))
            await connection.execute(text("UPDATE outbox SET topic = topic WHERE false"))
            await connection.execute(text("DELETE FROM outbox WHERE false"))
    finally:
        await database.close()


KEY = {
    "records": "ce_id", "set_aside": "topic", "ledger": "topic",
    "leaves": "ce_id", "tiles": "level", "heads": "size", "bodies": "ce_id", "bodies_rest": "ce_id",
    "retired": "month",
}  # fmt: skip
EVIDENCE = tuple(KEY)


@pytest.mark.parametrize("process", ["audit_store", "audit_sequencer", "audit_reader"])
async def test_S46_no_process_of_audit_has_the_right_to_change_or_delete_evidence(
    migrated: ClusterPostgres, process: str
) -> None:
    database = Database(migrated.address(process))
    try:
        for table in EVIDENCE:
            for act in (
                f"UPDATE {table} SET {KEY[table]} = {KEY[table]}",
                f"DELETE FROM {table}",
                f"TRUNCATE {table}",
            ):
                with pytest.raises(DBAPIError, match="permission denied"):
                    async with database.begin("change") as connection:
                        await connection.execute(text(act))
    finally:
        await database.close()


@pytest.mark.parametrize("process", ["audit_store", "audit_sequencer", "audit_reader"])
async def test_S46_no_process_of_audit_drops_bodies_or_lets_them_be_dropped(
    migrated: ClusterPostgres, process: str
) -> None:
    database = Database(migrated.address(process))
    acts = (
        "DROP TABLE bodies",
        "DROP TABLE bodies_rest",
        "ALTER TABLE bodies DETACH PARTITION bodies_rest",
        "ALTER TABLE bodies DISABLE TRIGGER ALL",
        "DROP TRIGGER bodies_append_only ON bodies",
    )
    try:
        for act in acts:
            with pytest.raises(DBAPIError, match="must be owner"):
                async with database.begin("drop") as connection:
                    await connection.execute(text(act))
    finally:
        await database.close()


async def test_S46_not_even_the_owner_changes_evidence_while_its_triggers_stand(
    migrated: ClusterPostgres,
) -> None:
    database = Database(migrated.address("audit_store", owner=True))
    try:
        for table in EVIDENCE:
            for act in (
                f"UPDATE {table} SET {KEY[table]} = {KEY[table]}",
                f"DELETE FROM {table}",
                f"TRUNCATE {table}",
            ):
                with pytest.raises(DBAPIError, match="append-only"):
                    async with database.begin("change") as connection:
                        await connection.execute(text(act))
    finally:
        await database.close()


@pytest.fixture
def analyst(migrated: ClusterPostgres) -> Iterator[psycopg.Connection]:
    """The role as it is declared, by its own certificate, with nothing set by the client."""
    folder = migrated.folder / "audit_analyst"
    files = f"sslrootcert={folder}/ca.crt sslcert={folder}/tls.crt sslkey={folder}/tls.key"
    where = f"host=localhost port={migrated.server.port} dbname=audit user=audit_analyst sslmode=verify-full"
    with psycopg.connect(f"{where} {files}", autocommit=True) as connection:
        yield connection


def test_D2_analysts_read_the_view_and_the_heads_and_a_question_ends_by_itself(
    analyst: psycopg.Connection,
) -> None:
    columns = analyst.execute("SELECT * FROM analyst_records").description
    limit = analyst.execute("SHOW statement_timeout").fetchone()

    assert [column.name for column in columns or []] == list(ANALYST_RECORDS.columns.keys())
    assert analyst.execute("SELECT count(*) FROM heads").fetchone() == (0,)
    assert limit == ("1min",)


@pytest.mark.parametrize("table", [*EVIDENCE, "unsequenced", "outbox", "outbox_position"])
def test_S46_analysts_change_nothing_and_read_nothing_else(analyst: psycopg.Connection, table: str) -> None:
    acts = [f"DELETE FROM {table}", f"TRUNCATE {table}", f"INSERT INTO {table} DEFAULT VALUES"]
    if table in KEY:
        acts.append(f"UPDATE {table} SET {KEY[table]} = NULL")
    if table != "heads":
        acts.append(f"SELECT * FROM {table}")
    for act in acts:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            analyst.execute(act)


def test_S46_analysts_make_nothing_and_reach_no_other_database(
    analyst: psycopg.Connection, migrated: ClusterPostgres
) -> None:
    for act in ("CREATE TABLE mischief (id int)", "CREATE VIEW mischief AS SELECT 1", "SET ROLE audit_owner"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            analyst.execute(act)
    assert "certificate authentication failed" in refused(
        migrated.address("audit_reader", role="audit_analyst")
    )
    other = migrated.address("otp", role="audit_analyst").replace("://otp@", "://audit_analyst@")
    assert "pg_hba.conf rejects" in refused(other)


def refused(address: str) -> str:
    """Connect by what SQLAlchemy's address says; why the server did not let us in."""
    with pytest.raises(psycopg.OperationalError) as answer:
        psycopg.connect(address.replace("postgresql+psycopg://", "postgresql://"), connect_timeout=5).close()
    return str(answer.value)


def test_S46_no_role_reaches_the_database_of_another(cluster_postgres: ClusterPostgres) -> None:
    for process in ROLES:
        others = {package_of(other) for other in ROLES} - {package_of(process)}
        for database in others:
            address = cluster_postgres.address(process).replace(f"/{package_of(process)}?", f"/{database}?")
            assert "pg_hba.conf rejects" in refused(address)


def test_S46_a_certificate_is_no_other_role_and_a_role_needs_its_certificate(
    cluster_postgres: ClusterPostgres,
) -> None:
    assert "certificate authentication failed" in refused(cluster_postgres.address("otp", role="identity"))
    without = cluster_postgres.address("otp").partition("&sslcert=")[0]
    assert "certificate" in refused(without)
    plain = cluster_postgres.address("otp").replace("sslmode=verify-full", "sslmode=disable")
    assert "pg_hba.conf rejects" in refused(plain)


def test_S28_a_server_of_another_name_is_not_trusted(cluster_postgres: ClusterPostgres) -> None:
    assert "does not match host name" in refused(
        cluster_postgres.address("otp").replace("@localhost:", "@127.0.0.1:")
    )
