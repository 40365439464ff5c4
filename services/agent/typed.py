"""The passcodes that a person types here: the rules of the page, by the same names. Pure. R51."""

from services.card_gateway.card.pin_policy import change_weakness, current_weakness, weakness

CURRENT_MISSING, MISSING, DIFFERENT = "CURRENT_MISSING", "MISSING", "DIFFERENT"


def current_objection(current: str) -> str:
    """Why this can be no current passcode, before a try is spent on it; empty where it can."""
    if not current:
        return CURRENT_MISSING
    wrong = current_weakness(current)
    return wrong.value if wrong else ""


def objection(new: str, current: str) -> str:
    """Why this new passcode is refused; empty where it is good. `current`: empty where none is asked for."""
    if not new:
        return MISSING
    refused = weakness(new) or (change_weakness(current, new) if current else None)
    return refused.value if refused else ""


def first_objection(new: str, again: str, current: str, *, asks_current: bool, asks_new: bool = True) -> str:
    """Why what stands in all fields is refused, the first reason from above; empty where it is good."""
    if asks_current and (wrong := current_objection(current)):
        return wrong
    if not asks_new:
        return ""
    return objection(new, current if asks_current else "") or ("" if new == again else DIFFERENT)
