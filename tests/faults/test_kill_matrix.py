"""Each process killed at each step of the journey: the person finishes, the books balance. F1, F2.

One journey a theme; in each, processes die by SIGKILL at every named point of it and are started
again, as Kubernetes would. Which points were hit is printed; a point that was not hit fails.
"""

import os
import random
import secrets
from collections.abc import Callable, Iterator

import pytest

from deploy.local.demo_data import Plan
from deploy.local.keys import Keys
from tests.faults.armed_stack import ArmedStack, StubbornPerson
from tests.faults.random_kills import killed_at_random, random_kill, told
from tests.faults.world import check_world, last_words, mails_are_repeats, pin_in_card, puk_in_card

ON_THE_REQUEST_PATH = (
    "card_gateway.attach",
    "card_gateway.start_session",
    "card_gateway.report_read",
    "otp.issue_code",
    "otp.redeem_code",
    "card_gateway.authorise",
    "card_gateway.reset_pin",
    "card_gateway.report_prove",
    "card_gateway.fetch_reset",
    "card_gateway.report_reset",
)
"""The ten commits of a journey. Source: quality P5."""

BEHIND_IT = (
    "otp.delivery_changed",
    "notifier.take_code",
    "notifier.claim",
    "notifier.store_try",
    "notifier.take_notice",
    "audit.store",
)

ANSWERS = (
    "card_gateway.Attach.answering",
    "card_gateway.StartSession.answering",
    "card_gateway.NextStep.answering",
    "card_gateway.GetSession.answering",
    "card_gateway.Authorise.answering",
    "card_gateway.ResetPin.answering",
    "card_gateway.ReportStep.answering",
    "identity.ResolveHolder.answering",
    "identity.GetDeliveryAddress.answering",
    "otp.IssueCode.answering",
    "otp.GetCodeStatus.answering",
    "otp.RedeemCode.answering",
    "web.GET.open-{token}.answering",
    "web.POST.reason.answering",
    "web.GET.card.answering",
    "web.GET.address.answering",
    "web.POST.address.answering",
    "web.GET.code.answering",
    "web.POST.code.answering",
    "web.GET.passcode.answering",
    "web.POST.passcode.answering",
    "web.GET.working.answering",
    "web.GET.done.answering",
)

RELAYS = (
    "otp.relay.before_send",
    "otp.relay.after_ack",
    "card_gateway.relay.before_send",
    "card_gateway.relay.after_ack",
    "notifier.relay.before_send",
    "notifier.relay.after_ack",
    "audit.store.before_ack",
)

AGENT_STEPS = (
    "select",
    "chuid",
    "unblock",
    "rotate",
    *(("clear", "tries") if os.environ.get("SOAK") else ()),
)
"""Where the agent dies, the first two as the card is read, the others in the reset; `make soak` takes all."""

THEMES = {
    "before each commit": tuple(f"{name}.before_commit" for name in (*ON_THE_REQUEST_PATH, *BEHIND_IT)),
    "after each commit": tuple(f"{name}.after_commit" for name in (*ON_THE_REQUEST_PATH, *BEHIND_IT)),
    "as it answers": ANSWERS,
    "between database and broker": RELAYS,
}

AGENT_POINTS = tuple(f"agent.{name}.{when}" for name in AGENT_STEPS for when in ("sending", "answered"))

OFFER_POINTS = ("agent.offer.written", "agent.offer.taken")
"""On the disk and shown to nobody; claimed by a page, and the agent has done nothing about it."""

JOURNEYS = 3
"""Cards a theme has: a point that another kill came before is armed again in a journey of its own."""

THEME_CARDS = {
    theme: [f"theme-{number}-{journey}" for journey in range(JOURNEYS)] for number, theme in enumerate(THEMES)
}
AGENT_CARDS = {point: [f"agent-{number}"] for number, point in enumerate(AGENT_POINTS)}
OFFER_CARDS = {point: [f"offer-{number}"] for number, point in enumerate(OFFER_POINTS)}
KAFKA_CARD = "kafka-killed"
CHANGED_CARD = Plan("change-killed", "Card whose passcode is changed", "SUCCESS", blocked=False)
CHANGE_STEPS = (*(("select", "chuid", "clear", "tries") if os.environ.get("SOAK") else ()), "change")
CHANGE_POINTS = tuple(f"agent.{name}.{when}" for name in CHANGE_STEPS for when in ("sending", "answered"))
RANDOM_RUNS = 200 if os.environ.get("SOAK") else int(os.environ.get("RANDOM_KILLS", "4"))
RANDOM_CARDS = [f"random-{number}" for number in range(RANDOM_RUNS)]
ADMIN_KEY_RUNS = 60 if os.environ.get("SOAK") else 2
ADMIN_KEY_CARDS = [f"admin-key-{number}" for number in range(ADMIN_KEY_RUNS)]

PLANS = [
    Plan(card, f"Card {card} of the kill matrix", "SUCCESS")
    for cards in (
        *THEME_CARDS.values(),
        *AGENT_CARDS.values(),
        *OFFER_CARDS.values(),
        [KAFKA_CARD],
        RANDOM_CARDS,
    )
    for card in cards
] + [
    CHANGED_CARD,
    *(Plan(card, f"Minidriver card {card}", "SUCCESS", profile="GIDS") for card in ADMIN_KEY_CARDS),
]


