"""The directory from an LDAP server: Debian's slapd, with TLS, pages and a limit of its own. R16.

SOAK=1 takes 100,000 holders, and prints peak memory and records a second.
"""

import json
import os
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from deploy.local.keys import Keys, make_keys
from services.identity.import_command import REASONS
from tests.fixtures.ldap_server import PAGES_OF, LdapDirectory, ldap_directory
from tests.ports.card_gateway.test_import_process import most_memory
from tests.ports.identity.ldap_world import MAPPING, Command, counts, ldif, modify

PEOPLE = 100_000 if os.environ.get("SOAK") else 1_200
MEMORY = 160 * 1024
"""KiB, as for a file."""


@pytest.fixture
def command(tmp_path: Path, migrated_identity: Path) -> Command:
    return Command(tmp_path, migrated_identity)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where another user may go, too; pytest's own folders are its user's alone."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture
def directory(folder: Path, keys: Keys) -> Iterator[LdapDirectory]:
    with ldap_directory(folder / "ldap", keys, ldif()) as server:
        yield server


def test_R16_entries_of_a_directory_are_taken_as_lines_of_a_file_are(
    command: Command, directory: LdapDirectory
) -> None:
    directory.change(modify(1, "replace: displayName\ndisplayName: 0042"))

    code, said, errors = command.run(directory)

    assert (code, errors) == (0, "")
    assert counts(said[-1]) == {"lines": 8, "taken": 8, "refused": 0, "remarks": 0, "organisations": 2}
    assert command.ask("select holder_id, name, status from holders order by 1")[0] == (
        "test-holder-0001",
        "0042",
        "ACTIVE",
    )
    assert command.ask("select count(*) from cards where certificate_expires_at like '2027-11-01%'") == [(3,)]
    assert command.ask("select telephone from registration_authorities order by organisation")[0] == (
        "01632 960000",
    )


def test_R16_a_second_run_changes_nothing_and_a_dry_run_writes_nothing(
    command: Command, directory: LdapDirectory
) -> None:
    dry = command.run(directory, "--dry-run")
    before = command.ask("select count(*) from holders")
    command.run(directory)
    refs = command.ask("select holder_ref, address_version from holders order by 1")
    command.run(directory)

    assert dry[1][-1].startswith("nothing written, as it would be: ")
    assert before == [(0,)]
    assert command.ask("select holder_ref, address_version from holders order by 1") == refs
    assert {version for _, version in refs} == {1}


def test_refused_entries_are_reported_by_their_uuid_and_never_by_what_they_say(
    command: Command, directory: LdapDirectory, tmp_path: Path
) -> None:
    two = modify(2, "add: mail\nmail: second@nhs.example.org")
    directory.change(two + "\n" + modify(3, "replace: o\no: NONE"))
    report = tmp_path / "report"

    code, said, errors = command.run(directory, "--report", str(report))

    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert code == 1
    assert [line["reason"] for line in lines] == [
        "FIELD_WRONG email", "ORGANISATION_UNKNOWN", "HOLDER_UNKNOWN", "HOLDER_UNKNOWN",
    ]  # fmt: skip
    assert all(len(line["entry"]) == 36 for line in lines)
    assert all(line["meaning"] == REASONS[line["reason"].split()[0]] for line in lines)
    assert "test-holder" not in report.read_text() + "".join(said) + errors


def test_R16_a_feed_reads_what_changed_since_its_last_whole_run(
    command: Command, directory: LdapDirectory
) -> None:
    command.run(directory, "--feed", "staff")
    an_hour_ago = int(time.time()) - 3600
    with closing(sqlite3.connect(command.database)) as connection, connection:
        noted = connection.execute("select position from feeds where feed = 'ldap:staff'").fetchone()[0]
        connection.execute("update feeds set position = ?", (int(time.time()) + 3600,))
    ahead = command.run(directory, "--feed", "staff")
    with closing(sqlite3.connect(command.database)) as connection, connection:
        connection.execute("update feeds set position = ?", (an_hour_ago,))
    directory.change(modify(1, "replace: employeeType\nemployeeType: gone"))
    behind = command.run(directory, "--feed", "staff")

    assert an_hour_ago < noted <= time.time() - 15 * 60
    assert counts(ahead[1][-1])["lines"] == 0
    assert counts(behind[1][-1])["lines"] == 8
    assert command.ask("select status from holders where holder_id = 'test-holder-0001'") == [("LEFT",)]


def test_a_feed_with_refused_rows_stays_unless_that_is_accepted(
    command: Command, directory: LdapDirectory
) -> None:
    directory.change(modify(3, "replace: o\no: NONE"))

    spoilt = command.run(directory, "--feed", "staff")
    stays = command.ask("select count(*) from feeds")
    accepted = command.run(directory, "--feed", "staff", "--accept-refused")

    assert spoilt[0] == accepted[0] == 1
    assert spoilt[1][-2].startswith("FEED_NOT_MOVED")
    assert stays == [(0,)]
    assert command.ask("select count(*) from feeds") == [(1,)]


