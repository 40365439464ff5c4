"""One virtual card in a reader, and the gateway's and the agent's part of what is done with it."""

from dataclasses import dataclass, field
from typing import Any

from deploy.local.virtual_card import Eeprom, Fault, FaultyCard, InProcessCard, VirtualCard, make_card
from services.card_gateway.card.facts import CardFacts
from services.card_gateway.card.guard import Insertion
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.profiles.piv import changing
from services.card_gateway.card.runner import Fill, run
from services.card_gateway.card.script import Kind, Report, Script
from services.card_gateway.card.verdict import ChangeVerdict, PukState, Verdict

OLD_PIN, NEW_PIN, OTHER_PIN = "739154", "860247", "52840713"
CURRENT, NEXT, STRANGE = b"40718263", b"55512340", b"99999990"
DIGEST = bytes(range(32))

CARDS: dict[str, dict[str, Any]] = {
    "PivApplet": {},
    "OpenFIPS201": {
        "pin_tries": 6,
        "puk_tries": 10,
        "last_wrong": 0x6983,
        "metadata": False,
        "keeps_rest": False,
    },
    "YubiKey": {"pin_tries": 3, "puk_tries": 3, "frame": 256, "not_selected": 0x6D00},
}
"""Parameters of three makes of card; what they differ in was measured."""


def padded(pin: str) -> bytes:
    return pin.encode().ljust(8, b"\xff")


@dataclass
class OneCard:
    eeprom: Eeprom
    port: InProcessCard
    chuid_hash: bytes
    insertion: Insertion = field(default_factory=Insertion)

    def arm(self, kind: Any, at: int, value: float = 0) -> None:
        self.port.card.arm(Fault(kind, at, value))

    def reinsert(self) -> None:
        self.port.card.disarm()
        self.port.insert()
        self.insertion = Insertion()

    def run(
        self, script: Script, pin: str = NEW_PIN, current: str = OLD_PIN, *, last_try: bool = False
    ) -> Report:
        sets_pin = script.kind in (Kind.RESET, Kind.RECOVER, Kind.CHANGE)
        fill = Fill(pin=pin if sets_pin else None, digest=DIGEST, current_pin=current, last_try=last_try)
        report = run(script, self.port, fill, self.insertion)
        self.port.reset()
        return report

    def read(self) -> CardFacts:
        facts = piv.parse_read(self.run(piv.read_script()))
        assert isinstance(facts, CardFacts)
        return facts

    def reset(self, puk: bytes = CURRENT, following: bytes = NEXT, pin: str = NEW_PIN) -> Verdict:
        return piv.judge_reset(self.run(piv.reset_script(self.chuid_hash, puk, following), pin))

    def recover(self, lost: PukState | None = None, pin: str = NEW_PIN) -> Verdict:
        blocked = self.read().pin_blocked
        candidates = piv.order_candidates(CURRENT, NEXT, pin_blocked=blocked, lost=lost)
        return piv.judge_recover(self.run(piv.recover_script(self.chuid_hash, candidates), pin))

    def change(self, current: str = OLD_PIN, pin: str = NEW_PIN, *, last_try: bool = False) -> ChangeVerdict:
        script = changing.change_script(self.chuid_hash, last_try=last_try)
        return changing.judge_change(self.run(script, pin, current, last_try=last_try))

    def puk_is(self, verdict: Verdict) -> bool:
        """Whether the card agrees with what the verdict says of its PUK."""
        may_be = {
            PukState.CURRENT: {CURRENT},
            PukState.NEXT: {NEXT},
            PukState.UNKNOWN: {CURRENT, NEXT},
            PukState.NEITHER: {self.eeprom.puk} - {CURRENT, NEXT},
        }
        return self.eeprom.puk in may_be[verdict.puk]


def one_card(
    make: str = "PivApplet", *, blocked: bool = True, puk: bytes = CURRENT, **wishes: Any
) -> OneCard:
    eeprom, _ = make_card(pin=OLD_PIN, puk=puk.decode(), blocked=blocked, **{**CARDS[make], **wishes})
    port = InProcessCard(FaultyCard(VirtualCard(eeprom)))
    card = OneCard(eeprom, port, b"")
    card.chuid_hash = card.read().chuid_hash
    return card
