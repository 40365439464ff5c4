"""Passcodes typed at the agent: in its window on a real X server, and on a real terminal to a real card."""

import asyncio
import itertools
import termios
from collections.abc import AsyncIterator
from pathlib import Path
from tkinter import ttk

import pytest
from smartcard_unlock.card_gateway.v1 import agents_pb2 as pb

from deploy.local.agent_window import AgentWindow
from deploy.local.keys import Keys
from deploy.local.pcsc import OwnPcscd
from services.agent.facts import NO_SERVICE
from services.agent.pin_form import MASK
from services.agent.ports import Typed
from services.agent.terminal import AGAIN, CURRENT, NEW
from services.card_gateway.card.facts import CardFacts
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.profiles.piv import changing
from services.card_gateway.card.script import End, Report
from tests.agent.cards import NEW_PIN, OLD_PIN, new_card, proof_of, reset_of
from tests.agent.gateway import ScriptedGateway
from tests.agent.shown import NO, SET, WORDS, Shown, overlap, to_type
from tests.agent.test_agent import everything_in, read, says, verifies
from tests.unit.agent.world import PAIRING

TYPE_HERE = pb.Question(last_four="1234", reason="LOCKED", pin_at_agent=True)
CHANGE_HERE = pb.Question(last_four="1234", reason="CHANGE", pin_at_agent=True)


async def test_R51_both_are_typed_masked_and_come_out_together(shown: Shown) -> None:
    asking = await shown.asked_to_type()
    form = shown.window._pins
    assert "…1234? Words: gecko ocean roof." in shown.text
    assert not form.current.winfo_viewable()

    shown.type(NEW_PIN)
    assert (form.new.get(), form.new.cget("show")) == (NEW_PIN, MASK)
    shown.press("<Tab>")
    shown.type(NEW_PIN)
    await shown.click(shown.button(SET))

    assert await asking == Typed(NEW_PIN)
    assert [field.get() for field in (form.current, form.new, form.again)] == ["", "", ""]


async def test_R51_a_weak_one_is_refused_in_words_and_typed_again(shown: Shown) -> None:
    asking = await shown.asked_to_type()
    shown.type("123456")
    shown.press("<Return>")
    await shown.settled()
    assert "does not count up or down" in shown.text
    assert shown.window.root.focus_get() is shown.window._pins.new

    shown.type(NEW_PIN)
    shown.press("<Tab>")
    shown.type(NEW_PIN + "9")
    shown.press("<Return>")
    await shown.settled()
    assert "The two are not the same" in shown.text
    shown.type(NEW_PIN)
    shown.press("<Tab>")
    shown.type(NEW_PIN)
    shown.press("<Return>")
    assert await asking == Typed(NEW_PIN)


async def test_R2_a_change_asks_for_the_current_one_first(shown: Shown) -> None:
    asking = await shown.asked_to_type("CHANGE")
    form = shown.window._pins
    for text in (OLD_PIN[:3], NEW_PIN, NEW_PIN):
        shown.type(text)
        shown.press("<Tab>")
    shown.press("<space>")  # on "Show what I type"
    assert form.new.cget("show") == ""
    await shown.click(shown.button(SET))
    assert "It was not tried" in shown.text
    assert (form.current.get(), form.new.get()) == ("", NEW_PIN)

    shown.type(OLD_PIN)
    shown.press("<Return>")
    assert await asking == Typed(NEW_PIN, OLD_PIN)
    await shown.asked_to_type()
    assert form.new.cget("show") == MASK  # whoever comes next starts hidden


@pytest.mark.parametrize("way", ["<Escape>", NO])
async def test_S37_escape_no_and_no_answer_in_time_leave_nothing_behind(shown: Shown, way: str) -> None:
    asking = await shown.asked_to_type()
    shown.type(NEW_PIN)
    if way == NO:
        await shown.click(shown.button(NO))
    else:
        shown.press(way)

    assert await asking is None
    assert shown.window._pins.new.get() == ""
    assert await shown.window.ask_pins(to_type("LOCKED"), WORDS, 0.6) is None
    assert shown.window._pins.new.get() == ""


