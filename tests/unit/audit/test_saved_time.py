import pytest

from services.audit.domain.record import OutcomeKind
from services.audit.domain.saved_time import Counted, SavedTime


def saved(unlocks: int, minutes_each: int = 20, milliseconds: int = 0) -> SavedTime:
    return SavedTime(Counted(unlocks, 0, milliseconds, ()), minutes_each)


@pytest.mark.parametrize(
    ("unlocks", "hours"),
    [
        (50_000, "16,666.7"),
        (60_000, "20,000.0"),
        (0, "0.0"),
        (1, "0.3"),
        (3, "1.0"),
        (5_000_000, "1,666,666.7"),
    ],
)
def test_R20_R22_hours_are_told_as_people_write_them(unlocks: int, hours: str) -> None:
    assert saved(unlocks).saved_hours == hours


def test_R21_the_minutes_of_an_unlock_are_a_setting() -> None:
    assert saved(50_000, minutes_each=12).saved_hours == "10,000.0"
    assert saved(2).saved_minutes == 40


def test_session_minutes_are_rounded_down() -> None:
    assert saved(1, milliseconds=119_999).session_minutes == 1


def test_the_last_word_goes_by_rank() -> None:
    ranked = sorted(OutcomeKind, key=lambda kind: kind.rank)

    assert ranked == [
        OutcomeKind.SUCCESS,
        OutcomeKind.FAILED,
        OutcomeKind.RESOLVED,
        OutcomeKind.UNKNOWN,
        OutcomeKind.LOCKED_TO_RA,
        OutcomeKind.REFUSED,
        OutcomeKind.ABANDONED,
    ]
