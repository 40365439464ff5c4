"""Import of cards: write-only, rerunnable, and no line of it is ever said again."""

import json
from typing import Any

import pytest

from services.card_gateway.importing import import_cards
from tests.ports.card_gateway.world import (
    CARD_REF,
    NEW_PINS,
    World,
    authorised,
    card_in_reader,
    session_with_card,
)


async def test_an_import_run_again_keeps_secret_and_counters(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    await agent.work()
    before = await world.secret()
    assert await world.import_line(line | {"expires_at": "2030-01-01T00:00:00Z"}) == []

    assert await world.secret() == before
    assert before.version == 1


async def test_R5_the_earlier_end_of_card_and_registry_counts(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line | {"expires_at": "2026-02-01T00:00:00Z"})
    _, page = await session_with_card(world, reader)
    card = (await page.see()).session.card
    assert card is not None

    assert card.certificate_expires_at.isoformat() == "2026-02-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"card_ref": "c1"}, "BAD_LINE"),
        ({"guid": "xx" * 16}, "BAD_LINE"),
        ({"expires_at": "soon"}, "BAD_LINE"),
        ({"key_9e": 5}, "BAD_LINE"),
        ({"key_9e": "AAAA"}, "BAD_KEY"),
        ({"profile": "GIDS"}, "UNKNOWN_PROFILE"),
        ({"puk": "12"}, "BAD_PUK"),
    ],
)
async def test_a_bad_line_is_told_by_its_number_and_others_are_taken(
    world: World, changes: dict[str, Any], code: str
) -> None:
    _, good = card_in_reader()
    _, other = card_in_reader()
    lines = [json.dumps(other | {"card_ref": "d2" * 16} | changes), "", json.dumps(good)]
    complaints = await import_cards(world.database, world.vault, lines)

    assert [(each.number, each.code) for each in complaints] == [(1, code)]
    assert await world.secret() is not None


async def test_an_identifier_belongs_to_one_card(world: World) -> None:
    _, line = card_in_reader()
    _, other = card_in_reader()
    await world.import_line(line)
    stolen = await world.import_line(line | {"card_ref": "d2" * 16})
    changed = await world.import_line(line | {"key_9e": other["key_9e"]})

    assert [each.code for each in (*stolen, *changed)] == ["GUID_TAKEN", "OTHER_CARD"]


async def test_no_puk_is_in_the_database_in_clear(world: World) -> None:
    _, line = card_in_reader()
    await world.import_line(line)
    imported = (await world.secret()).imported

    assert line["puk"].encode() not in imported
    assert CARD_REF.encode() not in imported
