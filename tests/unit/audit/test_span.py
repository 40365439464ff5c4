"""Months and days in UTC, and how a period is cut up into them."""

from datetime import UTC, datetime, timedelta, timezone

from services.audit.domain.saved_time import Period
from services.audit.domain.span import Cover, cover, day_of, end_of, month_before, month_of, spans, start_of

JULY = datetime(2026, 7, 1, tzinfo=UTC)
OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
MIDDLE = datetime(2026, 8, 15, 6, tzinfo=UTC)
STANDING = ("2026-07", "2026-08", "2026-09")


def test_a_month_begins_and_ends_in_utc() -> None:
    last = datetime(2027, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))

    assert (month_of(last), day_of(last)) == ("2026-12", "2026-12-31")
    assert (start_of("2026-12"), end_of("2026-12")) == (
        datetime(2026, 12, 1, tzinfo=UTC),
        start_of("2027-01"),
    )


def test_months_and_days_go_on_over_the_end_of_a_year() -> None:
    assert list(spans("2026-11", "2027-02")) == ["2026-11", "2026-12", "2027-01"]
    assert list(spans("2026-12-30", "2027-01-02")) == ["2026-12-30", "2026-12-31", "2027-01-01"]
    assert list(spans("2026-11", "2026-11")) == []
    assert month_before("2027-01") == "2026-12"


def test_everything_is_its_months_and_what_comes_after() -> None:
    assert cover(Period(), STANDING, JULY) == Cover(STANDING, (Period(OCTOBER),))


def test_what_happened_before_the_first_month_is_counted() -> None:
    june = Period(datetime(2026, 6, 1, tzinfo=UTC), JULY)

    assert cover(Period(), STANDING, JULY - timedelta(days=9)).ranges == (june, Period(OCTOBER))


def test_a_month_that_does_not_stand_is_counted() -> None:
    august = Period(datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC))

    assert cover(Period(), ("2026-07", "2026-09"), JULY).ranges == (august, Period(OCTOBER))


def test_parts_of_months_at_both_ends_are_counted() -> None:
    period = Period(MIDDLE, OCTOBER + timedelta(seconds=1), "X26")

    assert cover(period, STANDING, JULY) == Cover(
        ("2026-09",),
        (
            Period(MIDDLE, datetime(2026, 9, 1, tzinfo=UTC), "X26"),
            Period(OCTOBER, OCTOBER + timedelta(seconds=1), "X26"),
        ),
    )


def test_a_period_of_whole_months_counts_nothing() -> None:
    assert cover(Period(JULY, OCTOBER), STANDING, JULY) == Cover(STANDING, ())


def test_without_a_roll_up_a_period_is_counted_as_it_is() -> None:
    assert cover(Period(MIDDLE), (), JULY) == Cover((), (Period(MIDDLE),))


def test_days_count_where_their_month_does_not_stand() -> None:
    days = ("2026-08-30", "2026-08-31", "2026-10-01")
    august = datetime(2026, 8, 1, tzinfo=UTC)

    assert cover(Period(), (*days, "2026-07", "2026-09"), JULY) == Cover(
        ("2026-07", "2026-08-30", "2026-08-31", "2026-09", "2026-10-01"),
        (Period(august, start_of("2026-08-30")), Period(start_of("2026-10-02"))),
    )


def test_a_month_is_taken_once_where_its_days_stand_too() -> None:
    assert cover(Period(), ("2026-07", "2026-07-04"), JULY).spans == ("2026-07",)
