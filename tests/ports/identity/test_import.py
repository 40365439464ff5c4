"""`import` at its command line: CSV and JSON lines, a dry run, a feed's deltas, bounded memory. R16.

SOAK=1 takes 1,000,000 rows, and prints peak memory and rows a second.
"""

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from services.identity.directory import Import
from services.identity.events import event_of
from services.identity.feeds import Feeds
from services.identity.import_command import REASONS
from services.identity.registry import Rehearsal
from services.identity.use_cases import Resolved
from services.runtime.randomness import SystemRandomness
from tests.fixtures.in_place import run_in_place
from tests.ports.card_gateway.test_import_process import most_memory
from tests.ports.identity.world import CARD, CARD_REF, DOMAIN, HOLDER, ORGANISATION, World

ROOT = Path(__file__).parents[3]
ROWS = 1_000_000 if os.environ.get("SOAK") else 12_000
MEMORY = 160 * 1024
"""KiB that the process needs for any number of rows; the code that it loads takes most of it."""

CSV = f"""\
kind;code;id;card_ref;organisation;name;holder;email;certificate_expires_at;domain;subdomains;registration_authority.telephone
organisation;X26;;;;Example Hospital;;;;;;01632 960000
allowed_domain;;;;;;;;;example.org;true;

holder;;test-holder-0001;;X26;"Holder; Test";;test-holder-0001@example.org;;;;
# a comment
card;;;{CARD_REF};;;test-holder-0001;;2027-03-02T12:00:00Z;;;
"""


class Command:
    """The command on a database of its own."""

    def __init__(self, folder: Path, migrated: Path) -> None:
        self.folder, self.database = folder, folder / "identity.db"
        shutil.copy(migrated, self.database)

    def run(self, content: str, *options: str) -> tuple[int, list[str], str]:
        """Return exit code, lines of standard output, and what is on standard error."""
        (self.folder / "file").write_text(content)
        environment = {"IDENTITY_DATABASE_URL": f"sqlite+aiosqlite:///{self.database}"}
        words = ("import", str(self.folder / "file"), *options)
        done = run_in_place("services.identity", *words, env=environment)
        return done.returncode, done.stdout.splitlines(), done.stderr

    def count(self, table: str) -> int:
        with closing(sqlite3.connect(self.database)) as connection:
            return int(connection.execute(f"select count(*) from {table}").fetchone()[0])


@pytest.fixture
def command(tmp_path: Path, migrated_identity: Path) -> Command:
    return Command(tmp_path, migrated_identity)


def counts(line: str) -> dict[str, int]:
    found: dict[str, int] = json.loads(line[line.index("{") :])
    return found


def test_R16_csv_is_taken_as_json_lines_are(command: Command) -> None:
    code, said, _ = command.run(CSV)

    assert (code, counts(said[-1])) == (
        0,
        {"lines": 4, "taken": 4, "refused": 0, "remarks": 0, "organisations": 1},
    )
    with closing(sqlite3.connect(command.database)) as connection:
        name = connection.execute("select name from holders").fetchone()[0]
        telephone = connection.execute("select telephone from registration_authorities").fetchone()[0]
    assert (name, telephone) == ("Holder; Test", "01632 960000")


def test_R16_a_file_of_one_kind_needs_no_column_for_it(command: Command) -> None:
    holders = "id,organisation,name\ntest-holder-1,X26,Test One\n"
    command.run(CSV)

    refused = command.run(holders)
    code, said, _ = command.run(holders, "--kind", "holder")

    assert refused[0] == 2
    assert "give --kind" in refused[2]
    assert (code, counts(said[-1])["taken"]) == (0, 1)


def test_R16_a_dry_run_says_what_would_be_and_writes_nothing(command: Command) -> None:
    spoilt = CSV + "card;;;zz;;;test-holder-0001;;;;;\ncard;too few\n"

    code, said, _ = command.run(spoilt, "--dry-run")

    assert code == 1
    assert said[-1].startswith("nothing written, as it would be: ")
    assert counts(said[-1]) == {"lines": 6, "taken": 4, "refused": 2, "remarks": 0, "organisations": 1}
    assert [command.count(table) for table in ("holders", "cards", "organisations", "outbox")] == [0, 0, 0, 0]


def test_R25_a_role_comes_by_csv_and_goes_by_csv(command: Command) -> None:
    command.run(CSV)
    granted = []
    for said in ("", "false", "true"):
        rows = f"kind,holder,role,organisation,granted\nrole,test-holder-0001,RA,X26,{said}\n"
        assert command.run(rows)[0] == 0
        with closing(sqlite3.connect(command.database)) as connection:
            granted += connection.execute("select organisation, granted from roles").fetchall()

    assert granted == [("X26", 1), ("X26", 0), ("X26", 1)]


def test_refused_rows_are_reported_by_line_with_what_is_wrong_and_never_with_what_they_say(
    command: Command, tmp_path: Path
) -> None:
    personal = "test-holder-9999@example.org"
    spoilt = CSV + f'holder;;x;;NONE;{personal};;{personal};;;;\nholder;"{personal};;;;;;;;;;\n'
    report = tmp_path / "report"

    code, said, errors = command.run(spoilt, "--report", str(report))

    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert code == 1
    assert [(line["line"], line["reason"], line["taken"]) for line in lines] == [
        (8, "ORGANISATION_UNKNOWN", False),
        (9, "LINE_NOT_CSV", False),
    ]
    assert all(line["meaning"] == REASONS[line["reason"]] for line in lines)
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert personal not in report.read_text() + "".join(said) + errors


