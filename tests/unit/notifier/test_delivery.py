from dataclasses import replace
from datetime import timedelta

import pytest

from services.notifier.domain.delivery import (
    LONGEST_PAUSE_OF_A_CODE,
    Change,
    Delivery,
    News,
    State,
    Template,
    Verdict,
    after_death,
    after_try,
    is_dead,
)
from tests.unit.notifier.deliveries import CODE, END, NOON

FINAL = [
    Verdict.MAIL_REFUSED,
    Verdict.ADDRESS_CHANGED,
    Verdict.NO_ADDRESS,
    Verdict.CODE_UNREADABLE,
]


def test_an_accepted_message_is_told_sent_and_its_code_is_gone() -> None:
    after, change = after_try(CODE, Verdict.ACCEPTED, NOON, 0.5)

    assert (after.state, after.sealed_code, after.ended_at) == (State.SENT, None, NOON)
    assert change == Change(News.SENT, "", NOON)


@pytest.mark.parametrize("verdict", FINAL)
def test_a_final_no_is_told_with_its_reason_and_the_code_is_gone(verdict: Verdict) -> None:
    after, change = after_try(CODE, verdict, NOON, 0.5)

    assert (after.state, after.sealed_code) == (State.NOT_SENT, None)
    assert change == Change(News.NOT_SENT, verdict.value, NOON)


def test_a_delay_is_told_once_and_the_code_is_kept() -> None:
    once, first = after_try(CODE, Verdict.LATER, NOON, 0.5)
    twice, second = after_try(once, Verdict.LATER, NOON, 0.5)

    assert first == Change(News.DELAYED, "MAIL_UNREACHABLE", NOON)
    assert second is None
    assert (twice.state, twice.sealed_code, twice.tries) == (State.QUEUED, b"sealed", 2)


def pauses(delivery: Delivery, count: int) -> list[timedelta]:
    found = []
    for _ in range(count):
        delivery, _change = after_try(delivery, Verdict.LATER, NOON, 0.5)
        found.append(delivery.due_at - NOON)
    return found


def test_the_pause_doubles_up_to_its_limit() -> None:
    assert [pause.total_seconds() for pause in pauses(CODE, 7)] == [1, 2, 4, 8, 16, 30, 30]
    assert pauses(CODE, 40)[-1] == LONGEST_PAUSE_OF_A_CODE


def test_the_jitter_stays_within_a_quarter() -> None:
    early, _ = after_try(CODE, Verdict.LATER, NOON, 0.0)
    late, _ = after_try(CODE, Verdict.LATER, NOON, 1.0)

    assert early.due_at - NOON == timedelta(seconds=0.75)
    assert late.due_at - NOON == timedelta(seconds=1.25)


def test_R49_a_message_is_dead_at_its_end_exactly() -> None:
    assert not is_dead(CODE, END - timedelta(microseconds=1))
    assert is_dead(CODE, END)


def test_a_delivery_waits_no_longer_than_to_its_end() -> None:
    after, _ = after_try(CODE, Verdict.LATER, END - timedelta(milliseconds=10), 0.5)

    assert after.due_at == END


def test_I11_a_failed_try_past_the_end_is_told_expired() -> None:
    after, change = after_try(CODE, Verdict.LATER, END, 0.5)

    assert (after.state, after.sealed_code) == (State.NOT_SENT, None)
    assert change == Change(News.NOT_SENT, "EXPIRED", END)


def test_a_notice_that_never_arrived_is_told_unreachable() -> None:
    notice = replace(CODE, template=Template.WAS_THIS_YOU, sealed_code=None)

    assert after_death(notice, END)[1] == Change(News.NOT_SENT, "MAIL_UNREACHABLE", END)
