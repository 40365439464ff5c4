"""However entries, clearings and days follow one another, nobody guesses more often than S3 allows."""

from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from services.otp.domain.policy import Policy
from services.otp.domain.tally import Tally, clear, enter_wrong, entries_left
from tests.fakes.clock import NOON

DAY = timedelta(days=1)
YEAR = timedelta(days=365)


class Guesser(RuleBasedStateMachine):
    """Somebody with the card who types wrong codes whenever a session lets them."""

    cool_off: timedelta | None = None

    def __init__(self) -> None:
        super().__init__()
        self.policy = Policy(cool_off=self.cool_off)
        self.now = NOON
        self.tally = Tally()
        self.entered: list[tuple[datetime, str]] = []
        self.cleared: list[datetime] = []
        self.sessions = 0

    @rule(
        minutes=st.one_of(
            st.integers(1, 120), st.integers(1_300, 1_600), st.integers(1, 400).map(lambda d: d * 1440)
        )
    )
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.sessions += minutes >= 45  # no session lives longer

    @rule()
    def a_new_session(self) -> None:
        self.sessions += 1

    @rule(times=st.integers(1, 4))
    def wrong_entries(self, times: int) -> None:
        for _ in range(times):
            session = f"session {self.sessions}"
            left = entries_left(self.tally, session, self.policy, self.now)
            if left:
                self.tally = enter_wrong(self.tally, session, f"{len(self.entered)}", self.policy, self.now)
                self.entered.append((self.now, session))
                assert entries_left(self.tally, session, self.policy, self.now) in (left - 1, 0)

    @rule()
    def the_ra_clears(self) -> None:
        self.now += timedelta(minutes=1)
        self.tally = clear(self.tally, self.now)
        self.cleared.append(self.now)

    @invariant()
    def three_a_session(self) -> None:
        sessions = [session for _, session in self.entered]
        assert all(sessions.count(session) <= 3 for session in set(sessions))

    @invariant()
    def three_in_24_hours_but_for_clearings(self) -> None:
        self.at_most(3, DAY, per_clearing=3)

    @invariant()
    def nine_in_365_days_but_for_clearings(self) -> None:
        self.at_most(9, YEAR, per_clearing=3)

    def at_most(self, limit: int, window: timedelta, per_clearing: int) -> None:
        for start, _ in self.entered:
            entries = sum(start <= at < start + window for at, _ in self.entered)
            clearings = sum(start <= at < start + window for at in self.cleared)
            assert entries <= limit + per_clearing * clearings


class GuesserWithCoolOff(Guesser):
    cool_off = timedelta(hours=24)


LIMITS = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_S3_no_order_of_entries_and_clearings_gives_more_guesses() -> None:
    run_state_machine_as_test(Guesser, settings=LIMITS)


def test_S3_nor_does_a_cool_off() -> None:
    run_state_machine_as_test(GuesserWithCoolOff, settings=LIMITS)
