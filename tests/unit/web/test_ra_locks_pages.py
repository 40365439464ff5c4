"""Locks that wrong security codes led to, on an RA's pages: seen, and ended with a reason. R48."""

from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest

from services.runtime import errors
from services.web.ports import EndedLock, HolderChange, Lock, LockCause, Locks, Refused
from services.web.texts import lock_ended
from tests.fakes.web_peers import HOLDER, HOLDER_REF, NOW, World
from tests.unit.web.conftest import Visitor
from tests.unit.web.test_ra_desk_pages import reach_desk

AT = f"/ra/holders/{HOLDER_REF}"
CARD = HOLDER.cards[0].card_ref
END = f"{AT}/cards/{CARD}/end-lock"
OF_DAY = Lock(CARD, NOW, LockCause.DAY, None, 3)
OF_YEAR = replace(OF_DAY, cause=LockCause.YEAR, wrong_in_year=9)
HELD = Locks((OF_DAY,))


async def test_R48_an_ra_sees_a_lock_and_ends_it_with_a_reason(visitor: Visitor, world: World) -> None:
    await reach_desk(visitor, world)
    assert END not in (await visitor.open(AT)).text
    world.locks = HELD
    page = await visitor.open(AT)
    assert "since 21 November 2026, 10:00: too many wrong ones within 24 hours." in page.text
    assert f'href="{END}"' in page.text
    await visitor.open(END)
    page = await visitor.submit(END, reason="MISTYPED", note=" request 7 ")

    assert ("end_lock", ("profile-grant", HOLDER_REF, CARD, "MISTYPED", "request 7")) in world.calls
    assert "The lock is ended" in page.text
    assert "3 wrong security codes of the last 365 days still count." in page.text


@pytest.mark.parametrize("lock", [OF_DAY, OF_YEAR], ids=["day", "year"])
async def test_S3_the_page_says_when_it_is_the_limit_of_the_year_that_holds(
    visitor: Visitor, world: World, lock: Lock
) -> None:
    await reach_desk(visitor, world)
    world.locks = Locks((lock,))
    text = unescape((await visitor.open(END)).text)

    assert ("too many wrong ones in 365 days" in text) is (lock is OF_YEAR)
    assert ("the smartcard is locked again" in text) is (lock is OF_YEAR)
    assert f"{lock.wrong_in_year} wrong security codes in the last 365 days" in text


async def test_R48_a_lock_that_cools_off_is_told_with_its_end(visitor: Visitor, world: World) -> None:
    await reach_desk(visitor, world)
    world.locks = Locks((replace(OF_DAY, ends_at=NOW + timedelta(hours=2)),))

    assert "ends by itself on 21 November 2026, 12:00" in (await visitor.open(AT)).text


async def test_R48_no_lock_is_ended_without_a_reason(visitor: Visitor, world: World) -> None:
    await reach_desk(visitor, world)
    world.locks = HELD
    await visitor.open(END)
    page = await visitor.submit(END)

    assert (page.status_code, visitor.error_code()) == (400, "REASON_MISSING")
    assert "too many wrong ones within 24 hours" in page.text
    assert "end_lock" not in world.names()


async def test_R48_a_lock_that_is_gone_is_told(visitor: Visitor, world: World) -> None:
    await reach_desk(visitor, world)
    await visitor.open(END)
    assert visitor.error_code() == "LOCK_UNKNOWN"
    world.locks, world.cleared = HELD, Refused("LOCK_UNKNOWN")
    await visitor.open(END)
    await visitor.submit(END, reason="MISTYPED")

    assert visitor.error_code() == "LOCK_UNKNOWN"


async def test_R48_the_same_form_sent_twice_is_one_attempt_and_is_told_twice(
    visitor: Visitor, world: World
) -> None:
    await reach_desk(visitor, world)
    world.locks = HELD
    form = (await visitor.open(END)).text
    for locks in (HELD, Locks()):
        world.locks = locks
        assert "The lock is ended" in (await visitor.submit(END, page=form, reason="MISTYPED")).text


async def test_R48_nobody_is_offered_to_end_their_own_lock(visitor: Visitor, world: World) -> None:
    await reach_desk(visitor, world)
    world.locks, world.record = HELD, replace(HOLDER, oneself=True)
    page = await visitor.open(AT)
    assert ("too many wrong ones" in page.text, END in page.text) == (True, False)
    page = await visitor.open(END)

    assert (page.status_code, visitor.error_code()) == (403, "OWN_PROFILE")


async def test_F31_a_holders_page_is_there_while_otp_is_away(visitor: Visitor, world: World) -> None:
    await reach_desk(visitor, world)
    world.failure["locks"] = errors.unavailable()
    world.changes = (HolderChange(NOW, "ADDRESS_SET", "import"),)

    assert "We cannot see now whether" in (await visitor.open(AT)).text
    page = await visitor.open(f"{AT}/changes")
    assert ("are missing here now" in page.text, "By the directory" in page.text) == (True, True)


async def test_R25_a_sign_in_that_is_over_is_told_by_otp_too(visitor: Visitor, world: World) -> None:
    await reach_desk(visitor, world)
    world.failure["locks"] = errors.unauthenticated("GRANT_REFUSED")
    await visitor.open(AT)

    assert visitor.error_code() == "SIGNED_OUT"


async def test_R48_colleagues_read_who_ended_a_lock_among_the_other_changes(
    visitor: Visitor, world: World
) -> None:
    await reach_desk(visitor, world)
    ended = EndedLock(NOW, CARD, "9a" * 16, "OTHER", "<b>a note</b>")
    world.locks = Locks(ended=(ended, replace(ended, at=NOW - timedelta(days=2), reason="MISTYPED")))
    world.changes = (HolderChange(NOW - timedelta(days=1), "ADDRESS_SET", "import"),)
    page = await visitor.open(f"{AT}/changes")

    told = [
        page.text.index(words) for words in ("&lt;b&gt;a note", "By the directory", "The holder mistyped")
    ]
    assert told == sorted(told)
    assert page.text.count("By Test Holder Two.") == 2
    assert world.names().count("holder") == 2


def test_one_wrong_code_is_told_as_one() -> None:
    assert "with 1 try. 1 wrong security code of the last 365 days still counts." in lock_ended(1, 1)
