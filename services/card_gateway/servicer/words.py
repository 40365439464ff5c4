"""Enums of the contract and of the domain, both ways. What a newer caller says is the unspecified one."""

import re

from smartcard_unlock.card_gateway.v1 import agents_pb2 as agents
from smartcard_unlock.card_gateway.v1 import card_gateway_pb2 as gateway
from smartcard_unlock.common.v1 import common_pb2 as common

from services.card_gateway.card.script import End
from services.card_gateway.domain.readers import Presence, ReaderState, judge
from services.card_gateway.domain.words import Reason, Route, State
from services.runtime.errors import invalid

_REASONS: dict[int, Reason] = {common.Reason.Value(f"REASON_{reason.value}"): reason for reason in Reason}
_ROUTES: dict[int, Route] = {common.Route.Value(f"ROUTE_{route.value}"): route for route in Route}
_ENDS: dict[int, End] = {agents.ScriptEnd.Value(f"SCRIPT_END_{end.value}"): end for end in End}
_PRESENCES: dict[int, Presence] = {
    agents.CardPresence.Value(f"CARD_PRESENCE_{presence.value}"): presence for presence in Presence
}


_ATTEMPT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def attempt_of(value: str) -> str:
    """The attempt's id. Raises BAD_REQUEST for what is no UUID in small letters."""
    if not _ATTEMPT.fullmatch(value):
        raise invalid()
    return value


def reason_of(value: int) -> Reason:
    """The reason. Raises BAD_REQUEST where none was said."""
    if value not in _REASONS:
        raise invalid()
    return _REASONS[value]


def route_of(value: int) -> Route:
    """The route. Raises BAD_REQUEST where none was said."""
    if value not in _ROUTES:
        raise invalid()
    return _ROUTES[value]


def end_of(value: int) -> End:
    """How a script ended; what is not said is INTERRUPTED."""
    return _ENDS.get(value, End.INTERRUPTED)


def readers_of(facts: agents.ReaderFacts) -> ReaderState:
    """The readers in one word; a presence that is not said is an empty reader."""
    presences = tuple(_PRESENCES.get(reader.presence, Presence.EMPTY) for reader in facts.readers)
    return judge(facts.service_up, presences)


def reader_state(state: ReaderState) -> gateway.ReaderState.ValueType:
    """The contract's word for the readers."""
    name = "UNSPECIFIED" if state is ReaderState.UNSAID else state.value
    return gateway.ReaderState.Value(f"READER_STATE_{name}")


def session_state(state: State) -> gateway.SessionState.ValueType:
    """The contract's word for a session's state."""
    return gateway.SessionState.Value(f"SESSION_STATE_{state.value}")


def reason(value: Reason | None) -> common.Reason.ValueType:
    """The contract's word for a reason."""
    return common.Reason.Value(f"REASON_{value.value if value else 'UNSPECIFIED'}")


def route(value: Route | None) -> common.Route.ValueType:
    """The contract's word for a route."""
    return common.Route.Value(f"ROUTE_{value.value if value else 'UNSPECIFIED'}")
