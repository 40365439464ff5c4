"""A container of the manifests as a process of this machine: its command, environment and mounted files.

Only what a cluster gives is replaced: host names and ports, and the folder under which `/run` lies.
"""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.kustomization import Document
from deploy.local.child import free_port
from deploy.local.keys import Keys
from tests.architecture.cluster_kafka import ClusterKafka
from tests.architecture.cluster_postgres import ClusterPostgres
from tests.architecture.manifests import deployment, environment, pod, sources
from tests.architecture.roles import package_of, roles

INSIDE = "127.0.0.1:8443"


@dataclass(frozen=True)
class Pod:
    """One process's pod; `root` stands for `/`."""

    process: str
    root: Path
    keys: Keys
    postgres: ClusterPostgres
    kafka: ClusterKafka
    port: int

    @property
    def spec(self) -> Document:
        return pod(deployment("production", roles()[self.process].name))

    def container(self, *, migrating: bool = False) -> Document:
        container: Document = self.spec["initContainers" if migrating else "containers"][0]
        return container

    def command(self, *, migrating: bool = False) -> list[str]:
        """The image's entry point with the manifest's arguments."""
        arguments = self.container(migrating=migrating)["args"]
        return [sys.executable, "-m", f"services.{package_of(self.process)}", *arguments]

    def probe(self) -> list[str]:
        """The readiness probe's command."""
        words = self.container()["readinessProbe"]["exec"]["command"]
        return [sys.executable if word == "python" else self._here(word) for word in words]

    def environment(self, *, migrating: bool = False) -> dict[str, str]:
        told = environment("production", self.container(migrating=migrating))
        return {name: self._here(value) for name, value in told.items()} | self._agents(told)

    def _agents(self, told: dict[str, str]) -> dict[str, str]:
        """Each other listener needs a port of its own."""
        names = ("AGENT_LISTEN_ADDRESS", "AGENT_HTTPS_LISTEN_ADDRESS")
        return {name: f"127.0.0.1:{free_port()}" for name in names if name in told}

    def _here(self, value: str) -> str:
        return (
            value.replace("/run/", f"{self.root}/run/")
            .replace("0.0.0.0:8443", INSIDE)
            .replace(INSIDE, f"127.0.0.1:{self.port}")
            .replace("@postgres-rw:5432/", f"@localhost:{self.postgres.server.port}/")
            .replace("smartcard-unlock-kafka-bootstrap:9093", self.kafka.address)
        )

    def mount(self) -> None:
        """Lay each volume's files where its containers have them."""
        volumes = {volume["name"]: volume for volume in self.spec["volumes"]}
        for container in self.spec.get("initContainers", []) + self.spec["containers"]:
            for mount in container["volumeMounts"]:
                if mount["name"] != "tmp":
                    self._fill(self.root / mount["mountPath"].lstrip("/"), volumes[mount["name"]])

    def _fill(self, folder: Path, volume: Document) -> None:
        folder.mkdir(parents=True)
        for _, name, keys in sources(volume):
            for file, source in self._files(name):
                if not keys or file in keys:
                    shutil.copy(source, folder / file)

    def _files(self, name: str) -> Iterator[tuple[str, Path]]:
        """The files of a Secret or ConfigMap, as its maker names them. Raises KeyError for an unknown one."""
        if name.endswith("-client-cert"):
            role = self.postgres.folder / name.removesuffix("-client-cert").replace("-", "_")
            yield from (("tls.crt", role / "tls.crt"), ("tls.key", role / "tls.key"))
        elif name.startswith("kafka-"):
            own = self.kafka.folder / name.removeprefix("kafka-")
            yield from (("user.crt", own / "user.crt"), ("user.key", own / "user.key"))
        elif name.endswith("-tls"):
            tls = self.keys.tls(name.removesuffix("-tls").replace("-", "_"))
            yield from zip(("ca.crt", "tls.crt", "tls.key"), map(Path, tls.values()), strict=True)
        elif name.startswith("grants-"):
            issuer = self.keys.verify_dir / name.removeprefix("grants-").replace("-", "_")
            yield from ((path.name, path) for path in issuer.glob("*.pem"))
        else:
            yield from self._brought()[name]

    def _brought(self) -> dict[str, list[tuple[str, Path]]]:
        keys = self.keys
        signing = {issuer: keys.signing(issuer) for issuer in ("identity", "otp", "card_gateway")}
        master = keys.card_master_dir / "k1.key"
        return {
            "postgres-ca": [("ca.crt", keys.ca)],
            "smartcard-unlock-cluster-ca-cert": [("ca.crt", keys.ca)],
            "identity-keys": [("identity-1.pem", signing["identity"])],
            "otp-keys": [("otp-1.pem", signing["otp"]), ("otp-code.key", keys.otp_code)],
            "card-gateway-keys": [("card_gateway-1.pem", signing["card_gateway"])],
            "card-master": [("k1.key", master), ("newest", keys.card_master_newest)],
            "notifier-keys": [("notifier.pem", keys.notifier_private)],
            "audit-log-keys": [("audit-log.pem", keys.audit_log)],
            "notifier-public-key": [("notifier-public.pem", keys.notifier_public)],
        }
