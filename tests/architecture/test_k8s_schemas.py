"""Every rendered document against the strict schema of its kind, the renderer against kustomize's rules."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import kubernetes_validate
import pytest

from deploy.kustomization import Document, NotRendered, key, render
from tests.architecture.crd_shapes import SHAPES
from tests.architecture.manifests import K8S, OVERLAYS, of_kind, rendered

VERSIONS = ("1.32", kubernetes_validate.latest_version())
"""The oldest Kubernetes that these manifests are meant for, and the newest that there are schemas for."""
EACH = [(overlay, *key(document)) for overlay in OVERLAYS for document in rendered(overlay)]


def judge(document: Document) -> None:
    """Raises the ValidationError of the schema that knows this kind."""
    shape = SHAPES.get((document["apiVersion"], document["kind"]))
    if shape is None:
        for version in VERSIONS:
            kubernetes_validate.validate(document, version, strict=True)
    else:
        assert set(document) == {"apiVersion", "kind", "metadata", "spec"}
        jsonschema.validate(document["spec"], shape)


@pytest.mark.parametrize(("overlay", "kind", "name"), EACH)
def test_S47_every_document_is_valid(overlay: str, kind: str, name: str) -> None:
    judge(of_kind(overlay, kind)[name])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_document_is_there_twice(overlay: str) -> None:
    names = [key(document) for document in rendered(overlay)]

    assert len(names) == len(set(names))


def misspelt(document: Document) -> None:
    document["spec"]["replikas"] = 2


def a_word_for_a_number(document: Document) -> None:
    document["spec"]["replicas"] = "two"


def misspelt_inside(document: Document) -> None:
    document["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}


def without_issuer(document: Document) -> None:
    del document["spec"]["issuerRef"]


def open_to_none(document: Document) -> None:
    document["spec"]["kafka"]["listeners"][0]["authentication"] = {"type": "none"}


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("Deployment", misspelt),
        ("Deployment", a_word_for_a_number),
        ("Deployment", misspelt_inside),
        *((kind, misspelt) for _, kind in SHAPES),
        ("KafkaTopic", a_word_for_a_number),
        ("Certificate", without_issuer),
        ("Kafka", open_to_none),
    ],
)
def test_a_spoilt_document_is_refused(kind: str, spoil: Callable[[Document], None]) -> None:
    document = copy.deepcopy(next(iter(of_kind("production", kind).values())))
    spoil(document)

    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)):
        judge(document)


@pytest.mark.parametrize(
    ("what", "kustomization"),
    [
        ("an unknown field", {"namePrefix": "x-"}),
        ("a file outside", {"resources": ["../outside.yaml"]}),
        ("a patch that hits nothing", {"patches": [{"patch": "[]", "target": {"kind": "Deployment"}}]}),
        ("labels in selectors", {"labels": [{"pairs": {"a": "b"}, "includeSelectors": True}]}),
    ],
)
def test_what_the_renderer_does_not_know_it_refuses(
    tmp_path: Path, what: str, kustomization: dict[str, Any]
) -> None:
    (tmp_path / "outside.yaml").write_text("kind: Namespace\napiVersion: v1\nmetadata: {name: x}\n")
    folder = tmp_path / "overlay"
    folder.mkdir()
    whole = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", **kustomization}
    (folder / "kustomization.yaml").write_text(str(whole))

    with pytest.raises(NotRendered):
        render(folder)


def test_every_manifest_is_part_of_an_overlay() -> None:
    named = {
        path
        for folder in {file.parent for file in K8S.rglob("kustomization.yaml")}
        for path in folder.glob("*.yaml")
        if path.name == "kustomization.yaml" or path.name in (folder / "kustomization.yaml").read_text()
    }

    assert {path for path in K8S.rglob("*.yaml") if not path.is_symlink()} == named
