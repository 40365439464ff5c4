"""What the person agrees to before their card is touched, and the passcodes that come of it."""

from dataclasses import dataclass, field

from services.agent.ports import Order, Question, Session, Typed, Window
from services.agent.sealing import open_current_pin, open_pin, open_sign_in_pin
from services.card_gateway.card.runner import Fill
from services.card_gateway.card.script import Kind
from services.runtime.words import matching_words

_ASKED_FIRST = (Kind.PROVE, Kind.PROVE_HOLDER)


@dataclass(frozen=True)
class Agreed:
    """What the person said yes to, and what they typed with it."""

    question: Question
    typed: Typed | None = field(default=None, repr=False)
    """None where the passcodes come sealed from the page."""


async def ask(window: Window, session: Session, question: Question, seconds: float) -> Agreed | None:
    """Ask in our own window, while no card is held; None for anything but a yes in time."""
    words = matching_words(session.session_id, session.public_key)
    if question.pin_at_agent:
        typed = await window.ask_pins(question, words, seconds)
        return None if typed is None else Agreed(question, typed)
    return Agreed(question) if await window.confirm(question, words, seconds) else None


def is_sealed_against(order: Order, agreed: Agreed | None, *, only_typed_here: bool) -> bool:
    """True where passcodes come from a page, or are about to, and must not.

    `only_typed_here`: this workstation takes none from any page. What was typed here nothing replaces.
    """
    if order.question is not None and order.script.kind in _ASKED_FIRST:
        sealed_too = bool(order.sealed_current_pin) and order.question.pin_at_agent
        return (only_typed_here and not order.question.pin_at_agent) or sealed_too
    typed = agreed is not None and agreed.typed is not None
    return bool(order.sealed_pin or order.sealed_current_pin) and (only_typed_here or typed)


def pins_of(session: Session, order: Order, agreed: Agreed | None) -> Fill:
    """The passcodes as typed here, or out of their seals; the last try only after a yes to it.

    Raises PinNotOpened.
    """
    last_try = agreed is not None and agreed.question.last_try
    if agreed is not None and agreed.typed is not None:
        return Fill(pin=agreed.typed.new, current_pin=agreed.typed.current, last_try=last_try)
    context = (session.session_id, order.pin_attempt_id)
    pin = open_pin(session.private_key, order.sealed_pin, *context)
    if order.script.kind is not Kind.CHANGE:
        return Fill(pin=pin)
    current = open_current_pin(session.private_key, order.sealed_current_pin, *context)
    return Fill(pin=pin, current_pin=current, last_try=last_try)


def sign_in_pin_of(session: Session, order: Order, agreed: Agreed | None) -> Fill:
    """The passcode to sign in with, as typed here, or out of its seal. Raises PinNotOpened."""
    last_try = agreed is not None and agreed.question.last_try
    if agreed is not None and agreed.typed is not None:
        return Fill(current_pin=agreed.typed.current, last_try=last_try)
    sealed, context = order.sealed_current_pin, (session.session_id, order.pin_attempt_id)
    return Fill(current_pin=open_sign_in_pin(session.private_key, sealed, *context), last_try=last_try)
