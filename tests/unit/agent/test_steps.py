"""A step from its arrival to its report, and what a bad gateway cannot have."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from services.agent.backoff import Backoff
from services.agent.facts import NO_SERVICE, Facts
from services.agent.journal import Journal
from services.agent.pcsc_codes import RESET_CARD, SHARING_VIOLATION
from services.agent.ports import Order, PcscError, Question
from services.agent.steps import ANSWER_SECONDS, KEEP_SECONDS, Steps
from services.agent.watch import Watch
from services.card_gateway import admin_key
from services.card_gateway.card.apdu import Command
from services.card_gateway.card.facts import CardFacts, Challenged, Proof
from services.card_gateway.card.profiles import gids, piv
from services.card_gateway.card.profiles.piv import changing
from services.card_gateway.card.proof import Purpose, card_challenge, challenge_digest
from services.card_gateway.card.script import End, Kind, Report, Script
from services.card_gateway.proofs import public_key_of, verify
from services.runtime.hpke import current_pin_info, pin_info, seal
from tests.unit.agent.world import (
    NEW_PIN,
    ONE_CARD,
    PIN,
    PUK,
    SESSION,
    FakeService,
    FakeWindow,
    service_with_card,
    service_with_gids_card,
)

QUESTION = Question("12AB", "LOCKED")
ATTEMPT = "attempt-1"
NONCE = bytes(range(32))


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Desk:
    """One agent's parts around one card."""

    def __init__(
        self,
        folder: Path,
        service: FakeService,
        *,
        says_yes: bool = True,
        facts: Facts = ONE_CARD,
        only_typed_here: bool = False,
    ) -> None:
        self.service, self.clock, self.window = service, Clock(), FakeWindow(says_yes=says_yes)
        self.watch = Watch(service, Backoff(1, 1, lambda: 0.5))
        self.watch.facts = facts
        journal = Journal(folder)
        journal.begin_session(SESSION)
        name = "gateway.example.org"
        self.steps = Steps(
            service, self.watch, self.window, journal, name, self.clock, only_typed_here=only_typed_here
        )

    async def run(self, script: Script, **more: object) -> Report:
        order = Order("step", script, NONCE, self.clock() + 60)
        return await self.steps.run(SESSION, replace(order, **more))  # type: ignore[arg-type]

    async def prove(self, **more: object) -> Report:
        read = await self.run(piv.read_script())
        self.facts = piv.parse_read(read)
        assert isinstance(self.facts, CardFacts)
        assert self.facts.algorithm is not None
        script = piv.prove_script(self.facts.chuid_hash, self.facts.algorithm)
        return await self.run(script, **{"question": QUESTION, **more})

    async def reset(self, pin: str = NEW_PIN, **more: object) -> Report:
        assert isinstance(self.facts, CardFacts)
        sealed = seal(SESSION.public_key, pin.encode(), pin_info(SESSION.session_id, ATTEMPT))
        script = piv.reset_script(self.facts.chuid_hash, PUK.encode(), b"40718293")
        return await self.run(script, **{"sealed_pin": sealed, "pin_attempt_id": ATTEMPT, **more})

    async def change(self, current: str = PIN, **more: object) -> Report:
        assert isinstance(self.facts, CardFacts)
        context = (SESSION.session_id, ATTEMPT)
        sealed = {
            "sealed_pin": seal(SESSION.public_key, NEW_PIN.encode(), pin_info(*context)),
            "sealed_current_pin": seal(SESSION.public_key, current.encode(), current_pin_info(*context)),
        }
        script = changing.change_script(self.facts.chuid_hash, last_try=True)
        return await self.run(script, **{"pin_attempt_id": ATTEMPT, **sealed, **more})

    @property
    def card_saw(self) -> list[str]:
        return self.service.card.log


async def test_R53_read_ask_prove_reset_unlocks_the_card(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card())

    assert (await desk.prove()).end is End.COMPLETED
    report = await desk.reset()

    assert (report.end, report.sw("unblock"), report.sw("rotate")) == (End.COMPLETED, 0x9000, 0x9000)
    assert desk.window.asked == [("12AB", 60.0)]


async def test_S35_the_agent_itself_builds_what_the_card_signs(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card())

    proof = piv.parse_proof(await desk.prove())

    digest = challenge_digest(
        Purpose.RESET, "gateway.example.org", SESSION.session_id, NONCE, SESSION.public_key
    )
    assert isinstance(proof, Proof)
    assert isinstance(desk.facts, CardFacts)
    assert desk.facts.cert_9e_der is not None
    assert verify(public_key_of(desk.facts.cert_9e_der), proof.algorithm, digest, proof.signature)


