"""audit's commands, as an operator runs them."""

import os
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert

from deploy.local.child import free_port
from deploy.local.keys import Keys
from services.audit.tables import LEDGER
from services.runtime.database import sync_url
from tests.fixtures.in_place import run_in_place


def audit(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return run_in_place("services.audit", *arguments, env={"PATH": os.environ["PATH"], **environment})


@pytest.fixture
def url(tmp_path: Path) -> str:
    found = f"sqlite+aiosqlite:///{tmp_path / 'audit.db'}"
    assert audit("migrate", AUDIT_DATABASE_URL=found).returncode == 0
    return found


def test_R29_the_figures_stand_beside_both_published_baselines(url: str) -> None:
    done = audit("saved", AUDIT_DATABASE_URL=url, SAVED_MINUTES_EACH="12")

    assert done.returncode == 0
    assert "saved hours                           0.0" in done.stdout
    assert "minutes each                           12" in done.stdout
    assert "net hours                             0.0" in done.stdout
    assert "RA minutes, in person                   0" in done.stdout
    assert "over 16,000 hours a month" in done.stdout
    assert "around 10,000 hours" in done.stdout


def test_a_figure_that_is_not_there_is_told_with_those_that_are(url: str) -> None:
    done = audit("explain", "profit", AUDIT_DATABASE_URL=url)
    none = audit("explain", "unlocks", "--organisation", "X26", AUDIT_DATABASE_URL=url)

    assert (done.returncode, done.stderr) == (
        2,
        "no such figure; there are: unlocks, repeats, unlocked, in-person, ended, users, eligible, stages\n",
    )
    assert (none.returncode, none.stdout) == (0, "unlocks: 0\n")


def test_gaps_are_named_and_told_by_the_exit_status(url: str) -> None:
    whole = audit("gaps", AUDIT_DATABASE_URL=url)
    engine = create_engine(sync_url(url))
    with engine.begin() as connection:
        for first, last in ((0, 3), (7, 9)):
            run = {"topic": "otp.events.v1", "partition": 2, "first_offset": first, "last_offset": last}
            connection.execute(insert(LEDGER), run | {"stored_us": 0})
    engine.dispose()
    holed = audit("gaps", AUDIT_DATABASE_URL=url)

    assert (whole.returncode, whole.stdout) == (0, "")
    assert holed.returncode == 1
    assert holed.stdout == "otp.events.v1 partition 2: offsets 4 to 6 are missing\n"


def test_every_missing_setting_is_named_at_once() -> None:
    done = audit("check-config", LOG_LEVEL="LOUD")

    named = {line.partition(":")[0] for line in done.stderr.splitlines()}
    assert done.returncode == 2
    assert {"AUDIT_DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "TLS_CA_FILE", "LOG_LEVEL"} <= named
    assert "LOUD" not in done.stderr


@pytest.mark.parametrize("command", ["gaps", "saved", "replay", "retire"])
def test_a_database_that_does_not_answer_is_no_finding(command: str) -> None:
    nobody = f"postgresql+psycopg://audit@127.0.0.1:{free_port()}/audit"
    done = audit(command, AUDIT_DATABASE_URL=nobody)

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "the database does not answer: OperationalError"


@pytest.mark.parametrize("command", ["repair", "rebuild"])
def test_a_broker_that_does_not_answer_is_no_finding(command: str, url: str) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    done = audit(command, AUDIT_DATABASE_URL=url, KAFKA_BOOTSTRAP_SERVERS=nobody)

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "Kafka does not answer: KafkaConnectionError"


def test_heads_that_are_not_there_are_not_taken_for_heads_that_agree(url: str, keys: Keys) -> None:
    key = str(keys.audit_log_public)
    done = audit("verify", key, "--heads", "/no/such/folder", AUDIT_DATABASE_URL=url)
    without = audit("verify", key, AUDIT_DATABASE_URL=url)

    assert (done.returncode, done.stderr) == (2, "/no/such/folder: no such folder\n")
    assert without.stdout.splitlines() == [
        "no heads from elsewhere (--heads, --told): an end cut off with its heads is not seen",
        "0 records and 0 heads: 0 wrong",
    ]


def test_the_settings_of_one_process_are_judged_alone() -> None:
    store = audit("check-config", "--process", "store")
    other = audit("check-config", "--process", "otp")

    named = {line.partition(":")[0] for line in store.stderr.splitlines()}
    assert store.returncode == 2
    assert "TLS_CERT_FILE" in named
    assert not named & {"AUDIT_LOG_KEY_FILE", "GRANT_VERIFY_KEYS_DIR"}
    assert (other.returncode, other.stderr) == (2, "no such process; there are: store, sequencer, reader\n")
