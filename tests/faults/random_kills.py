"""Agent and gateway killed at a random instant of a reset; how soon the page then tells the truth."""

import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.armed_stack import ArmedStack, StubbornPerson
from tests.faults.world import check_world

TRUTH_SECONDS = 30.0
"""From everything being back to a page that says what the card knows."""
SPREAD_SECONDS = 0.8
"""From the passcode's sending: question, proof and reset lie in it, and a little of what follows."""
MOST_AWAY_SECONDS = 2.0
VICTIMS = (("agent",), ("card_gateway",), ("agent", "card_gateway"))


@dataclass(frozen=True)
class Kill:
    """Who dies, how long after the passcode was sent, and for how long; seconds."""

    victims: tuple[str, ...]
    after: float
    away: float


@dataclass(frozen=True)
class Seen:
    """What one run showed."""

    kill: Kill
    first: str
    """Where the page stood as soon as it told the truth."""
    seconds: float


def random_kill(chance: random.Random) -> Kill:
    return Kill(
        chance.choice(VICTIMS), chance.uniform(0, SPREAD_SECONDS), chance.uniform(0, MOST_AWAY_SECONDS)
    )


def killed_at_random(stack: ArmedStack, card: str, kill: Kill) -> Seen:
    """One journey with one kill; the person finishes it, and the books balance."""
    person = StubbornPerson(stack, card)
    person.come_to_passcode()
    person.choose_passcode()
    killing = threading.Timer(kill.after, _kill, (stack, kill.victims))
    killing.start()
    while killing.is_alive():
        person.answer_if_asked()
        time.sleep(0.002)
    time.sleep(kill.away)
    stack.revive()
    back = time.monotonic()
    _wait_for_truth(stack, person)
    seen = Seen(kill, person.page.path, time.monotonic() - back)
    assert person.finish().path == "/done"
    stack.slots.remove()
    check_world(stack, unlocked=[card])
    return seen


def _kill(stack: ArmedStack, victims: Sequence[str]) -> None:
    for name in victims:
        stack.parts[name].kill()


def _wait_for_truth(stack: ArmedStack, person: StubbornPerson) -> None:
    """Return when the page says that the card took the passcode, or asks for another one, and it is so."""

    def true(path: str) -> bool:
        unlocked = stack.slots.counters(person.card.name)["pin_left"] > 0
        return path == ("/done" if unlocked else "/passcode")

    person.wait_for(lambda shown: shown.path in ("/done", "/passcode"), "to tell the truth", TRUTH_SECONDS)
    assert true(person.page.path), f"I7: {person.page}"


def told(seen: Sequence[Seen]) -> str:
    """The distribution, in one line."""
    seconds = sorted(one.seconds for one in seen)
    ends = Counter(f"{'+'.join(one.kill.victims)} {one.first}" for one in seen)
    return (
        f"{len(seen)} kills; seconds to the truth: median {statistics.median(seconds):.2f}, "
        f"p90 {seconds[int(len(seconds) * 0.9)]:.2f}, most {seconds[-1]:.2f}; {dict(sorted(ends.items()))}"
    )
