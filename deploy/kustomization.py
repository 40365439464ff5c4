"""Render a kustomization: as much of kustomize as deploy/k8s uses, so that checks need no cluster tool.

Anything else in a `kustomization.yaml` raises, so that nothing is ever rendered half.
`python -m deploy.kustomization FOLDER` prints the documents; `--compare` holds them to `kubectl kustomize`.
"""

import argparse
import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]

KINDS = ("Kustomization", "Component")
CLUSTER_WIDE = ("Namespace",)
"""Kinds of ours without a namespace."""


class NotRendered(Exception):
    """A kustomization asks for what is not known here."""


def render(folder: Path) -> list[Document]:
    """Every document of a kustomization and of all that it names.

    Raises NotRendered for a field, target or operation that is not known here, and OSError for a file that
    is missing.
    """
    return _apply(folder, [])


def _apply(folder: Path, documents: list[Document]) -> list[Document]:
    """The documents so far and this folder's own, after its components and changes."""
    wanted = yaml.safe_load((folder / "kustomization.yaml").read_text())
    if wanted.pop("kind") not in KINDS or not wanted.pop("apiVersion").startswith("kustomize.config.k8s.io/"):
        raise NotRendered(f"{folder}: not a kustomization")
    for name in wanted.pop("resources", []):
        documents = documents + _resource(folder, folder / name)
    for name in wanted.pop("components", []):
        documents = _apply(folder / name, documents)
    for field, value in wanted.items():
        if field not in _CHANGES:
            raise NotRendered(f"{folder}: {field}")
        _CHANGES[field](documents, value, folder)
    return documents


def _resource(folder: Path, path: Path) -> list[Document]:
    if path.is_dir():
        return render(path)
    if folder.resolve() not in path.resolve().parents:
        raise NotRendered(f"{path}: kustomize reads no file outside {folder}")
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def _patches(documents: list[Document], patches: list[Document], folder: Path) -> None:
    for patch in patches:
        text = (folder / patch["path"]).read_text() if "path" in patch else patch["patch"]
        targets = [document for document in documents if _selected(document, patch["target"])]
        if not targets:
            raise NotRendered(f"{folder}: a patch without a target: {patch['target']}")
        for target in targets:
            for operation in yaml.safe_load(text):
                _patch(target, operation)


def _selected(document: Document, target: Document) -> bool:
    if unknown := target.keys() - {"kind", "name", "labelSelector"}:
        raise NotRendered(f"target: {unknown}")
    labels = document["metadata"].get("labels", {})
    wanted = target.get("labelSelector", "")
    return (
        document["kind"] == target.get("kind", document["kind"])
        and document["metadata"]["name"] == target.get("name", document["metadata"]["name"])
        and all(labels.get(pair.split("=")[0]) == pair.split("=")[1] for pair in wanted.split(",") if pair)
    )


def _patch(document: Document, operation: Document) -> None:
    """One operation of a JSON patch. Source: RFC 6902."""
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
    place: Any = document
    for part in way:
        place = place[int(part)] if isinstance(place, list) else place[part]
    value = copy.deepcopy(operation.get("value"))
    match operation["op"], place:
        case "add", list() if last == "-":
            place.append(value)
        case "add", dict():
            place[last] = value
        case "replace", dict() if last in place:
            place[last] = value
        case "remove", dict():
            del place[last]
        case _:
            raise NotRendered(f"{document['metadata']['name']}: {operation}")


def _namespace(documents: list[Document], name: str, _: Path) -> None:
    for document in documents:
        if document["kind"] in CLUSTER_WIDE:
            document["metadata"]["name"] = name
        else:
            document["metadata"]["namespace"] = name


def _labels(documents: list[Document], groups: list[Document], folder: Path) -> None:
    for group in groups:
        if group.keys() - {"pairs", "includeTemplates"}:
            raise NotRendered(f"{folder}: labels: {sorted(group)}")
        for document in documents:
            document["metadata"].setdefault("labels", {}).update(group["pairs"])
            if group.get("includeTemplates") and document["kind"] == "Deployment":
                document["spec"]["template"]["metadata"].setdefault("labels", {}).update(group["pairs"])


def _images(documents: list[Document], images: list[Document], folder: Path) -> None:
    tags = {image["name"]: f"{image['name']}:{image['newTag']}" for image in images}
    for document in documents:
        pod = _pod(document)
        for container in pod.get("containers", []) + pod.get("initContainers", []):
            container["image"] = tags.get(container["image"], container["image"])


def _pod(document: Document) -> Document:
    """What a document says of its pods; nothing for one that has none."""
    spec: Document = document.get("spec", {})
    if document["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    pod: Document = spec["template"]["spec"] if document["kind"] in ("Deployment", "CronJob") else {}
    return pod


_CHANGES: dict[str, Callable[[list[Document], Any, Path], None]] = {
    "patches": _patches,
    "namespace": _namespace,
    "labels": _labels,
    "images": _images,
}


def key(document: Document) -> tuple[str, str]:
    """What tells one document of a namespace from another."""
    return document["kind"], document["metadata"]["name"]


def differences(folder: Path) -> list[str]:
    """The names of documents that `kubectl kustomize` renders otherwise. Raises OSError without kubectl."""
    theirs = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, check=True, text=True)
    wanted = {key(document): document for document in yaml.safe_load_all(theirs.stdout)}
    ours = {key(document): document for document in render(folder)}
    return sorted("/".join(name) for name in wanted | ours if wanted.get(name) != ours.get(name))


def main() -> int:
    """Run from the command line; 1 where kubectl renders something else."""
    parser = argparse.ArgumentParser(prog="python -m deploy.kustomization", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--compare", action="store_true")
    options = parser.parse_args()
    if not options.compare:
        print(yaml.safe_dump_all(render(options.folder), sort_keys=False), end="")
        return 0
    different = differences(options.folder)
    print(
        "\n".join(different)
        or f"{options.folder}: {len(render(options.folder))} documents, as kubectl has them"
    )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
