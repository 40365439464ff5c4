"""The closed lists of words the gateway's rules are written in; the names of the contract's enums."""

from enum import Enum


class Reason(Enum):
    """Why the holder came. R2."""

    LOCKED = "LOCKED"
    FORGOTTEN = "FORGOTTEN"
    CHANGE = "CHANGE"
    SIGN_IN = "SIGN_IN"
    """To sign in with the card: its PIN stays as it is. R31."""


class Route(Enum):
    """Who lets the holder through."""

    SELF = "SELF"
    RA_IN_PERSON = "RA_IN_PERSON"
    """By an RA who sees the person and vouches for them. R36."""


VOUCHED_FOR = frozenset({Reason.LOCKED, Reason.FORGOTTEN})
"""Reasons for which somebody else may vouch: whoever knows their passcode needs nobody to."""


class State(Enum):
    """Where an unlock session stands. Source: architecture, states."""

    NEW = "NEW"
    ATTACHED = "ATTACHED"
    CARD_READ = "CARD_READ"
    AUTHORISED = "AUTHORISED"
    PROVING = "PROVING"
    RESETTING = "RESETTING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    RESOLVED = "RESOLVED"
    ABANDONED = "ABANDONED"


class OutcomeKind(Enum):
    """What this service may say of a session's end."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    RESOLVED = "RESOLVED"
    ABANDONED = "ABANDONED"


class ActorKind(Enum):
    """Who acted."""

    HOLDER = "HOLDER"
    RA = "RA"
    SYSTEM = "SYSTEM"
    COLLEAGUES = "COLLEAGUES"
    """Two who vouched from afar: the one whose word completed them."""


class SecretLabel(Enum):
    """What became of the card's secret."""

    NONE = "NONE"
    """Nothing was sent to the card."""
    ROTATED = "ROTATED"
    END_TO_END = "END_TO_END"
    """The secret stayed in the vault: an admin key, whose answer to one challenge was all that left."""
    STATIC = "STATIC"
    """The PUK that crossed the workstation still stands."""
    UNSETTLED = "UNSETTLED"
    """One of two versions stands."""
