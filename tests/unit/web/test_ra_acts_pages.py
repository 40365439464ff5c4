"""What an RA does for a holder, on pages: with a reason, and each refusal with what to do. R7, R25, R64."""

from dataclasses import replace
from html import unescape

import pytest

from services.web.ports import CardAct, HolderChange, Refused
from tests.fakes.web_peers import HOLDER, HOLDER_REF, NOW, World
from tests.unit.web.conftest import Visitor, hidden_fields
from tests.unit.web.test_ra_desk_pages import reach_desk

AT = f"/ra/holders/{HOLDER_REF}"
CARD = HOLDER.cards[0].card_ref
FORMS = {"address": f"{AT}/address", "freeze": f"{AT}/cards/{CARD}/freeze", "lift": f"{AT}/cards/{CARD}/lift"}


async def test_R7_R25_an_ra_adds_an_address_with_a_reason(visitor: Visitor, world: World) -> None:
    await reach_desk(visitor, world)
    page = await visitor.open(AT)
    assert f'href="{FORMS["address"]}"' in page.text
    await visitor.open(FORMS["address"])
    page = await visitor.submit(
        FORMS["address"], email="new@example.org", reason="NO_ADDRESS", note=" request 7 "
    )

    assert ("set_address", (HOLDER_REF, "new@example.org", "NO_ADDRESS", "request 7")) in world.calls
    assert "The email address is set" in page.text


async def test_R64_an_ra_freezes_a_card_and_lifts_the_freeze(visitor: Visitor, world: World) -> None:
    await reach_desk(visitor, world)
    assert f'href="{FORMS["freeze"]}"' in (await visitor.open(AT)).text
    await visitor.open(FORMS["freeze"])
    assert "is frozen" in (await visitor.submit(FORMS["freeze"], reason="CARD_LOST")).text
    world.record = replace(HOLDER, cards=(replace(HOLDER.cards[0], status="FROZEN"),))
    assert f'href="{FORMS["lift"]}"' in (await visitor.open(AT)).text
    await visitor.open(FORMS["lift"])
    assert "freeze is lifted" in (await visitor.submit(FORMS["lift"], reason="CARD_FOUND")).text

    assert [what for name, what in world.calls if name == "act_on_card"] == [
        (CardAct.FREEZE, HOLDER_REF, CARD, "CARD_LOST", ""),
        (CardAct.LIFT, HOLDER_REF, CARD, "CARD_FOUND", ""),
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("reason", ["", "HOLIDAY"])
async def test_R25_no_act_without_a_reason(visitor: Visitor, world: World, form: str, reason: str) -> None:
    await reach_desk(visitor, world)
    await visitor.open(FORMS[form])
    page = await visitor.submit(FORMS[form], email="new@example.org", reason=reason)

    assert (page.status_code, visitor.error_code()) == (400, "REASON_MISSING")
    assert {"set_address", "act_on_card"}.isdisjoint(world.names())


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("EMAIL_MISSING", "Enter the holder’s work email address"),
        ("EMAIL_MALFORMED", "in the correct format"),
        ("EMAIL_DOMAIN_NOT_ALLOWED", "that is approved"),
        ("NOTE_MISSING", "Write what the other reason is"),
    ],
)
async def test_R26_R33_what_cannot_stand_is_told_at_its_field_and_what_was_typed_is_kept(
    visitor: Visitor, world: World, code: str, sentence: str
) -> None:
    await reach_desk(visitor, world)
    await visitor.open(FORMS["address"])
    world.refused_act = Refused(code)
    page = await visitor.submit(FORMS["address"], email="typed@example.com", reason="OTHER", note="kept")

    assert (page.status_code, visitor.error_code()) == (400, code)
    for words in (sentence, 'value="typed@example.com"', "kept"):
        assert words in unescape(page.text)


async def test_R25_a_note_that_is_too_long_asks_nobody(visitor: Visitor, world: World) -> None:
    await reach_desk(visitor, world)
    await visitor.open(FORMS["freeze"])
    await visitor.submit(FORMS["freeze"], reason="OTHER", note="x" * 301)

    assert (visitor.error_code(), "act_on_card" in world.names()) == ("NOTE_TOO_LONG", False)


