"""A real PostgreSQL with the rules, roles and databases that the manifests declare.

CloudNativePG's part (making roles, databases and certificates) is played by a few lines here.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from deploy.local.keys import Keys, issue
from deploy.local.postgres import Postgres
from tests.architecture.manifests import deployment, environment, of_kind, pod
from tests.architecture.roles import package_of, roles

ROLES = {process: role for process, role in roles().items() if role.has_database}
MIGRATING = [process for process in ROLES if process not in ("audit_sequencer", "audit_reader")]
"""Whose pods bring the tables to their newest form; audit_store's does it for all of audit."""


@dataclass(frozen=True)
class ClusterPostgres:
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


@contextmanager
def cluster_postgres(keys: Keys) -> Iterator[ClusterPostgres]:
    """Start it; end it and remove what it wrote."""
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
        yield ClusterPostgres(server, folder)
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
