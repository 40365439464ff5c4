"""The reset itself: the PUK leaves once SENT is durable, and the report says what became of both PINs.

Two facts, stored together: what the holder got, and which PUK stands in the card.
"""

from dataclasses import replace
from datetime import datetime

from services.card_gateway.card import profiles
from services.card_gateway.card.script import Report, Script
from services.card_gateway.card.verdict import Holder, PukState, Verdict
from services.card_gateway.domain import budget, journal
from services.card_gateway.domain import session as sessions
from services.card_gateway.domain.budget import Secret
from services.card_gateway.domain.facts import SecretReleased
from services.card_gateway.domain.journal import Rotation, RowState
from services.card_gateway.domain.session import Card, Session
from services.card_gateway.domain.step import SET_PIN, Step, StepKind
from services.card_gateway.domain.words import SecretLabel, State
from services.card_gateway.ports import Authorisation, CardProof, NotReleased, Outside, Puks, View, Work
from services.card_gateway.use_cases import commits, making
from services.card_gateway.use_cases.answering import Answering
from services.card_gateway.use_cases.changing import Changing
from services.card_gateway.use_cases.closing import Closing
from services.card_gateway.use_cases.orders import Order, empty_order
from services.card_gateway.use_cases.up_to_date import require_current

_END_OF = {Holder.SUCCESS: State.SUCCESS, Holder.FAILED: State.FAILED}
_MAY_STILL_END = (State.RESETTING, State.UNKNOWN, State.AUTHORISED)
"""A report may come after the sweeper gave up, or after a READ that settled nothing."""


class Resetting:
    """Fetching and reporting RESET and RECOVER; fetching CHANGE, which differs in what is sent."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._closing = Closing(outside)
        self._changing = Changing(outside)
        self._answering = Answering(outside)

    async def fetch(self, session_id: str) -> Order | None:
        """The reset that waits for this session's agent; SENT is durable before a PUK leaves.

        The same step is given again until it is reported; past `begin_before` without its script.
        None where there is none, or where it came too late to be begun and is cancelled; also where
        another session's report has settled meanwhile which PUK stands, for then it is another reset. Raises
        VAULT_BEHIND where one waits and the database may be an old copy.
        """
        async with self._outside.books.read() as view:
            session = await view.session(session_id)
            step = await _reset_step(view, session_id)
            if session is None or step is None or session.state is not State.RESETTING:
                return None
            require_current(self._outside)
            if step.sent_at is not None:
                return await self._order(view, session, step)
        async with self._outside.books.begin(commits.FETCH_RESET) as work:
            session = await work.lock_session(session_id)
            step = await _reset_step(work, session_id)
            if session is None or step is None or session.state is not State.RESETTING:
                return None
            now = self._outside.clock.now()
            too_late = now >= step.begin_before or session.is_over(now)
            if step.sent_at is None and (too_late or await _is_settled(work, step)):
                await self._closing.give_up(work, session, now)
                return None
            if step.sent_at is None:
                step = await self._send(work, session, step, now)
            return await self._order(work, session, step)

    async def report(self, session_id: str, step: Step, report: Report) -> None:
        """Judge a reset: the holder's outcome, the journal and the event are one transaction."""
        async with self._outside.books.begin(commits.REPORT_RESET) as work:
            session = await work.lock_session(session_id)
            known = next(
                (each for each in await work.steps(session_id) if each.step_id == step.step_id), None
            )
            if session is None or known is None or known.sent_at is None:
                return
            card, now = session.knows_card(), self._outside.clock.now()
            if card.profile in profiles.ADMIN_KEY:
                verdict = await self._answering.judge(work, card, known, report)
                secret = await self._answering.settle(work, card, known, verdict, report)
            else:
                verdict = _judge(card, known, report)
                secret = await self._settle(work, card, known, verdict, now)
            await work.end_reset(known.step_id, verdict.holder.value)
            await work.drop_step(known.step_id)
            if session.state in _MAY_STILL_END:
                label = _label(card, known, verdict)
                labelled = sessions.labelled(session, label, secret.version, secret.kid)
                await self._tell_holder(work, session, labelled, verdict, now)

    async def _send(self, work: Work, session: Session, step: Step, now: datetime) -> Step:
        """Write down, before anything leaves, that it leaves and what it may cost."""
        if step.kind is StepKind.CHANGE:
            sent = replace(step, sent_at=now)
            await work.put_step(sent)
            return sent
        card = session.knows_card()
        if card.profile in profiles.ADMIN_KEY:
            return await self._answering.send(work, session, step, now)
        row = await work.rotation(step.rotation_id)
        secret = await work.lock_secret(card.card_ref)
        if row is None or secret is None or row.state not in (RowState.PREPARED, RowState.UNKNOWN):
            raise sessions.WrongState
        sent = replace(step, sent_at=now, tries_before=secret.tries)
        released = SecretReleased(
            session.session_id, card.card_ref, secret.version, row.next_version, row.next_kid, now
        )
        if step.kind is StepKind.RECOVER:
            released = replace(released, next_version=secret.version, kid=secret.kid)
            await work.store_secret(secret.expecting(loss=1))
        else:
            await work.put_rotation(row.moved(RowState.SENT, now))
            await work.store_secret(replace(secret, highest=row.next_version))
        await work.put_step(sent)
        await work.begin_reset(sent, card.card_ref, now)
        await work.tell(released)
        return sent

    async def _order(self, view: View, session: Session, step: Step) -> Order:
        if step.kind is StepKind.CHANGE:
            return self._changing.order(session, step)
        card, now = session.knows_card(), self._outside.clock.now()
        if card.profile in profiles.ADMIN_KEY:
            return await self._answering.order(view, session, step)
        row, secret = await view.rotation(step.rotation_id), await view.secret(card.card_ref)
        if row is None or secret is None or session.authority is None or step.sent_at is None:
            raise sessions.WrongState
        if not row.is_open:
            # Not to be begun any more; an agent that has run it before says so all the same.
            return empty_order(replace(step, begin_before=min(now, step.begin_before)), now)
        authorisation = Authorisation(
            session.session_id, card.card_ref, session.authority.holder_ref, row.rotation_id,
            step.sent_at, step.begin_before, card.profile,
        )  # fmt: skip
        proof = CardProof(session.session_id, card.card_ref, step.created_at)
        try:
            puks = await self._outside.vault.release(authorisation, proof, secret, row, now)
        except NotReleased as kept:
            if kept.code != "TOO_LATE":
                raise
            return empty_order(step, now)
        return Order(step, _script(card, step, row, puks), now)

    async def _settle(self, work: Work, card: Card, step: Step, verdict: Verdict, now: datetime) -> Secret:
        """Write down which PUK stands and how many tries it has, as far as is known."""
        row, secret = await work.rotation(step.rotation_id), await work.lock_secret(card.card_ref)
        if row is None or secret is None:
            raise sessions.WrongState
        since = await work.sent_since(step, card.card_ref)
        if row.is_open or since:
            tries = budget.overtaken(_tries(secret, step, verdict), secret, since)
        else:
            tries = _tries_of_overtaker(secret, step, verdict)
        secret = replace(secret, tries=tries)
        if row.is_open:
            row, secret = journal.settle(row, secret, verdict.puk, now)
            lost = row.lost if verdict.holder is Holder.NOT_ATTEMPTED else verdict.lost
            await work.put_rotation(replace(row, lost=lost))
        await work.store_secret(secret)
        return secret

    async def _tell_holder(
        self, work: Work, before: Session, session: Session, verdict: Verdict, now: datetime
    ) -> None:
        if verdict.holder in _END_OF:
            state = _END_OF[verdict.holder]
            await self._closing.end(work, before, session, state, verdict.code, now)
        elif verdict.holder is Holder.UNKNOWN and session.state is State.RESETTING:
            lost = sessions.lose_sight(session, verdict.code)
            await work.put_step(making.read_step(self._outside, lost, now))
            await self._closing.store(work, before, lost, now)
        elif verdict.holder is not Holder.UNKNOWN and session.state is not State.AUTHORISED:
            await making.drop_steps(work, session.session_id)
            await work.store(before, sessions.go_back(session, verdict.code))


