"""Every pod restricted, its environment what the process reads, every secret a file from somewhere known."""

import importlib
import os
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic_settings import BaseSettings

from deploy.kustomization import Document
from services.runtime.probe import DEADLINE_SECONDS
from services.runtime.process import DRAIN_SECONDS
from tests.architecture.manifests import (
    K8S,
    MTLS_PORT,
    OVERLAYS,
    containers,
    deployment,
    environment,
    of_kind,
    pod,
    rendered,
    sources,
    workloads,
)
from tests.architecture.roles import command_of, package_of, roles

ROLES = roles()
SETTINGS = {
    "identity": "IdentitySettings",
    "otp": "OtpSettings",
    "card_gateway": "Settings",
    "notifier": "NotifierSettings",
    "audit_store": "StoreSettings",
    "audit_sequencer": "SequencerSettings",
    "audit_reader": "ReaderSettings",
    "web": "WebSettings",
}
EACH = [(overlay, process) for overlay in OVERLAYS for process in ROLES]
DEPLOYED = [(overlay, name) for overlay in OVERLAYS for name in workloads(overlay)]
SEALED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@pytest.mark.parametrize(("overlay", "name"), DEPLOYED)
def test_S47_every_pod_is_restricted(overlay: str, name: str) -> None:
    document = workloads(overlay)[name]
    spec = pod(document)

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] >= 10000
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    for container in containers(document):
        assert container["securityContext"] == SEALED
        assert "memory" in container["resources"]["limits"]
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    assert {kind for volume in spec["volumes"] for kind in volume} <= {
        "name", "secret", "configMap", "projected", "emptyDir", "persistentVolumeClaim",
    }  # fmt: skip


def test_S47_the_namespace_refuses_pods_that_are_not() -> None:
    for overlay in OVERLAYS:
        (namespace,) = of_kind(overlay, "Namespace").values()
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
        assert {one["metadata"].get("namespace") for one in rendered(overlay) if one is not namespace} == {
            namespace["metadata"]["name"]
        }


@pytest.mark.parametrize(("overlay", "process"), EACH)
def test_a_pod_runs_the_image_and_command_of_its_process(overlay: str, process: str) -> None:
    name = ROLES[process].name
    spec = pod(deployment(overlay, name))

    assert spec["serviceAccountName"] == name
    assert name in of_kind(overlay, "ServiceAccount")
    for container in containers(deployment(overlay, name)):
        assert container["image"].partition(":")[0] == f"smartcard-unlock/{process}"
        assert "command" not in container
    assert spec["containers"][0]["args"] == [command_of(process)]
    assert [one["args"] for one in spec.get("initContainers", [])] in ([], [["migrate"]])


def settings_of(process: str, container: Document) -> type[BaseSettings]:
    module = importlib.import_module(f"services.{package_of(process)}.settings")
    name = "DatabaseSettings" if container["args"] == ["migrate"] else SETTINGS[process]
    kind: type[BaseSettings] = getattr(module, name)
    return kind