@pytest.mark.parametrize("code", ["OWN_PROFILE", "RA_DAILY_LIMIT", "CARD_NOT_AS_SHOWN", "HOLDER_NOT_FOUND"])
async def test_R25_each_refusal_has_its_page(visitor: Visitor, world: World, code: str) -> None:
    await reach_desk(visitor, world)
    await visitor.open(FORMS["freeze"])
    world.refused_act = Refused(code)
    await visitor.submit(FORMS["freeze"], reason="CARD_LOST")

    assert visitor.error_code() == code


@pytest.mark.parametrize("form", FORMS)
async def test_R25_nobody_is_offered_to_act_for_themselves(visitor: Visitor, world: World, form: str) -> None:
    await reach_desk(visitor, world)
    world.record = replace(HOLDER, oneself=True)
    assert FORMS[form] not in (await visitor.open(AT)).text
    page = await visitor.open(FORMS[form])

    assert (page.status_code, visitor.error_code()) == (403, "OWN_PROFILE")


@pytest.mark.parametrize(("left", "warned"), [(50, False), (11, False), (10, True), (1, True)])
async def test_R25_an_ra_is_warned_as_the_days_limit_nears(
    visitor: Visitor, world: World, left: int, warned: bool
) -> None:
    await reach_desk(visitor, world)
    world.record = replace(HOLDER, addresses_left=left)

    assert ("in these 24 hours" in (await visitor.open(FORMS["address"])).text) is warned


async def test_R25_colleagues_read_who_changed_what_and_why(visitor: Visitor, world: World) -> None:
    await reach_desk(visitor, world)
    assert "Nothing was changed here yet" in (await visitor.open(f"{AT}/changes")).text
    world.changes = (
        HolderChange(NOW, "CARD_FROZEN", "ra", "Test Registrar", CARD, "MISUSE_SUSPECTED", "<b>a note</b>"),
        HolderChange(NOW, "ADDRESS_SET", "import"),
    )
    page = await visitor.open(f"{AT}/changes")

    for words in ("Test Registrar", "Somebody else may use it", "&lt;b&gt;a note", "By the directory"):
        assert words in page.text
    world.refused_desk = Refused("HOLDER_NOT_FOUND")
    await visitor.open(f"{AT}/changes")
    assert visitor.error_code() == "HOLDER_NOT_FOUND"


async def test_R25_two_tabs_are_two_acts_and_one_form_sent_twice_is_one(
    visitor: Visitor, world: World
) -> None:
    await reach_desk(visitor, world)
    other = FORMS["freeze"].replace(CARD, "d4" * 16)
    tabs = [
        (each, (await visitor.open(each)).text) for each in (FORMS["freeze"], other, other, FORMS["address"])
    ]
    typed = {"reason": "CARD_LOST", "email": "new@example.org"}
    pages = [await visitor.submit(at, page=page, **typed) for at, page in tabs[:2]]
    again = await visitor.submit(other, page=tabs[1][1], **typed)
    crossed = await visitor.submit(FORMS["freeze"], page=tabs[1][1], **typed)

    assert ["is frozen" in page.text for page in (*pages, again)] == [True] * 3
    assert len({hidden_fields(page)["attempt_id"] for _, page in tabs}) == 4
    assert 'data-error-code="ATTEMPT_SPENT"' in crossed.text


@pytest.mark.parametrize("card_ref", ["%00", "d4", "D4" * 16])
@pytest.mark.parametrize("act", ["freeze", "lift", "end-lock"])
async def test_S42_what_is_no_reference_of_a_card_asks_nobody(
    visitor: Visitor, world: World, act: str, card_ref: str
) -> None:
    await reach_desk(visitor, world)
    page = await visitor.open(f"{AT}/cards/{card_ref}/{act}")

    assert (page.status_code, visitor.error_code()) == (404, "CARD_NOT_AS_SHOWN")
