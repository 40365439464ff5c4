"""The rendered manifests, and questions about them that several checks ask."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from deploy.kustomization import Document, render

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy" / "k8s"
OVERLAYS = ("local", "production", "every-option")
MTLS_PORT = 8443
AGENTS_PORTS = (8444, 8445)
"""gRPC, and the same calls over HTTPS/1.1."""
RETURNS_PORT = 8025
"""Where mails come back to, by SMTP."""


@cache
def rendered(overlay: str) -> list[Document]:
    return render(K8S / "overlays" / overlay)


def of_kind(overlay: str, kind: str) -> dict[str, Document]:
    return {one["metadata"]["name"]: one for one in rendered(overlay) if one["kind"] == kind}


def deployment(overlay: str, name: str) -> Document:
    return of_kind(overlay, "Deployment")[name]


def workloads(overlay: str) -> dict[str, Document]:
    """All that makes pods of ours."""
    return of_kind(overlay, "Deployment") | of_kind(overlay, "CronJob")


def pod(document: Document) -> Document:
    spec = document["spec"]["jobTemplate"]["spec"] if document["kind"] == "CronJob" else document["spec"]
    inside: Document = spec["template"]["spec"]
    return inside


def containers(document: Document) -> list[Document]:
    each: list[Document] = pod(document).get("initContainers", []) + pod(document)["containers"]
    return each


def environment(overlay: str, container: Document) -> dict[str, str]:
    """What the container finds in its environment. Raises KeyError for what no ConfigMap has."""
    settings = of_kind(overlay, "ConfigMap")

    def value(variable: Document) -> str:
        if "value" in variable:
            return str(variable["value"])
        source = variable["valueFrom"]["configMapKeyRef"]
        return str(settings[source["name"]]["data"][source["key"]])

    return {variable["name"]: value(variable) for variable in container.get("env", [])}


def sources(volume: Document) -> Iterator[tuple[str, str, set[str]]]:
    """(Secret or ConfigMap, its name, the keys that are mounted or none for all) of a volume."""
    parts = volume["projected"]["sources"] if "projected" in volume else [volume]
    for part in parts:
        for kind, name in (("secret", "Secret"), ("configMap", "ConfigMap")):
            if kind in part:
                source = part[kind]
                keys = {item["key"] for item in source.get("items", [])}
                yield name, source.get("secretName") or source["name"], keys


def topics() -> dict[str, Any]:
    """The declared topics by name."""
    documents = yaml.safe_load_all((K8S / "topics.yaml").read_text())
    return {one["spec"]["topicName"]: one["spec"] for one in documents if one}