def test_R25_roles_come_and_go_with_the_directory(command: Command, directory: LdapDirectory) -> None:
    directory.change(
        modify(1, "add: businessCategory\nbusinessCategory: X26\nbusinessCategory: X27")
        + "\n"
        + modify(2, "add: businessCategory\nbusinessCategory: X26")
    )
    command.run(directory, "--feed", "staff")
    granted = command.roles()
    directory.change(modify(1, "delete: businessCategory\nbusinessCategory: X26"))
    command.run(directory, "--feed", "staff")

    assert granted == [("test-holder-0001", "X26"), ("test-holder-0001", "X27"), ("test-holder-0002", "X26")]
    assert command.roles() == [("test-holder-0001", "X27"), ("test-holder-0002", "X26")]


def test_R25_a_search_that_finds_nobody_takes_no_role_away(
    command: Command, directory: LdapDirectory
) -> None:
    directory.change(modify(1, "add: businessCategory\nbusinessCategory: X26"))
    command.run(directory)
    command.mapping = MAPPING.replace("businessCategory=*", "businessCategory=wrong")

    code, said, _ = command.run(directory)

    assert code == 1
    assert said[0].startswith("ROLES_KEPT")
    assert command.roles() == [("test-holder-0001", "X26")]


@pytest.mark.parametrize("tls", ["ldaps", "StartTLS"])
def test_S28_a_certificate_of_another_name_or_authority_is_refused_before_the_password_is_sent(
    command: Command, folder: Path, keys: Keys, tmp_path_factory: pytest.TempPathFactory, tls: str
) -> None:
    others = make_keys(tmp_path_factory.mktemp("others"))
    with ldap_directory(folder / "ldap", keys, ldif(), named="127.0.0.2") as server:
        port = server.tls_port if tls == "ldaps" else server.port
        url = f"{'ldaps' if tls == 'ldaps' else 'ldap'}://127.0.0.1:{port}"
        wrong_name = command.run(server, LDAP_URL=url)
        wrong_authority = command.run(server, LDAP_URL=url, LDAP_CA_FILE=str(others.ca))
        seen = server.child.written()

    assert (wrong_name[0], wrong_authority[0]) == (2, 2)
    assert "UNREADABLE" in wrong_name[2]
    assert "BIND" not in seen
    assert command.ask("select count(*) from holders") == [(0,)]


def test_R16_starttls_is_as_good_as_ldaps(command: Command, directory: LdapDirectory) -> None:
    code, said, _ = command.run(directory, LDAP_URL=f"ldap://127.0.0.1:{directory.port}")

    assert (code, counts(said[-1])["taken"]) == (0, 8)
    assert "STARTTLS" in directory.child.written()


def test_a_wrong_password_ends_with_2_and_is_not_shown(
    command: Command, directory: LdapDirectory, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not-the-password")

    code, said, errors = command.run(directory, LDAP_BIND_PASSWORD_FILE=str(wrong))

    assert (code, said) == (2, [])
    assert "AuthenticationError" in errors
    assert "not-the-password" not in errors


def test_a_server_that_hangs_ends_it_and_the_feed_stays(
    command: Command, directory: LdapDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The signal would end this process, too, where a busy machine makes a second into two.
    monkeypatch.setattr("services.identity.ldap.server.GRACE_SECONDS", 60.0)
    directory.child.send(signal.SIGSTOP)
    try:
        code, _, errors = command.run(
            directory,
            "--feed",
            "staff",
            LDAP_TIMEOUT_SECONDS="1",
            LDAP_URL=f"ldap://127.0.0.1:{directory.port}",
        )
        in_the_handshake = command.start(directory, LDAP_TIMEOUT_SECONDS="1").wait()
    finally:
        directory.child.send(signal.SIGCONT)

    assert (code, in_the_handshake) == (2, -signal.SIGALRM)
    assert errors == "UNREADABLE: TimeoutError: Timed out. (0xFFFB [-5])\n"
    assert command.ask("select count(*) from feeds") == [(0,)]


@pytest.mark.parametrize(
    ("was", "spoilt"),
    [
        ('kind = "card"', 'kind = "secret"'),
        ('id = "uid"', 'nhs_number = "uid"'),
        ("^uid=([^,]+),", "^uid=[^,]+,"),
        ("complete = true", "complete = maybe"),
    ],
)
def test_a_mapping_that_cannot_be_meant_ends_with_2_before_the_server_is_asked(
    command: Command, directory: LdapDirectory, was: str, spoilt: str
) -> None:
    command.mapping = MAPPING.replace(was, spoilt)

    code, _, errors = command.run(directory)

    assert code == 2
    assert "UNREADABLE" in errors
    assert "ACCEPT" not in directory.child.written()


def test_R16_pages_pass_in_bounded_memory_where_the_server_limits_an_answer(
    command: Command, folder: Path, keys: Keys, record_property: Callable[[str, object], None]
) -> None:
    with ldap_directory(folder / "ldap", keys, ldif(PEOPLE)) as server:
        began = time.monotonic()
        process = command.start(server)
        most = most_memory(process)
        took = time.monotonic() - began
    record_property("figure", f"{PEOPLE * 2:,} records: {PEOPLE * 2 / took:,.0f} a second, {most >> 10} MiB")

    assert PEOPLE > PAGES_OF
    assert process.wait() == 0
    assert command.ask("select (select count(*) from holders), (select count(*) from cards)") == [
        (PEOPLE, PEOPLE)
    ]
    assert most < MEMORY