async def test_S35_a_script_off_the_list_never_reaches_the_card(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card())
    select, *rest = piv.read_script().steps
    put_data = replace(select, name="put", command=Command(0x00, 0xDB, 0x3F, 0xFF, b"\x5c\x03\x5f\xc1\x05"))

    report = await desk.run(replace(piv.read_script(), steps=(select, put_data, *rest)))

    assert (report.end, report.answers) == (End.REFUSED, ())
    assert desk.card_saw == []


async def test_S35_a_no_reaches_the_gateway_and_not_the_card(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card(), says_yes=False)
    proof = await desk.prove()
    seen = list(desk.card_saw)

    assert proof == Report((), End.DECLINED)
    assert await desk.reset() == Report((), End.NOT_RUN, rule="PROVE_AGAIN")
    assert desk.card_saw == seen


async def test_S35_a_proof_without_a_question_is_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card())
    await desk.prove()
    assert isinstance(desk.facts, CardFacts)
    assert desk.facts.algorithm is not None

    report = await desk.run(piv.prove_script(desk.facts.chuid_hash, desk.facts.algorithm))

    assert report == Report((), End.REFUSED, rule="NO_QUESTION")


async def test_one_yes_is_good_for_one_reset(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card())
    await desk.prove()
    await desk.reset()

    assert await desk.reset() == Report((), End.NOT_RUN, rule="PROVE_AGAIN")


async def test_a_reset_ten_seconds_after_the_proof_is_too_late(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card())
    await desk.prove()
    desk.clock.seconds += KEEP_SECONDS

    assert await desk.reset() == Report((), End.NOT_RUN, rule="PROVE_AGAIN")


async def test_a_step_past_its_time_is_not_begun_even_without_its_commands(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card())

    report = await desk.run(replace(piv.read_script(), steps=()), begin_by=desk.clock())

    assert report == Report((), End.NOT_RUN, rule="TOO_LATE")


async def test_a_card_that_another_program_reset_after_the_proof_is_proven_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card())
    await desk.prove()
    desk.service.card.begins.append(PcscError(RESET_CARD))

    assert await desk.reset() == Report((), End.NOT_RUN, rule="PROVE_AGAIN")


async def test_a_read_cut_short_by_another_programs_reset_is_begun_anew(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card())
    desk.service.card.answers.extend([b"\x90\x00", PcscError(RESET_CARD)])

    assert (await desk.run(piv.read_script())).end is End.COMPLETED


async def test_a_program_that_resets_for_ever_is_told_as_such(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card())
    desk.service.card.answers.extend([PcscError(RESET_CARD)] * 20)

    report = await desk.run(piv.read_script())

    assert (report.end, report.rule) == (End.CARD_GONE, "RESET_BY_OTHER")


@pytest.mark.parametrize("facts", [NO_SERVICE, Facts(service_up=True)])
async def test_without_the_one_card_nothing_is_run(tmp_path: Path, facts: Facts) -> None:
    desk = Desk(tmp_path, service_with_card(), facts=facts)

    report = await desk.run(piv.read_script())

    assert report == Report((), End.NOT_RUN, rule=facts.state.value)


async def test_a_busy_card_is_named(tmp_path: Path) -> None:
    service = service_with_card()
    service.refusals = [SHARING_VIOLATION] * 100
    desk = Desk(tmp_path, service)

    assert await desk.run(piv.read_script()) == Report((), End.READER_BUSY, rule="READER_BUSY")


@pytest.mark.parametrize(
    ("pin", "rule"), [("123456", "PIN_SEQUENCE"), ("12345", "PIN_LENGTH"), ("58a920", "PIN_NOT_DIGITS")]
)
async def test_S51_a_weak_passcode_stops_in_the_agent(tmp_path: Path, pin: str, rule: str) -> None:
    desk = Desk(tmp_path, service_with_card())
    await desk.prove()

    report = await desk.reset(pin)

    assert report == Report((), End.PIN_REFUSED, rule=rule)


async def test_S41_a_passcode_sealed_for_another_attempt_does_not_open(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card())
    await desk.prove()

    report = await desk.reset(pin_attempt_id="attempt-2")

    assert report == Report((), End.PIN_REFUSED, rule="PIN_NOT_OPENED")


