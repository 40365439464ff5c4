"""A card, its journal and its vault under everything at once: no card is left without a known PUK.

Hypothesis draws the steps: pulls at every APDU, agents killed, gateways that die around every commit, lost
and late reports, another card, wrong passcodes, the vault put back to an older copy and caught up again.
What holds after each step is `holds`. SOAK=1 takes tens of thousands of steps. It counts what was hit, and
a fault that was never hit fails; planted bugs show that it can find what it looks for.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, insert, select, update

from deploy.local.keys import Keys
from services.card_gateway import tables
from services.card_gateway.card.script import Answer, End, Kind, Report
from services.card_gateway.card.status_words import OK
from services.card_gateway.catching_up import catch_up
from services.card_gateway.domain import journal
from services.card_gateway.domain.budget import Secret
from services.card_gateway.domain.facts import SecretReleased, SessionOutcome
from services.card_gateway.domain.journal import Rotation, RowState
from services.card_gateway.domain.recollection import CardRecalled, Told
from services.card_gateway.domain.words import OutcomeKind, Reason, SecretLabel
from services.card_gateway.events import TOPIC, fact_of
from services.card_gateway.storage import SqlWork
from services.card_gateway.use_cases import commits
from services.card_gateway.use_cases.closing import Closing
from services.card_gateway.use_cases.orders import Order
from services.card_gateway.vault import MasterVault
from services.runtime.cloud_events import Received
from services.runtime.database import Database
from services.runtime.errors import ServiceError
from tests.fakes.freshness import FakeFreshness
from tests.ports.card_gateway.world import (
    NEW_PINS,
    OLD_PIN,
    Agent,
    Crash,
    Page,
    Reader,
    World,
    card_in_reader,
    crash_at,
    padded,
    puks_in,
)

SOAK = bool(os.environ.get("SOAK"))
MACHINES, STEPS = (300, 80) if SOAK else (16, 50)

SCRIPTS = {
    Kind.READ: ("select", "chuid"),
    Kind.PROVE: ("select", "chuid"),
    Kind.RESET: ("select", "chuid", "unblock", "rotate", "clear", "tries"),
    Kind.RECOVER: ("select", "chuid", "unblock-current", "unblock-next", "clear", "tries"),
}
TAKES_PIN = ("unblock", "unblock-current", "unblock-next", "change", "set-pin")
"""Steps after whose 9000 the new passcode stands."""
PULLED = [f"pulled {when} {kind.value}.{step}" for kind, steps in SCRIPTS.items() for step in steps
          for when in ("before", "after")]  # fmt: skip
MOVES_SECRETS = (
    commits.REPORT_READ, commits.AUTHORISE, commits.RESET_PIN, commits.REPORT_PROVE, commits.FETCH_RESET,
    commits.REPORT_RESET, commits.SWEEP, commits.CATCH_UP,
)  # fmt: skip
DIED = [f"{name}.{side}_commit" for name in MOVES_SECRETS for side in ("before", "after")]
OTHERS = [
    "report lost", "report late", "agent killed", "other card", "passcode blocked", "relay killed",
    "restored", "caught up", "deadline passed",
]  # fmt: skip
FAULTS = frozenset([*PULLED, *DIED, *OTHERS])
SELDOM = frozenset(name for name in PULLED if "RECOVER" in name)
"""Needs two faults in a row: one of them is demanded, and with SOAK=1 each."""

hits: Counter[str] = Counter()
figures: Counter[str] = Counter()
keys_of_run: list[Keys] = []


class Topic:
    """What the relay has sent, by number: a repeat has the same number and id."""

    def __init__(self) -> None:
        self.told: dict[int, Told] = {}

    def take(self, number: int, row: Any) -> None:
        event = Received(
            row.ce_id, row.ce_type, row.source, row.key, row.time, number, "", row.topic, 0, number, row.value
        )
        told = Told(number, row.ce_id, fact_of(event))
        assert self.told.setdefault(number, told) == told, "audit sees two events of one number"


class Vaults(RuleBasedStateMachine):
    """Two cards, two desks and one gateway."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.topic = Topic()
        self.copies: list[dict[str, list[Any]]] = []
        self.desks: list[tuple[Agent, Page]] = []
        self.ran: list[tuple[Agent, Order, Report]] = []
        self.took: set[str] = set()
        """Sessions in which a card said 9000 to a reset."""
        self.tried = {padded(OLD_PIN)}
        self.acts = 0
        self.decks: dict[str, list[str]] = {}
        self.seen: dict[str, set[bytes]] = {}
        """PUKs by script: what the workstation learnt that was given it."""

    def teardown(self) -> None:
        try:
            if hasattr(self, "world"):
                self.runner.run(self._faults_stop())
        finally:
            self.runner.run(self._close())
            self.runner.close()

    @initialize(blocked=st.booleans(), seed=st.integers(0, 2**64 - 1))
    def begin(self, blocked: bool, seed: int) -> None:
        # A card that does not tell its tries is soon for the RA under so many faults.
        self.runner.run(self._begin(blocked, metadata=Random(f"{seed} metadata").random() < 0.85))

    async def _begin(self, blocked: bool, metadata: bool) -> None:
        self.world = World(await _empty(), keys_of_run[0])
        self.cards = []
        for ref in ("a1" * 16, "b2" * 16):
            reader, line = card_in_reader(card_ref=ref, blocked=blocked, metadata=metadata)
            assert await self.world.import_line(line) == []
            self.cards.append(reader)
        for number in range(2):
            await self._sit_down(number)

    async def _sit_down(self, number: int) -> None:
        """A person at a desk begins a session with the card that lies there."""
        reader = self._lies_at(number)
        reason = Reason.FORGOTTEN if reader.eeprom.pin_left else Reason.LOCKED
        agent = await Agent(self.world, reader).attach()
        page = await Page(self.world, agent, reason=reason).start()
        self.desks[number : number + 1] = [(agent, page)]

    def _lies_at(self, desk: int) -> Reader:
        """The card at a desk."""
        return self.cards[0]

    @rule(seed=st.integers(0, 2**64 - 1))
    def act(self, seed: int) -> None:
        """One thing that people, cards and machines do; within a step all faults are as likely."""
        self.acts += 1
        random = Random(f"{seed} {self.acts}")  # seeds that Hypothesis draws are often alike
        random.choice(self._choices())(random)

    def _choices(self) -> list[Callable[[Random], None]]:
        choices: list[Callable[[Random], None]] = [
            self.unlock, self.unlock, self.agent_works, self.agent_is_killed, self.other_card, self.copy,
            self.wrong_passcodes, self.time_passes, self.deadline_passes, self.new_session, self.relay,
            self.pulled_twice,
        ]  # fmt: skip
        choices += [self.late_report] if self.ran else []
        choices += [self.restore, self.restore] if self.copies else []
        choices += [] if self.world.freshness.is_current else [self.catch_up] * 3
        return choices

    def new_session(self, random: Random) -> None:
        desk = random.randrange(2)
        self._step(lambda: self._sit_down(desk))
        self.unlock(random)

    def unlock(self, random: Random) -> None:
        """All that a person does until the session is over or something goes wrong, at one of two desks."""
        if not self.world.freshness.is_current and random.random() < 0.5:
            self._step(self._caught_up)
        desk, pin = random.randrange(2), random.choice(NEW_PINS)
        pull, lost = self._fault_of_the_card(random), random.random() < 0.1
        dies = self._next("dies", DIED[:-4], random) if random.random() < 0.3 else None
        self._step(lambda: self._unlock(desk, pull, lost, pin), dies)

    def pulled_twice(self, random: Random) -> None:
        """The PUK is left unsettled, and the card is pulled again in its recovery."""
        recoveries = [name for name in PULLED if " RECOVER." in name]
        for pull in ("pulled before RESET.rotate", self._next("RECOVER", recoveries, random)):
            self._step(lambda: self._sit_down(0))
            self._step(partial(self._unlock, 0, pull, False, random.choice(NEW_PINS)))
        self.unlock(random)

    def _fault_of_the_card(self, random: Random) -> str:
        """Where the card is pulled; the script that is due now is the likeliest."""
        if random.random() < 0.3:
            return ""
        unsettled = any(row.is_open for row in self.runner.run(self.world.journal()))
        due = Kind.RECOVER if unsettled else Kind.RESET
        kind = due if random.random() < 0.6 else random.choice([Kind.READ, Kind.PROVE])
        return self._next(kind.value, [name for name in PULLED if f" {kind.value}." in name], random)

    def _next(self, deck: str, faults: list[str], random: Random) -> str:
        """Each fault once, in a random order, before any comes again."""
        if not self.decks.get(deck):
            self.decks[deck] = random.sample(faults, len(faults))
        return self.decks[deck].pop()

    async def _unlock(self, desk: int, pull: str, lost: bool, pin: str) -> None:
        self.world.clock.advance(seconds=6)
        if await self._is_over(self.desks[desk][1]):
            await self._sit_down(desk)
        agent, page = self.desks[desk]
        agent.reader.reinsert()
        await self._work(agent, pull, lost)
        with suppress(ServiceError):
            await page.authorise()
        self.tried.add(padded(pin))
        await page.reset_pin(pin)
        await self._work(agent, pull, lost)

    async def _is_over(self, page: Page) -> bool:
        """Whether the session has ended, or is gone with the database; after too many, a day passes."""
        try:
            state, code = await page.state()
        except ServiceError:
            return True
        if code == "BUDGET_SPENT":
            self.world.clock.advance(hours=25)
        return state in ("SUCCESS", "FAILED", "RESOLVED", "ABANDONED")

    def agent_works(self, random: Random) -> None:
        agent, pull = self.desks[random.randrange(2)][0], self._fault_of_the_card(random)
        self._step(lambda: self._work(agent, pull, False))

    async def _work(self, agent: Agent, pull: str, lost: bool) -> None:
        found: Any = await agent.poll()
        while isinstance(found, Order):
            report = self._run(agent, found, pull)
            self.ran.append((agent, found, report))
            if lost and found.script.kind in (Kind.RESET, Kind.RECOVER, Kind.CHANGE):
                hits["report lost"] += 1
                return
            found = await agent.send(found, report)

    def _run(self, agent: Agent, order: Order, pull: str) -> Report:
        """Run a script; a pull comes at its own step of its own script."""
        before, names = agent.reader.eeprom.wrong_puk_tries, [step.name for step in order.script.steps]
        _, when, where = pull.split(" ") if pull else ("", "", ".")
        kind, step = where.split(".")
        known = order.step.step_id in agent.reports
        armed = not known and kind == order.script.kind.value and step in names and agent.reader.present
        if armed:
            agent.reader.arm(f"drop_{when}", names.index(step))
        self._exposes(order)
        report = agent.run(order)
        figures["scripts"] += not known
        if armed and report.in_flight == step:
            hits[pull] += 1
        agent.reader.port.card.disarm()
        assert agent.reader.eeprom.wrong_puk_tries - before <= 1, "I4: two wrong tries in one script"
        if any(report.sw(name) == OK for name in TAKES_PIN):
            self.took.add(agent.session_id)
        return report

    def _exposes(self, order: Order) -> None:
        """A rotation leads to a PUK that no workstation was given before: so none that one knows stays."""
        puks = puks_in(order.script)
        if not puks or order.step.step_id in self.seen:
            return
        if order.script.kind is Kind.RESET:
            figures["rotations"] += 1
            assert puks - self._seen_but_in(order.step.step_id), "I3: a PUK that was exposed is used again"
        self.seen[order.step.step_id] = puks

    def _seen_but_in(self, step_id: str) -> set[bytes]:
        return set().union(*(puks for other, puks in self.seen.items() if other != step_id))

    def late_report(self, random: Random) -> None:
        agent, order, report = random.choice(self.ran)
        hits["report late"] += 1
        self._step(lambda: agent.send(order, report))

    def agent_is_killed(self, random: Random) -> None:
        """Its journal has the status words of what it ran, and no data: a READ or PROVE is lost."""
        hits["agent killed"] += 1
        agent, _ = self.desks[random.randrange(2)]
        kinds = {order.step.step_id: order.script.kind for _, order, _ in self.ran}
        for step_id, report in agent.reports.items():
            if kinds.get(step_id) in (Kind.READ, Kind.PROVE):
                agent.reports[step_id] = Report(_without_data(report), End.INTERRUPTED, report.in_flight)
        self.unlock(random)

    def other_card(self, random: Random) -> None:
        hits["other card"] += 1
        agent, _ = self.desks[random.randrange(2)]
        self._step(lambda: self._with_other_card(agent))
        self.unlock(random)

    async def _with_other_card(self, agent: Agent) -> None:
        mine, agent.reader = agent.reader, self.cards[1]
        try:
            await self._work(agent, "", False)
        finally:
            agent.reader = mine

    def wrong_passcodes(self, random: Random) -> None:
        """The holder blocks the passcode that was just set."""
        hits["passcode blocked"] += 1
        reader = self.cards[0]
        reader.reinsert()
        reader.port.transmit(bytes.fromhex("00A4040009A0000003080000100000"))
        for _ in range(reader.eeprom.parameters.pin_tries):
            reader.port.transmit(bytes.fromhex("002000800839393939FFFFFFFF"))
        reader.port.reset()
        assert reader.eeprom.pin_left == 0
        self.unlock(random)

    def time_passes(self, random: Random) -> None:
        self.world.clock.advance(seconds=random.choice([1, 6, 11, 71, 301]))
        self._step(self.world.sweep, random.choice(DIED[-4:-2]))

    def deadline_passes(self, random: Random) -> None:
        hits["deadline passed"] += 1
        self.world.clock.advance(minutes=50)
        self._step(self.world.sweep, random.choice(DIED[-4:-2]))
        self._step(lambda: self._sit_down(0))
        self._step(lambda: self._sit_down(1))
        self.unlock(random)

    def relay(self, random: Random) -> None:
        dies = random.random() < 0.5
        self._step(lambda: self._relay(dies))

    async def _relay(self, dies: bool) -> None:
        """Number, send, and delete after the ack; a relay that dies in between sends the same again."""
        if not self.world.freshness.is_current:
            return
        async with self.world.database.begin("machine.number") as connection:
            table, position = tables.outbox, tables.outbox_position
            known = await connection.scalar(select(position.c.relayseq)) or 0
            new = select(table.c.seq).where(table.c.relayseq.is_(None)).order_by(table.c.seq)
            for number, seq in enumerate((await connection.execute(new)).scalars().all(), known + 1):
                await connection.execute(update(table).where(table.c.seq == seq).values(relayseq=number))
                known = number
            await connection.execute(delete(position))
            await connection.execute(insert(position).values(topic=TOPIC, relayseq=known))
        async with self.world.database.read() as connection:
            rows = (await connection.execute(select(tables.outbox).order_by(tables.outbox.c.seq))).all()
        for row in rows:
            self.topic.take(row.relayseq, row)
        if dies:
            hits["relay killed"] += 1
            return
        async with self.world.database.begin("machine.delete") as connection:
            await connection.execute(delete(tables.outbox))

    def copy(self, random: Random) -> None:
        self.copies.append(self.runner.run(_rows_of(self.world.database)))
        self.unlock(random)

    def restore(self, random: Random) -> None:
        """What was told is told; what was not is lost with the database, which no vault can know."""
        self.runner.run(self._restore(random.choice(self.copies)))

    async def _restore(self, copy: dict[str, list[Any]]) -> None:
        hits["restored"] += 1
        if not self.world.freshness.is_current:
            await self._caught_up()
        await self._relay(dies=False)
        await self.world.database.close()
        self.world.database = await _filled(copy)
        known = max((row["relayseq"] for row in copy["outbox_position"]), default=0)
        behind = max(self.topic.told, default=0) > known
        self.world.freshness = FakeFreshness()
        self.world.freshness.is_current = not behind
        self.world.restart()

    def catch_up(self, random: Random) -> None:
        for dies in DIED[-2:]:
            self._step(self._catch_up, dies)
        self._step(self._caught_up)
        self.unlock(random)

    async def _catch_up(self) -> None:
        told = [self.topic.told[number] for number in sorted(self.topic.told)]
        await catch_up(self.world.database, self.world.clock, self.world.randomness, told)

    async def _caught_up(self) -> None:
        hits["caught up"] += 1
        await self._catch_up()
        self.world.freshness.is_current = True  # type: ignore[misc]

    def _step(self, act: Callable[[], Awaitable[object]], dies: str | None = None) -> None:
        """One step, in which the gateway may die; then everything must hold."""
        figures["steps"] += 1

        async def quietly() -> None:
            # SESSION_UNKNOWN after a sweep or a restore, VAULT_BEHIND before a catch-up.
            with suppress(ServiceError, Crash):
                await act()

        if dies is None:
            self.runner.run(quietly())
        else:
            with crash_at(dies) as died:
                self.runner.run(quietly())
            hits[dies] += len(died)
            if died:
                self.world.restart()
        self.runner.run(self.holds())

    async def holds(self) -> None:
        """I3, I4, I5, I7, after every step."""
        facts = {told.event_id: told.fact for told in self.topic.told.values()}
        if self.world.freshness.is_current:
            for reader in self.cards:
                await self._card_is_known(reader)
        assert sorted(self.topic.told) == list(range(1, len(facts) + 1)), "I6: a gap or a repeat"
        outcomes = [each for each in facts.values() if isinstance(each, SessionOutcome)]
        words = Counter((each.session_id, each.kind) for each in outcomes)
        assert set(words.values()) <= {1}, "I5: an outcome twice"
        last = Counter(session for session, kind in words if kind in _LAST)
        assert set(last.values()) <= {1}, "I5: two last words"
        assert {session for session, kind in words if kind is OutcomeKind.SUCCESS} <= self.took, "I7"
        self._labels_are_true()

    def _labels_are_true(self) -> None:
        """ROTATED: nobody had that version before the session's last script; STATIC: its workstation has."""
        left: dict[str, list[SecretReleased]] = {}
        for number in sorted(self.topic.told):
            fact = self.topic.told[number].fact
            if isinstance(fact, SecretReleased):
                left.setdefault(fact.card_ref, []).append(fact)
            elif isinstance(fact, SessionOutcome) and fact.kind is OutcomeKind.SUCCESS:
                if fact.label not in (SecretLabel.ROTATED, SecretLabel.STATIC):
                    continue
                *before, last = left[fact.card_ref]
                if last.session_id != fact.session_id:
                    continue  # a report that came late, after another session's script
                known = {each.version for each in before} | {each.next_version for each in before}
                if fact.label is SecretLabel.ROTATED:
                    assert fact.version == last.next_version, "I3: not the version that was sent"
                    assert fact.version not in known, "I3: an exposed version was called rotated"
                elif fact.label is SecretLabel.STATIC:
                    assert fact.version in {*known, last.version}, "I3: a version that nobody has"

    async def _card_is_known(self, reader: Reader) -> None:
        secret = await self.world.secret(reader.card_ref)
        assert reader.eeprom.puk in await self.world.puks_possible(reader.card_ref), "I3: PUK not known"
        assert secret.stopped == "", "I3: the vault was wrong"
        assert reader.eeprom.puk_left >= 1, "I4: the last try was spent"
        assert secret.tries <= reader.eeprom.puk_left, "I4: more tries believed than there are"
        assert reader.eeprom.pin in self.tried

    async def _faults_stop(self) -> None:
        """Then every session ends in a word, and each card works, or is for the RA with a try to spare."""
        if not self.world.freshness.is_current:
            await self._caught_up()
        self.world.restart()
        for _ in range(3):
            self.world.clock.advance(minutes=20)
            await self.world.sweep()
        await self._relay(dies=False)
        await self.holds()
        facts = [told.fact for told in self.topic.told.values()]
        read = {fact.session_id for fact in facts if type(fact).__name__ == "CardRead"}
        assert read == {fact.session_id for fact in facts if isinstance(fact, SessionOutcome)}, "I5: no word"
        labels = Counter(fact.label.value for fact in facts if isinstance(fact, SessionOutcome))
        figures.update({f"told {label}": count for label, count in labels.items() if label != "NONE"})
        self.world.clock.advance(hours=25)
        await self._works_again(self.cards[0])

    async def _works_again(self, reader: Reader) -> None:
        """At once, or after the recovery that settles its PUK."""
        for pin in NEW_PINS[:2]:
            reader.reinsert()
            await self._sit_down(0)
            await self._unlock(0, "", False, pin)
            state, code = await self.desks[0][1].state()
            if code == "BUDGET_SPENT":
                assert (await self.world.secret(reader.card_ref)).tries < 2
                figures["for the RA"] += 1
                return
            assert state == "SUCCESS", "I3: a card that does not work again"
            assert reader.eeprom.pin == padded(pin)
        assert await self.world.puks_possible(reader.card_ref) == {reader.eeprom.puk}
        last = next(reversed(self.seen))
        assert reader.eeprom.puk not in self._seen_but_in(last), "I3: an exposed PUK stayed after a SUCCESS"
        figures["working cards"] += 1

    async def _close(self) -> None:
        if hasattr(self, "world"):
            await self.world.database.close()


