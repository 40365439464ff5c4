"""What processes stand on in a cluster, once a worker: PostgreSQL and Kafka as in the manifests."""

import asyncio
from collections.abc import Iterator

import pytest

from deploy.local.keys import Keys
from services.runtime.database import migrate
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
    for process in postgres_world.ROLES:
        if process != "audit_reader":
            migrations = ROOT / "services" / package_of(process) / "migrations"
            asyncio.run(migrate(cluster_postgres.address(process, owner=True), migrations))
    return cluster_postgres


@pytest.fixture(scope="session")
def cluster_kafka(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[ClusterKafka]:
    with kafka_world.cluster_kafka(tmp_path_factory.mktemp("k8s-kafka"), keys) as world:
        yield world
