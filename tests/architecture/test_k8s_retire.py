"""The job that drops old bodies of audit: its manifest, and one run as in its pod."""

import os
import re
import subprocess
import sys

import psycopg
import pytest

from deploy.kustomization import Document
from tests.architecture.cluster_postgres import ClusterPostgres
from tests.architecture.manifests import OVERLAYS, deployment, environment, of_kind, pod

NAME = "AUDIT_DATABASE_URL"


def job(overlay: str = "production") -> Document:
    return of_kind(overlay, "CronJob")["audit-retire"]


def container() -> Document:
    (one,) = pod(job())["containers"]
    found: Document = one
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_it_runs_daily_one_at_a_time_with_an_account_of_its_own(overlay: str) -> None:
    spec = job(overlay)["spec"]

    assert re.fullmatch(r"\d+ \d+ \* \* \*", spec["schedule"])
    assert (spec["concurrencyPolicy"], pod(job(overlay))["restartPolicy"]) == ("Forbid", "Never")
    assert pod(job(overlay))["serviceAccountName"] == "audit-retire"
    assert "audit-retire" in of_kind(overlay, "ServiceAccount")


def test_S46_it_runs_as_the_owner_as_the_migration_does_and_no_serving_container_can() -> None:
    store = pod(deployment("production", "audit-store"))
    (migrate,) = store["initContainers"]

    assert container()["image"] == migrate["image"]
    assert environment("production", container()) == environment("production", migrate)
    assert {mount["name"] for mount in container()["volumeMounts"] if mount.get("readOnly")} == {"owner"}
    assert "owner" not in {mount["name"] for mount in store["containers"][0]["volumeMounts"]}


@pytest.mark.xdist_group("cluster")
def test_the_job_makes_the_months_that_come_as_its_manifest_says(migrated: ClusterPostgres) -> None:
    command = [sys.executable, "-m", "services.audit", *container()["args"]]
    surroundings = {"PATH": os.environ["PATH"], NAME: migrated.address("audit_store", owner=True)}
    runs = [
        subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=60, check=False)
        for _ in range(2)
    ]

    assert [(done.returncode, done.stderr) for done in runs] == [(0, "")] * 2
    assert len(runs[0].stdout.splitlines()) >= 2
    assert runs[1].stdout == ""
    address = f"host=127.0.0.1 port={migrated.server.port} user=postgres dbname=audit"
    with psycopg.connect(address) as connection:
        owners = connection.execute(
            "SELECT DISTINCT tableowner FROM pg_tables WHERE tablename LIKE 'bodies%'"
        )
        assert owners.fetchall() == [("audit_owner",)]
