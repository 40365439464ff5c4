"""Steps are made with whatever brings a session to where they are needed, never while an agent polls."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.card_gateway.card import profiles
from services.card_gateway.card.proof import NONCE_LENGTH
from services.card_gateway.card.verdict import PukState
from services.card_gateway.domain import budget, reasons
from services.card_gateway.domain import step as steps
from services.card_gateway.domain.budget import Spent
from services.card_gateway.domain.journal import Rotation, RowState
from services.card_gateway.domain.reasons import Abilities
from services.card_gateway.domain.session import Card, Session
from services.card_gateway.domain.step import Step, StepKind
from services.card_gateway.ports import Outside, View, Work

AT_ONCE = timedelta(0)

MAX_SEALED_PIN = 256
"""Bytes. Source: the contract."""


async def within_budget(outside: Outside, view: View, card_ref: str, profile: str, now: datetime) -> bool:
    """Tell whether the card may bear another reset."""
    secret = await view.secret(card_ref)
    failed = await view.failed_resets(card_ref, now - budget.FAILED_WINDOW)
    spent = Spent(failed, uses_in_life=profiles.BY_KIND[profile].SECRET_USES)
    if spent.uses_in_life is not None:
        spent = replace(spent, uses=await view.resets_sent(card_ref))
    return secret is not None and outside.budget.allows(secret, spent)


def abilities(card: Card) -> Abilities:
    """What the card's kind can do about its PIN."""
    profile = profiles.BY_KIND[card.profile]
    return Abilities(profile.CHANGE is not None, profile.UNBLOCKS_ONLY_BLOCKED)


def objection(session: Session) -> str:
    """Why the session's reason does not fit its card; empty where it does, or before a card was read."""
    card, reason = session.card, session.reason
    if card is None or reason is None:
        return ""
    return reasons.objection(reason, blocked=card.blocked_now, abilities=abilities(card))


async def drop_steps(work: Work, session_id: str) -> None:
    """Forget the session's steps, also those whose report may still come."""
    for step in await work.steps(session_id):
        await work.drop_step(step.step_id)


def read_step(outside: Outside, session: Session, now: datetime, pause: timedelta = AT_ONCE) -> Step:
    """A READ, good until the session's deadline."""
    random = outside.randomness
    return Step(
        random.uuid7(), session.session_id, StepKind.READ, random.token(NONCE_LENGTH), now,
        not_before=now + pause, begin_before=session.deadline or now,
    )  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """What a page asks for with a passcode; sealed to the agent's key."""

    sealed_pin: bytes = field(repr=False)
    """The new PIN; empty for a sign-in, and where it is typed at the agent."""
    attempt_id: str
    sealed_current_pin: bytes = field(default=b"", repr=False)
    """Reasons CHANGE and SIGN_IN, and only there."""
    last_try: bool = False
    """Likewise: the person wants to spend the last try of the current PIN."""


def prove_step(outside: Outside, session_id: str, wish: Wish, now: datetime) -> Step:
    """A PROVE, which keeps what was sealed until the card has proved itself."""
    random = outside.randomness
    is_typed_already = wish.sealed_pin or wish.sealed_current_pin
    within = steps.PROVE_BEGINS_WITHIN if is_typed_already else steps.PIN_TYPED_WITHIN
    return Step(
        random.uuid7(), session_id, StepKind.PROVE, random.token(NONCE_LENGTH), now,
        not_before=now, begin_before=now + within,
        sealed_pin=wish.sealed_pin, pin_attempt_id=wish.attempt_id,
        sealed_current_pin=wish.sealed_current_pin, last_try=wish.last_try,
    )  # fmt: skip


def prove_holder_step(outside: Outside, session_id: str, wish: Wish, now: datetime) -> Step:
    """A PROVE_HOLDER, with the PIN that the card is to verify."""
    return replace(prove_step(outside, session_id, wish, now), kind=StepKind.PROVE_HOLDER)


def change_step(outside: Outside, proved: Step, now: datetime) -> Step:
    """What follows the PROVE of a CHANGE."""
    return replace(
        proved, step_id=outside.randomness.uuid7(), kind=StepKind.CHANGE, created_at=now,
        not_before=now, begin_before=now + steps.RESET_BEGINS_WITHIN,
    )  # fmt: skip


def reset_step(outside: Outside, proved: Step, row: Rotation, now: datetime) -> Step:
    """What follows a PROVE: RECOVER while the journal does not know which PUK stands, else RESET."""
    kind = StepKind.RECOVER if row.state is RowState.UNKNOWN else StepKind.RESET
    return Step(
        outside.randomness.uuid7(), proved.session_id, kind, proved.nonce, now,
        not_before=now, begin_before=now + steps.RESET_BEGINS_WITHIN,
        sealed_pin=proved.sealed_pin, pin_attempt_id=proved.pin_attempt_id, rotation_id=row.rotation_id,
    )  # fmt: skip


def answer_step(outside: Outside, proved: Step, challenges: bytes, now: datetime) -> Step:
    """What follows the challenge of an admin-key card, which waits for it."""
    return replace(
        proved, step_id=outside.randomness.uuid7(), kind=StepKind.RESET, nonce=challenges, created_at=now,
        not_before=now, begin_before=now + steps.ANSWER_BEGINS_WITHIN,
    )  # fmt: skip


def without_pin(step: Step) -> Step:
    """A step that is kept only for its report."""
    return replace(step, sealed_pin=b"", sealed_current_pin=b"", pin_attempt_id="")


def first_candidate(card: Card, row: Rotation) -> PukState:
    """The PUK that a recovery of this card begins with."""
    ordered = profiles.PUK[card.profile].order_candidates(
        b"", b"", pin_blocked=card.blocked_now, lost=row.lost
    )
    return ordered.first
