"""The same machine with reason CHANGE and with an admin-key card at a third desk.

What holds besides: a CHANGE lets no secret out and leaves the PUK alone; an admin-key card is never blocked,
no more of its tries are believed than there are, and at the end it takes a new passcode or has tries to
spare. SOAK=1 takes more of it. Pulls at each command of the new scripts are counted; one never hit fails.
"""

import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random

from deploy.local.keys import Keys
from services.card_gateway.domain.facts import SecretReleased, SessionOutcome
from services.card_gateway.domain.words import OutcomeKind, Reason
from services.runtime.errors import ServiceError
from tests.ports.card_gateway.world import NEW_PINS, Agent, Page, Reader, gids_card_in_reader
from tests.unit.card_gateway import test_state_machine as machine
from tests.unit.card_gateway.test_state_machine import DIED, Vaults, figures, hits

SOAK = bool(os.environ.get("SOAK"))
MACHINES = 200 if SOAK else 6
GIDS_DESK = 2

SCRIPTS = {
    "CHANGE": ("select", "chuid", "clear", "tries", "change"),
    "PROVE": ("select-gids", "card-id", "admin-key", "challenge"),
    "RESET": ("answer", "set-pin", "pin-status"),
}
"""CHANGE of a PIV card; PROVE and RESET of the admin-key card, whose steps no PIV card has."""
PULLED = [f"pulled {when} {kind}.{step}" for kind, steps in SCRIPTS.items() for step in steps
          for when in ("before", "after")]  # fmt: skip
decks_of_run: dict[str, list[str]] = {}
"""One for all machines of a run, so that few machines hit each fault."""

OTHERS = ["changed", "wrong current passcode", "unlocked by admin key"]


class AllReasonsAndKinds(Vaults):
    """Vaults, and what its docstring's module adds."""

    def __init__(self) -> None:
        super().__init__()
        self.decks = decks_of_run

    async def _begin(self, blocked: bool, metadata: bool) -> None:
        await super()._begin(blocked, metadata)
        self.gids, line = gids_card_in_reader(blocked=blocked, admin_tries=5)
        assert await self.world.import_line(line) == []
        self.tried.add(self.gids.eeprom.pin)
        await self._sit_down(GIDS_DESK)

    def _lies_at(self, desk: int) -> Reader:
        return self.gids if desk == GIDS_DESK else self.cards[0]

    def _choices(self) -> list[Callable[[Random], None]]:
        return [*super()._choices(), *[self.change] * 5, *[self.unlock_by_admin_key] * 5]

    def unlock_by_admin_key(self, random: Random) -> None:
        """The third desk: its card is pulled, the gateway dies, a report is lost."""
        if not self.world.freshness.is_current:
            self._step(self._caught_up)
        pull = self._next("gids", [name for name in PULLED if "CHANGE" not in name], random)
        pull, pin = pull if random.random() < 0.8 else "", random.choice(NEW_PINS)
        dies = self._next("dies", DIED[:-4], random) if random.random() < 0.2 else None
        self.tried.add(pin.encode())
        self._step(partial(self._unlock, GIDS_DESK, pull, random.random() < 0.1, pin), dies)

    def change(self, random: Random) -> None:
        """The holder sets a new passcode by the current one, or by another that they take for it."""
        desk, pin, right = random.randrange(2), random.choice(NEW_PINS), random.random() < 0.8
        pull = self._next("CHANGE", [name for name in PULLED if "CHANGE" in name], random)
        pull, lost = pull if random.random() < 0.8 else "", random.random() < 0.1
        dies = self._next("dies", DIED[:-4], random) if random.random() < 0.2 else None
        self._step(partial(self._change, desk, pull, lost, pin, right), dies)

    async def _change(self, desk: int, pull: str, lost: bool, pin: str, right: bool) -> None:
        self.world.clock.advance(seconds=6)
        reader = self.cards[0]
        reader.reinsert()
        if not reader.eeprom.pin_left:
            return
        puk, before = reader.eeprom.puk, reader.eeprom.pin
        agent = await Agent(self.world, reader).attach()
        page = await Page(self.world, agent, reason=Reason.CHANGE).start()
        self.desks[desk] = (agent, page)
        await self._work(agent, "", lost=False)
        current = before.rstrip(b"\xff").decode()
        self.tried.add(pin.encode().ljust(8, b"\xff"))
        hits["wrong current passcode"] += not right
        await page.reset_pin(pin, current=current if right else _another(current))
        with suppress(ServiceError):
            await self._work(agent, pull, lost)
        hits["changed"] += reader.eeprom.pin != before
        assert reader.eeprom.puk == puk, "a CHANGE touched the PUK"

    async def holds(self) -> None:
        await super().holds()
        facts = [told.fact for told in self.topic.told.values()]
        changes = {each.session_id for each in facts
                   if isinstance(each, SessionOutcome) and each.reason is Reason.CHANGE}  # fmt: skip
        released = {each.session_id for each in facts if isinstance(each, SecretReleased)}
        assert not changes & released, "I2: a CHANGE let a secret out"
        if self.world.freshness.is_current:
            secret = await self.world.secret(self.gids.card_ref)
            assert secret.stopped == "", "I3: the vault was wrong"
            assert self.gids.eeprom.admin_left >= 1, "I4: the last try was spent"
            assert secret.tries <= self.gids.eeprom.admin_left, "I4: more tries believed than there are"
            assert self.gids.eeprom.pin in self.tried

    async def _faults_stop(self) -> None:
        await super()._faults_stop()
        facts = [told.fact for told in self.topic.told.values()]
        done = Counter(each.card_ref for each in facts
                       if isinstance(each, SessionOutcome) and each.kind is OutcomeKind.SUCCESS)  # fmt: skip
        hits["unlocked by admin key"] += done[self.gids.card_ref]
        self.world.clock.advance(hours=25)
        self.gids.reinsert()
        self.tried.add(NEW_PINS[0].encode())
        await self._sit_down(GIDS_DESK)
        await self._unlock(GIDS_DESK, "", False, NEW_PINS[0])
        state, code = await self.desks[GIDS_DESK][1].state()
        if code == "BUDGET_SPENT":
            assert (await self.world.secret(self.gids.card_ref)).tries < 2
            figures["admin-key cards for the RA"] += 1
            return
        assert (state, self.gids.eeprom.pin) == ("SUCCESS", NEW_PINS[0].encode())
        assert (await self.world.secret(self.gids.card_ref)).tries == self.gids.eeprom.admin_left == 5
        figures["working admin-key cards"] += 1


def _another(pin: str) -> str:
    return next(each for each in NEW_PINS if each != pin)


def test_I2_I3_I4_F34_a_change_lets_no_secret_out_and_an_admin_key_card_is_never_blocked(
    keys: Keys, record_property: Callable[[str, object], None]
) -> None:
    hits.clear()
    figures.clear()
    decks_of_run.clear()
    machine.run_machine(keys, MACHINES, AllReasonsAndKinds)

    record_property("figure", f"state machine, all reasons and kinds: {dict(figures)}")
    record_property("hits", ", ".join(f"{name} {hits[name]}" for name in sorted([*PULLED, *OTHERS])))
    assert {name for name in [*PULLED, *OTHERS] if not hits[name]} == set()
