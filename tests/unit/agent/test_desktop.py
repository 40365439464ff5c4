"""`install` and `uninstall` touch what is ours and nothing else, however often; judges read the result."""

import os
import plistlib
import subprocess
import time
from pathlib import Path

import pytest

from services.agent.addresses import is_link
from services.agent.desktop import for_macos, for_windows, install, uninstall

PROGRAM = Path('/opt/smartcard unlock/50% $HOME `x` \\ "q"/smartcard-unlock-agent')
OTHERS = (
    "[Added Associations]\ntext/plain=editor.desktop;\n\n[Default Applications]\ntext/html=browser.desktop\n"
)


@pytest.fixture
def home(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "data", tmp_path / "config"


def test_installing_twice_is_once(home: tuple[Path, Path]) -> None:
    assert len(install(PROGRAM, *home, terminal=True)) == 3
    assert install(PROGRAM, *home, terminal=True) == []


def test_uninstalling_leaves_what_others_wrote(home: tuple[Path, Path]) -> None:
    home[1].mkdir()
    (home[1] / "mimeapps.list").write_text(OTHERS)
    install(PROGRAM, *home, terminal=True)
    assert "text/html=browser.desktop" in (home[1] / "mimeapps.list").read_text()

    assert len(uninstall(*home)) == 3

    assert (home[1] / "mimeapps.list").read_text() == OTHERS
    assert uninstall(*home) == []


def test_a_program_that_moved_is_written_anew(home: tuple[Path, Path]) -> None:
    install(Path("/opt/old"), *home, terminal=True)

    assert len(install(Path("/opt/new"), *home, terminal=True)) == 2


def test_the_entries_are_valid_and_the_scheme_is_ours(home: tuple[Path, Path], tmp_path: Path) -> None:
    entries = [path for path in install(PROGRAM, *home, terminal=True) if path.suffix == ".desktop"]
    where = {"XDG_DATA_HOME": str(home[0]), "XDG_CONFIG_HOME": str(home[1]), "HOME": str(tmp_path)}

    subprocess.run(["desktop-file-validate", *map(str, entries)], check=True)
    asked = subprocess.run(
        ["xdg-mime", "query", "default", "x-scheme-handler/smartcard-unlock"],
        env={**os.environ, **where}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert asked.stdout.strip() == "smartcard-unlock-agent.desktop"


def test_S38_the_desktop_starts_the_program_with_the_link_as_one_argument(
    home: tuple[Path, Path], tmp_path: Path
) -> None:
    program = tmp_path / '$HOME `x` "q" program'
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$#" "$1" "$2" > "{tmp_path}/told"\n')
    program.chmod(0o755)
    entry = next(
        path for path in install(program, *home, terminal=False) if path.parent.name == "applications"
    )

    subprocess.run(["gio", "launch", str(entry), "smartcard-unlock:ABCD-EFGH"], check=True)

    deadline = time.monotonic() + 30  # it launches and does not wait
    while not (tmp_path / "told").exists() or (tmp_path / "told").read_text().count("\n") != 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert (tmp_path / "told").read_text().splitlines() == ["2", "run", "smartcard-unlock:ABCD-EFGH"]


@pytest.mark.parametrize("link", ["smartcard-unlock:", "smartcard-unlock:ABCD-EFGH"])
def test_S38_a_link_may_hold_a_short_code(link: str) -> None:
    assert is_link(link)


@pytest.mark.parametrize(
    "link",
    [
        "smartcard-unlock:abcd",
        "smartcard-unlock:" + "A" * 17,
        "smartcard-unlock:A B",
        "smartcard-unlock:A\n",
        "smartcard-unlock://ABCD",
        "smartcard-unlock:?gateway=evil.example",
        "--help",
        "smartcard-unlock:%22",
    ],
)
def test_S38_a_link_with_anything_else_is_refused(link: str) -> None:
    assert not is_link(link)


def test_the_form_for_windows_hands_the_link_on_as_one_argument() -> None:
    assert r'smartcard-unlock-agent.exe\" run \"%1\""' in for_windows()
    assert '"URL Protocol"=""' in for_windows()
    assert "HKEY_LOCAL_MACHINE" not in for_windows()


def test_the_form_for_macos_names_the_scheme() -> None:
    told = plistlib.loads(for_macos().encode())

    assert told["CFBundleURLTypes"][0]["CFBundleURLSchemes"] == ["smartcard-unlock"]
