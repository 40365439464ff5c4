"""`import` as a process: killed in the middle, on a terminal, with a report; rows a second and memory.

SOAK=1 takes 100,000 cards.
"""

import json
import os
import pty
import re
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from tests.ports.card_gateway.test_commands import Gateway, gateway
from tests.ports.card_gateway.world import card_in_reader

__all__ = ["gateway"]

CARDS = 100_000 if os.environ.get("SOAK") else 2_000
MEMORY = 160 * 1024
"""KiB that the process needs for any number of rows; the code that it loads takes most of it."""


def lines(count: int) -> list[bytes]:
    _, line = card_in_reader()
    made = (line | {"card_ref": f"{n:032x}", "guid": f"{n + 10**9:032x}"} for n in range(count))
    return [json.dumps(each).encode() + b"\n" for each in made]


def stored(gateway: Gateway) -> int:
    path = gateway.environment["CARD_GATEWAY_DATABASE_URL"].partition("///")[2]
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("select count(*) from secrets").fetchone()[0])


def started(gateway: Gateway, *options: str, **streams: int) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "services.card_gateway", "import", *options]
    return subprocess.Popen(argv, env=os.environ | gateway.environment, **streams)  # type: ignore[call-overload,no-any-return]


def test_killed_in_the_middle_and_run_again_every_card_is_there_once(
    gateway: Gateway, tmp_path: Path
) -> None:
    made = lines(1_700)
    (tmp_path / "cards.jsonl").write_bytes(b"".join(made))
    process = started(gateway, "-", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stdin is not None
    process.stdin.write(b"".join(made[:1_200]))
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while stored(gateway) < 1_000:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    process.stdin.close()
    again = gateway.run("import", str(tmp_path / "cards.jsonl"))

    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == "taken 700, updated 0, there 1000, refused 0, warned 0\n"
    assert stored(gateway) == 1_700


def test_the_report_names_lines_codes_and_reasons_and_nothing_of_what_they_say(
    gateway: Gateway, tmp_path: Path
) -> None:
    secrets = ["73910264", "55512340x", "12345678"]
    good, *_ = lines(1)
    rows = [json.loads(good) | {"card_ref": f"{n:032x}", "guid": f"{n:032x}"} for n in range(3)]
    rows[0]["secret"] = secrets[0]
    rows[1]["puk"], rows[2]["puk"] = secrets[1], secrets[2]
    file, report = tmp_path / "cards.jsonl", tmp_path / "report.csv"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    before = {path.name for path in tmp_path.iterdir()}
    ran = gateway.run("import", str(file), "--report", str(report))
    shown = gateway.run("import", str(file), "--dry-run")
    said = ran.stdout + ran.stderr + shown.stdout + shown.stderr + report.read_text()

    assert (ran.returncode, ran.stdout) == (1, "taken 1, updated 0, there 0, refused 2, warned 1\n")
    assert report.read_text().splitlines() == [
        "line,taken,code,reason",
        "1,no,UNKNOWN_FIELD,a field has a name that is none of ours",
        "2,no,BAD_PUK,puk is no PUK of this kind of card",
        '3,yes,DEFAULT_PUK,"taken; the PUK is the one that cards come with, and anybody knows it"',
    ]
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert shown.stdout.startswith("nothing written, as it would be: taken 0")
    assert shown.stderr.splitlines()[0] == "line 1: UNKNOWN_FIELD: a field has a name that is none of ours"
    assert not [each for each in secrets if each in said]
    assert {path.name for path in tmp_path.iterdir()} - before <= {
        "report.csv", "gateway.db-wal", "gateway.db-shm"
    }  # fmt: skip


def test_a_file_that_is_none_is_one_line(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "cards.csv").write_text("card_ref,puk\n")
    wrong = gateway.run("import", str(tmp_path / "cards.csv"))
    missing = gateway.run("import", str(tmp_path / "none.csv"))

    assert (wrong.returncode, missing.returncode) == (2, 2)
    assert wrong.stderr == "Unreadable: columns missing in the header: profile, guid, key_9e, expires_at\n"
    assert missing.stderr.count("\n") == 1


def test_a_terminal_gets_a_bar_and_a_file_gets_none(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "cards.jsonl").write_bytes(b"".join(lines(1_700)))
    ours, theirs = pty.openpty()
    process = started(gateway, str(tmp_path / "cards.jsonl"), stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # the terminal's other side is gone
        pass
    os.close(ours)

    assert process.wait() == 0
    assert b"% " in shown
    assert shown.endswith(b"\r\x1b[K")


def most_memory(process: subprocess.Popen[bytes]) -> int:
    """KiB resident at most, of this program alone: `ru_maxrss` would count who started it too."""
    most, status = 0, Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        with suppress(OSError):
            found = re.search(r"VmHWM:\s+(\d+)", status.read_text())
            most = int(found[1]) if found else most
        time.sleep(0.02)
    return most


def test_rows_a_second_and_memory_do_not_grow_with_the_file(
    gateway: Gateway, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    (tmp_path / "cards.jsonl").write_bytes(b"".join(lines(CARDS)))
    took = []
    for _ in range(2):
        began = time.monotonic()
        process = started(gateway, str(tmp_path / "cards.jsonl"), stdout=subprocess.DEVNULL)
        most = most_memory(process)
        took.append(time.monotonic() - began)
        assert process.returncode == 0
        assert most < MEMORY
    record_property(
        "figure",
        f"import of {CARDS:,} cards: {CARDS / took[0]:,.0f} a second with the start; again, all there: "
        f"{CARDS / took[1]:,.0f}; {most // 1024} MiB at most",
    )

    assert stored(gateway) == CARDS
