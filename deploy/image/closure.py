"""Write the list of each process: its extra and all that this needs, by what is installed here.

`python -m deploy.image.closure` after every change of dependencies; a test fails until it was run.
"""

import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = {
    "identity": "identity",
    "otp": "otp",
    "card_gateway": "card-gateway",
    "notifier": "notifier",
    "audit_store": "audit",
    "audit_sequencer": "audit",
    "audit_reader": "audit",
    "web": "web",
}
"""Process → extra of pyproject.toml."""
FOLDER = Path(__file__).parent
PROJECT = FOLDER.parents[1] / "pyproject.toml"
US = "smartcard-unlock"


def closure(extra: str) -> list[str]:
    """Every package of an extra but us, sorted. Raises PackageNotFoundError for one that is not here."""
    found: set[tuple[str, str]] = set()
    waiting = {(US, extra), (US, "")}
    while waiting:
        one = waiting.pop()
        found.add(one)
        waiting |= set(_needs(*one)) - found
    return sorted({name for name, _ in found} - {US})


def _needs(name: str, extra: str) -> Iterator[tuple[str, str]]:
    """What a package, with one extra or with none (""), asks for on this Python and system."""
    for line in _ours(extra) if name == US else distribution(name).requires or []:
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
            dependency = canonicalize_name(wanted.name)
            yield dependency, ""
            yield from ((dependency, each) for each in wanted.extras)


def _ours(extra: str) -> list[str]:
    """What pyproject.toml says, which may be newer than what was installed from it."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    lines: list[str] = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return lines


def main() -> None:
    """Write every list."""
    for process, extra in EXTRAS.items():
        (FOLDER / f"{process}.txt").write_text("\n".join(closure(extra)) + "\n")


if __name__ == "__main__":
    main()
