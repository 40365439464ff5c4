"""What `doctor` makes of what it sees; every code has its words and its help page; nothing hangs."""

import errno
import fcntl
import json
import os
import socket
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from smartcard_unlock.card_gateway.v1 import agents_pb2 as pb

from services.agent import messages, settings
from services.agent.doctor import reader as reader_checks
from services.agent.doctor.bundle import write_bundle
from services.agent.doctor.examination import exit_status
from services.agent.doctor.finding import Fact, Finding, Level, fault, note, ok
from services.agent.doctor.gateway import judge_clock, judge_version
from services.agent.doctor.reader import check_reader, judge_card, why_down
from services.agent.doctor.telling import as_json, as_lines
from services.agent.doctor.words import WORDS
from services.agent.doctor.workstation import check_other_agent, check_proxies, check_state_folder
from services.agent.pcsc_codes import NO_SERVICE, SECURITY_VIOLATION, STATE_EMPTY, STATE_MUTE, STATE_PRESENT
from services.card_gateway.card.facts import CardFacts
from services.card_gateway.card.script import Kind
from services.runtime.version import VERSION
from services.web.domain.errors import CATALOGUE
from tests.unit.agent.world import READER, FakeService, service_with_card

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOWHERE = Path("/nowhere/pcscd.comm")
CANARIES = ("583920", "t0kenCanary-t0kenCanary", "ABCD-EFGH", "13572468", "ward.nine@mail.example.org")


def card_of(service: FakeService, now: datetime = NOW) -> Finding:
    *_, found = check_reader(lambda: service, NOWHERE, now)
    return found


def with_state(state: int) -> FakeService:
    service = service_with_card()
    service.states.put({READER: state})
    return service


@pytest.mark.parametrize("code", [*WORDS, *messages.PROBLEMS])
def test_R13_every_code_of_the_program_has_a_help_page(code: str) -> None:
    assert code in CATALOGUE


def test_every_code_says_what_is_wrong_and_how_to_mend_it() -> None:
    for words in WORDS.values():
        assert words.what.endswith(".")
        assert len(words.mend) > 10


def test_the_version_is_that_of_the_distribution() -> None:
    assert f'version = "{VERSION}"' in (Path(__file__).parents[3] / "pyproject.toml").read_text()


def test_a_card_that_is_in_order_is_told_with_kind_tries_and_certificates() -> None:
    service = service_with_card(blocked=False)
    service.states.put({READER: STATE_PRESENT})
    found = card_of(service)

    assert (found.level, found.facts["kind"]) == (Level.OK, "PIV")
    assert {"last four", "certificate 9A", "certificate 9E", "tries left"} <= set(found.facts)


def test_I4_looking_spends_no_try_and_sends_no_passcode() -> None:
    service = with_state(STATE_PRESENT)
    sent: list[bytes] = []
    transmit = service.card.transmit

    def noted(apdu: bytes) -> bytes:
        sent.append(apdu)
        return transmit(apdu)

    service.card.transmit = noted  # type: ignore[method-assign]
    tries = card_of(service).facts["tries left"]

    assert [apdu for apdu in sent if apdu[1] == 0x20] == [bytes.fromhex("00200080")]
    assert {apdu[1] for apdu in sent} <= {0xA4, 0xCB, 0xC0, 0x20, 0xF7}
    assert card_of(service_again(service)).facts["tries left"] == tries
    assert "reset" not in service.card.log


def service_again(service: FakeService) -> FakeService:
    service.states.put({READER: STATE_PRESENT})
    return service


def test_a_locked_card_is_no_fault_of_the_workstation() -> None:
    service = service_with_card(blocked=True)
    service.states.put({READER: STATE_PRESENT})
    found = card_of(service)

    assert (found.level, found.code) == (Level.NOTE, "CARD_BLOCKED")