async def test_at_a_scaling_of_200_percent_the_longest_form_is_on_the_screen(sharp_screen: str) -> None:
    shown = Shown(sharp_screen)
    try:
        shown.window.readers(NO_SERVICE)
        shown.window.offered("s", PAIRING, WORDS, first=True)
        shown.window.problem("SEALED_PIN_REFUSED")
        asking = await shown.asked_to_type("CHANGE")
        shown.window._pins._complain("COMMON")
        await shown.settled()
        root = shown.window.root

        assert root.winfo_reqwidth() <= root.winfo_width() <= 1280
        assert root.winfo_reqheight() <= root.winfo_height() <= 1024
        seen = [each for kind in (ttk.Label, ttk.Button, ttk.Entry) for each in shown.all(kind)]
        assert [pair for pair in itertools.combinations(seen, 2) if overlap(*pair)] == []
        shown.press("<Escape>")
        assert await asking is None
    finally:
        await shown.close()


@pytest.fixture
async def window(
    pcsc: OwnPcscd, keys: Keys, gateway: ScriptedGateway, tmp_path: Path
) -> AsyncIterator[AgentWindow]:
    environment = {
        **pcsc.environment,
        "CARD_GATEWAY_ADDRESS": gateway.address,
        "TLS_CA_FILE": str(keys.ca),
        "GATEWAY_NAME": "test",
        "PIN_ENTRY": "agent",
        "AGENT_STATE_DIR": str(tmp_path / "state"),
        "AGENT_STATUS_FILE": str(tmp_path / "status.json"),
        "LOG_LEVEL": "DEBUG",
    }
    window = AgentWindow(environment, tmp_path / "agent.log")
    window.start()
    yield window
    await asyncio.to_thread(window.stop)


async def types(window: AgentWindow, *typed: tuple[str, str], after: int = 0) -> int:
    """Wait for each prompt in its turn and type a line; where the last prompt ends."""
    for prompt, line in typed:
        after = await says(window, prompt, after=after)
        window.type(line)
    return after


def echoes(window: AgentWindow) -> bool:
    return bool(termios.tcgetattr(window._terminal)[3] & termios.ECHO)


@pytest.mark.pcsc
async def test_R53_on_a_terminal_it_is_typed_unseen_until_it_is_good_and_the_card_takes_it(
    pcsc: OwnPcscd, gateway: ScriptedGateway, window: AgentWindow, tmp_path: Path
) -> None:
    pcsc.insert(new_card(pcsc))
    before = await read(gateway)
    prove = await gateway.give(proof_of(before), question=TYPE_HERE)
    reset = await gateway.give(reset_of(before), after=prove)
    at = await says(window, "…1234?")
    at = await types(window, (NEW, "123456"), ("count up or down", NEW_PIN), (AGAIN, NEW_PIN + "9"), after=at)
    at = await says(window, "are not the same", after=at)
    assert not echoes(window)
    await types(window, (NEW, NEW_PIN), (AGAIN, NEW_PIN), after=at)

    assert (await gateway.report_of(reset)).sw("unblock") == 0x9000
    assert verifies(pcsc, NEW_PIN)
    assert echoes(window)
    assert NEW_PIN not in window.text
    assert NEW_PIN.encode() not in everything_in(tmp_path)


@pytest.mark.pcsc
async def test_R2_a_change_is_typed_with_the_current_one_and_an_empty_line_ends_it(
    pcsc: OwnPcscd, gateway: ScriptedGateway, window: AgentWindow
) -> None:
    pcsc.insert(new_card(pcsc, blocked=False))
    before = await read(gateway)
    stopped = await gateway.give(proof_of(before), question=CHANGE_HERE)
    at = await types(window, (CURRENT, OLD_PIN), (NEW, ""))
    assert await gateway.report_of(stopped) == Report((), End.DECLINED)

    prove = await gateway.give(proof_of(before), question=CHANGE_HERE)
    facts = piv.parse_read(before)
    assert isinstance(facts, CardFacts)
    change = await gateway.give(changing.change_script(facts.chuid_hash, last_try=False), after=prove)
    await types(window, (CURRENT, OLD_PIN), (NEW, OLD_PIN), (NEW, NEW_PIN), (AGAIN, NEW_PIN), after=at)
    assert (await gateway.report_of(change)).sw("change") == 0x9000
    assert verifies(pcsc, NEW_PIN)
    assert "not the current one" in window.text
