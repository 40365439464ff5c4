"""How long a poll may be silent: learnt from polls that were cut."""

from services.agent.patience import REMEMBERED_SECONDS, Patience


class At:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_two_cuts_in_a_row_make_polls_shorter_than_what_was_cut() -> None:
    patience = Patience(At())

    assert patience.cut(10.0)
    assert patience.of(25) == 25
    assert patience.cut(10.0)
    assert patience.of(25) == 7


def test_a_gateway_that_is_restarted_now_and_then_shortens_nothing() -> None:
    patience = Patience(At())
    for _ in range(5):
        patience.cut(10.0)
        patience.answered()

    assert patience.of(25) == 25


def test_the_whole_wait_is_tried_again_after_an_hour() -> None:
    now = At()
    patience = Patience(now)
    for _ in range(2):
        patience.cut(10.0)
    now.seconds = REMEMBERED_SECONDS

    assert patience.of(25) == 25


def test_a_poll_that_never_began_is_an_outage_but_for_the_first_after_a_cut() -> None:
    patience = Patience(At())

    assert not patience.cut(0.1)
    assert patience.cut(10.0)
    assert patience.cut(0.1)
    assert not patience.cut(0.1)
