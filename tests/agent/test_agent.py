"""The agent as a person runs it: a process in a terminal, a real reader, a gateway at the end of a wire."""

import asyncio
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from smartcard_unlock.card_gateway.v1 import agents_pb2 as pb

from deploy.local.agent_window import AgentWindow
from deploy.local.keys import Keys
from deploy.local.pcsc import READERS, OwnPcscd
from deploy.local.virtual_card import Eeprom
from services.agent.journal import NOT_WRITTEN
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.script import End, Report
from services.runtime.words import matching_words
from tests.agent.cards import NEW_PIN, OLD_PIN, new_card, proof_of, reset_of
from tests.agent.gateway import PAGE, ScriptedGateway
from tests.fixtures.small_disk import small_disk

pytestmark = pytest.mark.pcsc
QUESTION = pb.Question(last_four="1234", reason="LOCKED")
ATTEMPT = "0198c0de-0000-7000-8000-000000000001"


@pytest.fixture
def environment(pcsc: OwnPcscd, keys: Keys, gateway: ScriptedGateway, tmp_path: Path) -> dict[str, str]:
    return {
        **pcsc.environment,
        "CARD_GATEWAY_ADDRESS": gateway.address,
        "TLS_CA_FILE": str(keys.ca),
        "GATEWAY_NAME": "test",
        "AGENT_STATE_DIR": str(tmp_path / "state"),
        "AGENT_STATUS_FILE": str(tmp_path / "status.json"),
        "LOG_LEVEL": "DEBUG",
    }


@pytest.fixture
async def window(environment: dict[str, str], tmp_path: Path) -> AsyncIterator[AgentWindow]:
    window = AgentWindow(environment, tmp_path / "agent.log")
    window.start()
    yield window
    await asyncio.to_thread(window.stop)


@pytest.fixture
def card(pcsc: OwnPcscd) -> str:
    name = new_card(pcsc)
    pcsc.insert(name)
    return name


async def says(window: AgentWindow, what: str, seconds: float = 60, after: int = 0) -> int:
    return await asyncio.to_thread(lambda: window.wait_for(what, seconds, after=after))


async def status_becomes(tmp_path: Path, field: str, value: object) -> dict[str, object]:
    async with asyncio.timeout(60):
        while True:
            try:
                status: dict[str, object] = json.loads((tmp_path / "status.json").read_text())
            except FileNotFoundError:
                status = {}
            if status.get(field) == value:
                return status
            await asyncio.sleep(0.05)


async def read(gateway: ScriptedGateway) -> Report:
    await gateway.until(lambda: any(_has_card(poll.readers) for poll in gateway.polled))
    return await gateway.report_of(await gateway.give(piv.read_script()))


async def proven(gateway: ScriptedGateway, window: AgentWindow, typed: str) -> Report:
    """Read, ask, prove, and let the reset follow at once; return the reset's report."""
    before = await read(gateway)
    prove = await gateway.give(proof_of(before), question=QUESTION)
    sealed = gateway.sealed(NEW_PIN, ATTEMPT)
    reset = await gateway.give(reset_of(before), after=prove, sealed_pin=sealed, pin_attempt_id=ATTEMPT)
    await says(window, "Type yes: ")
    window.type(typed)
    assert (await gateway.report_of(prove)).end is End.COMPLETED
    return await gateway.report_of(reset)


def _has_card(readers: pb.ReaderFacts) -> bool:
    return any(reader.presence == pb.CARD_PRESENCE_PRESENT for reader in readers.readers)


async def test_it_offers_the_page_the_code_and_the_words_of_its_own_key(
    gateway: ScriptedGateway, window: AgentWindow
) -> None:
    await says(window, "ABCD-EFGH")

    words = matching_words(gateway.session_id, gateway.attached[gateway.session_id].agent_public_key)
    assert PAGE + gateway.session_id in window.text
    await says(window, " ".join(words))


