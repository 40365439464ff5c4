"""A holder answers their security questions before a code is mailed. R48.

Three failures in a row, of one holder with one card and over all sessions, lock that card to the RA.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from services.identity.domain.eligibility import Refusal
from services.identity.domain.facts import QuestionsAnswered
from services.identity.domain.holder import HeldCard
from services.identity.domain.questions import Answer, Attempt, Registration, after, is_complete, secret_of
from services.identity.ports import AnswerHashes
from services.identity.use_cases import (
    Holders,
    Parts,
    Refused,
    judge,
    proven,
    questions_on,
    refuse,
    registered,
)
from services.runtime.errors import invalid
from services.runtime.grants import CardGrant


class Verdict(Enum):
    """The answer to four answers."""

    RIGHT = "RIGHT"
    WRONG = "WRONG"
    INCOMPLETE = "INCOMPLETE"


@dataclass(frozen=True)
class Judged:
    """The verdict, and the failures that remain. Nothing says which answer was wrong."""

    verdict: Verdict
    tries_left: int


@dataclass(frozen=True)
class Case:
    """Whose answers are judged."""

    card: CardGrant
    held: HeldCard
    registration: Registration


class Answering:
    """AnswerQuestions."""

    def __init__(self, parts: Parts, holders: Holders, hashes: AnswerHashes) -> None:
        self._parts = parts
        self._holders = holders
        self._hashes = hashes

    async def answer(self, token: str, answers: Sequence[Answer], attempt_id: str) -> Judged | Refused:
        """Judge four answers. Raises GrantRefused, QUESTIONS_OFF; BAD_REQUEST for a way that asks none."""
        card = proven(self._parts, token)
        questions_on(self._parts)
        if not self._holders.mails(card):
            raise invalid()
        async with self._parts.store.read() as view:
            before = await view.attempt_of(card.session_id, attempt_id)
        if before is not None and before.card_ref == card.card_ref:
            return await self._told(card, before)
        case = await self._case(card)
        if isinstance(case, Refused):
            return case
        if not is_complete(answers, case.registration.questions):
            return Judged(Verdict.INCOMPLETE, await self._left(case))
        # Before the transaction: a slow hash is no reason to hold a lock.
        right = await self._hashes.matches(case.registration.answers_hash, secret_of(answers))
        return await self._told(card, await self._judged(case, attempt_id, right=right))

    async def _case(self, card: CardGrant) -> Case | Refused:
        """Return whose answers are judged, or why none are: as ResolveHolder refuses."""
        now = self._parts.clock.now()
        async with self._parts.store.read() as view:
            held = await view.held_card(card.card_ref)
            refusal, mail, _ = await judge(view, held, card, now)
            refusal, known = refusal or mail, None
            if held is not None and refusal is None:
                refusal, known = await registered(view, held, card)
        if held is None or known is None or refusal is not None:
            return await refuse(self._parts, card, held, refusal or Refusal.CARD_UNKNOWN, now)
        return Case(card, held, known)

    async def _left(self, case: Case) -> int:
        async with self._parts.store.read() as view:
            return (await view.tries_of(case.held.holder_ref, case.card.card_ref)).left

    async def _judged(self, case: Case, attempt_id: str, *, right: bool) -> Attempt:
        """Count one attempt under the holder's lock; what was locked or set anew meanwhile is wrong."""
        card, holder_ref = case.card, case.held.holder_ref
        async with self._parts.store.begin("identity.answer_questions") as work:
            await work.lock_holder(holder_ref)
            before = await work.attempt_of(card.session_id, attempt_id)
            if before is not None:
                return before
            now, known = self._parts.clock.now(), await work.tries_of(holder_ref, card.card_ref)
            same = await work.registration_of(holder_ref) == case.registration
            tries = after(known, right=right and same, now=now) if known.left > 0 else known
            counted = right and same and tries.left > 0
            attempt = Attempt(
                card.session_id, attempt_id, holder_ref, card.card_ref, counted, tries.left, now
            )
            await work.keep_tries(holder_ref, card.card_ref, tries)
            await work.keep_attempt(attempt)
            await work.tell(_told_of(attempt, case.held, locked_now=known.left > tries.left == 0))
        return attempt

    async def _told(self, card: CardGrant, attempt: Attempt) -> Judged | Refused:
        """Return what an attempt led to; the last failure is the lock itself."""
        if attempt.right or attempt.tries_left > 0:
            return Judged(Verdict.RIGHT if attempt.right else Verdict.WRONG, attempt.tries_left)
        async with self._parts.store.read() as view:
            held = await view.held_card(card.card_ref)
        return await refuse(self._parts, card, held, Refusal.ANSWERS_LOCKED, self._parts.clock.now())


def _told_of(attempt: Attempt, held: HeldCard, *, locked_now: bool) -> QuestionsAnswered:
    """The holder hears of the lock once: not of what failed beside it."""
    address = held.address if locked_now else None
    return QuestionsAnswered(attempt, held.organisation, address.version if address else 0)
