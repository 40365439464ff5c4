from datetime import timedelta

from services.otp.domain.policy import Policy
from services.otp.domain.tally import (
    Cause,
    Ledger,
    Lock,
    Tally,
    clear,
    enter_wrong,
    entries_left,
    locks_of,
    repeated,
)
from tests.fakes.clock import NOON

POLICY = Policy()
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def wrong(tally: Tally, *instants: object, session: str = "one", policy: Policy = POLICY) -> Tally:
    for number, at in enumerate(instants):
        tally = enter_wrong(tally, session, f"{session}-{at}-{number}", policy, at)  # type: ignore[arg-type]
    return tally


def spread_over_the_year(count: int) -> Tally:
    """Wrong entries two days apart, each in its own session: never three a day."""
    tally = Tally()
    for number in range(count):
        tally = wrong(tally, NOON + 2 * DAY * number, session=f"session {number}")
    return tally


def left(tally: Tally, at: object = NOON, session: str = "next", policy: Policy = POLICY) -> int:
    return entries_left(tally, session, policy, at)  # type: ignore[arg-type]


def test_R48_three_wrong_entries_lock_the_session_and_every_later_one() -> None:
    tally = wrong(Tally(), NOON, NOON, NOON)

    assert [entry.entries_left for entry in tally.wrong] == [2, 1, 0]
    assert left(tally, session="one") == 0
    assert left(tally, NOON + 300 * DAY) == 0


def test_R48_wrong_entries_of_24_hours_count_across_sessions() -> None:
    two = wrong(wrong(Tally(), NOON, session="one"), NOON + HOUR, session="two")

    assert left(two, NOON + 2 * HOUR, session="three") == 1
    assert left(wrong(two, NOON + DAY - MINUTE, session="three"), NOON + 9 * DAY) == 0


def test_a_wrong_entry_leaves_the_day_after_24_hours_exactly() -> None:
    two = wrong(Tally(), NOON, NOON)

    assert left(two, NOON + DAY - timedelta(microseconds=1)) == 1
    assert left(two, NOON + DAY) == 3


def test_S3_nine_wrong_entries_in_a_year_lock_however_they_are_spread() -> None:
    assert left(spread_over_the_year(8), NOON + 20 * DAY) == 1
    assert left(spread_over_the_year(9), NOON + 20 * DAY) == 0


def test_the_ra_alone_ends_a_lock_by_default() -> None:
    locked = wrong(Tally(), NOON, NOON, NOON)

    assert left(clear(locked, NOON + HOUR), NOON + 2 * HOUR) == 3


def test_S3_a_clearing_grants_three_more_and_keeps_the_count_of_the_year() -> None:
    cleared = clear(spread_over_the_year(9), NOON + 20 * DAY)
    used_up = wrong(cleared, NOON + 21 * DAY, NOON + 23 * DAY, session="after")

    assert left(cleared, NOON + 21 * DAY) == 3
    assert left(used_up, NOON + 25 * DAY) == 1
    assert left(wrong(used_up, NOON + 25 * DAY, session="last"), NOON + 40 * DAY) == 0


def test_a_clearing_does_not_revive_the_session_that_spent_its_three() -> None:
    locked = wrong(Tally(), NOON, NOON, NOON)

    assert left(clear(locked, NOON + MINUTE), NOON + 2 * MINUTE, session="one") == 0


def test_a_cool_off_ends_a_lock_of_the_day_where_a_deployment_wants_it() -> None:
    cooling = Policy(cool_off=2 * HOUR)
    locked = wrong(Tally(), NOON, NOON, NOON, policy=cooling)

    assert left(locked, NOON + 2 * HOUR - MINUTE, policy=cooling) == 0
    assert left(locked, NOON + 2 * HOUR, policy=cooling) == 3
    again = wrong(locked, NOON + 3 * HOUR, session="two", policy=cooling)
    assert left(again, NOON + 3 * HOUR, policy=cooling) == 2


def test_S3_a_cool_off_does_not_end_the_lock_of_the_year() -> None:
    cooling = Policy(cool_off=HOUR)

    assert left(spread_over_the_year(9), NOON + 60 * DAY, policy=cooling) == 0


def test_R48_another_card_of_the_same_holder_is_not_locked() -> None:
    ledger = Ledger().keep("card one", wrong(Tally(), NOON, NOON, NOON))

    assert left(ledger.tally("card one")) == 0
    assert left(ledger.tally("card two")) == 3


def test_I9_an_attempt_is_found_again_only_in_its_own_session() -> None:
    tally = enter_wrong(Tally(), "one", "attempt", POLICY, NOON)

    assert repeated(tally, "one", "attempt") == tally.wrong[0]
    assert repeated(tally, "two", "attempt") is None


def test_I9_an_attempt_is_found_again_only_with_its_own_digits() -> None:
    tally = enter_wrong(Tally(), "one", "attempt", POLICY, NOON, "digits")
    tally = enter_wrong(tally, "one", "attempt", POLICY, NOON, "other digits")

    assert repeated(tally, "one", "attempt", ["new key", "digits"]) == tally.wrong[0]
    assert repeated(tally, "one", "attempt", ["other digits"]) == tally.wrong[1]
    assert repeated(tally, "one", "attempt", ["none of them"]) is None


def test_an_entry_from_before_digits_were_compared_is_found_by_its_attempt() -> None:
    tally = enter_wrong(Tally(), "one", "attempt", POLICY, NOON)

    assert repeated(tally, "one", "attempt", ["digits"]) == tally.wrong[0]


def test_entries_older_than_a_year_are_dropped() -> None:
    tally = wrong(wrong(Tally(), NOON, session="old"), NOON + 365 * DAY, session="new")

    assert [entry.session_id for entry in tally.wrong] == ["new"]


def locks(tally: Tally, at: object = NOON, policy: Policy = POLICY) -> list[Lock]:
    return locks_of(Ledger().keep("card", tally), policy, at)  # type: ignore[arg-type]


def test_R48_a_lock_of_the_day_is_told_with_its_end_where_it_cools_off() -> None:
    cooling = Policy(cool_off=2 * HOUR)
    locked = wrong(Tally(), NOON, NOON, NOON, policy=cooling)

    assert locks(locked) == [Lock("card", NOON, Cause.DAY, None, 3)]
    assert locks(locked, NOON + HOUR, cooling) == [Lock("card", NOON, Cause.DAY, NOON + 2 * HOUR, 3)]
    assert locks(locked, NOON + 2 * HOUR, cooling) == []


def test_S3_a_lock_of_the_year_has_no_end_of_its_own() -> None:
    ninth = NOON + 16 * DAY

    assert locks(spread_over_the_year(9), NOON + 20 * DAY, Policy(cool_off=HOUR)) == [
        Lock("card", ninth, Cause.YEAR, None, 9)
    ]


def test_a_limit_that_was_tightened_locks_since_the_newest_entry() -> None:
    two = wrong(Tally(), NOON, NOON + MINUTE)

    assert locks(two, NOON + HOUR, Policy(wrong_per_day=2)) == [
        Lock("card", NOON + MINUTE, Cause.DAY, None, 2)
    ]
