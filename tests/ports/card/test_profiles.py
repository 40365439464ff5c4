"""One suite for every profile, on the card model and on the same card behind the real PC/SC service.

A new profile is done when it passes here with a `Kit` of its own.
SOAK=1 breaks every APDU on the real reader too, with every fault.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from deploy.local.virtual_card import Eeprom, Fault, FaultyCard, InProcessCard, card_of
from deploy.local.virtual_card.personalise import make_card, make_gids_card
from services.card_gateway import admin_key
from services.card_gateway.card import profiles
from services.card_gateway.card.apdu import CardPort
from services.card_gateway.card.facts import CardFacts, Challenged, Proof, Unsupported
from services.card_gateway.card.guard import Insertion, check
from services.card_gateway.card.profiles import gids, piv
from services.card_gateway.card.proof import card_challenge
from services.card_gateway.card.runner import Fill, run
from services.card_gateway.card.script import End, Kind, Report, Script
from services.card_gateway.card.verdict import Holder, PukState, Verdict
from tests.ports.card.real_reader import RealReader

SOAK = bool(os.environ.get("SOAK"))
OLD_PIN, NEW_PIN = "739154", "860247"
PUK, NEXT_PUK, STRANGE = b"40718263", b"55512340", b"99999990"
ADMIN_KEY = bytes(range(24))
DIGEST = bytes(range(32))
FILLER = bytes(7)
PULLED = ("drop_before", "drop_after")
ODD = (0x63C2, 0x63C1, 0x6983, 0x6A80, 0x6982, 0x6985, 0x6F00, 0x6581, 0x6D00, 0x9000)


class Bench(Protocol):
    """One card in one reader."""

    port: CardPort

    def fault(self, kind: Any, at: int, value: float = 0) -> None: ...

    def eeprom(self) -> Eeprom: ...


@dataclass(frozen=True)
class Kit:
    """What the suite has to know of a profile: how its card is made, and its RESET."""

    kind: str
    wishes: dict[str, Any]
    make: Callable[..., tuple[Eeprom, Any]]
    reset: Callable[[CardFacts, Proof | Challenged, bool], Script]
    pin_on_card: Callable[[str], bytes]
    apdus: dict[Kind, int]
    """Of a good run, chained frames and GET RESPONSE included."""


def piv_reset(facts: CardFacts, proof: Proof | Challenged, right: bool) -> Script:
    return piv.reset_script(facts.chuid_hash, PUK if right else STRANGE, NEXT_PUK)


def gids_reset(facts: CardFacts, proof: Proof | Challenged, right: bool) -> Script:
    assert isinstance(proof, Challenged)
    plain = gids.plain_answer(card_challenge(DIGEST) + proof.challenge, FILLER)
    return gids.answer_script(facts.chuid_hash, admin_key.encipher(ADMIN_KEY[:: 1 if right else -1], plain))


KITS = (
    Kit(
        "PIV",
        {"puk": PUK.decode()},
        make_card,
        piv_reset,
        lambda pin: pin.encode().ljust(8, b"\xff"),
        {Kind.READ: 11, Kind.PROVE: 3, Kind.RESET: 6},
    ),
    Kit(
        "GIDS",
        {"admin_key": ADMIN_KEY, "admin_tries": 5},
        make_gids_card,
        gids_reset,
        str.encode,
        {Kind.READ: 6, Kind.PROVE: 4, Kind.RESET: 4},
    ),
)
EVERY_APDU = [
    pytest.param(kit, kind, at, id=f"{kit.kind}-{kind.value}-{at}")
    for kit in KITS
    for kind, count in kit.apdus.items()
    for at in range(count)
]


class OnModel:
    def __init__(self, kit: Kit, **wishes: Any) -> None:
        self._eeprom, _ = kit.make(pin=OLD_PIN, **{**kit.wishes, **wishes})
        self.port: CardPort = InProcessCard(FaultyCard(card_of(self._eeprom)))

    def fault(self, kind: Any, at: int, value: float = 0) -> None:
        assert isinstance(self.port, InProcessCard)
        self.port.card.arm(Fault(kind, at, value))

    def eeprom(self) -> Eeprom:
        return self._eeprom


class OnReader:
    def __init__(self, reader: RealReader, kit: Kit, **wishes: Any) -> None:
        self._reader = reader
        self.port: CardPort = reader.fresh_card(kind=kit.kind, pin=OLD_PIN, **{**kit.wishes, **wishes})

    def fault(self, kind: Any, at: int, value: float = 0) -> None:
        self._reader.order(do="fault", card=self._reader.name, fault=kind, at=at, value=value)

    def eeprom(self) -> Eeprom:
        return self._reader.eeprom()


Maker = Callable[..., Bench]


@pytest.fixture(params=["model", pytest.param("pcsc", marks=pytest.mark.pcsc)])
def bench(request: pytest.FixtureRequest) -> Maker:
    if request.param == "model":
        return OnModel
    reader: RealReader = request.getfixturevalue("real_reader")
    return lambda kit, **wishes: OnReader(reader, kit, **wishes)


def done(bench: Bench, script: Script) -> Report:
    check(script)
    pin = NEW_PIN if script.kind is Kind.RESET else None
    return run(script, bench.port, Fill(pin=pin, digest=DIGEST), Insertion())


def read(bench: Bench) -> CardFacts:
    facts = profiles.parse_read(done(bench, profiles.read_script()))
    assert isinstance(facts, CardFacts)
    return facts


def prove(bench: Bench, facts: CardFacts) -> Proof | Challenged | Unsupported:
    profile = profiles.BY_KIND[facts.kind]
    return profile.parse_proof(done(bench, profile.prove_script(facts.chuid_hash, facts.algorithm)))


def reset(bench: Bench, kit: Kit, facts: CardFacts, *, right: bool = True) -> Verdict:
    proof = prove(bench, facts)
    assert isinstance(proof, Proof | Challenged)
    return profiles.BY_KIND[kit.kind].judge_reset(done(bench, kit.reset(facts, proof, right)))


each_kit = pytest.mark.parametrize("kit", KITS, ids=lambda kit: kit.kind)


def test_every_profile_has_a_kit() -> None:
    assert {kit.kind for kit in KITS} == set(profiles.BY_KIND)


@each_kit
@pytest.mark.parametrize("blocked", [True, False])
def test_R45_a_read_knows_the_kind_and_the_tries_and_spends_none(
    bench: Maker, kit: Kit, blocked: bool
) -> None:
    card = bench(kit, blocked=blocked)
    facts = read(card)
    eeprom = card.eeprom()

    assert (facts.kind, facts.guid, facts.pin_blocked) == (kit.kind, eeprom.guid, blocked)
    assert facts.pin_tries_left == eeprom.pin_left
    assert (facts.signature is not None) is profiles.BY_KIND[kit.kind].PROVES_IN_READ
    assert eeprom.log == []


@each_kit
def test_R1_a_proof_and_a_reset_leave_the_new_pin_on_a_blocked_card(bench: Maker, kit: Kit) -> None:
    card = bench(kit)
    verdict = reset(card, kit, read(card))

    assert verdict.holder is Holder.SUCCESS
    assert verdict.puk is (PukState.NEXT if profiles.BY_KIND[kit.kind].ROTATES else PukState.CURRENT)
    assert card.eeprom().pin == kit.pin_on_card(NEW_PIN)
    assert card.eeprom().pin_left == card.eeprom().parameters.pin_tries


@each_kit
def test_I4_a_wrong_secret_costs_one_try_and_ends_the_script(bench: Maker, kit: Kit) -> None:
    card = bench(kit)
    verdict = reset(card, kit, read(card), right=False)
    eeprom = card.eeprom()

    assert (verdict.holder, verdict.code) == (Holder.FAILED, "SECRET_MISMATCH")
    assert verdict.puk is PukState.NEITHER
    assert eeprom.wrong_puk_tries + eeprom.wrong_admin_tries == 1
    assert eeprom.pin == kit.pin_on_card(OLD_PIN)


@each_kit
def test_F17_another_card_of_the_kind_gets_no_secret(bench: Maker, kit: Kit) -> None:
    facts, proof = read(bench(kit)), Challenged(b"", bytes(16))
    card = bench(kit)
    report = done(card, kit.reset(facts, proof, True))

    assert report.end in (End.CARD_CHANGED, End.STOPPED)  # STOPPED: nothing is selected
    assert card.eeprom().log == []
    assert profiles.BY_KIND[kit.kind].judge_reset(report).holder is Holder.NOT_ATTEMPTED


def broken(card: Bench, kit: Kit, kind: Kind, fault: Callable[[], None]) -> Verdict | None:
    """Go as far as the script that is to break; the verdict, where it is the reset."""
    profile = profiles.BY_KIND[kit.kind]
    if kind is Kind.READ:
        fault()
        assert isinstance(profiles.parse_read(done(card, profiles.read_script())), CardFacts | Unsupported)
        return None
    facts = read(card)
    if kind is Kind.PROVE:
        fault()
        prove(card, facts)
        return None
    proof = prove(card, facts)
    assert isinstance(proof, Proof | Challenged)
    script = kit.reset(facts, proof, True)
    fault()
    return profile.judge_reset(done(card, script))


def assert_true(card: Bench, kit: Kit, verdict: Verdict | None) -> None:
    """Nothing is told of the card that is not so."""
    eeprom = card.eeprom()
    old, new = kit.pin_on_card(OLD_PIN), kit.pin_on_card(NEW_PIN)
    if verdict is None:
        assert (eeprom.pin, eeprom.log) == (old, [])
        return
    may_be = {Holder.SUCCESS: {new}, Holder.UNKNOWN: {old, new}}.get(verdict.holder, {old})
    assert eeprom.pin in may_be
    assert eeprom.wrong_puk_tries + eeprom.wrong_admin_tries == 0
    if verdict.puk is not PukState.UNKNOWN:
        current = kit.wishes.get("puk", "").encode()
        assert eeprom.puk == (NEXT_PUK if verdict.puk is PukState.NEXT else current)


@pytest.mark.parametrize("pulled", PULLED)
@pytest.mark.parametrize(("kit", "kind", "at"), EVERY_APDU)
def test_F16_pulled_at_any_apdu_of_any_script_what_is_told_is_so(
    kit: Kit, kind: Kind, at: int, pulled: str
) -> None:
    card = OnModel(kit)
    verdict = broken(card, kit, kind, lambda: card.fault(pulled, at))

    assert_true(card, kit, verdict)


@pytest.mark.pcsc
@pytest.mark.parametrize("pulled", PULLED if SOAK else PULLED[1:])
@pytest.mark.parametrize(
    ("kit", "kind", "at"), [each for each in EVERY_APDU if SOAK or each.values[1] is Kind.RESET]
)
def test_F16_pulled_from_a_real_reader_what_is_told_is_so(
    real_reader: RealReader, kit: Kit, kind: Kind, at: int, pulled: str
) -> None:
    card = OnReader(real_reader, kit)
    verdict = broken(card, kit, kind, lambda: card.fault(pulled, at))

    assert_true(card, kit, verdict)


@pytest.mark.parametrize("sw", ODD)
@pytest.mark.parametrize(("kit", "kind", "at"), EVERY_APDU)
def test_F18_a_status_word_in_place_of_an_answer_makes_no_success(
    kit: Kit, kind: Kind, at: int, sw: int
) -> None:
    card = OnModel(kit)
    verdict = broken(card, kit, kind, lambda: card.fault("status", at, sw))

    if verdict is not None and verdict.holder is Holder.SUCCESS:
        says_so = sw == 0x9000  # the card itself says that it took the PIN
        assert says_so or card.eeprom().pin == kit.pin_on_card(NEW_PIN)
    if verdict is not None and verdict.holder in (Holder.NOT_ATTEMPTED, Holder.FAILED, Holder.PIN_REFUSED):
        assert card.eeprom().pin == kit.pin_on_card(OLD_PIN)


@pytest.mark.parametrize("fault", ["endless_61", "endless_6c", "too_long", "empty", "hang"])
@pytest.mark.parametrize(("kit", "kind", "at"), EVERY_APDU)
def test_F18_a_card_that_plays_for_time_or_says_too_much_ends_the_script(
    kit: Kit, kind: Kind, at: int, fault: str
) -> None:
    card = OnModel(kit)
    value = {"too_long": 256 * 1024, "hang": 9.0}.get(fault, 0)
    verdict = broken(card, kit, kind, lambda: card.fault(fault, at, value))

    if verdict is not None and verdict.holder in (Holder.NOT_ATTEMPTED, Holder.FAILED, Holder.PIN_REFUSED):
        assert card.eeprom().pin == kit.pin_on_card(OLD_PIN)
