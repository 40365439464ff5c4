"""Which months' bodies are old enough to go."""

from datetime import UTC, datetime, timedelta

from services.audit.domain.retiring import ahead, is_due

END_OF_JANUARY = datetime(2026, 2, 1, tzinfo=UTC)
DUE = END_OF_JANUARY + timedelta(days=400)


def test_a_month_goes_when_its_last_body_is_400_days_old() -> None:
    assert is_due("2026-01", DUE)
    assert not is_due("2026-01", DUE - timedelta(microseconds=1))


def test_the_running_month_and_three_more_have_a_place() -> None:
    assert ahead(datetime(2026, 11, 30, tzinfo=UTC)) == ["2026-11", "2026-12", "2027-01", "2027-02"]
    assert ahead(datetime(2027, 1, 1, tzinfo=UTC)) == ["2027-01", "2027-02", "2027-03", "2027-04"]
