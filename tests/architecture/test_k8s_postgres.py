"""The databases of deploy/k8s on a real PostgreSQL: rules, roles and addresses as in the manifests.

CloudNativePG's part (making roles, databases and certificates) is played by a few lines here; every rule of
`pg_hba`, every right and every address comes from the manifests.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from deploy.local.keys import Keys, issue
from deploy.local.postgres import Postgres
from services.runtime.database import Database, migrate
from tests.architecture.manifests import deployment, environment, of_kind, pod
from tests.architecture.roles import ROOT, package_of, roles

ROLES = {process: role for process, role in roles().items() if role.has_database}
MIGRATED = [process for process, role in ROLES.items() if process != "audit_reader"]


@dataclass(frozen=True)
class World:
    """A server with the manifests' rules, and a folder of certificates for each role."""

    server: Postgres
    folder: Path

    def address(self, process: str, *, owner: bool = False, role: str = "") -> str:
        """The address in the manifest, with this server's host and this machine's files.

        `role`: with the certificate of another role.
        """
        spec = pod(deployment("production", ROLES[process].name))
        container = spec["initContainers" if owner else "containers"][0]
        told = environment("production", container)[f"{package_of(process).upper()}_DATABASE_URL"]
        role = role or (f"{package_of(process)}_owner" if owner else process)
        here = told.replace("@postgres-rw:5432/", f"@localhost:{self.server.port}/")
        return here.replace("/run/owner" if owner else "/run/database", str(self.folder / role))


@pytest.fixture(scope="module")
def world(keys: Keys) -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="k8s-postgres-"))
    folder.chmod(0o755)  # the user `postgres` goes through it
    server = Postgres(folder / "server", max_connections=60)
    server.prepare()
    configure(folder / "server" / "data", keys)
    try:
        server.start()
        declare(server)
        for name in [one["spec"]["name"] for one in of_kind("production", "DatabaseRole").values()]:
            certify(folder / name, name, keys)
        yield World(server, folder)
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def configure(data: Path, keys: Keys) -> None:
    """TLS with a certificate for this host, and the manifest's rules after the operator's own."""
    certificate, key = issue(keys, "postgres", name="localhost")
    for name, content in (("tls.crt", certificate), ("tls.key", key), ("ca.crt", keys.ca.read_bytes())):
        (data / name).write_bytes(content)
        (data / name).chmod(0o600)
        shutil.chown(data / name, data.owner())
    with (data / "postgresql.conf").open("a") as settings:
        settings.write("ssl=on\nssl_cert_file='tls.crt'\nssl_key_file='tls.key'\nssl_ca_file='ca.crt'\n")
    rules = of_kind("production", "Cluster")["postgres"]["spec"]["postgresql"]["pg_hba"]
    (data / "pg_hba.conf").write_text("\n".join(["host all postgres 127.0.0.1/32 trust", *rules]) + "\n")


def declare(server: Postgres) -> None:
    """What the operator makes of DatabaseRole and Database."""
    with psycopg.connect(f"host=127.0.0.1 port={server.port} user=postgres", autocommit=True) as connection:
        for one in of_kind("production", "DatabaseRole").values():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(one["spec"]["name"])))
            for group in one["spec"].get("inRoles", []):
                names = sql.Identifier(group), sql.Identifier(one["spec"]["name"])
                connection.execute(sql.SQL("GRANT {} TO {}").format(*names))
        for one in of_kind("production", "Database").values():
            names = sql.Identifier(one["spec"]["name"]), sql.Identifier(one["spec"]["owner"])
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))


def certify(folder: Path, name: str, keys: Keys) -> None:
    folder.mkdir()
    certificate, key = issue(keys, name)
    for file, content in (("tls.crt", certificate), ("tls.key", key), ("ca.crt", keys.ca.read_bytes())):
        (folder / file).write_bytes(content)
        (folder / file).chmod(0o600)


@pytest.fixture(scope="module")
def migrated(world: World) -> World:
    """Every database as its init container leaves it."""
    for process in MIGRATED:
        migrations = ROOT / "services" / package_of(process) / "migrations"
        asyncio.run(migrate(world.address(process, owner=True), migrations))
    return world


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
    migrated: World, process: str
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
    assert {row.writes for row in rights} == {process != "audit_reader"}
    assert process == "audit_reader" or unusable == 0


@pytest.mark.parametrize("process", [process for process in MIGRATED if process != "audit_store"])
async def test_a_process_writes_through_its_own_address(migrated: World, process: str) -> None:
    database = Database(migrated.address(process))
    try:
        async with database.begin("write") as connection:
            await connection.execute(text("INSERT INTO outbox SELECT * FROM outbox"))
            await connection.execute(text("UPDATE outbox SET topic = topic"))
            await connection.execute(text("DELETE FROM outbox"))
    finally:
        await database.close()


@pytest.mark.parametrize(
    "act", ["UPDATE records SET code = code", "DELETE FROM ledger", "TRUNCATE set_aside"]
)
async def test_S46_audit_changes_and_deletes_nothing(migrated: World, act: str) -> None:
    database = Database(migrated.address("audit_store"))
    try:
        with pytest.raises(DBAPIError, match=r"append-only|permission denied"):
            async with database.begin("change") as connection:
                await connection.execute(text(act))
    finally:
        await database.close()


def refused(address: str) -> str:
    """Connect by what SQLAlchemy's address says; why the server did not let us in."""
    with pytest.raises(psycopg.OperationalError) as answer:
        psycopg.connect(address.replace("postgresql+psycopg://", "postgresql://"), connect_timeout=5).close()
    return str(answer.value)


def test_S46_no_role_reaches_the_database_of_another(world: World) -> None:
    for process in ROLES:
        others = {package_of(other) for other in ROLES} - {package_of(process)}
        for database in others:
            address = world.address(process).replace(f"/{package_of(process)}?", f"/{database}?")
            assert "pg_hba.conf rejects" in refused(address)


def test_S46_a_certificate_is_no_other_role_and_a_role_needs_its_certificate(world: World) -> None:
    assert "certificate authentication failed" in refused(world.address("otp", role="identity"))
    without = world.address("otp").partition("&sslcert=")[0]
    assert "certificate" in refused(without)
    plain = world.address("otp").replace("sslmode=verify-full", "sslmode=disable")
    assert "pg_hba.conf rejects" in refused(plain)


def test_S28_a_server_of_another_name_is_not_trusted(world: World) -> None:
    assert "does not match host name" in refused(world.address("otp").replace("@localhost:", "@127.0.0.1:"))