def facts(**changes: object) -> CardFacts:
    values: dict[str, object] = {
        "kind": "PIV", "guid": bytes(16), "chuid_hash": bytes(32), "cert_9a_der": None, "cert_9e_der": None,
        "pin_tries_left": 3, "pin_blocked": False, "signature": None, "algorithm": None,
        "puk_tries_left": None, "puk_is_default": None,
    }  # fmt: skip
    return CardFacts(**(values | changes))  # type: ignore[arg-type]


def test_a_card_without_a_certificate_to_prove_itself_is_a_fault() -> None:
    assert judge_card(facts(), NOW).code == "CERTIFICATE_MISSING"


def test_an_expired_certificate_is_a_fault() -> None:
    assert card_of(with_state(STATE_PRESENT), NOW + timedelta(days=40_000)).code == "CERTIFICATE_EXPIRED"


@pytest.mark.parametrize(
    ("state", "code"), [(STATE_EMPTY, "NO_CARD"), (STATE_PRESENT | STATE_MUTE, "CARD_MUTE")]
)
def test_R45_a_reader_without_a_card_that_answers_says_so(state: int, code: str) -> None:
    assert card_of(with_state(state)).code == code


def test_another_kind_of_card_is_told_and_left_alone() -> None:
    service = with_state(STATE_PRESENT)
    service.card.answers = [bytes.fromhex("6A82")] * 9

    assert card_of(service).code == "UNSUPPORTED_CARD"


def test_R10_a_missing_library_says_that_nothing_is_installed() -> None:
    def missing() -> FakeService:
        raise ImportError

    assert next(check_reader(missing, NOWHERE, NOW)).code == "PR20002_NOT_INSTALLED"


def test_R10_a_service_that_hangs_is_named_and_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_checks, "SERVICE_SECONDS", 0.1)
    service = FakeService()

    def hang() -> FakeService:
        time.sleep(600)
        return service

    service.open = hang  # type: ignore[method-assign]

    assert next(check_reader(lambda: service, NOWHERE, NOW)).code == "PR20002_HANGS"


@pytest.fixture
def door(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "s"))
        yield door


def test_R10_nobody_at_the_socket_means_not_running(door: socket.socket, tmp_path: Path) -> None:
    assert why_down(NO_SERVICE, tmp_path / "s") == "PR20002_NOT_RUNNING"


def test_R10_a_service_that_listens_and_sends_away_means_no_permission(
    door: socket.socket, tmp_path: Path
) -> None:
    door.listen()

    assert why_down(NO_SERVICE, tmp_path / "s") == "PR20002_NO_PERMISSION"
    assert why_down(SECURITY_VIOLATION, NOWHERE) == "PR20002_NO_PERMISSION"


def test_R10_no_socket_and_no_program_means_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_checks, "DAEMON_FOLDERS", "/nowhere")

    assert why_down(NO_SERVICE, NOWHERE) == "PR20002_NOT_INSTALLED"


def test_R10_an_error_without_a_name_keeps_the_old_code() -> None:
    assert why_down(0x80100001, NOWHERE) == "PR20002"


def test_a_folder_that_others_can_read_is_a_fault(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert check_state_folder(tmp_path).code == "STATE_FOLDER_OPEN"

    tmp_path.chmod(0o700)
    assert check_state_folder(tmp_path).level is Level.OK
    assert check_state_folder(tmp_path / "not" / "yet").level is Level.OK


def test_another_agent_is_seen_by_its_lock(tmp_path: Path) -> None:
    assert check_other_agent(tmp_path).facts == {"running": False}
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)

    assert check_other_agent(tmp_path).code == "AGENT_RUNNING"
    os.close(lock)
    assert check_other_agent(tmp_path).facts == {"running": False}


def test_S23_proxies_are_told_without_user_and_password(monkeypatch: pytest.MonkeyPatch) -> None:
    user, word = "nurse", "hunter2"
    monkeypatch.setenv("HTTPS_PROXY", f"http://{user}:{word}@proxy.example.org:3128")

    assert check_proxies(settings.proxies()).facts["HTTPS_PROXY"] == "proxy.example.org:3128"


