"""PROVE_HOLDER at the agent: asked by its own word, verified once, signed once, and no way to a reset."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.agent import messages
from services.agent.ports import Question, Typed
from services.card_gateway.card.facts import CardFacts
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.profiles.piv import signing_in
from services.card_gateway.card.proof import Algorithm, Purpose, challenge_digest
from services.card_gateway.card.script import End, Report
from services.card_gateway.proofs import public_key_of, verify
from services.runtime.hpke import current_pin_info, seal, sign_in_pin_info
from tests.unit.agent.test_steps import ATTEMPT, NONCE, QUESTION, Desk
from tests.unit.agent.world import PIN, SESSION, service_with_card

CONTEXT = (SESSION.session_id, ATTEMPT)


class SignIn(Desk):
    """A desk at which somebody signs in."""

    async def sign_in(self, pin: str = PIN, info: bytes = sign_in_pin_info(*CONTEXT), **more: Any) -> Report:
        self.facts = piv.parse_read(await self.run(piv.read_script()))
        assert isinstance(self.facts, CardFacts)
        script = signing_in.prove_holder_script(self.facts.chuid_hash, Algorithm.P256, last_try=True)
        sealed = {"sealed_current_pin": seal(SESSION.public_key, pin.encode(), info)}
        asked = {"question": replace(QUESTION, reason="SIGN_IN"), "pin_attempt_id": ATTEMPT}
        return await self.run(script, **(asked | sealed | more))


def desk(folder: Path, **more: Any) -> SignIn:
    return SignIn(folder, service_with_card(blocked=False), **more)


async def test_R31_a_yes_has_the_card_sign_what_the_agent_built_and_is_asked_once(tmp_path: Path) -> None:
    at = desk(tmp_path)
    report = await at.sign_in()
    signature = signing_in.judge_holder(report).signature
    digest = challenge_digest(
        Purpose.SIGN_IN, "gateway.example.org", SESSION.session_id, NONCE, SESSION.public_key
    )

    assert report.end is End.COMPLETED
    assert at.window.asked == [("12AB", 60.0)]
    assert isinstance(at.facts, CardFacts)
    assert at.facts.cert_9a_der is not None
    assert signature is not None
    assert verify(public_key_of(at.facts.cert_9a_der), Algorithm.P256, digest, signature)
    assert await at.reset() == Report((), End.NOT_RUN, rule="PROVE_AGAIN")  # no handle was left open


async def test_S35_a_no_or_no_question_spends_nothing(tmp_path: Path) -> None:
    at = desk(tmp_path, says_yes=False)
    assert await at.sign_in() == Report((), End.DECLINED)
    assert await at.sign_in(question=None) == Report((), End.REFUSED, rule="NO_QUESTION")

    assert at.service.card.card is not None
    assert at.service.card.card.card.eeprom.pin_left == at.service.card.card.card.eeprom.parameters.pin_tries


async def test_S37_the_question_says_sign_in_whatever_the_gateway_calls_it(tmp_path: Path) -> None:
    at, words = desk(tmp_path), ("amber", "kettle", "orbit")
    seen: list[Question] = []

    async def confirm(question: Question, *_: object) -> bool:
        seen.append(question)
        return False

    at.window.confirm = confirm  # type: ignore[method-assign, assignment]
    await at.sign_in(question=replace(QUESTION, reason="LOCKED", signs_in=False))
    await at.prove(question=replace(QUESTION, reason="SIGN_IN", signs_in=True))

    asked = [messages.question(question, words) for question in seen]
    assert [text.partition(" card")[0] for text in asked] == ["Sign in with", "New passcode for"]


async def test_S35_a_passcode_sealed_for_a_change_signs_nobody_in(tmp_path: Path) -> None:
    report = await desk(tmp_path).sign_in(info=current_pin_info(*CONTEXT))

    assert (report.end, report.rule) == (End.PIN_REFUSED, "PIN_NOT_OPENED")


@pytest.mark.parametrize("here", [True, False])
async def test_S35_a_passcode_typed_here_is_replaced_by_no_sealed_one(tmp_path: Path, here: bool) -> None:
    at = desk(tmp_path, only_typed_here=here)
    at.window.types = Typed("", PIN)
    question = replace(QUESTION, reason="SIGN_IN", pin_at_agent=True)
    assert (await at.sign_in(pin="0000", question=question)).rule == "SEALED_PIN_REFUSED"

    report = await at.sign_in(question=question, sealed_current_pin=b"")
    assert (report.end, report.sw("verify")) == (End.COMPLETED, 0x9000)


async def test_S35_where_passcodes_are_typed_here_only_a_sealed_one_is_refused_unasked(
    tmp_path: Path,
) -> None:
    at = desk(tmp_path, only_typed_here=True)

    assert (await at.sign_in()).rule == "SEALED_PIN_REFUSED"
    assert at.window.asked == []
