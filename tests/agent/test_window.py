"""The agent's window on a real X server without a monitor: what it shows, and Yes and No really pressed."""

import asyncio
import itertools
import os
import subprocess
import sys
import time
import tkinter
from pathlib import Path
from tkinter import ttk

import pytest

from deploy.local.agent_window import AgentWindow
from deploy.local.keys import Keys
from services.agent.facts import NO_SERVICE
from services.agent.ports import Doing, Pairing
from services.agent.window import NoScreen, TkWindow
from tests.agent.gateway import ScriptedGateway
from tests.agent.shown import NO, QUESTION, WORDS, YES, Shown, overlap, variable
from tests.unit.agent.world import ONE_CARD, PAIRING


async def test_it_shows_page_code_and_words_and_opens_the_page_when_told(shown: Shown) -> None:
    shown.window.readers(ONE_CARD)
    shown.window.offered("s", PAIRING, WORDS, first=True)
    await shown.settled()

    assert "gecko  ocean  roof" in shown.text
    assert PAIRING.code in shown.text
    assert shown.opened == []
    await shown.click(shown.button("Open the page"))
    assert shown.opened == [PAIRING.page_address]


async def test_S38_a_page_elsewhere_is_neither_shown_nor_opened(shown: Shown) -> None:
    shown.window.offered("s", Pairing("http://evil.example/", "ABCD-EFGH", ""), WORDS, first=True)
    await shown.settled()

    assert "[PAGE_ADDRESS_REFUSED]" in shown.text
    assert "evil.example" not in "".join(map(variable, shown.all(ttk.Entry)))
    assert "disabled" in str(shown.button("Open the page").cget("state"))


async def test_R10_what_is_never_all_drawn_does_not_stop_the_agent(shown: Shown) -> None:
    """Such as a bar that turns before a slow screen: its next step is due before the last one is drawn."""

    def turn() -> None:
        shown.window.root.after(1, turn)
        shown.window.root.after_idle(time.sleep, 0.01)  # Tk draws when it is idle

    turn()
    await shown.settled()
    shown.window.problem("READER_BUSY")
    await shown.settled()

    assert "[READER_BUSY]" in shown.text


async def test_R10_a_problem_is_shown_with_its_code_and_what_to_do(shown: Shown) -> None:
    shown.window.readers(NO_SERVICE)
    shown.window.problem("READER_BUSY")
    await shown.settled()

    assert "PR20002" in shown.text
    assert "Close other programs that use the smartcard. [READER_BUSY]" in shown.text


async def test_the_question_names_card_and_words_and_yes_is_pressed(shown: Shown) -> None:
    asking = await shown.asked()
    assert "…1234? Words: gecko ocean roof." in shown.text

    await shown.click(shown.button(YES))

    assert await asking is True
    await shown.settled()
    assert "…1234" not in shown.text


async def test_while_it_asks_it_sends_nobody_back_to_the_browser(shown: Shown) -> None:
    shown.window.doing(Doing.CLAIMED)
    await shown.settled()
    assert "Go on in the browser" in shown.text
    shown.window.doing(Doing.ASKING)
    await shown.settled()

    assert "Answer the question below." in shown.text
    assert "Go on in the browser" not in shown.text


async def test_yes_can_be_reached_and_pressed_by_keyboard(shown: Shown) -> None:
    asking = await shown.asked()
    shown.press("<Tab>")
    await shown.settled()
    shown.press("<space>")

    assert await asking is True


@pytest.mark.parametrize("key", ["<Escape>", "<Return>", "<space>"])
async def test_S37_a_key_pressed_without_looking_is_a_no(shown: Shown, key: str) -> None:
    asking = await shown.asked()
    shown.press(key)

    assert await asking is False


async def test_S37_no_is_pressed_and_no_answer_in_time_is_a_no(shown: Shown) -> None:
    asking = await shown.asked()
    await shown.click(shown.button(NO))

    assert await asking is False
    assert await shown.window.confirm(QUESTION, WORDS, 0.1) is False


