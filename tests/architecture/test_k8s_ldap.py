"""The import from an LDAP server as a job: its manifest, its image by reading it, one run as in its pod."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.image.closure import closure
from deploy.image.locked import chosen, entries
from deploy.local.keys import Keys
from services.identity.ldap.settings import LdapSettings
from tests.architecture.cluster_postgres import ClusterPostgres
from tests.architecture.manifests import environment, of_kind, pod
from tests.architecture.roles import ROOT
from tests.architecture.test_k8s_images import in_git, passes_dockerignore
from tests.architecture.test_k8s_pods import brought, files_named, made
from tests.fixtures.ldap_server import LdapDirectory, ldap_directory
from tests.ports.identity.ldap_world import MAPPING, ldif

OVERLAY = "every-option"
DOCKERFILE = (ROOT / "deploy" / "Dockerfile.ldap").read_text()
LOCK = (ROOT / "requirements.lock").read_text()
LINES = [line.partition(" ")[::2] for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]


def job() -> dict[str, object]:
    return of_kind(OVERLAY, "CronJob")["identity-ldap"]


def container() -> dict[str, object]:
    (one,) = pod(job())["containers"]
    return dict(one)


def told(word: str) -> list[str]:
    return [rest for name, rest in LINES if name == word]


def test_only_the_option_has_the_job_its_account_and_its_policy() -> None:
    for overlay in ("local", "production"):
        for kind in ("CronJob", "ServiceAccount", "NetworkPolicy"):
            assert "identity-ldap" not in of_kind(overlay, kind)
    for kind in ("CronJob", "ServiceAccount", "NetworkPolicy"):
        assert "identity-ldap" in of_kind(OVERLAY, kind)
    assert pod(job())["serviceAccountName"] == "identity-ldap"


def test_one_run_at_a_time_within_the_hour_and_no_second_try() -> None:
    spec = job()["spec"]
    assert isinstance(spec, dict)
    run = spec["jobTemplate"]["spec"]

    assert (spec["concurrencyPolicy"], run["backoffLimit"]) == ("Forbid", 0)
    assert pod(job())["restartPolicy"] == "Never"
    assert re.fullmatch(r"\d+ \* \* \* \*", spec["schedule"])
    assert run["activeDeadlineSeconds"] < 3600
    assert spec["startingDeadlineSeconds"] < 3600


def test_the_environment_is_what_the_settings_read_with_the_defaults_of_the_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = environment(OVERLAY, container())
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    read = LdapSettings()

    assert set(said) == set(LdapSettings.model_fields)
    for name, field in LdapSettings.model_fields.items():
        if not field.is_required():
            assert getattr(read, name) == field.default
    assert read.LDAP_URL.startswith("ldaps://")
    assert "PASSWORD" not in {name for name in said if not name.endswith("_FILE")}


def test_S46_files_are_mounted_read_only_and_told_to_be_brought() -> None:
    mounts, said = container()["volumeMounts"], environment(OVERLAY, container())
    assert isinstance(mounts, list)
    folders = {mount["mountPath"] for mount in mounts if mount.get("readOnly")}
    arguments = container()["args"]
    assert isinstance(arguments, list)
    named = [*files_named(said), *(word for word in arguments if word.startswith("/"))]
    keys = {name.rpartition(" ")[2]: files for name, files in brought().items()}

    assert len(named) == 6
    assert {path.rpartition("/")[0] for path in named} == folders
    assert {mount["name"] for mount in mounts if not mount.get("readOnly")} == {"tmp"}
    assert keys["ldap-bind"] == {"password"}
    assert keys["ldap-authority"] == {"ca.crt"}
    assert keys["ldap-mapping"] == {"mapping.toml"}


def test_S28_the_database_is_reached_as_identity_by_verified_name_and_certificate() -> None:
    serving = pod(of_kind(OVERLAY, "Deployment")["identity"])["containers"][0]
    name = "IDENTITY_DATABASE_URL"

    assert environment(OVERLAY, container())[name] == environment(OVERLAY, serving)[name]
    assert "Secret identity-client-cert" in made(OVERLAY)


def test_the_image_is_identitys_with_bonsai_and_starts_the_import() -> None:
    image = str(container()["image"])

    assert image.partition(":")[0] in DOCKERFILE
    assert image.partition(":")[2]
    assert told("FROM") == ["python:3.11-slim-bookworm AS wheel", "smartcard-unlock/identity:${TAG} AS image"]
    assert json.loads(told("ENTRYPOINT")[0]) == ["python", "-m", "services.identity.ldap"]
    assert told("USER")[-1] == "10001:10001"
    assert "command" not in container()


def test_S48_all_that_is_installed_is_locked_by_hash_and_built_with_what_is_locked() -> None:
    folder = ROOT / "deploy" / "image"
    own = (folder / "identity_ldap.txt").read_text().split()
    building = (folder / "identity_ldap_build.txt").read_text().split()

    assert own == sorted(set(closure("identity-ldap")) - set(closure("identity")))
    for names in (own, building):
        assert all("--hash=sha256:" in entry for entry in entries(chosen(LOCK, names)).values())
    for run in (json.loads(rest) for rest in told("RUN")):
        if run[0] == "pip" and "--no-index" not in run:
            assert {"--require-hashes", "--no-deps", "--no-cache-dir"} <= set(run)
        if run[:2] == ["pip", "wheel"]:
            assert "--no-build-isolation" in run


def test_what_is_copied_is_in_git_and_reaches_the_builder() -> None:
    files = {str(path): path for path in in_git()}
    for rest in told("COPY"):
        for source in [] if rest.startswith("--from=") else rest.split()[:-1]:
            assert passes_dockerignore(files[source])


@pytest.fixture
def directory(keys: Keys) -> Iterator[LdapDirectory]:
    folder = Path(tempfile.mkdtemp(prefix="k8s-ldap-"))  # where the server's own user may go
    try:
        with ldap_directory(folder, keys, ldif(2)) as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def laid_out(root: Path, postgres: ClusterPostgres, directory: LdapDirectory) -> dict[str, str]:
    """Lay the job's files below `root` as its pod has them; its environment, told of these servers."""
    server = directory.settings
    mapping = directory.folder / "mapping.toml"
    mapping.write_text(MAPPING)
    mounted = {
        "run/database": postgres.folder / "identity",
        "run/ldap/bind/password": Path(server["LDAP_BIND_PASSWORD_FILE"]),
        "run/ldap/authority/ca.crt": Path(server["LDAP_CA_FILE"]),
        "run/ldap/mapping/mapping.toml": mapping,
    }
    for place, source in mounted.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, root / place)
    said = environment(OVERLAY, container()) | {name: server[name] for name in ("LDAP_URL", "LDAP_BIND_DN")}
    database = f"@localhost:{postgres.server.port}/"
    return {name: inside(root, value).replace("@postgres-rw:5432/", database) for name, value in said.items()}


def inside(root: Path, word: object) -> str:
    return str(word).replace("/run/", f"{root}/run/")


@pytest.mark.xdist_group("cluster")
def test_the_job_imports_an_ldap_server_as_its_manifest_says(
    tmp_path: Path, migrated: ClusterPostgres, directory: LdapDirectory
) -> None:
    told_here, arguments = laid_out(tmp_path, migrated, directory), container()["args"]
    assert isinstance(arguments, list)
    command = [
        sys.executable,
        "-m",
        "services.identity.ldap",
        *(inside(tmp_path, word) for word in arguments),
    ]
    surroundings = {"PATH": os.environ["PATH"], **told_here}
    address = f"host=127.0.0.1 port={migrated.server.port} user=postgres dbname=identity"
    with psycopg.connect(address) as connection:
        connection.execute("INSERT INTO allow_list VALUES ('example.org', true)")
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["taken"] == 6
    with psycopg.connect(address) as connection:
        assert connection.execute("SELECT count(*) FROM holders").fetchone() == (2,)
        assert connection.execute("SELECT count(*) FROM feeds").fetchone() == (1,)
