"""Every code of the reader service has one meaning for a step."""

import pytest

from services.agent.holding import CannotHold, Hold
from services.agent.pcsc_codes import (
    NO_SERVICE,
    NO_SMARTCARD,
    REMOVED_CARD,
    RESET_CARD,
    SHARING_VIOLATION,
    UNRESPONSIVE_CARD,
)
from services.agent.ports import PcscError
from services.card_gateway.card.apdu import CardFault, CardGone, CardWasReset
from services.card_gateway.card.script import End
from tests.unit.agent.world import READER, FakeCard, FakeService

SELECT = bytes.fromhex("00A4040009A0000003080000100000")


def hold_of(card: FakeCard) -> Hold:
    hold = Hold(FakeService(card), READER)
    hold.take()
    return hold


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (RESET_CARD, CardWasReset),
        (REMOVED_CARD, CardGone),
        (NO_SERVICE, CardGone),
        (0x8010002F, CardGone),
        (0, CardGone),
    ],
)
def test_F18_an_error_in_mid_script_is_a_reset_or_a_card_gone(code: int, fault: type[CardFault]) -> None:
    hold = hold_of(FakeCard(answers=[PcscError(code)]))

    with pytest.raises(fault):
        hold.transmit(SELECT)


@pytest.mark.parametrize("answer", [b"", b"\x90"])
def test_F18_an_empty_answer_with_success_is_never_a_success(answer: bytes) -> None:
    hold = hold_of(FakeCard(answers=[answer]))

    with pytest.raises(CardGone):
        hold.transmit(SELECT)


def test_the_status_word_stands_at_the_end_of_an_answer() -> None:
    hold = hold_of(FakeCard(answers=[b"\x01\x02\x63\xc2"]))

    assert hold.transmit(SELECT) == (b"\x01\x02", 0x63C2)


@pytest.mark.parametrize(
    ("code", "end", "rule"),
    [
        (NO_SMARTCARD, End.CARD_GONE, "CARD_REMOVED"),
        (UNRESPONSIVE_CARD, End.CARD_GONE, "CARD_MUTE"),
        (NO_SERVICE, End.CARD_GONE, "READER_SERVICE_DOWN"),
    ],
)
def test_a_card_that_cannot_be_taken_says_why(code: int, end: End, rule: str) -> None:
    with pytest.raises(CannotHold) as cannot:
        Hold(FakeService(refusals=[code]), READER).take()

    assert (cannot.value.end, cannot.value.rule) == (end, rule)


def test_a_program_that_lets_go_in_time_costs_nothing() -> None:
    service = FakeService(FakeCard(answers=[b"\x90\x00"]), refusals=[SHARING_VIOLATION, SHARING_VIOLATION])
    hold = Hold(service, READER)
    hold.take()

    assert hold.transmit(SELECT) == (b"", 0x9000)


def test_a_card_we_spoke_to_is_reset_at_the_end_and_only_then() -> None:
    spoken, silent = FakeCard(answers=[b"\x90\x00"]), FakeCard()
    hold = hold_of(spoken)
    hold.transmit(SELECT)
    hold.close()
    hold.close()
    hold_of(silent).close()

    assert spoken.log == ["begin", "transmit", "reset", "disconnect"]
    assert silent.log == ["begin", "leave", "disconnect"]


def test_between_proof_and_reset_the_transaction_is_left_without_a_card_reset() -> None:
    card = FakeCard(answers=[b"\x90\x00", b"\x90\x00"])
    hold = hold_of(card)
    hold.transmit(SELECT)
    assert hold.leave()
    hold.take_again()
    hold.transmit(SELECT)
    hold.close()

    assert card.log == ["begin", "transmit", "leave", "begin", "transmit", "reset", "disconnect"]