async def test_S37_closing_the_window_is_a_no(shown: Shown) -> None:
    closed = asyncio.Event()
    shown.window.on_close = closed.set
    asking = await shown.asked()
    shown.window.root.tk.call(*shown.window.root.tk.splitlist(shown.window.root.protocol("WM_DELETE_WINDOW")))

    assert await asking is False
    assert closed.is_set()
    shown.window.close()
    shown.window.problem("NO_CARD")  # nobody to show it to
    shown.window.offered("s", PAIRING, WORDS, first=True)
    shown.window.spare("s", PAIRING, WORDS)


async def test_at_a_scaling_of_200_percent_all_of_it_is_on_the_screen(sharp_screen: str) -> None:
    shown = Shown(sharp_screen)
    try:
        shown.window.readers(NO_SERVICE)
        shown.window.offered("s", PAIRING, WORDS, first=True)
        shown.window.doing(Doing.WORKING, "RESET")
        shown.window.problem("READER_SERVICE_DOWN")
        shown.window._turn_bar(True)  # more at once than ever is
        asking = await shown.asked()
        root = shown.window.root

        assert round(float(root.tk.call("tk", "scaling"))) == 3  # dots a point; 192/72
        assert root.winfo_reqwidth() <= root.winfo_width() <= 1280
        assert root.winfo_reqheight() <= root.winfo_height() <= 1024
        seen = [widget for kind in (ttk.Label, ttk.Button, ttk.Progressbar) for widget in shown.all(kind)]
        assert [widget for widget in seen if widget.winfo_reqwidth() > widget.winfo_width()] == []
        assert [pair for pair in itertools.combinations(seen, 2) if overlap(*pair)] == []
        shown.press("<Escape>")
        assert await asking is False
    finally:
        await shown.close()


def test_without_a_screen_there_is_no_window() -> None:
    with pytest.raises(NoScreen):
        TkWindow("", print, opens_itself=False, screen=":94999")


@pytest.mark.parametrize(
    ("missing", "why"), [("tkinter", "tkinter is not installed"), ("", "there is no screen")]
)
async def test_without_tkinter_or_a_screen_the_terminal_is_used_and_says_so(
    keys: Keys, tmp_path: Path, missing: str, why: str
) -> None:
    async with ScriptedGateway(keys) as gateway:
        window = AgentWindow(
            {
                "AGENT_WINDOW": "auto",
                "DISPLAY": "",
                "CARD_GATEWAY_ADDRESS": gateway.address,
                "TLS_CA_FILE": str(keys.ca),
                "GATEWAY_NAME": "test",
                "AGENT_STATE_DIR": str(tmp_path / "state"),
                "PYTHONPATH": _without(missing, tmp_path),
            },
            tmp_path / "agent.log",
        )
        window.start()
        await asyncio.to_thread(window.wait_for, why, 60)
        await asyncio.to_thread(window.wait_for, "ABCD-EFGH", 60)
        await asyncio.to_thread(window.stop)


def _without(module: str, folder: Path) -> str:
    """A folder for PYTHONPATH in which a module cannot be imported."""
    if module:
        (folder / f"{module}.py").write_text("raise ImportError\n")
    return os.pathsep.join((str(folder), *filter(None, [os.environ.get("PYTHONPATH")])))


async def test_the_agent_opens_its_window_where_there_is_a_screen(
    keys: Keys, tmp_path: Path, screen: str
) -> None:
    async with ScriptedGateway(keys) as gateway:
        agent = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.agent",
            "run",
            env={
                **os.environ,
                "DISPLAY": screen,
                "CARD_GATEWAY_ADDRESS": gateway.address,
                "TLS_CA_FILE": str(keys.ca),
                "GATEWAY_NAME": "test",
                "AGENT_STATE_DIR": str(tmp_path / "state"),
            },
            stderr=subprocess.DEVNULL,
        )
        await gateway.until(lambda: bool(gateway.polled))
        looking = tkinter.Tk(screenName=screen)
        names = str(looking.tk.call("winfo", "interps", "-displayof", "."))
        looking.destroy()
        agent.terminate()

        assert await asyncio.wait_for(agent.wait(), 30) == 0
        assert "smartcard-unlock" in names
