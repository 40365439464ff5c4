"""The history of a card: whom identity lets read it, and each record in words. R25, D1."""

from dataclasses import replace
from datetime import UTC, datetime
from html import unescape

import pytest

from services.runtime import errors
from services.web.ports import CardRecord, CardRecords, Receipt, Refused
from tests.fakes.web_peers import HOLDER, HOLDER_REF, World
from tests.unit.web.conftest import Visitor
from tests.unit.web.test_ra_desk_pages import reach_desk

CARD = HOLDER.cards[0].card_ref
AT = f"/ra/holders/{HOLDER_REF}/cards/{CARD}/history"
SUMMER = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
UNLOCKED = CardRecord(SUMMER, "SUCCESS", reason="LOCKED", by="HOLDER", session_id="s-1", place=12345)


async def shown(visitor: Visitor, world: World, *records: CardRecord, older: str = "") -> str:
    world.card_records = CardRecords(records, older)
    await reach_desk(visitor, world)
    page = await visitor.open(AT)
    assert page.status_code == 200
    return " ".join(unescape(page.text).split())


async def test_R25_the_holders_page_leads_to_the_history_of_each_card(visitor: Visitor, world: World) -> None:
    await reach_desk(visitor, world)
    page = await visitor.open(f"/ra/holders/{HOLDER_REF}")

    for card in HOLDER.cards:
        assert f'href="/ra/holders/{HOLDER_REF}/cards/{card.card_ref}/history"' in page.text


async def test_R25_D1_a_record_says_what_when_by_whom_and_where_it_stands(
    visitor: Visitor, world: World
) -> None:
    text = await shown(visitor, world, UNLOCKED)

    assert ("allow_records", ("profile-grant", HOLDER_REF, CARD)) in world.calls
    assert ("card_records", ("records-grant", "")) in world.calls
    for words in (
        "The smartcard was unlocked",
        "By the holder.",
        "Entry 12,345 of the signed audit log",
        "s-1",
    ):
        assert words in text


async def test_R25_times_are_those_of_the_clocks_on_the_wall(visitor: Visitor, world: World) -> None:
    text = await shown(visitor, world, UNLOCKED)

    assert "2 July 2026, 00:30" in text
    assert "Times are those of London." in text


@pytest.mark.parametrize(
    ("changed", "sentences"),
    [
        (
            {"reason": "FORGOTTEN", "in_person": True, "by": "RA"},
            ["passcode was set", "Authority, in person."],
        ),
        ({"reason": "SIGN_IN"}, ["The holder signed in with the smartcard"]),
        ({"kind": "REFUSED", "code": "NO_EMAIL"}, ["could not be unlocked", "holder’s smartcard was locked"]),
        ({"kind": "REFUSED", "reason": "SIGN_IN"}, ["The holder could not sign in here"]),
        ({"kind": "RESOLVED", "resolved_success": True}, ["the smartcard had been unlocked"]),
        ({"kind": "RESOLVED"}, ["the smartcard was still locked"]),
        (
            {"kind": "ABANDONED", "by": "SYSTEM", "place": 0},
            ["time ran out", "By this service", "Not in the"],
        ),
        (
            {"kind": "CARD_FROZEN", "by": "RA", "why": "CARD_LOST", "reason": "UNSPECIFIED"},
            ["was frozen", "Reason: It is lost or was stolen."],
        ),
        (
            {"kind": "VOUCHED_IN_PERSON", "why": "PHOTO_ID", "by": "RA"},
            ["vouched for", "has their photograph"],
        ),
        ({"kind": "OF_A_NEWER_SERVICE", "by": ""}, ["OF_A_NEWER_SERVICE", "Nobody is named."]),
    ],
)
async def test_R25_D1_every_kind_of_record_is_told_in_words(
    visitor: Visitor, world: World, changed: dict[str, object], sentences: list[str]
) -> None:
    text = await shown(visitor, world, replace(UNLOCKED, **changed))  # type: ignore[arg-type]

    for sentence in sentences:
        assert sentence in text


async def test_R25_a_code_leads_to_what_it_means(visitor: Visitor, world: World) -> None:
    text = await shown(visitor, world, replace(UNLOCKED, kind="REFUSED", code="CERTIFICATE_EXPIRED"))

    assert 'href="/help/errors/CERTIFICATE_EXPIRED"' in text


async def test_R25_older_records_are_a_page_further(visitor: Visitor, world: World) -> None:
    text = await shown(visitor, world, UNLOCKED, older="17.e-1")
    assert f'href="{AT}?older=17.e-1"' in text
    world.card_records = CardRecords(())
    page = await visitor.open(f"{AT}?older=17.e-1")

    assert ("card_records", ("records-grant", "17.e-1")) in world.calls
    assert "There are no older records." in page.text
    assert f'href="{AT}"' in page.text


async def test_R25_a_card_with_no_records_says_so(visitor: Visitor, world: World) -> None:
    assert "Nothing is recorded of this smartcard yet." in await shown(visitor, world)


async def test_R25_a_card_that_is_not_the_holders_is_one_that_is_not_there(
    visitor: Visitor, world: World
) -> None:
    await reach_desk(visitor, world)
    world.refused_records = Refused("HOLDER_NOT_FOUND")
    page = await visitor.open(AT)
    short = await visitor.open(f"/ra/holders/{HOLDER_REF}/cards/short/history")

    assert (page.status_code, short.status_code, visitor.error_code()) == (404, 404, "HOLDER_NOT_FOUND")
    assert "card_records" not in world.names()


@pytest.mark.parametrize("call", ["allow_records", "card_records"])
async def test_R25_a_sign_in_that_is_over_is_told(visitor: Visitor, world: World, call: str) -> None:
    await reach_desk(visitor, world)
    world.failure[call] = errors.unauthenticated("GRANT_REFUSED")
    await visitor.open(AT)

    assert visitor.error_code() == "SIGNED_OUT"


async def test_R25_a_history_is_for_ras_alone(visitor: Visitor, world: World) -> None:
    await reach_desk(visitor, world)
    world.profile = replace(world.profile, roles=())
    page = await visitor.open(AT)

    assert (page.status_code, visitor.error_code()) == (403, "RA_ONLY")
    assert {"allow_records", "card_records"}.isdisjoint(world.names())


async def test_R25_D1_each_signed_record_has_its_receipt_as_a_file(visitor: Visitor, world: World) -> None:
    text = await shown(visitor, world, replace(UNLOCKED, event_id="e-1"), replace(UNLOCKED, place=0))
    world.receipt = Receipt(12345, 20000, "the receipt")
    page = await visitor.open(f"{AT}/e-1")

    assert text.count("download its receipt") == 1
    assert f'href="{AT}/e-1"' in text
    assert ("card_receipt", ("records-grant", "e-1")) in world.calls
    assert (page.text, page.headers["content-type"]) == ("the receipt", "text/plain; charset=utf-8")
    assert "unlock-receipt.tlog-proof" in page.headers["content-disposition"]


async def test_R25_a_record_that_is_not_the_cards_has_no_receipt(visitor: Visitor, world: World) -> None:
    await reach_desk(visitor, world)
    page = await visitor.open(f"{AT}/e-2")

    assert (page.status_code, visitor.error_code()) == (404, "PAGE_NOT_FOUND")
