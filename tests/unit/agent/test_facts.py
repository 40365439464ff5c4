"""Which one word says what the readers are like."""

import pytest

from services.agent.facts import NO_SERVICE, Facts, Presence, Reader, ReaderState, is_contactless


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
        (facts(Presence.CONTACTLESS, Presence.EMPTY), ReaderState.CONTACTLESS),
        (facts(Presence.CONTACTLESS, Presence.PRESENT), ReaderState.CARD),
    ],
)
def test_R45_each_state_of_the_readers_has_its_own_word(seen: Facts, state: ReaderState) -> None:
    assert seen.state is state


def test_a_script_goes_only_to_the_one_card_that_answers() -> None:
    assert facts(Presence.EMPTY, Presence.PRESENT).card_reader == "reader 1"
    assert facts(Presence.PRESENT, Presence.MUTE).card_reader is None
    assert facts(Presence.MUTE).card_reader is None


def test_a_card_without_contacts_is_never_the_one_to_be_taken() -> None:
    assert facts(Presence.CONTACTLESS).card_reader is None
    assert facts(Presence.CONTACTLESS, Presence.PRESENT).card_reader == "reader 1"


@pytest.mark.parametrize(
    "name",
    [
        "ACS ACR1252 Dual Reader [ACR1252 Dual Reader PICC] 00 00",
        "HID Global OMNIKEY 5422 Smartcard Reader [OMNIKEY 5422CL Smartcard Reader] 01 00",
        "Identiv uTrust 3700 F CL Reader 00 00",
        "SCM Microsystems Inc. SDI011 Contactless Reader 00 01",
    ],
)
def test_a_reader_without_contacts_is_known_by_its_name(name: str) -> None:
    assert is_contactless(name)


@pytest.mark.parametrize(
    "name",
    [
        "ACS ACR1252 Dual Reader [ACR1252 Dual Reader SAM] 00 01",
        "HID Global OMNIKEY 5422 Smartcard Reader [OMNIKEY 5422 Smartcard Reader] 00 00",
        "Gemalto PC Twin Reader 00 00",
        "Feitian VR504 VHBR Contactless & Contact Card Reader 00 00",
        "BIT4ID miniLector AIR NFC v3 00 00",
        "Clinic Keyboard 00 00",
        "Virtual PCD 00 00",
    ],
)
def test_a_reader_with_contacts_is_not_taken_for_one_without(name: str) -> None:
    assert not is_contactless(name)