def as_told(value: object) -> str:
    """A setting as manifests write it."""
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(("overlay", "process"), EACH)
def test_the_environment_is_what_the_settings_read_and_they_accept_it(
    overlay: str, process: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for container in containers(deployment(overlay, ROLES[process].name)):
        told = environment(overlay, container)
        kind = settings_of(process, container)
        for name in set(os.environ) & set(kind.model_fields):
            monkeypatch.delenv(name)
        for name, value in told.items():
            monkeypatch.setenv(name, value)

        read = kind()

        assert set(told) <= set(kind.model_fields)
        assert {name: as_told(getattr(read, name)) for name in told} == told


LEFT_AT_DEFAULT = {
    "CARD_MASTER_KID": "the newest key is named by a file, which a rotation changes while pods serve",
    "CARD_MASTER_PKCS11_MODULE": "an HSM: its library is in an image of the organisation's own (README)",
    "CARD_MASTER_PKCS11_TOKEN_LABEL": "as its library",
    "CARD_MASTER_PKCS11_PIN_FILE": "as its library",
}
"""Settings that no manifest names, and why: whoever needs one patches it in."""


@pytest.mark.parametrize("process", ROLES)
def test_a_deployment_can_set_everything_that_a_process_reads(process: str) -> None:
    """A new setting goes into base/settings.yaml and the deployment, or into a component, or above."""
    (container,) = pod(deployment("every-option", ROLES[process].name))["containers"]
    told = environment("every-option", container).keys()

    assert set(settings_of(process, container).model_fields) - told - LEFT_AT_DEFAULT.keys() == set()


def test_what_is_left_at_its_default_is_read_by_somebody_and_told_by_nobody() -> None:
    read, told = set[str](), set[str]()
    for process in ROLES:
        (container,) = pod(deployment("every-option", ROLES[process].name))["containers"]
        read |= settings_of(process, container).model_fields.keys()
        told |= environment("every-option", container).keys()

    assert LEFT_AT_DEFAULT.keys() <= read - told


@pytest.mark.parametrize("process", ROLES)
def test_without_options_every_setting_has_the_default_of_the_code(process: str) -> None:
    """base/settings.yaml changes nothing by being there, but for what it says it changes."""
    (container,) = pod(deployment("production", ROLES[process].name))["containers"]
    fields = settings_of(process, container).model_fields
    for name, value in environment("production", container).items():
        if not fields[name].is_required() and name not in SET_FOR_A_CLUSTER:
            assert value == as_told(fields[name].default), name


SET_FOR_A_CLUSTER = {
    "LISTEN_ADDRESS", "AGENT_LISTEN_ADDRESS", "AGENT_HTTPS_LISTEN_ADDRESS", "AGENT_CA_FILE", "SMTP_URL",
    "KAFKA_TLS_CA_FILE", "KAFKA_TLS_CERT_FILE", "KAFKA_TLS_KEY_FILE", "TRUSTED_HOPS",
    "CARD_MASTER_KEY_DIR", "CARD_MASTER_KID_FILE",
}  # fmt: skip


@pytest.mark.parametrize(("overlay", "process"), EACH)
def test_S46_no_secret_is_in_the_environment(overlay: str, process: str) -> None:
    for container in containers(deployment(overlay, ROLES[process].name)):
        assert "envFrom" not in container
        for variable in container["env"]:
            assert set(variable.get("valueFrom", {})) <= {"configMapKeyRef"}
        for name, value in environment(overlay, container).items():
            assert urlsplit(value).password is None, name
            assert not re.search(r"(KEY|SECRET|TOKEN|PASSWORD)$", name), name
            assert not re.search(r"(_FILE|_DIR)$", name) or value.startswith("/run/"), name


def test_no_secret_is_in_a_manifest() -> None:
    for overlay in OVERLAYS:
        assert not of_kind(overlay, "Secret")
        assert "-----BEGIN" not in str(rendered(overlay))


@pytest.mark.parametrize(("overlay", "process"), EACH)
def test_every_file_that_a_setting_names_lies_in_a_mounted_volume(overlay: str, process: str) -> None:
    document = deployment(overlay, ROLES[process].name)
    volumes = {volume["name"]: volume for volume in pod(document)["volumes"]}
    for container in containers(document):
        mounted = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
        written = {mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
        assert written <= {"tmp", "heads"}
        for path in files_named(environment(overlay, container)):
            assert any(
                f"{path}/".startswith(f"{folder}/") or f"{folder}/".startswith(f"{path}/")
                for folder in mounted
            ), path


def files_named(told: dict[str, str]) -> Iterator[str]:
    for name, value in told.items():
        if name.endswith(("_FILE", "_DIR")):
            yield value
        if name.endswith("_DATABASE_URL"):
            yield from (
                values[0] for key, values in parse_qs(urlsplit(value).query).items() if key != "sslmode"
            )


@pytest.mark.parametrize(("overlay", "process"), EACH)
def test_S28_databases_are_reached_by_verified_name_and_own_certificate(overlay: str, process: str) -> None:
    document = deployment(overlay, ROLES[process].name)
    for container in containers(document):
        for name, value in environment(overlay, container).items():
            if not name.endswith("_DATABASE_URL"):
                continue
            address, query = urlsplit(value), parse_qs(urlsplit(value).query)
            database = package_of(process)
            owner = container["args"] == ["migrate"]
            assert address.scheme == "postgresql+psycopg"
            assert (address.username, address.path) == (
                f"{database}_owner" if owner else process,
                f"/{database}",
            )
            assert query["sslmode"] == ["verify-full"]
            assert {"sslrootcert", "sslcert", "sslkey"} <= query.keys()


def brought() -> dict[str, set[str]]:
    """What the README says an organisation brings: Secrets and ConfigMaps by name, with their keys."""
    rows = re.findall(r"^\| (Secret|ConfigMap) `([\w-]+)` \|([^|]*)\|", (K8S / "README.md").read_text(), re.M)
    return {f"{kind} {name}": set(re.findall(r"`([\w.<>-]+)`", keys)) for kind, name, keys in rows}


def made(overlay: str) -> set[str]:
    """Secrets that the operators make out of what is rendered."""
    certificates = {one["spec"]["secretName"] for one in of_kind(overlay, "Certificate").values()}
    roles_of_database = {f"{name}-client-cert" for name in of_kind(overlay, "DatabaseRole")}
    (kafka,) = of_kind(overlay, "Kafka").values()
    prefix = kafka["spec"]["entityOperator"]["userOperator"]["secretPrefix"]
    users = {f"{prefix}{name}" for name in of_kind(overlay, "KafkaUser")}
    clusters = {f"{name}-ca" for name in of_kind(overlay, "Cluster")}
    brokers = {f"{kafka['metadata']['name']}-cluster-ca-cert"}
    return {f"Secret {name}" for name in certificates | roles_of_database | users | clusters | brokers}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_secret_comes_from_an_operator_or_is_told_to_be_brought(overlay: str) -> None:
    needed = needed_by(overlay)

    assert needed <= made(overlay) | brought().keys()
    options = needed_by("every-option") - needed_by("production")
    assert brought().keys() - needed - options <= {
        "Secret smartcard-unlock-ca",
        "ConfigMap smartcard-unlock-ca",
    }


def needed_by(overlay: str) -> set[str]:
    """Secrets and ConfigMaps that pods mount."""
    return {
        f"{kind} {name}"
        for document in workloads(overlay).values()
        for volume in pod(document)["volumes"]
        for kind, name, _ in sources(volume)
    }


@pytest.mark.parametrize("process", ROLES)
def test_files_of_brought_secrets_have_the_names_that_settings_say(process: str) -> None:
    document = deployment("every-option", ROLES[process].name)
    (container,) = pod(document)["containers"]
    volumes = {volume["name"]: volume for volume in pod(document)["volumes"]}
    folders = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    told = environment("every-option", container)
    for name, value in told.items():
        folder, _, file = value.rpartition("/")
        if name.endswith("_FILE") and folder in folders:
            for kind, source, keys in sources(folders[folder]):
                known = brought().get(f"{kind} {source}", keys)
                assert file in known or f"{kind} {source}" in made("production"), name


def test_each_own_key_is_mounted_by_its_own_process_alone() -> None:
    users: dict[str, set[str]] = {}
    for name, document in of_kind("production", "Deployment").items():
        for volume in pod(document)["volumes"]:
            for kind, source, keys in sources(volume):
                if kind == "Secret" and keys != {"ca.crt"}:
                    users.setdefault(source, set()).add(name)

    assert {source: who for source, who in users.items() if len(who) > 1} == {}
    assert users["card-master"] == {"card-gateway"}
    assert users["notifier-keys"] == {"notifier"}


@pytest.mark.parametrize(("overlay", "process"), EACH)
def test_addresses_name_a_service_and_its_port_and_certificate(overlay: str, process: str) -> None:
    (container,) = pod(deployment(overlay, ROLES[process].name))["containers"]
    services = of_kind(overlay, "Service")
    for name, value in environment(overlay, container).items():
        if not name.endswith("_ADDRESS") or name.endswith(("LISTEN_ADDRESS", "RETURN_ADDRESS")):
            continue
        host, _, port = value.partition(":")
        called = {"audit": "audit-reader"}.get(name.removesuffix("_ADDRESS").lower())
        assert host == (called or name.removesuffix("_ADDRESS").lower().replace("_", "-"))
        assert int(port) in [one["port"] for one in services[host]["spec"]["ports"]]
        assert process in ROLES[host.replace("-", "_")].callers


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_services_lead_to_a_port_of_the_pods_that_they_select(overlay: str) -> None:
    for service in of_kind(overlay, "Service").values():
        selected = [
            document
            for document in of_kind(overlay, "Deployment").values()
            if service["spec"]["selector"].items()
            <= document["spec"]["template"]["metadata"]["labels"].items()
        ]
        assert len(selected) == 1
        names = {port["name"] for port in pod(selected[0])["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names


PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


@pytest.mark.parametrize(("overlay", "process"), EACH)
def test_probes_ask_the_process_itself_where_it_listens(overlay: str, process: str) -> None:
    (container,) = pod(deployment(overlay, ROLES[process].name))["containers"]
    listens = environment(overlay, container)["LISTEN_ADDRESS"]

    assert int(listens.rpartition(":")[2]) == MTLS_PORT
    for kind in PROBES:
        probe = container[kind]
        if process == "web":
            assert probe["httpGet"]["scheme"] == "HTTPS"
            assert probe["httpGet"]["port"] == "https"
            continue
        *run, asked, address, folder = [word for word in probe["exec"]["command"] if word != "alive"]
        assert run == ["python", "-m", "services.runtime.probe"]
        assert (asked, address) == (process, f"127.0.0.1:{MTLS_PORT}")
        assert environment(overlay, container)["TLS_KEY_FILE"] == f"{folder}/tls.key"
        assert probe["timeoutSeconds"] > DEADLINE_SECONDS


@pytest.mark.parametrize("process", ["identity", "otp", "notifier"])
@pytest.mark.parametrize("overlay", sorted({overlay for overlay, _ in EACH}))
def test_F34_a_pod_whose_database_is_behind_is_not_ready_and_not_killed(overlay: str, process: str) -> None:
    (container,) = pod(deployment(overlay, ROLES[process].name))["containers"]
    commands = {kind: container[kind]["exec"]["command"] for kind in PROBES}

    assert [kind for kind in PROBES if commands[kind][-1] == "alive"] == ["startupProbe", "livenessProbe"]


@pytest.mark.parametrize(("overlay", "process"), EACH)
def test_F29_a_pod_is_given_the_time_that_its_process_drains(overlay: str, process: str) -> None:
    document = deployment(overlay, ROLES[process].name)

    assert pod(document)["terminationGracePeriodSeconds"] >= DRAIN_SECONDS + 5
    assert document["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    budget = of_kind(overlay, "PodDisruptionBudget")[ROLES[process].name]["spec"]
    assert (
        budget["selector"]["matchLabels"].items()
        <= document["spec"]["template"]["metadata"]["labels"].items()
    )
