"""Each pod as rendered starts on this machine: migrates, serves, is ready by its own probe, ends."""

import os
import subprocess
from pathlib import Path

import pytest

from deploy.local.child import Child, free_port, wait_until
from deploy.local.keys import Keys
from tests.architecture.cluster_kafka import ClusterKafka
from tests.architecture.cluster_postgres import MIGRATING, ROLES, ClusterPostgres
from tests.architecture.in_the_pod import Pod

pytestmark = pytest.mark.xdist_group("cluster")

AT_KAFKA = {
    "identity": ["relay_leads"],
    "otp": ["relay_leads", "consumer_started"],
    "card_gateway": ["relay_leads"],
    "notifier": ["relay_leads", "consumer_started"],
    "audit_store": ["stream_started"],
    "audit_sequencer": ["sequencer_leads", "relay_leads"],
}
"""What the log says once the process reached Kafka through its own certificate."""


@pytest.fixture
def pod(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    keys: Keys,
    cluster_postgres: ClusterPostgres,
    cluster_kafka: ClusterKafka,
) -> Pod:
    made = Pod(request.param, tmp_path, keys, cluster_postgres, cluster_kafka, free_port())
    made.mount()
    return made


def run(command: list[str], told: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, env={"PATH": os.environ["PATH"], **told}, stderr=subprocess.DEVNULL)


def asked(probe: list[str]) -> int:
    return subprocess.run(probe, env={}, timeout=30, check=False).returncode


@pytest.mark.parametrize("pod", MIGRATING, indirect=True)
def test_two_pods_that_migrate_at_once_end_with_new_tables(pod: Pod) -> None:
    command, told = pod.command(migrating=True), pod.environment(migrating=True)

    first = [run(command, told) for _ in range(2)]
    codes = [one.wait(180) for one in first]  # one after the other, on what a busy machine leaves them

    assert codes == [0, 0]


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize("pod", ROLES, indirect=True)
def test_a_pod_serves_is_ready_and_ends(pod: Pod) -> None:
    child = Child(
        pod.process,
        pod.command(),
        pod.root / "log",
        env=pod.environment(),
        ready_line='"event": "ready"',
    )
    try:
        child.start(60)
        # Ready a moment after it has started, once it has looked at its topics: Kubernetes asks again, too.
        wait_until("the probe to hear SERVING", lambda: asked(pod.probe()) == 0, 60)
        for line in AT_KAFKA.get(pod.process, []):
            wait_until(line, lambda line=line: line in child.written(), 30)  # type: ignore[misc]
    finally:
        code = child.stop()

    assert code == 0
    assert "waits" not in child.written()
