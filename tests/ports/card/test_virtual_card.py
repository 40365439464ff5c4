"""The virtual card as a card: what it remembers, what it tells, and what programs of others make of it."""

import subprocess
import time
from pathlib import Path

import pytest

from deploy.local.virtual_card import Eeprom, FaultyCard, InProcessCard, VirtualCard, make_card, personalise
from services.card_gateway.card.facts import CardFacts
from services.card_gateway.card.guard import Insertion
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.runner import Fill, run
from services.card_gateway.card.script import Report, Script
from services.card_gateway.card.verdict import Holder, PukState, Verdict
from tests.ports.card.real_reader import RealPort, RealReader

PIN, PUK, NEW_PIN, NEXT_PUK = "739154", "40718263", "860247", "55512340"
DIGEST = bytes(32)
SELECT = bytes.fromhex("00A4040009A0000003080000100000")
VERIFY = bytes.fromhex("0020008008") + PIN.encode() + b"\xff\xff"


def test_a_card_file_is_for_its_owner_only_and_brings_the_whole_card_back(tmp_path: Path) -> None:
    facts = personalise(tmp_path, "blocked", pin=PIN, puk=PUK, key_9e="RSA2048", frame=256, pin_history=2)
    path = tmp_path / "blocked.card"
    eeprom = Eeprom.load(path)
    eeprom.save(tmp_path / "again.card")

    assert path.stat().st_mode & 0o777 == 0o600
    assert (eeprom.guid, eeprom.puk, eeprom.pin_left) == (facts.guid, PUK.encode(), 0)
    assert Eeprom.load(tmp_path / "again.card").__dict__ == eeprom.__dict__


def test_power_off_loses_what_is_verified_and_keeps_what_is_counted() -> None:
    eeprom, _ = make_card(pin=PIN, puk=PUK, blocked=False)
    card = InProcessCard(FaultyCard(VirtualCard(eeprom)))
    card.transmit(SELECT)
    card.transmit(VERIFY.replace(b"739154", b"739155"))
    card.reset()

    assert card.transmit(bytes.fromhex("00200080")) == (b"", 0x6986)
    card.transmit(SELECT)
    assert card.transmit(bytes.fromhex("00200080")) == (b"", 0x63C4)


def test_an_applet_with_quirk_67_takes_any_puk_after_a_good_one_until_it_is_reset() -> None:
    eeprom, _ = make_card(pin=PIN, puk=PUK, quirk67=True)
    card = InProcessCard(FaultyCard(VirtualCard(eeprom)))
    unblock, wrong = (bytes.fromhex("002C008010") + puk + VERIFY[5:] for puk in (PUK.encode(), b"11111119"))
    card.transmit(SELECT)

    assert [card.transmit(unblock)[1], card.transmit(wrong)[1]] == [0x9000, 0x9000]
    card.reset()
    card.transmit(SELECT)
    assert card.transmit(wrong)[1] == 0x63C2


@pytest.mark.pcsc
def test_I12_the_control_socket_tells_no_secret(real_reader: RealReader) -> None:
    port = real_reader.fresh_card(pin=PIN, puk=PUK)
    reset(port, read(port))
    told = repr([real_reader.order(do=word, card=real_reader.name) for word in ("counters", "state", "list")])

    assert "wrong_puk_tries" in told
    for secret in (PIN, PUK, NEW_PIN, NEXT_PUK):
        assert secret not in told
        assert secret.encode().hex() not in told


@pytest.mark.pcsc
@pytest.mark.parametrize(
    "request_", [{"do": "insert", "card": "../x"}, {"do": "insert"}, {"do": "dance"}, {}]
)
def test_a_bad_order_is_refused_with_a_code(real_reader: RealReader, request_: dict[str, str]) -> None:
    answer = real_reader.order(**request_)

    assert answer == {"ok": False, "error": "NO_SUCH_CARD" if "card" in request_ else "BAD_REQUEST"}


def tool(*arguments: str) -> bool:
    """Whether Yubico's own program, from Debian, was satisfied."""
    command = ["yubico-piv-tool", "--reader", "Virtual PCD", *arguments]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


@pytest.mark.pcsc
def test_R1_a_foreign_program_finds_the_card_unlocked_and_its_old_secrets_refused(
    real_reader: RealReader,
) -> None:
    real_reader.fresh_card(pin=PIN, puk=PUK)
    assert not tool("--action=verify-pin", f"--pin={PIN}")
    port = real_reader.connect()
    verdict = reset(port, read(port))

    assert (verdict.holder, verdict.puk) == (Holder.SUCCESS, PukState.NEXT)
    assert tool("--action=verify-pin", f"--pin={NEW_PIN}")
    assert not tool("--action=verify-pin", f"--pin={PIN}")
    assert not tool("--action=unblock-pin", f"--pin={PUK}", "--new-pin=528407")
    assert tool("--action=unblock-pin", f"--pin={NEXT_PUK}", "--new-pin=528407")


@pytest.mark.pcsc
@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "drop_inside", "empty"])
@pytest.mark.parametrize(("at", "step"), [(2, "unblock"), (3, "rotate")])
def test_F16_a_card_pulled_from_a_real_reader_is_judged_truly_and_recovered(
    real_reader: RealReader, kind: str, at: int, step: str
) -> None:
    port = real_reader.fresh_card(pin=PIN, puk=PUK)
    facts = read(port)
    real_reader.order(do="fault", card=real_reader.name, fault=kind, at=at, value=1)
    verdict = reset(port, facts)

    assert verdict.holder is (Holder.UNKNOWN if step == "unblock" else Holder.SUCCESS)
    assert verdict.puk is (PukState.CURRENT if step == "unblock" else PukState.UNKNOWN)
    again = read(port := real_reader.reinsert())
    candidates = piv.order_candidates(PUK.encode(), NEXT_PUK.encode(), pin_blocked=again.pin_blocked)
    last = piv.judge_recover(done(port, piv.recover_script(facts.chuid_hash, candidates)))
    assert last.holder is Holder.SUCCESS
    assert real_reader.eeprom().wrong_puk_tries <= 1


@pytest.mark.pcsc
def test_an_apdu_through_the_real_service_does_not_wait_for_delayed_acknowledgements(
    real_reader: RealReader,
) -> None:
    port = real_reader.fresh_card(pin=PIN, puk=PUK)
    port.transmit(SELECT)

    # The quickest: 43 ms where they are waited for; a busy machine leaves one of them its 0.1 ms.
    assert min(timed(port) for _ in range(50)) < 0.020


def timed(port: RealPort) -> float:
    start = time.perf_counter()
    port.transmit(bytes.fromhex("00200080"))
    return time.perf_counter() - start


def read(port: RealPort) -> CardFacts:
    facts = piv.parse_read(done(port, piv.read_script()))
    assert isinstance(facts, CardFacts)
    return facts


def reset(port: RealPort, facts: CardFacts) -> Verdict:
    script = piv.reset_script(facts.chuid_hash, PUK.encode(), NEXT_PUK.encode())
    return piv.judge_reset(done(port, script))


def done(port: RealPort, script: Script) -> Report:
    return run(script, port, Fill(pin=NEW_PIN, digest=DIGEST), Insertion())
