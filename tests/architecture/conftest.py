"""What processes stand on in a cluster, once a worker: PostgreSQL and Kafka as in the manifests."""

import asyncio
from collections.abc import Iterator

import pytest

from deploy.local.keys import Keys
from services.audit import rights
from services.runtime.database import Database, migrate
from tests.architecture import cluster_kafka as kafka_world
from tests.architecture import cluster_postgres as postgres_world
from tests.architecture.cluster_kafka import ClusterKafka
from tests.architecture.cluster_postgres import ClusterPostgres
from tests.architecture.roles import ROOT, package_of


@pytest.fixture(scope="session")
def cluster_postgres(keys: Keys) -> Iterator[ClusterPostgres]:
    with postgres_world.cluster_postgres(keys) as world:
        yield world


@pytest.fixture(scope="session")
def migrated(cluster_postgres: ClusterPostgres) -> ClusterPostgres:
    """Every database as its init container leaves it."""
    for process in postgres_world.MIGRATING:
        migrations = ROOT / "services" / package_of(process) / "migrations"
        asyncio.run(migrate(cluster_postgres.address(process, owner=True), migrations))
    asyncio.run(_grant(cluster_postgres.address("audit_store", owner=True)))
    return cluster_postgres


async def _grant(url: str) -> None:
    """What audit's `migrate` does besides."""
    owned = Database(url)
    try:
        await rights.grant(owned)
    finally:
        await owned.close()


@pytest.fixture(scope="session")
def cluster_kafka(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[ClusterKafka]:
    with kafka_world.cluster_kafka(tmp_path_factory.mktemp("k8s-kafka"), keys) as world:
        yield world