class GidsDesk(Desk):
    """The same agent before a minidriver card."""

    async def challenge(self) -> None:
        eeprom = self.service.card.card.card.eeprom  # type: ignore[union-attr]
        self.card_id_hash = hashlib.sha256(b"\xdf\x20\x10" + eeprom.guid).digest()
        report = await self.run(gids.prove_script(self.card_id_hash, None), question=QUESTION)
        found = gids.parse_proof(report)
        assert isinstance(found, Challenged)
        ours = challenge_digest(
            Purpose.RESET, "gateway.example.org", SESSION.session_id, NONCE, SESSION.public_key
        )
        plain = gids.plain_answer(card_challenge(ours) + found.challenge, bytes(7))
        self.answer = admin_key.encipher(eeprom.admin_key, plain)

    async def respond(self) -> Report:
        sealed = seal(SESSION.public_key, NEW_PIN.encode(), pin_info(SESSION.session_id, ATTEMPT))
        script = gids.answer_script(self.card_id_hash, self.answer)
        return await self.run(script, sealed_pin=sealed, pin_attempt_id=ATTEMPT)


async def test_R53_a_card_that_waits_for_an_answer_is_not_let_go_of(tmp_path: Path) -> None:
    desk = GidsDesk(tmp_path, service_with_gids_card())
    await desk.challenge()
    held = list(desk.card_saw)
    report = await desk.respond()

    assert (report.end, report.sw("answer"), report.sw("set-pin")) == (End.COMPLETED, 0x9000, 0x9000)
    assert held.count("begin") == 1
    assert "leave" not in desk.card_saw
    assert desk.card_saw.count("begin") == 1
    assert desk.card_saw[-2:] == ["reset", "disconnect"]


async def test_an_answer_that_does_not_come_in_three_seconds_gives_the_card_back(tmp_path: Path) -> None:
    desk = GidsDesk(tmp_path, service_with_gids_card())
    await desk.challenge()
    desk.clock.seconds += ANSWER_SECONDS

    assert await desk.respond() == Report((), End.NOT_RUN, rule="PROVE_AGAIN")


async def test_S35_nobody_else_chooses_what_a_minidriver_card_answers(tmp_path: Path) -> None:
    desk = GidsDesk(tmp_path, service_with_gids_card())
    await desk.challenge()
    _, _, _, challenge = gids.prove_script(desk.card_id_hash, None).steps
    chosen = replace(challenge, slot=None, slot_offset=0)
    seen = list(desk.card_saw)
    report = await desk.run(Script(Kind.PROVE, (chosen,)), question=QUESTION)

    assert (report.end, report.rule) == (End.REFUSED, "COMMAND_NOT_ALLOWED")
    assert desk.card_saw == seen


def pin_tries_left(desk: Desk, left: int | None = None) -> int:
    """The tries of the card's PIN, set before they are told where `left` is given."""
    assert desk.service.card.card is not None
    eeprom = desk.service.card.card.card.eeprom
    eeprom.pin_left = eeprom.pin_left if left is None else left
    return eeprom.pin_left


async def test_R2_read_ask_prove_change_sets_the_passcode_by_the_current_one(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card(blocked=False))
    assert (await desk.prove()).end is End.COMPLETED
    report = await desk.change()

    assert (report.end, report.sw("change")) == (End.COMPLETED, 0x9000)
    assert desk.card_saw[-2:] == ["reset", "disconnect"]


async def test_S35_the_last_try_needs_a_yes_that_was_asked_as_one(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card(blocked=False))
    pin_tries_left(desk, 1)
    await desk.prove()
    report = await desk.change("260417")

    assert (report.end, report.rule, pin_tries_left(desk)) == (End.STOPPED, "LAST_TRY", 1)

    assert isinstance(desk.facts, CardFacts)
    assert desk.facts.algorithm is not None
    script = piv.prove_script(desk.facts.chuid_hash, desk.facts.algorithm)
    await desk.run(script, question=Question("12AB", "CHANGE", last_try=True))
    assert (await desk.change("260417")).sw("change") == 0x63C0
    assert pin_tries_left(desk) == 0


async def test_S35_a_change_without_a_proof_on_the_same_handle_is_not_begun(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card(blocked=False))
    await desk.prove()
    await desk.change()

    assert await desk.change() == Report((), End.NOT_RUN, rule="PROVE_AGAIN")


async def test_S35_two_seals_that_were_swapped_open_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card(blocked=False))
    await desk.prove()
    context = (SESSION.session_id, ATTEMPT)
    as_new = seal(SESSION.public_key, PIN.encode(), pin_info(*context))
    as_current = seal(SESSION.public_key, NEW_PIN.encode(), current_pin_info(*context))
    report = await desk.change(sealed_pin=as_current, sealed_current_pin=as_new)

    assert report == Report((), End.PIN_REFUSED, rule="PIN_NOT_OPENED")
