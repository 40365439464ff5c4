"""The budget of a card: the design's own, or stricter by setting; what would break the floor is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.local.keys import Keys
from services.card_gateway.card.profiles import piv
from services.card_gateway.domain.budget import Budget, Secret, Spent
from services.card_gateway.domain.words import Reason
from services.card_gateway.settings import Settings
from services.runtime import settings
from tests.ports.card_gateway.world import (
    NEW_PINS,
    Agent,
    Page,
    Reader,
    World,
    authorised,
    card_in_reader,
    session_with_card,
)

SECRET = Secret("c1" * 16, 4, "k1", 6, None, "k1", 3, 3)


def strict(world: World, **changes: int) -> None:
    object.__setattr__(world.gateway.outside, "budget", replace(Budget(), **changes))


async def imported(world: World, **wishes: Any) -> Reader:
    reader, line = card_in_reader(**wishes)
    await world.import_line(line)
    return reader


async def failed(world: World, reader: Reader) -> tuple[Agent, Page]:
    """A reset that the card refuses, in a session that ends with it."""
    agent, page = await authorised(world, reader, Reason.FORGOTTEN)
    assert await page.reset_pin(NEW_PINS[0]) == ""
    proof: Any = await agent.poll()
    order = await agent.do(proof)
    assert order is not None
    reader.arm("status", 2, 0x6985)
    await agent.do(order)
    assert await page.state() == ("FAILED", "CARD_REFUSED")
    reader.reinsert()
    return agent, page


async def first_word(world: World, reader: Reader) -> tuple[str, str]:
    """What a new session comes to when the card is read."""
    _, page = await session_with_card(world, reader, Reason.FORGOTTEN)
    return await page.state()


@pytest.mark.parametrize("allowed", [1, 2])
async def test_I4_so_many_failed_resets_in_24_hours_and_no_more(world: World, allowed: int) -> None:
    strict(world, failed_in_window=allowed)
    reader = await imported(world)
    for _ in range(allowed):
        await failed(world, reader)

    assert await first_word(world, reader) == ("FAILED", "BUDGET_SPENT")
    world.clock.advance(hours=24, seconds=1)
    assert await first_word(world, reader) == ("CARD_READ", "")


async def test_I4_with_a_floor_of_three_one_loss_is_for_the_ra(world: World) -> None:
    reader = await imported(world, metadata=False)
    async with world.gateway.outside.books.begin("test.loss") as work:
        secret = await work.lock_secret(reader.card_ref)
        assert secret is not None
        await work.store_secret(secret.expecting(loss=1))
    assert await first_word(world, reader) == ("CARD_READ", "")
    strict(world, floor=3)

    assert await first_word(world, reader) == ("FAILED", "BUDGET_SPENT")


async def test_a_card_that_wears_out_keeps_uses_for_its_issuer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piv, "SECRET_USES", 4)
    strict(world, uses_kept=2)
    reader = await imported(world)
    for pin in NEW_PINS[:2]:
        agent, page = await authorised(world, reader, Reason.FORGOTTEN)
        await page.reset_pin(pin)
        await agent.work()
        assert await page.state() == ("SUCCESS", "")
    world.clock.advance(days=400)

    assert await first_word(world, reader) == ("FAILED", "BUDGET_SPENT")


@pytest.mark.parametrize(
    ("uses", "in_life", "allowed"), [(10_000, None, True), (8, 10, True), (9, 10, False), (0, 1, False)]
)
def test_uses_count_only_where_a_kind_of_card_has_so_many(
    uses: int, in_life: int | None, allowed: bool
) -> None:
    assert Budget().allows(SECRET, Spent(0, uses, in_life)) is allowed


@pytest.mark.parametrize(
    "broken", [{"floor": 1}, {"floor": 4}, {"failed_in_window": 0}, {"failed_in_window": 6}, {"uses_kept": 0}]
)
def test_I4_no_budget_is_laxer_than_the_design_or_lets_nothing_through(broken: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"floor|failed resets|use of the secret"):
        Budget(**broken)


def environment(keys: Keys) -> dict[str, str]:
    return {
        **keys.tls("card_gateway"),
        "CARD_GATEWAY_DATABASE_URL": "sqlite+aiosqlite://",
        "CARD_MASTER_KEY_DIR": str(keys.card_master_dir),
        "CARD_MASTER_KID": "k1",
        "GATEWAY_NAME": "gateway-of-a-test",
        "WEB_ORIGIN": "http://127.0.0.1:1",
        "GRANT_SIGNING_KEY_FILE": str(keys.signing("card_gateway")),
        "GRANT_VERIFY_KEYS_DIR": str(keys.verify_dir),
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BUDGET_TRIES_FLOOR", "1"),
        ("BUDGET_TRIES_FLOOR", "4"),
        ("BUDGET_FAILED_RESETS", "6"),
        ("BUDGET_FAILED_RESETS", "0"),
        ("BUDGET_USES_KEPT", "0"),
        ("MOST_ON_OFFER", "1000001"),
        ("ATTACH_PER_SECOND", "0"),
    ],
)
def test_I4_a_setting_that_breaks_the_floor_is_refused_by_its_name(
    keys: Keys, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    for each, said in (environment(keys) | {name: value}).items():
        monkeypatch.setenv(each, said)
    read, problems = settings.read(Settings)

    assert (read, list(problems)) == (None, [name])


def test_what_is_not_set_is_the_designs_own_and_all_of_it_stands_in_the_readme(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each, said in environment(keys).items():
        monkeypatch.setenv(each, said)
    read, _ = settings.read(Settings)
    readme = Path(__file__).parents[3] / "services" / "card_gateway" / "README.md"

    assert read is not None
    assert read.budget == Budget(floor=2, failed_in_window=5, uses_kept=1)
    assert {name for name in Settings.model_fields if name.startswith("BUDGET_")} <= set(
        readme.read_text().replace("`", " ").split()
    )
