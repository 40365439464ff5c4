"""What a killed agent still knows, wherever it was killed."""

import errno
import json
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from services.agent.journal import Journal
from services.agent.ports import Session
from services.card_gateway.card.script import Answer, End, Kind, Report
from tests.unit.agent.world import OFFERED, SESSION

STEP = "step-1"


def killed_after(folder: Path, *lines: str) -> Journal:
    """Return the journal of the next run, after one that was killed at the end of these lines."""
    journal = Journal(folder)
    journal.begin_session(SESSION)
    journal.begin_step(STEP, Kind.RESET)
    for line in lines:
        name, _, sw = line.partition(" ")
        if sw:
            journal.answer(name, int(sw, 16))
        else:
            journal.send(name)
    return Journal(folder)


def test_a_first_run_knows_nothing(tmp_path: Path) -> None:
    assert Journal(tmp_path).recall() is None


def test_F15_a_session_is_known_again_with_its_key(tmp_path: Path) -> None:
    Journal(tmp_path).begin_session(SESSION)

    remembered = Journal(tmp_path).recall()

    assert remembered is not None
    assert remembered.session == SESSION
    assert remembered.unacknowledged == []


def test_F15_a_kill_before_the_answer_says_what_was_sent(tmp_path: Path) -> None:
    remembered = killed_after(tmp_path, "select", "select 9000", "unblock").recall()

    assert remembered is not None
    assert remembered.reports[STEP] == Report((Answer("select", 0x9000),), End.INTERRUPTED, "unblock")
    assert remembered.unacknowledged == [STEP]


def test_F15_a_kill_between_two_commands_leaves_none_in_flight(tmp_path: Path) -> None:
    remembered = killed_after(tmp_path, "select", "select 9000").recall()

    assert remembered is not None
    assert remembered.reports[STEP].in_flight == ""


def test_F15_a_torn_last_line_loses_only_itself(tmp_path: Path) -> None:
    journal = killed_after(tmp_path, "select", "select 9000", "unblock")
    file = tmp_path / "session.jsonl"
    file.write_bytes(file.read_bytes()[:-6])

    remembered = journal.recall()
    journal.end_step(Report((), End.COMPLETED))  # goes to a line of its own

    assert remembered is not None
    assert remembered.reports[STEP] == Report((Answer("select", 0x9000),), End.INTERRUPTED, "")
    assert Journal(tmp_path).recall() is not None


def test_F15_the_end_of_a_reset_is_known_until_it_is_acknowledged(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin_session(SESSION)
    journal.begin_step(STEP, Kind.RESET)
    journal.answer("unblock", 0x9000)
    journal.end_step(Report((Answer("unblock", 0x9000),), End.COMPLETED))

    before = Journal(tmp_path).recall()
    journal.acknowledged(STEP)
    after = Journal(tmp_path).recall()

    assert before is not None
    assert after is not None
    assert before.reports[STEP] == Report((Answer("unblock", 0x9000),), End.COMPLETED)
    assert (before.unacknowledged, after.unacknowledged) == ([STEP], [])


@pytest.mark.parametrize("kind", [Kind.READ, Kind.PROVE])
def test_a_step_whose_data_is_lost_is_interrupted_although_it_ended(tmp_path: Path, kind: Kind) -> None:
    journal = Journal(tmp_path)
    journal.begin_session(SESSION)
    journal.begin_step(STEP, kind)
    journal.end_step(Report((Answer("chuid", 0x9000, b"not kept"),), End.COMPLETED))

    remembered = Journal(tmp_path).recall()

    assert remembered is not None
    assert remembered.reports[STEP].end is End.INTERRUPTED


def test_a_session_that_is_over_is_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin_session(SESSION)
    journal.forget()

    assert Journal(tmp_path).recall() is None


def test_S37_the_file_is_for_its_owner_alone_and_holds_no_data_of_a_card(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    journal.begin_session(SESSION)
    journal.begin_step(STEP, Kind.READ)
    journal.end_step(Report((Answer("chuid", 0x9000, b"the identifier"),), End.COMPLETED))

    file = tmp_path / "state" / "session.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert b"identifier" not in file.read_bytes()


def offering(folder: Path, *offers: Session) -> Journal:
    """Return the journal of a run that has put these sessions on offer, one after another."""
    journal = Journal(folder)
    journal.begin_session(SESSION)
    for offer in offers:
        journal.offer(offer)
    return journal


def test_F15_a_session_on_offer_is_known_again_beside_the_one_in_use(tmp_path: Path) -> None:
    offering(tmp_path, OFFERED).begin_step(STEP, Kind.RESET)

    remembered = Journal(tmp_path).recall()

    assert remembered is not None
    assert (remembered.session, remembered.offered) == (SESSION, OFFERED)
    assert remembered.unacknowledged == [STEP]


def test_F15_of_several_sessions_on_offer_the_last_counts(tmp_path: Path) -> None:
    offering(tmp_path, replace(OFFERED, session_id="lapsed"), OFFERED)

    remembered = Journal(tmp_path).recall()

    assert remembered is not None
    assert remembered.offered == OFFERED


def test_an_offer_that_came_into_use_stands_alone(tmp_path: Path) -> None:
    offering(tmp_path, OFFERED).begin_session(OFFERED)

    remembered = Journal(tmp_path).recall()

    assert remembered is not None
    assert (remembered.session, remembered.offered) == (OFFERED, None)
    assert SESSION.session_id.encode() not in (tmp_path / "session.jsonl").read_bytes()


def test_F15_lines_that_we_do_not_know_are_passed_over_as_an_older_version_passes_over_ours(
    tmp_path: Path,
) -> None:
    offering(tmp_path, OFFERED).begin_step(STEP, Kind.RESET)
    with (tmp_path / "session.jsonl").open("a") as file:
        file.write(json.dumps({"later": "session-9", "token": "of another", "key": "AAAA"}) + "\n")

    remembered = Journal(tmp_path).recall()

    assert remembered is not None
    assert (remembered.session, remembered.offered) == (SESSION, OFFERED)
    assert list(remembered.reports) == [STEP]


def test_F12_a_line_torn_by_a_full_disk_is_an_error_and_takes_no_other_with_it(tmp_path: Path) -> None:
    journal = offering(tmp_path)
    with at_most((tmp_path / "session.jsonl").stat().st_size + 20), pytest.raises(OSError) as full:
        journal.offer(OFFERED)
    journal.begin_step(STEP, Kind.RESET)
    journal.send("unblock")

    remembered = Journal(tmp_path).recall()

    assert full.value.errno == errno.ENOSPC
    assert remembered is not None
    assert remembered.offered is None
    assert remembered.reports[STEP].in_flight == "unblock"


def test_F12_a_session_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    journal = offering(tmp_path, OFFERED)
    with at_most(20), pytest.raises(OSError):
        journal.begin_session(OFFERED)
    journal.begin_step(STEP, Kind.RESET)

    remembered = Journal(tmp_path).recall()

    assert remembered is not None
    assert (remembered.session, remembered.offered) == (SESSION, OFFERED)
    assert remembered.unacknowledged == [STEP]


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """No file grows beyond this many bytes, as on a disk with no more room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    "first", ['{"session": "session-1"}', '{"session": "session-1", "token": "t"}', "5", "[]"]
)
def test_a_file_that_somebody_edited_is_no_session_and_stops_no_agent(tmp_path: Path, first: str) -> None:
    (tmp_path / "session.jsonl").write_text(f"{first}\n")
    assert Journal(tmp_path).recall() is None
