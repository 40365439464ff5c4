"""What an agent is told to do next, and the scripts that go with it."""

from dataclasses import dataclass, field
from datetime import datetime

from services.card_gateway.card import profiles
from services.card_gateway.card.script import Kind, Script
from services.card_gateway.domain.session import Session
from services.card_gateway.domain.step import Step, StepKind
from services.card_gateway.use_cases import making
from services.card_gateway.use_cases.offers import Offer


@dataclass(frozen=True)
class Question:
    """What the agent asks the person before the card is touched."""

    last_four: str
    reason: str
    last_try: bool = False
    """CHANGE, SIGN_IN: a wrong PIN may block the card."""
    pin_at_agent: bool = False
    """The agent asks for the PINs too: the page sealed none."""


@dataclass(frozen=True)
class Order:
    """Run this and report it."""

    step: Step
    script: Script = field(repr=False)
    given_at: datetime
    question: Question | None = None


@dataclass(frozen=True)
class Idle:
    """Nothing to do yet."""

    offer: Offer | None
    claimed: bool
    signed_in: bool = False
    """The card in the reader has proven its holder: its leaving is to be told."""


@dataclass(frozen=True)
class Over:
    """The session is over."""

    outcome: str
    code: str


Next = Order | Idle | Over


def empty_order(step: Step, now: datetime) -> Order:
    """A step that came too late to be begun: only its report is wanted."""
    return Order(making.without_pin(step), Script(Kind[step.kind.value], ()), now)


def order(session: Session, step: Step, now: datetime) -> Order:
    """The order for a step without a secret: READ or PROVE."""
    if step.kind is StepKind.READ:
        return Order(step, profiles.read_script(), now)
    card = session.knows_card()
    script = profiles.BY_KIND[card.profile].prove_script(card.chuid_hash, card.algorithm)
    return Order(step, script, now, question_of(session, step))


def question_of(session: Session, step: Step) -> Question:
    """What the person is asked before the step."""
    reason = session.reason.value if session.reason else ""
    sealed = step.sealed_current_pin if step.kind is StepKind.PROVE_HOLDER else step.sealed_pin
    return Question(session.knows_card().last_four, reason, step.last_try, pin_at_agent=not sealed)
