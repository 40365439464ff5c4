"""What a source file may read, by a look at its syntax tree."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "services"


def modules(*, but: tuple[str, ...] = ()) -> list[Path]:
    return [
        path
        for path in sorted(SERVICES.rglob("*.py"))
        if path.name not in but and str(path.relative_to(SERVICES)) not in but
    ]


def attributes(path: Path) -> Iterator[str]:
    """Every dotted name a file uses, such as `datetime.now`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def offenders(paths: list[Path], forbidden: set[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {name}"
        for path in paths
        for name in (*attributes(path), *imports(path))
        if name in forbidden
    ]


def test_the_environment_is_read_in_settings_only() -> None:
    environment = {"os.environ", "os.getenv", "os.environb"}

    assert offenders(modules(but=("settings.py",)), environment) == []


def test_the_wall_clock_is_read_in_one_place_only() -> None:
    clock = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}

    assert offenders(modules(but=("runtime/clock.py",)), clock) == []


def test_ids_and_secrets_are_made_in_one_place_only() -> None:
    made = {
        "uuid.uuid4",
        "uuid.uuid1",
        "secrets.token_bytes",
        "secrets.choice",
        "secrets.randbelow",
        "os.urandom",
    }

    assert offenders(modules(but=("runtime/randomness.py",)), made) == []


def test_the_reader_library_is_imported_in_one_place_only() -> None:
    found = {
        str(path.relative_to(SERVICES))
        for path in modules()
        for name in imports(path)
        if name.split(".")[0] == "smartcard"
    }

    assert found == {"agent/readers.py"}


@pytest.mark.parametrize("address", ["0.0.0.0", '"::"', "'::'"])
def test_nothing_listens_on_every_interface(address: str) -> None:
    files = [*SERVICES.rglob("*.py"), *(ROOT / "deploy" / "local").rglob("*.py")]

    assert [str(path) for path in files if address in path.read_text()] == []


def test_no_cancellation_is_lost_in_a_wait() -> None:
    """Until Python 3.12 `asyncio.wait_for` loses one that meets the result; `asyncio.timeout` does not."""
    assert offenders(modules(), {"asyncio.wait_for"}) == []
