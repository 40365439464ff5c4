"""Scripts through the real PC/SC service do what they do to the card model itself, faults included."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.pcsc import READERS, OwnPcscd
from deploy.local.virtual_card import Eeprom, Fault, FaultyCard, InProcessCard, VirtualCard
from deploy.local.virtual_card.faults import Kind as FaultKind
from services.agent.holding import Hold
from services.agent.readers import PcscService
from services.card_gateway.card.guard import Insertion
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.runner import run
from services.card_gateway.card.script import Answer, End, Report, Script
from tests.agent.cards import FILL, NEW_PIN, new_card, reset_of, take

pytestmark = pytest.mark.pcsc
SIGNED = {"sign-p256", "sign-rsa2048"}


def through_pcsc(script: Script) -> Report:
    hold = Hold(PcscService(), READERS[0])
    try:
        take(hold)
        return run(script, hold, FILL, Insertion())
    finally:
        hold.close()


def on_the_model(path: Path, script: Script, fault: Fault | None = None) -> tuple[Report, Eeprom]:
    eeprom = Eeprom.load(path)
    card = FaultyCard(VirtualCard(eeprom))
    if fault is not None:
        card.arm(fault)
    return run(script, InProcessCard(card), FILL, Insertion()), eeprom


def told(report: Report) -> tuple[object, ...]:
    """A report without its signatures, which are random."""
    answers = tuple(
        answer if answer.name not in SIGNED else Answer(answer.name, answer.sw) for answer in report.answers
    )
    return answers, report.end, report.in_flight, report.rule


@pytest.mark.parametrize(
    "wishes",
    [
        {},
        {"blocked": False},
        {"key_9e": "RSA2048"},
        {"compressed": True},
        {"certificate_bytes": 3000, "compressed": True, "frame": 256},
        {"with_9e": False},
        {"pin_policy": "6020"},
    ],
    ids=lambda wishes: "-".join(wishes) or "plain",
)
def test_a_read_through_a_reader_equals_one_on_the_model(pcsc: OwnPcscd, wishes: dict[str, object]) -> None:
    name = new_card(pcsc, **wishes)
    expected, _ = on_the_model(pcsc.cards / f"{name}.card", piv.read_script())
    pcsc.insert(name)

    report = through_pcsc(piv.read_script())

    assert report.end is End.COMPLETED
    assert told(report) == told(expected)


def test_R53_a_reset_through_a_reader_leaves_the_card_as_on_the_model(pcsc: OwnPcscd) -> None:
    name = new_card(pcsc)
    pcsc.insert(name)
    script = reset_of(through_pcsc(piv.read_script()))
    expected, model = on_the_model(pcsc.cards / f"{name}.card", script)

    report = through_pcsc(script)

    card = Eeprom.load(pcsc.cards / f"{name}.card")
    assert told(report) == told(expected)
    assert report.sw("unblock") == 0x9000
    assert (card.pin, card.puk, card.pin_left, card.puk_left) == (
        model.pin,
        model.puk,
        model.pin_left,
        model.puk_left,
    )
    assert card.pin == NEW_PIN.encode().ljust(8, b"\xff")


@pytest.mark.parametrize("at", range(8))
@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_F16_a_card_pulled_at_any_apdu_of_a_reset_is_reported_as_on_the_model(
    pcsc: OwnPcscd, kind: FaultKind, at: int
) -> None:
    name = new_card(pcsc)
    pcsc.insert(name)
    script = reset_of(through_pcsc(piv.read_script()))
    expected, model = on_the_model(pcsc.cards / f"{name}.card", script, Fault(kind, at))
    pcsc.card("fault", card=name, fault=kind, at=at)

    report = through_pcsc(script)

    card = Eeprom.load(pcsc.cards / f"{name}.card")
    assert told(report) == told(expected)
    assert (card.pin, card.puk, card.puk_left) == (model.pin, model.puk, model.puk_left)
    if report.in_flight:
        assert report.end is End.CARD_GONE


def test_P6_a_read_is_eleven_apdus_in_one_hold(pcsc: OwnPcscd) -> None:
    """Nothing of the agent's own goes to the card: no probing, no fetching in advance."""
    pcsc.insert(new_card(pcsc))
    sent: list[bytes] = []
    hold = Hold(PcscService(), READERS[0])
    take(hold)
    try:
        run(piv.read_script(), Recording(hold, sent), FILL, Insertion())
        ours, bare = shortest(
            lambda: run(piv.read_script(), hold, FILL, Insertion()),
            lambda: [hold.transmit(apdu) for apdu in sent],
        )
    finally:
        hold.close()

    print(f"{len(sent)} APDUs: {bare * 1000:.2f} ms bare, {ours * 1000:.2f} ms as a script")
    assert len(sent) == 11


class Recording:
    """A card port that writes down what was sent."""

    def __init__(self, hold: Hold, sent: list[bytes]) -> None:
        self._hold, self._sent = hold, sent

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        self._sent.append(apdu)
        return self._hold.transmit(apdu)


def shortest(*works: Callable[[], object]) -> list[float]:
    """Return the shortest of seven runs of each, in seconds, interleaved."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(7):
        for work, times in zip(works, taken, strict=True):
            begun = time.perf_counter()
            work()
            times.append(time.perf_counter() - begun)
    return [min(times) for times in taken]
