"""Holding one card next to other programs, through the real PC/SC service."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from deploy.local.pcsc import READERS, OwnPcscd
from services.agent.holding import CannotHold, Hold
from services.agent.readers import PcscService
from services.card_gateway.card.apdu import CardGone, CardTimeout, CardWasReset
from services.card_gateway.card.script import End
from tests.agent.cards import new_card, take

pytestmark = pytest.mark.pcsc
SELECT_PIV = bytes.fromhex("00A4040009A0000003080000100000")
TRIES = bytes.fromhex("00200080")


class Other:
    """The other program, at the end of a pipe."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.agent.other_program", READERS[0]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def does(self, word: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline().strip() == "00000000"

    def ends(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


@pytest.fixture
def card(pcsc: OwnPcscd) -> str:
    name = new_card(pcsc)
    pcsc.insert(name)
    return name


@pytest.fixture
def other(card: str) -> Iterator[Other]:
    other = Other()
    yield other
    other.ends()


@pytest.fixture
def hold(card: str) -> Iterator[Hold]:
    hold = Hold(PcscService(), READERS[0])
    yield hold
    hold.close()


def test_a_card_answers_in_a_transaction_next_to_a_program_that_keeps_it_open(
    hold: Hold, other: Other
) -> None:
    connected(other)
    take(hold)

    assert hold.transmit(SELECT_PIV)[1] == 0x9000


def test_another_programs_transaction_waits_until_ours_is_over(hold: Hold, other: Other) -> None:
    connected(other)
    take(hold)
    waiting = threading.Thread(target=other.does, args=["begin"])
    waiting.start()

    hold.transmit(SELECT_PIV)
    waiting.join(0.3)
    assert waiting.is_alive()

    hold.leave()
    waiting.join(30)
    assert not waiting.is_alive()


def test_an_exclusive_holder_is_named_within_five_seconds(other: Other) -> None:
    connected(other, "exclusive")

    assert soonest(named_busy) < 5


def test_a_holder_of_an_endless_transaction_is_named_within_five_seconds(other: Other) -> None:
    in_transaction(other)

    assert soonest(named_busy) < 5


def test_a_busy_card_is_free_again_after_we_gave_up(hold: Hold, other: Other) -> None:
    """What was given up tidies up behind itself: the next program is not locked out."""
    in_transaction(other)
    with pytest.raises(CannotHold):
        hold.take()
    hold.close()

    other.does("end")
    other.does("begin")

    other.does("end")


def test_a_reset_by_another_program_is_told_as_such(hold: Hold, other: Other) -> None:
    take(hold)
    hold.transmit(SELECT_PIV)
    hold.leave()
    other.does("shared")
    other.does("reset")

    with pytest.raises(CannotHold) as cannot:
        hold.take_again()

    assert (cannot.value.end, cannot.value.rule) == (End.NOT_RUN, "PROVE_AGAIN")


def test_a_card_that_was_out_must_prove_again(pcsc: OwnPcscd, card: str, hold: Hold) -> None:
    take(hold)
    hold.transmit(SELECT_PIV)
    hold.leave()
    pcsc.remove()
    pcsc.insert(card)

    with pytest.raises(CannotHold) as cannot:
        hold.take_again()

    assert cannot.value.rule == "PROVE_AGAIN"


def test_the_same_handle_goes_on_where_nothing_came_between(hold: Hold) -> None:
    take(hold)
    hold.transmit(SELECT_PIV)
    hold.leave()

    hold.take_again()

    assert hold.transmit(TRIES) == (b"", 0x6983)  # still selected: no reset in between


def test_the_card_is_reset_at_the_end(hold: Hold, card: str) -> None:
    take(hold)
    hold.transmit(SELECT_PIV)
    hold.close()

    after = Hold(PcscService(), READERS[0])
    after.take()
    _, sw = after.transmit(TRIES)
    after.close()

    assert sw not in (0x9000, 0x6983)  # nothing is selected any more


def test_a_pulled_card_is_gone_and_nothing_waits(pcsc: OwnPcscd, card: str, hold: Hold) -> None:
    take(hold)
    pcsc.card("fault", card=card, fault="drop_after", at=0)

    with pytest.raises(CardGone):
        hold.transmit(SELECT_PIV)


def test_a_card_that_never_answers_costs_three_seconds(pcsc: OwnPcscd, card: str, hold: Hold) -> None:
    take(hold)
    pcsc.card("fault", card=card, fault="hang", at=0, value=5)
    begun = time.monotonic()

    with pytest.raises(CardTimeout):
        hold.transmit(SELECT_PIV)

    assert 2.9 < time.monotonic() - begun < 4.9  # the card's own 5 s are not waited for


def test_a_killed_service_is_a_card_gone(pcsc: OwnPcscd, hold: Hold) -> None:
    take(hold)
    pcsc.kill_service()

    try:
        with pytest.raises((CardGone, CardWasReset)):
            hold.transmit(SELECT_PIV)
    finally:
        pcsc.start_service()


def named_busy() -> None:
    hold = Hold(PcscService(), READERS[0])
    try:
        with pytest.raises(CannotHold) as cannot:
            hold.take()
    finally:
        hold.close()
    assert (cannot.value.end, cannot.value.rule) == (End.READER_BUSY, "READER_BUSY")


def soonest(act: Callable[[], None]) -> float:
    """The least seconds of three: a busy machine is late now and then, a wrong limit always."""
    taken = []
    for _ in range(3):
        begun = time.monotonic()
        act()
        taken.append(time.monotonic() - begun)
    return min(taken)


def in_transaction(other: Other) -> None:
    connected(other)
    other.does("begin")


def connected(other: Other, word: str = "shared") -> None:
    """Connect the other program; a card just put in is seen by the service within half a second."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return other.does(word)
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
