"""deploy/Dockerfile by reading it: what it copies is there, what it installs is locked, what it starts.

No Docker engine is needed: README's role table, `requirements.lock` and what is installed are its measure.
"""

import json
import re
import subprocess
from fnmatch import fnmatch
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import PurePosixPath
from typing import Any

import grimp
import pytest
from packaging.utils import canonicalize_name

from deploy.image.closure import EXTRAS, closure
from deploy.image.locked import chosen, entries
from tests.architecture.manifests import deployment, pod
from tests.architecture.roles import ROOT, command_of, extra_of, package_of, roles

ROLES = roles()
LOCK = (ROOT / "requirements.lock").read_text()
Instruction = tuple[str, str]


def stages() -> dict[str, list[Instruction]]:
    """The Dockerfile's stages by name (the last one: `image`), each with its instructions."""
    found: dict[str, list[Instruction]] = {"": []}
    current = found[""]
    for line in (ROOT / "deploy" / "Dockerfile").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            _, _, name = rest.partition(" AS ")
            current = found.setdefault(name or "image", [])
        current.append((word, rest))
    return found


STAGES = stages()
EVERY = [instruction for stage in STAGES.values() for instruction in stage]


def told(stage: str, word: str) -> list[str]:
    return [rest for name, rest in STAGES[stage] if name == word]


@cache
def in_git() -> list[PurePosixPath]:
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    )  # fmt: skip
    return [PurePosixPath(name) for name in names.stdout.splitlines()]


def copied() -> list[str]:
    """Every source that comes from the repository, once for each process."""
    return [
        source.replace("${PROCESS}", process)
        for word, rest in EVERY
        if word == "COPY" and not rest.startswith("--from=")
        for source in rest.split()[:-1]
        for process in (ROLES if "${PROCESS}" in source else [""])
    ]


@pytest.mark.parametrize("source", copied())
def test_what_is_copied_is_in_git_and_reaches_the_builder(source: str) -> None:
    path = PurePosixPath(source)
    files = [file for file in in_git() if file == path or path in file.parents]

    assert files
    assert all(passes_dockerignore(file) for file in files)


def passes_dockerignore(file: PurePosixPath) -> bool:
    """The last line that matches the file or a folder above it decides. Source: Docker's documentation."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    candidates = [str(file), *(str(parent) for parent in file.parents)]
    verdicts = [
        pattern.startswith("!")
        for pattern in patterns
        if any(fnmatch(one, pattern.removeprefix("!")) for one in candidates)
    ]
    return not verdicts or verdicts[-1]


def test_nothing_else_reaches_the_builder() -> None:
    for name in (
        ".git/config",
        ".venv/pyvenv.cfg",
        "tests/conftest.py",
        "services/agent/readers.py",
        "keys/ca.key",
    ):
        assert not passes_dockerignore(PurePosixPath(name))


@pytest.mark.parametrize("process", ROLES)
def test_an_image_starts_what_the_role_table_names(process: str) -> None:
    (entrypoint,), (command,) = told(process, "ENTRYPOINT"), told(process, "CMD")

    assert json.loads(entrypoint) == ["python", "-m", f"services.{package_of(process)}"]
    assert (
        json.loads(command)
        == [command_of(process)]
        == pod(deployment("production", ROLES[process].name))["containers"][0]["args"]
    )
    assert STAGES[process][0] == ("FROM", f"shared AS {process}")
    assert EXTRAS[process] == extra_of(process)


def test_no_shell_and_no_way_round_the_locks() -> None:
    words = {word for word, _ in EVERY}

    assert words <= {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "ENTRYPOINT", "CMD", "USER"}
    for word, rest in EVERY:
        if word in {"RUN", "ENTRYPOINT", "CMD"}:
            assert all(isinstance(one, str) for one in json.loads(rest))
        if word == "RUN" and "install" in json.loads(rest):
            assert {"--require-hashes", "--no-deps"} <= set(json.loads(rest))
    assert {rest for word, rest in EVERY if word == "ARG"} == {"PROCESS"}


def test_bases_are_named_with_their_version() -> None:
    bases = [rest.split()[0] for word, rest in EVERY if word == "FROM"]
    foreign = [base for base in bases if base not in STAGES and base != "${PROCESS}"]

    assert len(foreign) == 3
    assert all(
        re.fullmatch(r"[a-z]+:\d[\w.-]*-slim[\w.-]*|[a-z]+:\d[\w.-]*-\w+-slim", base) for base in foreign
    )
    assert STAGES["image"][0] == ("FROM", "${PROCESS}")


def test_S47_an_image_runs_as_the_user_of_the_pods() -> None:
    assert STAGES["image"][-1][0] == "USER"
    user, group = (int(one) for one in STAGES["image"][-1][1].split(":"))
    for role in ROLES.values():
        security = pod(deployment("production", role.name))["securityContext"]
        assert (security["runAsUser"], security["runAsGroup"]) == (user, group)


def packages_of(process: str) -> list[str]:
    return (ROOT / "deploy" / "image" / f"{process}.txt").read_text().split()


@pytest.mark.parametrize("process", ROLES)
def test_S48_an_image_has_its_own_extra_and_what_that_needs(process: str) -> None:
    assert packages_of(process) == closure(EXTRAS[process]), "run: python -m deploy.image.closure"


@pytest.mark.parametrize("process", ROLES)
def test_S48_every_package_is_locked_by_hash(process: str) -> None:
    lines = chosen(LOCK, packages_of(process))

    assert all("--hash=sha256:" in entry for entry in entries(lines).values())
    assert sorted(entries(lines)) == packages_of(process)


@cache
def imports() -> Any:
    return grimp.build_graph("services", "smartcard_unlock", include_external_packages=True)


@pytest.mark.parametrize("process", ROLES)
def test_what_a_process_imports_is_in_its_image(process: str) -> None:
    start = f"services.{package_of(process)}.__main__"
    reached = imports().find_upstream_modules(start) | imports().find_upstream_modules(
        "services.runtime.probe"
    )
    owners = packages_distributions()

    ours = {name.split(".")[1] for name in reached if name.startswith("services.")}
    theirs = {name.partition(".")[0] for name in reached} - {"services", "smartcard_unlock", "google"}
    needed = {canonicalize_name(owners[name][0]) for name in theirs if name in owners}
    assert ours <= {"runtime", package_of(process)}
    assert needed <= set(packages_of(process))
    assert {"grpcio", "pydantic-settings", "structlog"} <= needed


@pytest.mark.parametrize(
    ("what", "process", "package"),
    [("Kafka's client in web", "web", "aiokafka"), ("a card reader's library", "card_gateway", "pyscard")],
)
def test_S46_what_a_process_never_holds_is_not_even_installed(what: str, process: str, package: str) -> None:
    assert package not in packages_of(process)
