"""The agent's life against a gateway that goes away, forgets, repeats itself and lies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.agent.attaching import Attaching
from services.agent.backoff import Backoff
from services.agent.facts import NO_SERVICE
from services.agent.journal import NOT_WRITTEN, Journal
from services.agent.polling import POLL_SECONDS
from services.agent.ports import GatewayAway, Idle, Order, OrderRefused, Over, Question, Session, SessionLost
from services.agent.session import Agent
from services.agent.spare import Spare
from services.agent.steps import Steps
from services.agent.watch import Watch
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.script import Answer, End, Kind, Report, Script
from services.runtime.errors import ATTEMPT_OVER, GATEWAY_BUSY
from services.runtime.randomness import SystemRandomness
from tests.unit.agent.world import (
    OFFERED,
    ONE_CARD,
    PAIRING,
    SESSION,
    FakeGateway,
    FakeWindow,
    service_with_card,
)

SOON = 1e12
READ = Order("read-1", piv.read_script(), bytes(32), SOON)


class Life:
    def __init__(self, folder: Path, journal: Journal | None = None) -> None:
        self.gateway, self.window = FakeGateway(), FakeWindow()
        self.journal = journal or Journal(folder)

    @asynccontextmanager
    async def lived(self) -> AsyncIterator[Agent]:
        """Run the agent until the block ends."""
        service, journal = service_with_card(), self.journal
        self.card = service.card
        watch = Watch(service, quick())
        watch.facts = ONE_CARD
        steps = Steps(service, watch, self.window, journal, "gateway.example.org")
        attaching = Attaching(self.gateway, watch, SystemRandomness())
        spare = Spare(self.gateway, self.window, watch, journal, quick(), attaching)
        agent = Agent(self.gateway, self.window, watch, steps, journal, quick(), attaching, spare)
        running = asyncio.create_task(agent.run())
        yield agent
        agent.stop()
        await asyncio.wait_for(running, 10)

    async def reported(self, count: int = 1) -> list[tuple[str, str, Report]]:
        async with asyncio.timeout(10):
            while len(self.gateway.reports) < count:
                await asyncio.sleep(0.005)
        return self.gateway.reports

    async def told(self, word: str) -> None:
        async with asyncio.timeout(10):
            while word not in self.window.told:
                await asyncio.sleep(0.005)


def quick() -> Backoff:
    return Backoff(0.001, 0.01, lambda: 0.5)


async def test_it_attaches_runs_a_step_and_reports_it(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.gateway.steps = [Idle(PAIRING, claimed=False), Idle(None, claimed=True), READ]

    async with life.lived():
        [(session, step, report)] = await life.reported()

    assert (session, step, report.end) == ("session-1", "read-1", End.COMPLETED)


SIGNED_IN = Idle(None, claimed=True, signed_in=True)
SIGN_IN = Order("proof-1", Script(Kind.PROVE_HOLDER, ()), bytes(32), SOON, Question("12AB", "SIGN_IN"))


async def test_R31_R56_a_card_that_signed_in_is_told_of_once_it_was_out_for_a_moment(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.gateway.steps = [SIGN_IN, SIGNED_IN]

    async with life.lived() as agent:
        await life.told("ended SIGNED_IN")
        await life.gateway.has_nothing.wait()
        agent._watch._insertions.clear()  # pulled
        life.gateway.steps += [SIGNED_IN, Over("SIGNED_IN", "")]
        await agent._watch._publish(NO_SERVICE)
        await asyncio.sleep(0)
        await agent._watch._publish(ONE_CARD)  # and put back before the gateway was told
        await life.told("ended SIGNED_OUT")

    assert life.gateway.left == [False, False, True, True]


async def test_R31_R56_an_agent_that_was_restarted_vouches_for_no_card(tmp_path: Path) -> None:
    first, second = Life(tmp_path), Life(tmp_path)
    first.gateway.steps = [SIGN_IN, SIGNED_IN]
    async with first.lived():
        await first.told("ended SIGNED_IN")
    second.gateway.steps = [SIGNED_IN, Over("SIGNED_IN", "")]

    async with second.lived():
        await second.told("ended SIGNED_OUT")
    assert second.gateway.left == [False, True]


async def test_only_the_first_offer_may_open_a_browser(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.gateway.steps = [Over("ABANDONED", "")]

    async with life.lived():
        await life.told("offered session-2 False")

    assert life.window.told[0] == "offered session-1 True"


async def test_a_step_given_twice_is_run_once_and_reported_twice(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.gateway.steps = [READ, READ]

    async with life.lived():
        first, second = await life.reported(2)

    assert first == second
    assert life.card.log.count("begin") == 1


async def test_F15_a_report_is_kept_until_the_gateway_has_it(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.gateway.steps = [READ]
    life.gateway.replies = [GatewayAway("SERVICE_UNAVAILABLE")] * 3

    async with life.lived():
        [(_, step, report)] = await life.reported()

    assert (step, report.end) == ("read-1", End.COMPLETED)
    assert "GATEWAY_AWAY" in life.window.told


async def test_F26_a_busy_gateway_is_asked_again_when_it_said_and_says_why(
    tmp_path: Path,
) -> None:
    life = Life(tmp_path)
    life.gateway.refusals = [GatewayAway(GATEWAY_BUSY, 0.2)]

    async with life.lived():
        await life.told("offered session-1 True")

    first, second, *_ = life.gateway.asked_at
    assert second - first >= 0.25  # 0.2 s, and half of the half that may come on top
    assert GATEWAY_BUSY in life.window.told


async def test_an_attempt_is_asked_for_again_until_the_gateway_says_that_it_is_over(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.gateway.refusals = [GatewayAway("UNAVAILABLE"), GatewayAway(ATTEMPT_OVER)]

    async with life.lived():
        await life.told("offered session-1 True")

    first, again, other = life.gateway.attempts
    assert first == again
    assert not set(other) & set(first)


async def test_F26_the_offer_on_the_side_waits_as_long_as_it_is_told(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.gateway.steps = [Idle(None, claimed=True)]
    life.gateway.refusals = [None, GatewayAway(GATEWAY_BUSY, 0.2)]
    async with life.lived():
        async with asyncio.timeout(10):
            while life.gateway.attached < 2:
                await asyncio.sleep(0.005)

    _, first, second, *_ = life.gateway.asked_at
    assert second - first >= 0.25


async def test_F15_a_killed_run_is_reported_first_thing_under_the_same_session(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin_session(SESSION)
    journal.begin_step("reset-1", Kind.RESET)
    journal.answer("select", 0x9000)
    journal.send("unblock")
    life = Life(tmp_path)

    async with life.lived():
        [(session, step, report)] = await life.reported()

    assert (session, step) == (SESSION.session_id, "reset-1")
    assert report == Report((Answer("select", 0x9000),), End.INTERRUPTED, "unblock")
    assert life.gateway.attached == 0


async def test_a_run_that_remembers_a_session_asks_at_once_how_it_stands(tmp_path: Path) -> None:
    Journal(tmp_path).begin_session(SESSION)
    life = Life(tmp_path)
    life.gateway.steps = [Idle(None, claimed=True), Idle(None, claimed=True)]

    async with life.lived():
        await life.told("spare session-1")

    assert life.gateway.waits == [0, POLL_SECONDS]


async def test_a_step_that_was_interrupted_is_not_run_when_it_is_given_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin_session(SESSION)
    journal.begin_step("read-1", Kind.READ)
    life = Life(tmp_path)
    life.gateway.steps = [READ]

    async with life.lived():
        reports = await life.reported(2)

    assert [report.end for _, _, report in reports] == [End.INTERRUPTED] * 2
    assert life.card.log == []


async def test_S35_a_step_of_an_unknown_form_is_answered_refused(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.gateway.steps = [OrderRefused("odd-1", "UNKNOWN_KIND")]

    async with life.lived():
        [(_, step, report)] = await life.reported()

    assert (step, report) == ("odd-1", Report((), End.REFUSED, rule="UNKNOWN_KIND"))


async def test_S35_an_unknown_form_as_the_answer_to_a_report_is_answered_too(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.gateway.steps = [READ]
    life.gateway.replies = [OrderRefused("odd-1", "UNKNOWN_KIND")]

    async with life.lived():
        reports = await life.reported(2)

    assert [step for _, step, _ in reports] == ["read-1", "odd-1"]


async def test_a_session_that_is_gone_is_followed_by_another(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.gateway.steps = [SessionLost("SESSION_UNKNOWN")]

    async with life.lived():
        await life.told("offered session-2 False")

    assert Journal(tmp_path).recall() is not None  # the new one


async def test_a_stop_with_the_gateway_away_leaves_the_report_for_the_next_run(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.gateway.steps = [READ]
    life.gateway.replies = [GatewayAway("SERVICE_UNAVAILABLE")] * 10_000
    async with life.lived():
        await life.told("GATEWAY_AWAY")

    remembered = Journal(tmp_path).recall()

    assert remembered is not None
    assert remembered.unacknowledged == ["read-1"]


CLAIMED = Idle(None, claimed=True)


def killed_with_an_offer(folder: Path) -> Life:
    """The run after one that was killed with a page in its session and another session on offer."""
    journal = Journal(folder)
    journal.begin_session(SESSION)
    journal.offer(OFFERED)
    return Life(folder)


async def test_F15_an_offer_that_was_claimed_while_nobody_heard_it_is_taken_up(tmp_path: Path) -> None:
    life = killed_with_an_offer(tmp_path)
    life.gateway.steps, life.gateway.on_offer = [CLAIMED], [CLAIMED, CLAIMED]

    async with life.lived():
        await life.told(f"anew {OFFERED.session_id}")
        await life.told("spare session-1")  # and the next is on offer
        remembered = Journal(tmp_path).recall()

    assert life.gateway.waits[:2] == [0, 0]
    assert remembered is not None
    assert remembered.session == OFFERED


async def test_F15_an_offer_that_nobody_claimed_is_shown_again(tmp_path: Path) -> None:
    life = killed_with_an_offer(tmp_path)
    life.gateway.steps, life.gateway.on_offer = [CLAIMED], [Idle(PAIRING, claimed=False)]

    async with life.lived():
        await life.told(f"spare {OFFERED.session_id}")

    assert life.gateway.attached == 0


async def test_F15_an_offer_that_lapsed_is_followed_by_another(tmp_path: Path) -> None:
    life = killed_with_an_offer(tmp_path)
    life.gateway.steps, life.gateway.on_offer = [CLAIMED], [SessionLost("SESSION_NOT_FOUND")]

    async with life.lived():
        await life.told("spare session-1")
        remembered = Journal(tmp_path).recall()

    assert remembered is not None
    assert remembered.offered is not None
    assert remembered.offered.session_id == "session-1"


async def test_F15_an_offer_outlives_the_session_that_was_in_use(tmp_path: Path) -> None:
    life = killed_with_an_offer(tmp_path)
    life.gateway.steps, life.gateway.on_offer = [SessionLost("SESSION_NOT_FOUND")], [CLAIMED]

    async with life.lived():
        await life.told("CLAIMED")
        await life.told("spare session-1")

    assert life.gateway.waits == [0, 0]


async def test_F29_a_stop_at_the_end_of_a_session_leaves_the_offer_for_the_next_run(tmp_path: Path) -> None:
    life = killed_with_an_offer(tmp_path)
    async with life.lived() as agent:
        life.gateway.steps = [Over("SUCCESS", "")]
        agent.stop()

    remembered = Journal(tmp_path).recall()
    assert remembered is not None
    assert OFFERED in (remembered.session, remembered.offered)


class FullDisk(Journal):
    """Has no room for the first so many sessions."""

    def __init__(self, folder: Path, *, sessions: int = 0, offers: int = 0) -> None:
        super().__init__(folder)
        self.sessions, self.offers = sessions, offers

    def begin_session(self, session: Session) -> None:
        self.sessions -= 1
        if self.sessions >= 0:
            raise OSError
        super().begin_session(session)

    def offer(self, session: Session) -> None:
        self.offers -= 1
        if self.offers >= 0:
            raise OSError
        super().offer(session)


async def test_F12_a_session_that_cannot_be_written_down_is_shown_to_nobody_until_it_can(
    tmp_path: Path,
) -> None:
    life = Life(tmp_path, FullDisk(tmp_path, sessions=2))

    async with life.lived():
        await life.told("offered session-1 True")

    assert life.window.told[:3] == [NOT_WRITTEN, NOT_WRITTEN, "offered session-1 True"]
    assert life.gateway.attached == 1


async def test_F12_an_offer_that_cannot_be_written_down_is_shown_to_nobody_until_it_can(
    tmp_path: Path,
) -> None:
    journal = FullDisk(tmp_path, offers=2)
    life = Life(tmp_path, journal)
    life.gateway.steps = [CLAIMED]

    async with life.lived():
        await life.told("spare session-2")

    assert journal.offers == -1
    assert life.gateway.attached == 2


async def test_F12_a_stop_while_nothing_can_be_written_is_a_stop(tmp_path: Path) -> None:
    life = Life(tmp_path, FullDisk(tmp_path, sessions=1_000_000))

    async with life.lived():
        await life.told(NOT_WRITTEN)

    assert Journal(tmp_path).recall() is None


async def test_F15_an_offer_is_on_the_disk_before_anybody_is_shown_it(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.gateway.steps = [CLAIMED]
    known: list[Session | None] = []

    def look(session_id: str, *_: object) -> None:
        remembered = Journal(tmp_path).recall()
        known.append(remembered.offered if remembered else None)

    life.window.spare = look  # type: ignore[method-assign, assignment]
    async with life.lived():
        async with asyncio.timeout(10):
            while not known:
                await asyncio.sleep(0.005)

    [offered] = known
    assert offered is not None
    assert offered.session_id == "session-2"