async def _is_settled(view: View, step: Step) -> bool:
    """True where it is known by now which PUK stands, which this step was to find out or to change."""
    row = await view.rotation(step.rotation_id) if step.rotation_id else None
    return row is not None and not row.is_open


async def _reset_step(view: View, session_id: str) -> Step | None:
    return next((each for each in await view.steps(session_id) if each.kind in SET_PIN), None)


def _judge(card: Card, step: Step, report: Report) -> Verdict:
    profile = profiles.PUK[card.profile]
    judge = profile.judge_recover if step.kind is StepKind.RECOVER else profile.judge_reset
    return judge(report)


def _script(card: Card, step: Step, row: Rotation, puks: Puks) -> Script:
    profile = profiles.PUK[card.profile]
    if step.kind is StepKind.RESET:
        return profile.reset_script(card.chuid_hash, puks.current, puks.following)
    candidates = profile.order_candidates(
        puks.current, puks.following, pin_blocked=card.blocked_now, lost=row.lost
    )
    return profile.recover_script(card.chuid_hash, candidates)


def _label(card: Card, step: Step, verdict: Verdict) -> SecretLabel:
    """A recovery rotates nothing: the PUK it used crossed the workstation and stands."""
    if card.profile in profiles.ADMIN_KEY:
        return SecretLabel.END_TO_END
    if verdict.puk in (PukState.UNKNOWN, PukState.NEITHER):
        return SecretLabel.UNSETTLED
    rotated = verdict.puk is PukState.NEXT and step.kind is StepKind.RESET
    return SecretLabel.ROTATED if rotated else SecretLabel.STATIC


def _tries_of_overtaker(secret: Secret, step: Step, verdict: Verdict) -> int:
    """After the newest script, where an older one's report came first: only its own loss is in question.

    A recovery's, one at most, was written down at its send; what was believed before it is out of date.
    """
    if verdict.holder is Holder.SUCCESS:
        return secret.tries_full
    if step.kind is not StepKind.RECOVER:
        return secret.tries
    return min(secret.tries_full, secret.tries + 1 - min(1, verdict.wrong_puk_tries))


def _tries(secret: Secret, step: Step, verdict: Verdict) -> int:
    """Believed tries after a script: the card's own word, else what may be lost. A right PUK fills up."""
    if verdict.puk_tries_left is not None:
        return verdict.puk_tries_left
    begun_with = secret.tries_full if verdict.holder is Holder.SUCCESS else step.tries_before
    return begun_with - verdict.wrong_puk_tries