pytestmark = pytest.mark.xdist_group("kills")
"""One stack for all of them."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[ArmedStack]:
    folder = tmp_path_factory.mktemp("kills")
    with ArmedStack(folder, keys, plans=PLANS) as running:
        yield running


def unlock_among_kills(
    stack: ArmedStack, cards: list[str], points: tuple[str, ...], record: Callable[[str, object], None]
) -> None:
    left, journeys = set(points), 0
    while left and journeys < len(cards):
        left = _journey_with_kills(stack, cards[journeys], left)
        journeys += 1
    hit = [point for point in points if point not in left]
    record("hits", f"{len(hit)} kills of {len(points)} in {journeys} journeys: {', '.join(hit)}")
    assert left == set()


def _journey_with_kills(stack: ArmedStack, card: str, points: set[str]) -> set[str]:
    """Unlock one card while processes die at these points; return those that were not reached."""
    stack.arm(points)
    shown = StubbornPerson(stack, card).unlock()
    stack.slots.remove()

    assert shown.path == "/done"
    assert stack.slots.counters(card)["pin_left"] > 0
    missed = stack.wait_for_hits()
    stack.disarm(missed)
    check_world(stack, unlocked=[card])
    mails_are_repeats(stack, card, most=3)
    return missed


@pytest.mark.pcsc
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("theme", THEMES)
def test_F1_a_process_killed_at_every_point_of_a_theme(
    stack: ArmedStack, theme: str, record_property: Callable[[str, object], None]
) -> None:
    unlock_among_kills(stack, THEME_CARDS[theme], THEMES[theme], record_property)


@pytest.mark.pcsc
@pytest.mark.parametrize("point", AGENT_POINTS)
def test_F15_the_agent_killed_at_a_command_to_the_card(
    stack: ArmedStack, point: str, record_property: Callable[[str, object], None]
) -> None:
    unlock_among_kills(stack, AGENT_CARDS[point], (point,), record_property)


@pytest.mark.pcsc
@pytest.mark.parametrize("point", OFFER_POINTS)
def test_F15_the_agent_killed_with_an_offer_beside_the_session_in_use(
    stack: ArmedStack, point: str, record_property: Callable[[str, object], None]
) -> None:
    left = StubbornPerson(stack, OFFER_CARDS[point][0])
    left.open_journey()
    left.say_why()

    unlock_among_kills(stack, OFFER_CARDS[point], (point,), record_property)


@pytest.mark.pcsc
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("cards", [RANDOM_CARDS, ADMIN_KEY_CARDS], ids=["PUK", "admin key"])
def test_F15_F1_agent_and_gateway_killed_at_random_instants_of_a_reset(
    stack: ArmedStack, cards: list[str], record_property: Callable[[str, object], None]
) -> None:
    seed = int(os.environ.get("SEED", "0")) or secrets.randbits(32)
    chance = random.Random(seed)
    seen = []
    for card in cards:
        kill = random_kill(chance)
        try:
            seen.append(killed_at_random(stack, card, kill))
        except Exception as error:
            error.add_note(f"SEED={seed}, {card}: {kill}")
            raise
    record_property("figure", f"SEED={seed}: {told(seen)}")


@pytest.mark.pcsc
def test_F15_the_agent_killed_in_a_change_never_ends_in_a_wrong_word(
    stack: ArmedStack, record_property: Callable[[str, object], None]
) -> None:
    card = CHANGED_CARD.name
    puk = puk_in_card(stack, card)
    stack.arm(CHANGE_POINTS)
    person = StubbornPerson(stack, card, "CHANGE")
    shown = person.change()
    stack.slots.remove()
    left = stack.still_armed()
    stack.disarm(left)
    wrong = stack.slots.counters(card)["wrong_pin_tries"]
    record_property("hits", f"{len(CHANGE_POINTS) - len(left)} kills in one change, {wrong} wrong tries")

    assert (shown.path, left) == ("/done", set())
    assert pin_in_card(stack, card) == person.new_pin
    assert puk_in_card(stack, card) == puk
    check_world(stack, unlocked=[card])


@pytest.mark.pcsc
def test_F5_kafka_killed_in_the_middle_loses_no_event(stack: ArmedStack) -> None:
    card = KAFKA_CARD
    person = StubbornPerson(stack, card)
    person.open_journey()
    person.say_why()
    person.insert_card()
    stack.parts["kafka"].kill()
    person.ask_for_code()
    assert person.page.path == "/code"
    person.read_mail()
    person.type_code()
    person.choose_passcode()
    person.answer_agent()
    shown = person.wait_for_end()
    stack.slots.remove()

    assert shown.path == "/done"
    check_world(stack, unlocked=[card])
    card_ref = stack.card(card).card_ref
    words = [word["kind"] for word in last_words(stack).values() if word["card_ref"] == card_ref]
    assert words == ["SUCCESS"]
