"""What a PROVE report makes of a session: a reset that is prepared, or back to the passcode page."""

from datetime import datetime

from services.card_gateway.card import profiles
from services.card_gateway.card.facts import Challenged, Proof, Unsupported
from services.card_gateway.card.proof import Purpose, card_challenge, challenge_digest
from services.card_gateway.card.script import End, Report
from services.card_gateway.domain import journal
from services.card_gateway.domain import session as sessions
from services.card_gateway.domain.budget import Secret
from services.card_gateway.domain.journal import Rotation, RowState
from services.card_gateway.domain.session import Card, Session
from services.card_gateway.domain.step import Step
from services.card_gateway.domain.words import Reason, State
from services.card_gateway.ports import Outside, Work
from services.card_gateway.use_cases import commits, making, reports
from services.card_gateway.use_cases.closing import Closing

_CODE_OF = {"TIMED_OUT": "PROOF_TIMED_OUT", "INTERRUPTED": "PROOF_TIMED_OUT"}
"""What the page calls an end that left nothing behind; others keep their name."""

_RULES_TOLD = frozenset({"SEALED_PIN_REFUSED"})
"""Rules of the agent that the page names, where one broke: IT has to mend a setting."""

Found = Proof | Challenged | Unsupported


def rule_told(report: Report) -> str:
    """Which rule of the agent's broke, where the page names it; else empty."""
    return report.rule if report.end is End.REFUSED and report.rule in _RULES_TOLD else ""


def code_of(code: str) -> str:
    """What the page calls the end of a proof."""
    return _CODE_OF.get(code, code)


class Proving:
    """ReportStep for PROVE."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._closing = Closing(outside)

    async def report(self, session_id: str, step: Step, report: Report) -> None:
        """Prepare the reset for a card that proved itself. A second report changes nothing."""
        async with self._outside.books.begin(commits.REPORT_PROVE) as work:
            session = await reports.taken(work, session_id, step)
            if session is None or session.state is not State.PROVING:
                return
            now = self._outside.clock.now()
            refused = self._refused(session, report, now)
            if refused:
                await work.store(session, sessions.go_back(session, refused))
                return
            await self._judge(work, session, step, report, now)

    def _refused(self, session: Session, report: Report, now: datetime) -> str:
        """Why the person is asked again; empty where there is a signature of the same card."""
        if session.is_over(now):
            return "SESSION_ENDED"
        if rule := rule_told(report):
            return rule
        card = session.knows_card()
        proof = profiles.BY_KIND[card.profile].parse_proof(report)
        if isinstance(proof, Unsupported):
            return code_of(proof.code)
        return "" if proof.chuid_hash == card.chuid_hash else "CARD_CHANGED"

    async def _judge(self, work: Work, session: Session, step: Step, report: Report, now: datetime) -> None:
        card = session.knows_card()
        registered = await work.card(card.card_ref)
        secret = await work.lock_secret(card.card_ref)
        proof = profiles.BY_KIND[card.profile].parse_proof(report)
        if registered is None or not self._may_go_on(session, step, registered.key_9e, proof):
            await self._closing.end(work, session, session, State.FAILED, "CARD_NOT_GENUINE", now)
        elif session.reason is Reason.CHANGE:
            await work.put_step(making.change_step(self._outside, step, now))
            await work.store(session, sessions.reset(session))
        elif secret is None or not await self._within_budget(work, card, now):
            await self._closing.end(work, session, session, State.FAILED, "BUDGET_SPENT", now)
        else:
            await work.put_step(await self._reset_step(work, session, step, proof, secret, now))
            await work.store(session, sessions.reset(session))

    async def _within_budget(self, work: Work, card: Card, now: datetime) -> bool:
        return await making.within_budget(self._outside, work, card.card_ref, card.profile, now)

    def _may_go_on(self, session: Session, step: Step, key_9e: bytes, proof: Found) -> bool:
        """True for the signature of the card's pinned key, or a challenge: its proof is yet to come."""
        if not isinstance(proof, Proof):
            return isinstance(proof, Challenged)
        digest = self._digest(session, step)
        return self._outside.proofs.verify(key_9e, proof.algorithm, digest, proof.signature)

    def _digest(self, session: Session, step: Step) -> bytes:
        return challenge_digest(
            Purpose.RESET,
            self._outside.gateway_name,
            session.session_id,
            step.nonce,
            session.agent_public_key,
        )

    async def _reset_step(
        self, work: Work, session: Session, step: Step, proof: Found, secret: Secret, now: datetime
    ) -> Step:
        if isinstance(proof, Challenged):
            ours = card_challenge(self._digest(session, step))
            return making.answer_step(self._outside, step, ours + proof.challenge, now)
        row = await self._open_row(work, session, secret, now)
        return making.reset_step(self._outside, step, row, now)

    async def _open_row(self, work: Work, session: Session, secret: Secret, now: datetime) -> Rotation:
        """The journal row of this reset: the one that is unsettled, else a new one, PREPARED.

        A row that another session left is over: the card is here. Sent, it may have taken effect.
        """
        row = await work.open_rotation(secret.card_ref)
        if row is not None and row.state is RowState.PREPARED:
            await work.put_rotation(row.moved(RowState.CANCELLED, now))
        elif row is not None:
            unsettled = row.moved(RowState.UNKNOWN, now)
            await work.put_rotation(unsettled)
            return unsettled
        row_id, kid = self._outside.randomness.uuid7(), self._outside.vault.newest_kid
        prepared = journal.prepare(secret, row_id, session.session_id, kid, now)
        await work.put_rotation(prepared)
        return prepared