def test_a_header_that_cannot_be_read_ends_with_2_and_writes_nothing(command: Command) -> None:
    code, _, errors = command.run("kind,id,id\nholder,1,2\n")

    assert code == 2
    assert "UNREADABLE" in errors
    assert command.count("holders") == 0


def test_a_report_that_cannot_be_written_ends_with_2(command: Command) -> None:
    assert command.run(CSV, "--report", "/nowhere/at/all")[0] == 2


def test_deltas_of_a_feed_are_taken_in_turn_once_each_and_none_is_left_out(command: Command) -> None:
    command.run(CSV)

    def delta(number: int, name: str, *options: str) -> tuple[int, str]:
        row = f"kind,id,organisation,name\nholder,test-holder-0001,X26,{name}\n"
        code, said, _ = command.run(row, "--feed", "staff", "--number", str(number), *options)
        return code, said[-1].partition(":")[0]

    def name() -> str:
        with closing(sqlite3.connect(command.database)) as connection:
            return str(connection.execute("select name from holders").fetchone()[0])

    assert delta(7, "Seven")[0] == 0
    assert delta(9, "Nine") == (1, "FEED_GAP")
    assert delta(8, "Eight", "--dry-run")[0] == 0
    assert name() == "Seven"
    assert delta(8, "Eight")[0] == 0
    assert delta(7, "Seven") == (0, "FEED_ALREADY_TAKEN")
    assert name() == "Eight"


def test_a_delta_with_refused_rows_does_not_count_as_taken_unless_that_is_accepted(command: Command) -> None:
    spoilt = CSV + "card;;;zz;;;test-holder-0001;;;;;\n"

    def delta(content: str, number: int, *options: str) -> tuple[int, str]:
        code, said, _ = command.run(content, "--feed", "staff", "--number", str(number), *options)
        return code, next((line.partition(":")[0] for line in said if line.startswith("FEED")), "")

    assert delta(CSV, 1) == (0, "")
    for _ in range(2):
        assert delta(spoilt, 2) == (1, "FEED_NOT_MOVED")
    assert command.count("cards") == 1
    assert delta(CSV, 3) == (1, "FEED_GAP")
    assert delta(spoilt, 2, "--accept-refused") == (1, "")
    assert delta(spoilt, 2) == (0, "FEED_ALREADY_TAKEN")
    assert delta(CSV, 3) == (0, "")


@pytest.mark.parametrize(
    "half", ["--feed staff", "--number 1", "--feed staff --number 0", "--accept-refused", "--number 0"]
)
def test_a_feed_needs_a_number_from_1(command: Command, half: str) -> None:
    assert command.run(CSV, *half.split())[0] == 2


async def test_a_feed_only_moves_forwards_and_its_numbers_start_at_1(world: World) -> None:
    feeds = Feeds(world.database, world.clock)
    for number in (8, 7):
        await feeds.moved("staff", number)

    assert await feeds.position("staff") == 8
    with pytest.raises(ValueError, match="start at 1"):
        await feeds.turn("staff", 0)


async def test_R16_a_holder_of_a_delta_may_unlock_at_once(world: World) -> None:
    await world.populate(holder={"email": None})
    await world.take(HOLDER)

    assert isinstance(await world.resolve(), Resolved)


async def test_a_rehearsal_knows_the_rows_before_and_leaves_nothing(world: World) -> None:
    rehearsal = Rehearsal(world.database, event_of, SystemRandomness(), world.clock)
    records = [
        ORGANISATION,
        DOMAIN,
        *({**HOLDER, "id": f"test-holder-{n}"} for n in range(600)),
        HOLDER,
        CARD,
    ]

    async with rehearsal.rehearsed() as into:
        run = Import(into)
        remarks = [remark async for remark in run.run(map(json.dumps, records))]

    assert (remarks, run.counts["taken"]) == ([], 604)
    assert (await world.resolve()).code == "CARD_UNKNOWN"


def rows_of(count: int) -> Iterator[str]:
    organisations = max(1, count // 1_000)
    yield "kind,code,id,card_ref,name,organisation,holder,email,certificate_expires_at,domain,subdomains\n"
    yield "allowed_domain,,,,,,,,,example.org,true\n"
    for n in range(organisations):
        yield f"organisation,X{n},,,Example Clinic {n},,,,,,\n"
    people = (count - organisations) // 2
    for n in range(people):
        address = f"test-holder-{n}@nhs.example.org"
        yield f"holder,,test-holder-{n},,Test Holder {n},X{n % organisations},,{address},,,\n"
    for n in range(people):
        yield f"card,,,{n:032x},,,test-holder-{n},,2027-11-01T00:00:00Z,,\n"


def test_R16_rows_pass_in_bounded_memory_however_many_there_are(
    command: Command, record_property: Callable[[str, object], None]
) -> None:
    with (command.folder / "large").open("w") as file:
        file.writelines(rows_of(ROWS))
    environment = {"IDENTITY_DATABASE_URL": f"sqlite+aiosqlite:///{command.database}"}
    call = [sys.executable, "-m", "services.identity", "import", str(command.folder / "large")]
    began = time.monotonic()
    process = subprocess.Popen(call, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    most = most_memory(process)
    took = time.monotonic() - began
    record_property("figure", f"{ROWS:,} rows: {ROWS / took:,.0f} a second, {most // 1024} MiB at most")

    assert process.wait() == 0
    assert command.count("holders") == command.count("cards") > ROWS * 0.49
    assert most < MEMORY
