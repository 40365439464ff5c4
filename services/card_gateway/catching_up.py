"""`vault catch-up`: bring a database that was restored from an older copy to what was told since.

One transaction: cards to the versions that were told, sessions to the words that were told, the outbox
without what has left already, and last the relay's number, so that audit sees neither gap nor repeat.
Safe to run again, and while the gateway serves: it begins no reset before this has committed.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from sqlalchemy import bindparam, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.card_gateway import tables
from services.card_gateway.card.proof import NONCE_LENGTH
from services.card_gateway.domain import recollection
from services.card_gateway.domain.budget import FULL, Secret
from services.card_gateway.domain.facts import SWEEPER, Fact, SessionOutcome
from services.card_gateway.domain.journal import Rotation, RowState
from services.card_gateway.domain.recollection import Candidate, CardRecalled, SessionRecalled, Told
from services.card_gateway.domain.session import ENDED, Session, started
from services.card_gateway.domain.step import Step, StepKind
from services.card_gateway.domain.words import OutcomeKind, SecretLabel, State
from services.card_gateway.events import TOPIC, event_of, fact_of
from services.card_gateway.storage import SqlWork
from services.card_gateway.use_cases.commits import CATCH_UP
from services.runtime.catching_up import Books, Hole, missing
from services.runtime.clock import Clock
from services.runtime.cloud_events import Received, Unreadable
from services.runtime.database import Database
from services.runtime.randomness import Randomness

BOOKS = Books(tables.outbox, tables.outbox_position, TOPIC)

_SECRET_LEFT = (State.RESETTING, State.UNKNOWN)

_LAST_RESET = (
    select(tables.resets.c.session_id, tables.resets.c.kind)
    .where(tables.resets.c.card_ref == bindparam("ref"))
    .order_by(tables.resets.c.sent_at.desc())
    .limit(1)
)


@dataclass(frozen=True)
class CaughtUp:
    """What was brought up to date."""

    events: int = 0
    """Events that the database did not know."""
    cards: int = 0
    unsettled: int = 0
    """Cards among them of which one of two PUKs stands; their next unlock settles it."""
    not_imported: tuple[str, ...] = ()
    """Cards among them, by card_ref, that have to be imported again."""
    sessions: int = 0
    """Sessions that were ended, or told of."""


async def catch_up(
    database: Database, clock: Clock, randomness: Randomness, told: Sequence[Told], *, with_hole: bool = False
) -> CaughtUp:
    """Store what was told and is not known. Raises Hole where some of it is gone, unless that is accepted."""
    async with database.begin(CATCH_UP) as connection:
        work = SqlWork(connection, clock, randomness, event_of)
        known, waiting = await BOOKS.known(connection), await BOOKS.waiting(connection)
        runs = missing((each.number for each in told), after=known)
        if runs and not with_hole:
            raise Hole(runs)
        news = [each for each in told if each.number > known and each.event_id not in waiting]
        recalled = recollection.sessions_of(news)
        ended = await _Sessions(work, clock, randomness).bring(recalled)
        cards = await _Cards(connection, work, clock, randomness).bring(recollection.facts_of_cards(news))
        await _count_resets(connection, recalled)
        await BOOKS.close(connection, {each.event_id: each.number for each in told})
        return replace(cards, events=len(news), sessions=ended)


def told_of(events: Iterable[Received]) -> list[Told]:
    """What was read back, as facts; what is no fact of ours is left out, so that its number is missing."""
    told = []
    for event in events:
        with suppress(Unreadable):
            told.append(Told(event.relayseq, event.ce_id, fact_of(event)))
    return told


class _Sessions:
    """What went on after the copy goes on no more, and no session that read a card is left without a word."""

    def __init__(self, work: SqlWork, clock: Clock, randomness: Randomness) -> None:
        self._work = work
        self._randomness = randomness
        self._now = clock.now()

    async def bring(self, recalled: dict[str, SessionRecalled]) -> int:
        """Store each; return how many had not ended here."""
        ended = 0
        for session_id in sorted(recalled):
            each = recalled[session_id]
            stored = await self._work.lock_session(session_id)
            if stored is not None and stored.state in ENDED:
                continue
            ended += 1
            if stored is None or stored.state is State.NEW:
                await self._word_of(None, each)
                await self._work.delete_session(session_id)
            else:
                await self._end(stored, each, await self._word_of(stored, each))
        return ended

    async def _word_of(self, stored: Session | None, each: SessionRecalled) -> SessionOutcome | None:
        """What was told of its end, else what can be told now; None where no card was read in it."""
        told = each.last_word or each.outcomes.get(OutcomeKind.UNKNOWN)
        if told is not None:
            return told
        word = self._word_to_tell(stored, each)
        if word is not None and (stored is None or word.kind not in stored.told):
            await self._work.tell(word)
        return word

    def _word_to_tell(self, stored: Session | None, each: SessionRecalled) -> SessionOutcome | None:
        """UNKNOWN where a secret had left, else ABANDONED."""
        card_ref = each.card_ref or (stored.card.card_ref if stored and stored.card else "")
        begun = each.started or (started(stored) if stored else None)
        if begun is None or not card_ref:
            return None
        left = bool(each.releases) or (stored is not None and stored.state in _SECRET_LEFT)
        authority = stored.authority if stored else None
        return SessionOutcome(
            session_id=each.session_id,
            kind=OutcomeKind.UNKNOWN if left else OutcomeKind.ABANDONED,
            code="OUTCOME_UNKNOWN" if left else "SESSION_ENDED",
            reason=begun.reason,
            route=begun.route,
            card_ref=card_ref,
            holder_ref=authority.holder_ref if authority else "",
            organisation=authority.organisation if authority else "",
            actor=SWEEPER,
            at=self._now,
            started_at=begun.at,
            resolved_success=False,
            version=each.releases[-1].fact.version if each.releases else 0,
            kid="",
            label=SecretLabel.UNSETTLED if left else SecretLabel.NONE,
            address_version=authority.address_version if authority else 0,
        )

    async def _end(self, stored: Session, each: SessionRecalled, word: SessionOutcome | None) -> None:
        """Store the word; a card whose end is unknown is read as soon as its agent is back."""
        for step in await self._work.steps(stored.session_id):
            await self._work.drop_step(step.step_id)
        session = replace(stored, state=State.ABANDONED, code="SESSION_ENDED", ended_at=self._now)
        if word is not None:
            session = replace(
                session,
                state=State(word.kind.value),
                code=word.code,
                told=stored.told | {*each.outcomes, word.kind},
                resolved_success=word.resolved_success,
                label=word.label,
                secret_version=word.version,
                secret_kid=word.kid,
            )
        if session.state is State.UNKNOWN and session.card is None:
            session = replace(session, state=State.ABANDONED)
        if session.state is State.UNKNOWN:
            session = replace(session, ended_at=None, still_blocked=False)
            await self._work.put_step(self._read_again(session))
        await self._work.store(stored, session)

    def _read_again(self, session: Session) -> Step:
        return Step(
            self._randomness.uuid7(), session.session_id, StepKind.READ, self._randomness.token(NONCE_LENGTH),
            self._now, not_before=self._now, begin_before=session.deadline or self._now,
        )  # fmt: skip


class _Cards:
    """Each card's secret and journal as they were told."""

    def __init__(
        self, connection: AsyncConnection, work: SqlWork, clock: Clock, randomness: Randomness
    ) -> None:
        self._connection = connection
        self._work = work
        self._randomness = randomness
        self._now = clock.now()

    async def bring(self, told: dict[str, list[Fact]]) -> CaughtUp:
        """Store each; return how many, and which are still to be imported."""
        done = CaughtUp()
        for card_ref in sorted(told):
            facts = told[card_ref]
            secret = await self._work.lock_secret(card_ref)
            row = await self._work.open_rotation(card_ref)
            before = await self._in_the_copy(secret or _unimported(card_ref), row)
            card = recollection.recall(before, facts)
            if card == before:
                continue
            await self._work.store_secret(card.believed())
            await self._settle(card, row)
            imported = await self._work.card(card_ref) is not None
            done = replace(
                done,
                cards=done.cards + 1,
                unsettled=done.unsettled + (card.other is not None),
                not_imported=done.not_imported if imported else (*done.not_imported, card_ref),
            )
        return done

    async def _in_the_copy(self, secret: Secret, row: Rotation | None) -> CardRecalled:
        """What the copy knows, which may be in the middle of a script whose end was told since."""
        if row is None:
            return CardRecalled(secret)
        last = (await self._connection.execute(_LAST_RESET, {"ref": secret.card_ref})).first()
        return CardRecalled(
            secret,
            Candidate(row.next_version, row.next_kid),
            by=last.session_id if last else "",
            recovering=last is not None and last.kind == StepKind.RECOVER.value,
            # A recovery wrote its loss down as it was sent.
            may_cost=int(row.state is RowState.SENT),
        )

    async def _settle(self, card: CardRecalled, row: Rotation | None) -> None:
        """Close the copy's open row as it ended, and open one where two PUKs are possible."""
        if row is not None and card.other == Candidate(row.next_version, row.next_kid):
            if row.state is not RowState.UNKNOWN:
                await self._work.put_rotation(row.moved(RowState.UNKNOWN, self._now))
            return
        if row is not None:
            stands = card.secret.version == row.next_version
            state = RowState.CONFIRMED if stands else RowState.CANCELLED
            await self._work.put_rotation(row.moved(state, self._now))
        if card.other is not None:
            await self._work.put_rotation(
                Rotation(
                    self._randomness.uuid7(),
                    card.secret.card_ref,
                    card.by,
                    card.secret.version,
                    card.secret.kid,
                    card.other.version,
                    card.other.kid,
                    RowState.UNKNOWN,
                    self._now,
                )
            )


def _unimported(card_ref: str) -> Secret:
    """A card that the copy does not have: an import adds its factory value."""
    return Secret(card_ref, 0, "", 0, None, "", tries=FULL, tries_full=FULL)


async def _count_resets(connection: AsyncConnection, recalled: dict[str, SessionRecalled]) -> None:
    """The budget of 24 hours counts them, and a READ settles what was sent before it."""
    rows = [
        {
            "step_id": release.event_id,
            "card_ref": release.fact.card_ref,
            "session_id": release.fact.session_id,
            "kind": (StepKind.RECOVER if release.is_recovery else StepKind.RESET).value,
            "sent_at": release.fact.at,
            "result": release.result,
        }
        for each in recalled.values()
        for release in each.releases
    ]
    if rows:
        await connection.execute(insert(tables.resets), rows)