@pytest.mark.parametrize(
    ("ahead", "level"), [(30, Level.OK), (-30, Level.OK), (31, Level.FAULT), (-31, Level.FAULT)]
)
def test_a_clock_may_be_wrong_by_thirty_seconds(ahead: int, level: Level) -> None:
    answer = pb.AttachResponse()
    answer.gateway_time.FromDatetime(NOW)

    assert judge_clock(answer, NOW + timedelta(seconds=ahead)).level is level


def test_a_gateway_of_before_tells_neither_time_nor_version() -> None:
    assert judge_clock(pb.AttachResponse(), NOW).level is Level.NOT_CHECKED
    assert judge_version(pb.AttachResponse(), VERSION).level is Level.NOT_CHECKED


def test_another_version_is_worth_a_note() -> None:
    assert judge_version(pb.AttachResponse(gateway_version="9.9.9"), VERSION).code == "AGENT_VERSION_DIFFERS"


def test_only_faults_count_for_the_exit_status() -> None:
    assert exit_status([ok("a"), note("b", "NO_CARD")]) == 0
    assert exit_status([ok("a"), fault("b", "NO_READER")]) == 1


def test_a_finding_is_told_with_code_words_and_the_address_of_its_page() -> None:
    lines = "\n".join(as_lines(fault("reader", "NO_READER"), "https://unlock.example.org"))

    assert "[NO_READER]" in lines
    assert WORDS["NO_READER"].mend in lines
    assert "https://unlock.example.org/help/errors/NO_READER" in lines
    told = json.loads(as_json([fault("reader", "NO_READER")], VERSION))
    assert told["checks"][0]["mend"] == WORDS["NO_READER"].mend


def test_no_escape_sequence_of_a_reader_reaches_the_terminal() -> None:
    assert "\x1b" not in "".join(as_lines(ok("reader", name="R\x1b[2J"), ""))


def test_S23_a_bundle_holds_none_of_the_secrets_that_lie_around(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, status = tmp_path / "session.jsonl", tmp_path / "status.json"
    pin, token, pairing, puk, address = CANARIES
    lines: list[dict[str, object]] = [
        {"session": pin, "token": token, "key": puk},
        {"step": "1", "kind": Kind.RESET.value},
        {"step": address, "kind": pin},
        {"send": puk},
        {"answer": pin, "sw": int(pin)},
        {"end": "COMPLETED", "in_flight": pairing, "rule": address},
    ]
    state.write_text("\n".join(json.dumps(line) for line in lines) + f"\ntorn {token}")
    status.write_text(json.dumps(dict.fromkeys(("state", "problem", "updated_at"), CANARIES[1])))
    for number, canary in enumerate(CANARIES):
        monkeypatch.setenv(f"CANARY_{number}", canary)
    seen: dict[str, Fact] = {"last four": "1234", "kind": pin, "why": address, "tries left": int(pin)}
    findings = [fault("card", "CARD_MUTE", **seen)]
    bundle = tmp_path / "bundle.zip"

    write_bundle(bundle, findings, VERSION, {"WEB_ORIGIN"}, tmp_path, status)

    with zipfile.ZipFile(bundle) as opened:
        content = b"".join(opened.read(name) for name in opened.namelist())
    assert [form for form in forms(CANARIES) if form in content or form in bundle.read_bytes()] == []
    assert b'"RESET": 1' in content
    assert b"CARD_MUTE" in content


def forms(canaries: tuple[str, ...]) -> list[bytes]:
    """Return each canary as it is, in hex, and in base64 at every offset."""
    from base64 import b64encode

    plain = [canary.encode() for canary in canaries]
    shifted = [b64encode(bytes(pad) + each)[4:-4] for each in plain for pad in range(3)]
    return [*plain, *(each.hex().encode() for each in plain), *(each for each in shifted if len(each) >= 4)]


def test_a_bundle_overwrites_nothing(tmp_path: Path) -> None:
    there = tmp_path / "bundle.zip"
    there.write_text("something of yours")

    with pytest.raises(OSError) as refused:
        write_bundle(there, [], VERSION, (), None, None)
    assert refused.value.errno == errno.EEXIST
