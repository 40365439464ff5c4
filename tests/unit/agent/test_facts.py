"""Which one word says what the readers are like."""

import pytest

from services.agent.facts import NO_SERVICE, Facts, Presence, Reader, ReaderState


def facts(*present: Presence) -> Facts:
    return Facts(service_up=True, readers=tuple(Reader(f"reader {n}", one) for n, one in enumerate(present)))


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (NO_SERVICE, ReaderState.READER_SERVICE_DOWN),
        (facts(), ReaderState.NO_READER),
        (facts(Presence.EMPTY, Presence.EMPTY), ReaderState.NO_CARD),
        (facts(Presence.EMPTY, Presence.PRESENT), ReaderState.CARD),
        (facts(Presence.PRESENT, Presence.PRESENT), ReaderState.TWO_CARDS),
        (facts(Presence.PRESENT, Presence.MUTE), ReaderState.TWO_CARDS),
        (facts(Presence.MUTE, Presence.EMPTY), ReaderState.CARD_MUTE),
    ],
)
def test_R45_each_state_of_the_readers_has_its_own_word(seen: Facts, state: ReaderState) -> None:
    assert seen.state is state


def test_a_script_goes_only_to_the_one_card_that_answers() -> None:
    assert facts(Presence.EMPTY, Presence.PRESENT).card_reader == "reader 1"
    assert facts(Presence.PRESENT, Presence.MUTE).card_reader is None
    assert facts(Presence.MUTE).card_reader is None