async def test_S13_the_status_file_is_for_its_owner_alone(
    gateway: ScriptedGateway, window: AgentWindow, tmp_path: Path
) -> None:
    status = await status_becomes(tmp_path, "state", "OFFERED")

    assert status["page_address"] == PAGE + gateway.session_id
    assert status["pairing_code"] == "ABCD-EFGH"
    assert stat.S_IMODE((tmp_path / "status.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "state" / "session.jsonl").stat().st_mode) == 0o600

    gateway.claimed.add(gateway.session_id)
    claimed = await status_becomes(tmp_path, "state", "CLAIMED")
    assert claimed["page_address"] == ""


async def test_R45_it_tells_the_gateway_of_a_card_as_soon_as_it_is_in(
    pcsc: OwnPcscd, gateway: ScriptedGateway, window: AgentWindow
) -> None:
    await gateway.until(lambda: bool(gateway.polled))
    pcsc.insert(new_card(pcsc))

    await gateway.until(lambda: _has_card(gateway.polled[-1].readers))
    await says(window, f"There is a card in {READERS[0]}")


async def test_a_card_with_one_try_left_is_warned_of_once_and_keeps_it(
    pcsc: OwnPcscd, gateway: ScriptedGateway, window: AgentWindow, tmp_path: Path
) -> None:
    name = new_card(pcsc, blocked=False, pin_tries=1)
    await says(window, "ABCD-EFGH")
    pcsc.insert(name)
    warned = await says(window, "[CARD_LAST_TRY]")
    await says(window, f"The page: {PAGE}{gateway.session_id}", after=warned)
    await status_becomes(tmp_path, "warning", "CARD_LAST_TRY")
    pcsc.remove()
    await status_becomes(tmp_path, "warning", "")

    assert pcsc.card("counters", card=name)["wrong_pin_tries"] == 0
    assert Eeprom.load(pcsc.cards / f"{name}.card").pin_left == 1
    assert window.text.count("[CARD_LAST_TRY]") == 1


async def test_R53_the_person_says_yes_and_the_card_takes_the_passcode(
    pcsc: OwnPcscd, card: str, gateway: ScriptedGateway, window: AgentWindow
) -> None:
    reset = await proven(gateway, window, "yes")

    assert reset.end is End.COMPLETED
    assert reset.sw("unblock") == 0x9000
    assert verifies(pcsc, NEW_PIN)
    assert not verifies(pcsc, OLD_PIN)

    gateway.ended[gateway.session_id] = pb.SessionEnded(outcome="SUCCESS")
    ended = await says(window, "Done: the card works")
    await says(window, f"Open this address (good for two minutes): {PAGE}", after=ended)


async def test_I12_no_log_and_no_file_of_the_agent_ever_holds_the_passcode_or_the_puk(
    pcsc: OwnPcscd, card: str, gateway: ScriptedGateway, window: AgentWindow, tmp_path: Path
) -> None:
    await proven(gateway, window, "yes")
    window.kill()

    written = window.text.encode() + everything_in(tmp_path)
    for secret in (NEW_PIN, "13572468", "40718293"):
        assert secret.encode() not in written
        assert secret.encode().hex().encode() not in written
    assert b"step_ended" in written  # we looked where it writes


@pytest.mark.parametrize("typed", ["no", "", "y", "yes please"])
async def test_S35_anything_but_yes_changes_nothing(
    pcsc: OwnPcscd, card: str, gateway: ScriptedGateway, window: AgentWindow, typed: str
) -> None:
    before = await read(gateway)
    prove = await gateway.give(proof_of(before), question=QUESTION)
    await says(window, "Type yes: ")
    apdus = pcsc.card("counters", card=card)["apdus"]
    window.type(typed)

    report = await gateway.report_of(prove)

    assert report == Report((), End.DECLINED)
    assert pcsc.card("counters", card=card)["apdus"] == apdus


async def test_no_answer_in_time_is_a_no(card: str, gateway: ScriptedGateway, window: AgentWindow) -> None:
    before = await read(gateway)
    prove = await gateway.give(proof_of(before), seconds=3, question=QUESTION)

    assert (await gateway.report_of(prove)).end is End.DECLINED


async def test_what_was_typed_before_the_question_answers_nothing(
    card: str, gateway: ScriptedGateway, window: AgentWindow
) -> None:
    before = await read(gateway)
    window.type("yes")
    prove = await gateway.give(proof_of(before), seconds=4, question=QUESTION)

    assert (await gateway.report_of(prove)).end is End.DECLINED


async def test_without_a_terminal_the_answer_is_no(
    card: str, gateway: ScriptedGateway, environment: dict[str, str], tmp_path: Path
) -> None:
    agent = without_terminal(environment, tmp_path / "agent.log")
    assert agent.stdin is not None
    agent.stdin.write(b"yes\nyes\n")
    agent.stdin.flush()
    try:
        before = await read(gateway)
        prove = await gateway.give(proof_of(before), question=QUESTION)
        assert (await gateway.report_of(prove)).end is End.DECLINED
    finally:
        agent.terminate()
        assert await asyncio.to_thread(agent.wait, 60) == 0
        agent.stdin.close()


async def test_S35_a_reset_without_the_persons_yes_is_not_run(
    pcsc: OwnPcscd, card: str, gateway: ScriptedGateway, window: AgentWindow
) -> None:
    before = await read(gateway)
    sealed = gateway.sealed(NEW_PIN, ATTEMPT)
    prove = await gateway.give(proof_of(before))  # no question
    assert (await gateway.report_of(prove)).end is End.REFUSED
    reset = await gateway.give(reset_of(before), sealed_pin=sealed, pin_attempt_id=ATTEMPT)

    assert await gateway.report_of(reset) == Report((), End.NOT_RUN, rule="PROVE_AGAIN")
    assert pcsc.card("counters", card=card)["log"] == []


async def test_a_card_taken_out_after_the_proof_must_prove_again(
    pcsc: OwnPcscd, card: str, gateway: ScriptedGateway, window: AgentWindow
) -> None:
    before = await read(gateway)
    prove = await gateway.give(proof_of(before), question=QUESTION)
    await says(window, "Type yes: ")
    window.type("yes")
    await gateway.report_of(prove)
    pcsc.remove()
    pcsc.insert(card)
    sealed = gateway.sealed(NEW_PIN, ATTEMPT)
    reset = await gateway.give(reset_of(before), sealed_pin=sealed, pin_attempt_id=ATTEMPT)

    assert await gateway.report_of(reset) == Report((), End.NOT_RUN, rule="PROVE_AGAIN")


async def test_a_weak_passcode_is_refused_by_the_agent_too(
    pcsc: OwnPcscd, card: str, gateway: ScriptedGateway, window: AgentWindow
) -> None:
    before = await read(gateway)
    prove = await gateway.give(proof_of(before), question=QUESTION)
    weak = gateway.sealed("123456", ATTEMPT)
    reset = await gateway.give(reset_of(before), after=prove, sealed_pin=weak, pin_attempt_id=ATTEMPT)
    await says(window, "Type yes: ")
    window.type("yes")

    report = await gateway.report_of(reset)

    assert (report.end, report.answers) == (End.PIN_REFUSED, ())
    assert pcsc.card("counters", card=card)["log"] == []


async def test_F15_a_killed_agent_goes_on_with_its_session_and_says_how_far_it_came(
    pcsc: OwnPcscd, card: str, gateway: ScriptedGateway, window: AgentWindow, tmp_path: Path
) -> None:
    before = await read(gateway)
    prove = await gateway.give(proof_of(before), question=QUESTION)
    sealed = gateway.sealed(NEW_PIN, ATTEMPT)
    reset = await gateway.give(reset_of(before), after=prove, sealed_pin=sealed, pin_attempt_id=ATTEMPT)
    pcsc.card("fault", card=card, fault="hang", at=5, value=2)  # select, chuid, sign; select, chuid, unblock
    await says(window, "Type yes: ")
    window.type("yes")
    await written(tmp_path / "state" / "session.jsonl", '"send": "unblock"')
    window.kill()
    window.start()

    report = await gateway.report_of(reset)

    assert (report.end, report.in_flight) == (End.INTERRUPTED, "unblock")
    assert [answer.sw for answer in report.answers] == [0x9000, 0x9000]


async def test_F29_a_stopped_agent_ends_its_script_and_reports_it(
    pcsc: OwnPcscd, card: str, gateway: ScriptedGateway, window: AgentWindow
) -> None:
    before = await read(gateway)
    prove = await gateway.give(proof_of(before), question=QUESTION)
    sealed = gateway.sealed(NEW_PIN, ATTEMPT)
    reset = await gateway.give(reset_of(before), after=prove, sealed_pin=sealed, pin_attempt_id=ATTEMPT)
    pcsc.card("fault", card=card, fault="hang", at=5, value=1)
    await says(window, "Type yes: ")
    window.type("yes")
    await says(window, "Setting the new passcode")

    assert await asyncio.to_thread(window.stop) == 0
    assert (await gateway.report_of(reset)).end is End.COMPLETED


async def test_S37_the_agent_leaves_no_core_file(gateway: ScriptedGateway, window: AgentWindow) -> None:
    await gateway.until(lambda: bool(gateway.polled))

    limits = text_of(Path(f"/proc/{window.pid}/limits"))

    assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)


async def test_a_gateway_that_comes_back_finds_the_same_session(
    card: str, gateway: ScriptedGateway, window: AgentWindow
) -> None:
    await read(gateway)
    port = int(gateway.address.rpartition(":")[2])
    await gateway.stop()
    await says(window, "GATEWAY_AWAY")
    await gateway.start(port)

    again = await gateway.report_of(await gateway.give(piv.read_script()))

    assert again.end is End.COMPLETED


async def test_a_session_that_the_gateway_forgot_is_followed_by_a_new_one(
    gateway: ScriptedGateway, window: AgentWindow
) -> None:
    await gateway.until(lambda: bool(gateway.polled))
    gateway.lost.add(gateway.session_id)

    await gateway.until(lambda: len(gateway.attached) == 2)


async def test_an_agent_that_is_not_let_in_yet_tries_again(
    gateway: ScriptedGateway, environment: dict[str, str], tmp_path: Path
) -> None:
    gateway.refused_attaches = 1
    window = AgentWindow(environment, tmp_path / "agent.log")
    window.start()
    try:
        await says(window, "GATEWAY_AWAY")
        await says(window, "ABCD-EFGH")
    finally:
        await asyncio.to_thread(window.stop)


async def test_a_page_that_begins_anew_takes_over_a_session_that_stands_still(
    gateway: ScriptedGateway, window: AgentWindow, tmp_path: Path
) -> None:
    await gateway.until(lambda: bool(gateway.polled))
    gateway.claimed.add(gateway.session_id)
    await gateway.until(lambda: len(gateway.attached) == 2)
    spare = list(gateway.attached)[1]
    gateway.claimed.add(spare)

    status = await status_becomes(tmp_path, "session_id", spare)

    words = matching_words(spare, gateway.attached[spare].agent_public_key)
    assert status["words"] == list(words)
    await says(window, "A page began anew. It must show these words: " + " ".join(words))
    await gateway.until(lambda: len(gateway.attached) == 3)  # and the next is on offer


async def test_F15_a_page_that_claimed_an_offer_while_the_agent_was_dead_goes_on(
    card: str, gateway: ScriptedGateway, window: AgentWindow, tmp_path: Path
) -> None:
    spare = await on_offer_beside(gateway, tmp_path)
    window.kill()
    gateway.claimed.add(spare)
    window.start()

    await status_becomes(tmp_path, "session_id", spare)
    gateway.session_id = spare  # gives it the steps from now on
    assert (await read(gateway)).end is End.COMPLETED
    await gateway.until(lambda: len(gateway.attached) == 3)


async def test_F15_an_offer_that_nobody_claimed_while_the_agent_was_dead_is_shown_again(
    gateway: ScriptedGateway, window: AgentWindow, tmp_path: Path
) -> None:
    spare = await on_offer_beside(gateway, tmp_path)
    window.kill()
    before = len(window.text)
    window.start()

    await says(window, f"To begin again from the start: {PAGE}{spare}", after=before)
    assert len(gateway.attached) == 2


async def on_offer_beside(gateway: ScriptedGateway, tmp_path: Path) -> str:
    """Let a page claim the first session; return the one that is shown beside it then."""
    await gateway.until(lambda: bool(gateway.polled))
    gateway.claimed.add(gateway.session_id)
    await gateway.until(lambda: len(gateway.attached) == 2)
    spare = list(gateway.attached)[1]
    await written(tmp_path / "status.json", PAGE + spare)
    return spare


async def test_F12_with_a_full_disk_no_address_is_shown_and_with_room_again_it_is(
    gateway: ScriptedGateway, environment: dict[str, str], tmp_path: Path
) -> None:
    with small_disk(1) as disk:
        disk.fill()
        state = {"AGENT_STATE_DIR": str(disk.folder / "state")}
        window = AgentWindow(environment | state, tmp_path / "agent.log")
        window.start()
        try:
            await says(window, f"[{NOT_WRITTEN}]")
            assert PAGE not in window.text
            disk.free()
            await says(window, PAGE + gateway.session_id)
        finally:
            await asyncio.to_thread(window.stop)
    assert len(gateway.attached) == 1


async def test_a_restarted_reader_service_needs_no_restart_of_the_agent(
    pcsc: OwnPcscd, card: str, gateway: ScriptedGateway, window: AgentWindow
) -> None:
    await read(gateway)
    pcsc.kill_service()
    await says(window, "PR20002")
    pcsc.start_service()
    after = len(gateway.polled)
    await gateway.until(lambda: any(_has_card(poll.readers) for poll in gateway.polled[after:]))

    again = await gateway.report_of(await gateway.give(piv.read_script()))

    assert again.end is End.COMPLETED


async def test_two_cards_are_not_read(
    pcsc: OwnPcscd, card: str, gateway: ScriptedGateway, window: AgentWindow
) -> None:
    pcsc.insert(new_card(pcsc), slot=1)
    await says(window, "[TWO_CARDS]")

    report = await gateway.report_of(await gateway.give(piv.read_script()))

    assert report == Report((), End.NOT_RUN, rule="TWO_CARDS")


async def test_a_second_agent_on_the_same_state_says_so(
    gateway: ScriptedGateway, window: AgentWindow, environment: dict[str, str]
) -> None:
    await gateway.until(lambda: bool(gateway.polled))
    second = await asyncio.to_thread(run_agent, ["run"], environment)

    assert (second.returncode, second.stderr) == (3, "the agent is already running\n")


@pytest.mark.parametrize(
    "link", ["smartcard-unlock:a", "smartcard-unlock:A B", "http://example.org", "smartcard-unlock:A\n"]
)
def test_S38_the_link_takes_a_short_code_and_nothing_else(link: str) -> None:
    refused = run_agent(["run", link], {})

    assert refused.returncode == 2


def without_terminal(environment: dict[str, str], log_path: Path) -> "subprocess.Popen[bytes]":
    with log_path.open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "services.agent", "run"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={**os.environ, **environment},
            start_new_session=True,
        )


async def written(path: Path, what: str) -> None:
    async with asyncio.timeout(60):
        while not stands_in(path, what):
            await asyncio.sleep(0.02)


def stands_in(path: Path, what: str) -> bool:
    return what in text_of(path)


def text_of(path: Path) -> str:
    return path.read_text()


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def run_agent(arguments: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "services.agent", *arguments]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False
    )


def verifies(pcsc: OwnPcscd, pin: str) -> bool:
    """Judged by a program of others, through PC/SC."""
    command = ["yubico-piv-tool", "--reader", READERS[0], "--action", "verify-pin", "--pin", pin]
    done = subprocess.run(
        command,
        env={**os.environ, **pcsc.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "Successfully verified" in done.stdout + done.stderr
