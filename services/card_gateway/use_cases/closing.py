"""How sessions end: each end is stored and told in the same transaction, each outcome once."""

from dataclasses import replace
from datetime import datetime

from services.card_gateway.card import profiles
from services.card_gateway.card.verdict import UNREPORTED
from services.card_gateway.domain import session as sessions
from services.card_gateway.domain import settling
from services.card_gateway.domain.budget import Secret
from services.card_gateway.domain.facts import SWEEPER, Actor
from services.card_gateway.domain.journal import Rotation, RowState
from services.card_gateway.domain.session import Card, Session
from services.card_gateway.domain.step import SET_PIN, Step, StepKind
from services.card_gateway.domain.words import OutcomeKind, SecretLabel, State
from services.card_gateway.ports import Outside, Work
from services.card_gateway.use_cases import making

_OUTCOME_OF = {
    State.SUCCESS: OutcomeKind.SUCCESS,
    State.FAILED: OutcomeKind.FAILED,
    State.UNKNOWN: OutcomeKind.UNKNOWN,
    State.RESOLVED: OutcomeKind.RESOLVED,
    State.ABANDONED: OutcomeKind.ABANDONED,
}


class Closing:
    """Stores sessions that come to an end and tells of it."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def end(
        self, work: Work, before: Session, session: Session, state: State, code: str, now: datetime
    ) -> None:
        """End a session; nothing of it stays with the agent."""
        await making.drop_steps(work, session.session_id)
        await self.store(work, before, sessions.end(session, state, code, now), now)

    async def told(
        self, work: Work, before: Session, after: Session, kind: OutcomeKind, now: datetime
    ) -> None:
        """Store a session, and tell of it only where it has come to this outcome."""
        if _OUTCOME_OF.get(after.state) is kind:
            await self.store(work, before, after, now)
        else:
            await work.store(before, after)

    async def store(
        self, work: Work, before: Session, after: Session, now: datetime, by: Actor | None = None
    ) -> None:
        """Store a session in a state that is an outcome, and tell of it unless it was told before.

        A session in which no card was read ends in silence: audit never heard of it.
        """
        kind = _OUTCOME_OF[after.state]
        if kind is OutcomeKind.ABANDONED and after.card is None:
            await work.store(before, after)
            return
        marked, outcome = sessions.told(after, kind, now, by)
        await work.store(before, marked)
        if outcome is not None:
            await work.tell(outcome)

    async def settle_others(
        self, work: Work, card_ref: str, read: Step, blocked: bool, now: datetime
    ) -> None:
        """The card was here after it left every other reader: settle what they had left open.

        A READ proves no more than that the card was here after its nonce was made: a report may be
        held back. So it settles only resets that were sent before that instant.
        """
        for other in await work.unsettled_sessions(card_ref, read.session_id):
            sent_at = await work.last_reset_sent(card_ref, other.session_id)
            if sent_at is None or sent_at >= read.created_at:
                continue
            seen = await self.give_up(work, other, now) if other.state is State.RESETTING else other
            if seen is None or seen.state is not State.UNKNOWN:
                continue
            settled = settling.read_elsewhere(seen, blocked, now)
            if settled is not None:
                await making.drop_steps(work, seen.session_id)
                await self.store(work, seen, settled, now, SWEEPER)

    async def give_up(self, work: Work, session: Session, now: datetime) -> Session | None:
        """RESETTING, no report: UNKNOWN where the secret left, else as if it had never been asked for.

        The step stays, without its PIN, for a report that comes late. None: there was no step.
        """
        step = next((each for each in await work.steps(session.session_id) if each.kind in SET_PIN), None)
        if step is not None and step.kind is StepKind.CHANGE:
            return await self._give_up_change(work, session, step, now)
        row = await work.rotation(step.rotation_id) if step else None
        secret = await work.lock_secret(session.knows_card().card_ref)
        keeps_key = session.knows_card().profile in profiles.ADMIN_KEY
        if step is None or secret is None or (row is None and not keeps_key):
            return None
        if step.sent_at is None:
            if row is not None and row.state is RowState.PREPARED:
                await work.put_rotation(row.moved(RowState.CANCELLED, now))
            await work.drop_step(step.step_id)
            return await work.store(session, sessions.go_back(session, "PROOF_TIMED_OUT"))
        if row is not None:
            await self._leave_unsettled(work, session.knows_card(), step, row, secret, now)
        label = SecretLabel.END_TO_END if keeps_key else SecretLabel.UNSETTLED
        session_with_label = sessions.labelled(session, label, secret.version, secret.kid)
        return await self._lose_sight(work, session, session_with_label, step, now)

    async def _give_up_change(self, work: Work, session: Session, step: Step, now: datetime) -> Session:
        """No secret of ours left; the current PIN may have."""
        if step.sent_at is None:
            await work.drop_step(step.step_id)
            return await work.store(session, sessions.go_back(session, "PROOF_TIMED_OUT"))
        return await self._lose_sight(work, session, session, step, now)

    async def _lose_sight(
        self, work: Work, session: Session, labelled: Session, step: Step, now: datetime
    ) -> Session:
        """RESETTING → UNKNOWN, and a READ as soon as the card is back."""
        lost = sessions.lose_sight(labelled, UNREPORTED.code)
        await work.put_step(making.without_pin(step))
        await work.put_step(making.read_step(self._outside, lost, now))
        marked, outcome = sessions.told(lost, OutcomeKind.UNKNOWN, now, SWEEPER)
        if outcome is not None:
            await work.tell(outcome)
        return await work.store(session, marked)

    async def _leave_unsettled(
        self, work: Work, card: Card, step: Step, row: Rotation, secret: Secret, now: datetime
    ) -> None:
        """A reset may have rotated and may have cost a try; a recovery wrote its loss down at the send.

        The next recovery begins with the other candidate: of two in a row only one can begin wrong.
        """
        if step.kind is StepKind.RECOVER:
            await work.put_rotation(replace(row, lost=making.first_candidate(card, row)))
        elif row.state is RowState.SENT:
            await work.put_rotation(row.moved(RowState.UNKNOWN, now))
            await work.store_secret(replace(secret, tries=step.tries_before - UNREPORTED.wrong_puk_tries))
