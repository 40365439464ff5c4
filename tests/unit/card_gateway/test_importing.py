"""Import of cards: write-only, rerunnable, and no line of it is ever said again."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from services.card_gateway.cards_file import LONGEST_LINE, Unreadable, rows
from services.card_gateway.import_command import REASONS
from services.card_gateway.importing import Import, Remark, weakness
from services.card_gateway.use_cases import commits
from tests.ports.card_gateway.world import (
    CARD_REF,
    NEW_PINS,
    Crash,
    World,
    authorised,
    card_in_reader,
    crash_at,
    session_with_card,
)

COLUMNS = ["card_ref", "profile", "guid", "key_9e", "expires_at", "key_9a", "puk"]


def cards(count: int) -> list[dict[str, Any]]:
    _, line = card_in_reader()
    return [line | {"card_ref": f"{n:032x}", "guid": f"{n + 10**6:032x}"} for n in range(count)]


def as_json(lines: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def as_csv(lines: list[dict[str, Any]], delimiter: str = ",", end: str = "\r\n") -> bytes:
    text = io.StringIO()
    write = csv.DictWriter(text, COLUMNS, delimiter=delimiter, lineterminator=end)
    write.writeheader()
    write.writerows(lines)
    return text.getvalue().encode()


async def imported(world: World, content: bytes, **how: bool) -> tuple[dict[str, int], list[Remark]]:
    run = Import(world.database, world.vault, **how)
    remarks = [remark async for remark in run.run(rows(io.BytesIO(content)))]
    return {name: count for name, count in run.counts.items() if count}, remarks


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("services.card_gateway.importing.BATCH", 50)
    return 50


def told(remarks: list[Remark]) -> list[tuple[int, str]]:
    return [(remark.number, remark.code) for remark in remarks]


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
        ({"card_ref": "c1"}, "BAD_CARD_REF"),
        ({"card_ref": 7}, "BAD_CARD_REF"),
        ({"guid": "xx" * 16}, "BAD_GUID"),
        ({"guid": "c1 " * 10 + "cc"}, "BAD_GUID"),
        ({"expires_at": "soon"}, "BAD_END"),
        ({"expires_at": "2027-01-01T00:00:00"}, "BAD_END"),
        ({"expires_at": None}, "BAD_END"),
        ({"key_9e": 5}, "BAD_KEY"),
        ({"key_9e": "AAAA"}, "BAD_KEY"),
        ({"profile": "OTHER"}, "UNKNOWN_PROFILE"),
        ({"profile": ["PIV"]}, "UNKNOWN_PROFILE"),
        ({"puk": "12"}, "BAD_PUK"),
        ({"puk": 40718263}, "BAD_PUK"),
        ({"puk": "\ud800" * 8}, "BAD_PUK"),
        ({"pukk": "40718263"}, "UNKNOWN_FIELD"),
    ],
)
async def test_a_bad_line_is_told_by_its_number_and_others_are_taken(
    world: World, changes: dict[str, Any], code: str
) -> None:
    _, good = card_in_reader()
    _, other = card_in_reader()
    counts, remarks = await imported(
        world, as_json([other | {"card_ref": "d2" * 16} | changes]) + b"\n" + as_json([good])
    )

    assert told(remarks) == [(1, code)]
    assert counts == {"taken": 1, "refused": 1}
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


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["", "BOM"])
@pytest.mark.parametrize(
    "content",
    [
        as_json(cards(3)),
        as_json(cards(3)).replace(b"\n", b"\r\n"),
        as_json(cards(3)).rstrip(b"\n"),
        as_csv(cards(3)),
        as_csv(cards(3), ";", "\n"),
        as_csv(cards(3), "\t"),
        as_csv(cards(3)).replace(b"PIV", b'"PIV"'),
        as_csv(cards(3)).replace(b"card_ref", b" Card_Ref "),
    ],
    ids=[
        "json",
        "json CRLF",
        "json, no last end",
        "csv",
        "semicolons",
        "tabs",
        "quoted",
        "header with spaces",
    ],
)
async def test_both_forms_are_taken_as_programs_write_them(world: World, bom: bytes, content: bytes) -> None:
    assert await imported(world, bom + content) == ({"taken": 3}, [])
    assert await imported(world, bom + content) == ({"there": 3}, [])


@pytest.mark.parametrize(
    ("spoilt", "code"),
    [
        (b"{}", "WRONG_COLUMNS"),
        (b'a,"b', "NOT_CSV"),
        (b"\xff\xfe,1,2,3,4,5", "NOT_UTF8"),
        (b"a\0,1,2,3,4,5", "NUL_BYTE"),
        (b"x" * 1_000_000, "LINE_TOO_LONG"),
        (b"x" * LONGEST_LINE, "LINE_TOO_LONG"),
        (b",,,,,,", "UNKNOWN_PROFILE"),
    ],
)
async def test_a_spoilt_csv_line_spoils_no_other(world: World, spoilt: bytes, code: str) -> None:
    header, first, second, *_ = as_csv(cards(2), end="\n").split(b"\n")
    counts, remarks = await imported(world, b"\n".join([header, first, spoilt, second]))

    assert told(remarks) == [(3, code)]
    assert counts == {"taken": 2, "refused": 1}


@pytest.mark.parametrize(
    ("spoilt", "code"),
    [
        (b"{", "NOT_JSON"),
        (b"[]", "NOT_JSON"),
        (b'{"a": ' * 9000, "NOT_JSON"),
        (b'{"puk": "1", "puk": "2"}', "NOT_JSON"),
        (b'{"puk": "1"}', "MISSING_FIELD"),
        (b'{"\xff": 1}', "NOT_UTF8"),
        (b'{"puk": "\0"}', "NUL_BYTE"),
        (b'{"puk": "' + b"1" * 1_000_000 + b'"}', "LINE_TOO_LONG"),
    ],
    ids=lambda each: str(each)[:30],
)
async def test_a_spoilt_json_line_spoils_no_other(world: World, spoilt: bytes, code: str) -> None:
    first, second, _ = as_json(cards(2)).split(b"\n")
    counts, remarks = await imported(world, b"\n".join([first, spoilt, second]))

    assert told(remarks) == [(2, code)]
    assert counts == {"taken": 2, "refused": 1}


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"card_ref,profile,puk", "columns missing in the header: guid, key_9e, expires_at"),
        (b"40718263,c1", "columns missing"),
        (b"card_ref,profile,guid,key_9e,expires_at,40718263", "each once, and no other"),
        (b"card_ref,profile,guid,key_9e,expires_at,puk,puk", "each once, and no other"),
        ("card_ref,puk".encode("utf-16"), "NOT_UTF8"),
        (b"x" * 100_000, "LINE_TOO_LONG"),
    ],
)
async def test_a_file_without_its_columns_is_refused_whole_and_not_quoted(
    world: World, header: bytes, said: str
) -> None:
    with pytest.raises(Unreadable, match=said) as refused:
        await imported(world, header + b"\n40718263\n")

    assert "40718263" not in str(refused.value)


async def test_a_card_that_the_file_names_again_counts_once_also_far_away(
    world: World, small_batches: int
) -> None:
    lines = cards(123)
    again = [lines[0], lines[1] | {"puk": "55512340"}, lines[2] | {"card_ref": "d2" * 16}]
    counts, remarks = await imported(world, as_json([*lines, lines[122], *again]))

    assert [(each.number, each.code, each.first) for each in remarks] == [
        (124, "DUPLICATE", 123),
        (125, "DUPLICATE", 1),
        (126, "DUPLICATE", 2),
        (127, "GUID_TAKEN", 3),
    ]
    assert counts == {"taken": 123, "refused": 4}


@pytest.mark.parametrize("side", ["before", "after"])
async def test_an_import_that_was_killed_is_run_again_and_skips_what_is_there(
    world: World, side: str, small_batches: int
) -> None:
    content = as_json(cards(123))
    with crash_at(f"{commits.IMPORT_CARDS}.{side}_commit") as hits, pytest.raises(Crash):
        await imported(world, content)
    kept = small_batches if side == "after" else 0

    assert len(hits) == 1
    assert (await imported(world, content))[0] == {
        name: count for name, count in (("taken", 123 - kept), ("there", kept)) if count
    }


async def test_a_dry_run_says_the_same_and_writes_nothing(world: World) -> None:
    content = as_json([*cards(3), {"puk": "1"}])
    dry = await imported(world, content, dry_run=True)

    assert dry == await imported(world, content)
    assert dry[0] == {"taken": 3, "refused": 1}


async def test_a_puk_that_anybody_guesses_is_taken_and_warned_of_once(world: World) -> None:
    puks = ["12345678", "00000000", "87654321", "0718263", "40718263"]
    lines = [line | {"puk": puk} for line, puk in zip(cards(5), puks, strict=True)]
    counts, remarks = await imported(world, as_csv(lines))

    assert told(remarks) == [(2, "DEFAULT_PUK"), (3, "WEAK_PUK"), (4, "WEAK_PUK"), (5, "SHORT_PUK")]
    assert counts == {"taken": 5, "warned": 4}
    assert await imported(world, as_csv(lines)) == ({"there": 5}, [])


async def test_a_card_without_a_puk_gets_the_one_that_comes_later(world: World) -> None:
    lines = cards(2)
    without = [{name: value for name, value in line.items() if name != "puk"} for line in lines]

    assert await imported(world, as_csv(without)) == ({"taken": 2}, [])
    assert await imported(world, as_csv(lines)) == ({"updated": 2}, [])


def test_weakness_leaves_others_alone() -> None:
    assert {weakness(puk) for puk in ("40718263", "11223344", "abcdefgh")} == {""}


def test_every_code_has_its_words() -> None:
    said = "".join(
        Path(f"services/card_gateway/{name}.py").read_text() for name in ("cards_file", "importing")
    )
    assert all(f'"{code}"' in said for code in REASONS)
