"""PROVE_HOLDER: the card verifies the PIN, once, and signs with the holder's own key. Nothing is changed.

The session ends with it: what the proof is worth is for identity to say, by the CardGrant that GetSession
gives for a while. The agent goes on telling of the reader: a card that leaves it, leaves its holder's profile
to nobody. R31, R56.
"""

from datetime import datetime

from services.card_gateway.card import profiles
from services.card_gateway.card.guard import LAST_TRY
from services.card_gateway.card.profiles.profile import ProofOfHolder
from services.card_gateway.card.proof import Algorithm, Purpose, challenge_digest
from services.card_gateway.card.script import Report
from services.card_gateway.card.verdict import HolderVerdict
from services.card_gateway.domain import session as sessions
from services.card_gateway.domain.readers import ReaderState
from services.card_gateway.domain.session import Card, Session
from services.card_gateway.domain.step import Step
from services.card_gateway.domain.words import Reason, State
from services.card_gateway.ports import Outside, RegisteredCard, View
from services.card_gateway.use_cases import callers, commits, making, reports, turns
from services.card_gateway.use_cases.closing import Closing
from services.card_gateway.use_cases.making import MAX_SEALED_PIN, Wish
from services.card_gateway.use_cases.orders import Order, question_of
from services.card_gateway.use_cases.proving import code_of, rule_told
from services.runtime.errors import invalid

UNSUPPORTED = "SIGN_IN_UNSUPPORTED"
"""Nobody can sign in with this card: its kind has no key of the holder's, or none of it was pinned."""


class SigningIn:
    """ProveHolder, and the order and the report of a PROVE_HOLDER."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._closing = Closing(outside)

    async def prove_holder(self, session_id: str, claim: str, wish: Wish) -> str:
        """Let the agent ask the person and have the PIN verified. Empty when it is asked, else why not."""
        if len(wish.sealed_current_pin) > MAX_SEALED_PIN:
            raise invalid()
        outside = self._outside
        async with outside.books.begin(commits.PROVE_HOLDER) as work:
            session = callers.for_page(await work.lock_session(session_id), claim)
            if await turns.was_made(work, "ProveHolder", wish.attempt_id, session):
                return ""
            if bool(wish.sealed_current_pin) is outside.pin_at_agent:  # typed in one place, and there alone
                raise invalid()
            now = outside.clock.now()
            if refused := self._why_not(session, wish, now):
                return refused
            await making.drop_steps(work, session_id)
            await work.put_step(making.prove_holder_step(outside, session_id, wish, now))
            await work.store(session, sessions.prove_holder(session))
            await work.remember("ProveHolder", wish.attempt_id, session_id, now)
        return ""

    def _why_not(self, session: Session, wish: Wish, now: datetime) -> str:
        """Why the card is not touched now; empty where it may be."""
        if session.reason is not Reason.SIGN_IN:
            return "WRONG_STATE"
        if refused := turns.out_of_turn(session, State.CARD_READ, now):
            return refused
        if objection := making.objection(session):
            return objection
        if session.knows_card().pin_tries_left == LAST_TRY and not wish.last_try:
            return "LAST_TRY"
        return "NO_CARD" if turns.reader_of(self._outside, session) is ReaderState.NO_CARD else ""

    async def order(self, session: Session, step: Step, now: datetime) -> Order | None:
        """The script and the question; None for a card that is not there any more."""
        card = session.knows_card()
        async with self._outside.books.read() as view:
            algorithm = await self._algorithm(view, card)
        if algorithm is None:
            return None
        proof = _proof_of(card)
        script = proof.prove_holder_script(card.chuid_hash, algorithm, last_try=step.last_try)
        return Order(step, script, now, question_of(session, step))

    async def report(self, session_id: str, step: Step, report: Report) -> None:
        """End the session by a good signature, or lead back to the passcode. A second report does nothing."""
        async with self._outside.books.begin(commits.REPORT_PROVE_HOLDER) as work:
            session = await reports.taken(work, session_id, step)
            if session is None or session.state is not State.PROVING:
                return
            now, card = self._outside.clock.now(), session.knows_card()
            verdict = _proof_of(card).judge_holder(report)
            told = _counted(session, verdict)
            if session.is_over(now) or verdict.signature is None:
                code = "SESSION_ENDED" if session.is_over(now) else rule_told(report) or code_of(verdict.code)
                await work.store(session, sessions.go_back(told, code))
            elif self._is_holders(session, step, await work.card(card.card_ref), verdict.signature):
                await self._closing.end(work, session, told, State.SUCCESS, "", now)
            else:
                await self._closing.end(work, session, told, State.FAILED, "CARD_NOT_GENUINE", now)

    async def card_left(self, session_id: str) -> None:
        """The card that proved its holder left the reader, or nobody can say that it did not. R31, R56."""
        async with self._outside.books.begin(commits.CARD_LEFT) as work:
            session = await work.lock_session(session_id)
            if session is not None and session.attended_until() is not None:
                await work.store(session, sessions.card_left(session))

    def _is_holders(
        self, session: Session, step: Step, card: RegisteredCard | None, signature: bytes
    ) -> bool:
        """True for a signature, made for this sign-in, by the 9A key that the import pinned."""
        if card is None or not card.key_9a:
            return False
        outside = self._outside
        algorithm = outside.proofs.algorithm_of(card.key_9a)
        digest = challenge_digest(
            Purpose.SIGN_IN, outside.gateway_name, session.session_id, step.nonce, session.agent_public_key
        )
        return algorithm is not None and outside.proofs.verify(card.key_9a, algorithm, digest, signature)

    async def _algorithm(self, view: View, card: Card) -> Algorithm | None:
        registered = await view.card(card.card_ref)
        key = registered.key_9a if registered else None
        return self._outside.proofs.algorithm_of(key) if key else None


def can_sign_in(card: RegisteredCard) -> bool:
    """True for a card whose kind can prove its holder, and whose 9A key was pinned."""
    return bool(card.key_9a) and profiles.BY_KIND[card.profile].SIGN_IN is not None


def _proof_of(card: Card) -> ProofOfHolder:
    proof = profiles.BY_KIND[card.profile].SIGN_IN
    if proof is None:
        raise sessions.WrongState
    return proof


def _counted(session: Session, verdict: HolderVerdict) -> Session:
    told = verdict.tries
    return session if told is None else sessions.counted(session, told.left, blocked=told.blocked)