def _without_data(report: Report) -> tuple[Answer, ...]:
    return tuple(replace(answer, data=b"") for answer in report.answers)


_LAST = (OutcomeKind.SUCCESS, OutcomeKind.FAILED, OutcomeKind.RESOLVED)


async def _empty() -> Database:
    database = Database("sqlite+aiosqlite://")
    async with database.engine.begin() as connection:
        await connection.run_sync(tables.metadata.create_all)
    return database


async def _rows_of(database: Database) -> dict[str, list[Any]]:
    """A copy of the database."""
    async with database.read() as connection:
        return {
            table.name: [dict(row) for row in (await connection.execute(select(table))).mappings()]
            for table in tables.metadata.sorted_tables
        }


async def _filled(copy: dict[str, list[Any]]) -> Database:
    database = await _empty()
    async with database.begin("machine.restore") as connection:
        for table in tables.metadata.sorted_tables:
            if copy[table.name]:
                await connection.execute(insert(table), copy[table.name])
    return database


def run_machine(keys: Keys, machines: int = MACHINES, kind: type[Vaults] = Vaults) -> None:
    """The same steps in each run; other ones with SOAK=1."""
    keys_of_run[:] = [keys]
    run_state_machine_as_test(
        kind,
        settings=settings(
            max_examples=machines,
            stateful_step_count=STEPS,
            derandomize=not SOAK,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            print_blob=True,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_I3_I4_I5_I7_F34_no_card_is_left_without_a_known_puk(
    keys: Keys, record_property: Callable[[str, object], None]
) -> None:
    hits.clear()
    figures.clear()
    run_machine(keys)

    record_property("figure", f"state machine: {dict(figures)}")
    record_property("hits", ", ".join(f"{name} {hits[name]}" for name in sorted(FAULTS)))
    assert {name for name in FAULTS - (frozenset() if SOAK else SELDOM) if not hits[name]} == set()
    assert any(hits[name] for name in SELDOM)


@contextmanager
def sent_before_it_is_written_down(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """PREPARED is all that the journal says while the PUK is on its way."""
    put, release = SqlWork.put_rotation, MasterVault.release

    async def put_all_but_sent(work: SqlWork, row: Rotation) -> None:
        if row.state is not RowState.SENT:
            await put(work, row)

    async def release_all_the_same(vault: MasterVault, *given: Any) -> Any:
        authorisation, proof, secret, row, now = given
        sent = row.moved(RowState.SENT, now) if row.state is RowState.PREPARED else row
        return await release(vault, authorisation, proof, secret, sent, now)

    patch.setattr(SqlWork, "put_rotation", put_all_but_sent)
    patch.setattr(MasterVault, "release", release_all_the_same)
    yield


@contextmanager
def a_reset_nobody_reported_counts_as_none(patch: pytest.MonkeyPatch) -> Iterator[None]:
    async def cancel(closing: Closing, work: Any, card: Any, step: Any, row: Rotation, *rest: Any) -> None:
        if row.state is RowState.SENT:
            await work.put_rotation(row.moved(RowState.CANCELLED, rest[-1]))

    patch.setattr(Closing, "_leave_unsettled", cancel)
    yield


@contextmanager
def catch_up_ignores_what_is_unknown(patch: pytest.MonkeyPatch) -> Iterator[None]:
    after = CardRecalled.after

    def without_the_other(card: CardRecalled, fact: Any) -> CardRecalled:
        recalled = after(card, fact)
        return recalled if isinstance(fact, SessionOutcome) else replace(recalled, other=None)

    patch.setattr(CardRecalled, "after", without_the_other)
    yield


@contextmanager
def a_version_that_left_is_planned_again(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if a reset that failed had exposed nothing."""
    prepare = journal.prepare

    def after_the_one_that_stands(secret: Secret, *rest: Any) -> Rotation:
        return prepare(replace(secret, highest=secret.version), *rest)

    patch.setattr(journal, "prepare", after_the_one_that_stands)
    yield


@pytest.mark.parametrize(
    "plant",
    [
        a_version_that_left_is_planned_again,
        sent_before_it_is_written_down,
        a_reset_nobody_reported_counts_as_none,
        catch_up_ignores_what_is_unknown,
    ],
)
def test_a_planted_bug_is_found(keys: Keys, monkeypatch: pytest.MonkeyPatch, plant: Any) -> None:
    with plant(monkeypatch), pytest.raises(AssertionError, match="I3"):
        run_machine(keys)
