"""Waits grow, have a limit, and differ between agents."""

from services.agent.backoff import LONGEST_ASKED, Backoff


def test_F26_waits_double_up_to_a_limit_and_begin_again() -> None:
    backoff = Backoff(0.5, 4.0, lambda: 1.0)

    assert [backoff.again() for _ in range(5)] == [0.5, 1.0, 2.0, 4.0, 4.0]

    backoff.reset()
    assert backoff.again() == 0.5


def test_F26_what_the_gateway_asks_for_is_waited_and_up_to_half_as_much_more() -> None:
    assert Backoff(1.0, 1.0, lambda: 0.0).again(20.0) == 20.0
    assert Backoff(1.0, 1.0, lambda: 1.0).again(20.0) == 30.0
    assert Backoff(8.0, 8.0, lambda: 1.0).again(2.0) == 8.0
    assert Backoff(1.0, 1.0, lambda: 1.0).again(1e9) == 1.5 * LONGEST_ASKED


def test_F26_no_two_agents_need_come_back_at_the_same_instant() -> None:
    assert Backoff(1.0, 1.0, lambda: 0.0).again() == 0.5
    assert Backoff(1.0, 1.0, lambda: 1.0).again() == 1.0
