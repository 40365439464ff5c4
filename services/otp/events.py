"""Facts of otp as messages, with topic and key."""

from collections.abc import Callable
from typing import Any

from smartcard_unlock.common.v1 import common_pb2 as common
from smartcard_unlock.otp.v1 import otp_events_pb2 as told
from smartcard_unlock.otp.v1 import otp_pb2 as otp

from services.otp.domain import facts
from services.otp.domain.spread import Scope
from services.runtime.outbox import Event
from services.runtime.timestamps import timestamp_of

EVENTS = "otp.events.v1"
CODES = "otp.code-issued.v1"


def event_of(fact: facts.Fact) -> Event:
    """Return the fact as it is told."""
    return _TELLERS[type(fact)](fact)


def _code_issued(fact: facts.CodeIssued) -> Event:
    code, bearer = fact.code, fact.code.bearer
    message = told.CodeIssued(
        code_id=code.code_id,
        session_id=bearer.session_id,
        holder_ref=bearer.holder_ref,
        address_version=bearer.address_version,
        issued_at=timestamp_of(code.issued_at),
        expires_at=timestamp_of(code.expires_at),
        sealed_code=fact.sealed,
        reason=_reason(fact.reason),
        sealed_particulars=fact.sealed_particulars,
    )
    return Event(CODES, bearer.session_id, message, code.issued_at)


def _code_requested(fact: facts.CodeRequested) -> Event:
    code, session_id = fact.code, fact.code.bearer.session_id
    message = told.CodeRequested(
        code_id=code.code_id,
        session_id=session_id,
        occurred_at=timestamp_of(code.issued_at),
        codes_in_session=fact.codes_in_session,
    )
    return Event(EVENTS, session_id, message, code.issued_at)


def _code_entered(fact: facts.CodeEntered) -> Event:
    message = told.CodeEntered(
        code_id=fact.code_id,
        session_id=fact.session_id,
        verdict=otp.RedeemVerdict.Value(f"REDEEM_VERDICT_{fact.verdict.value}"),
        entries_left=fact.entries_left,
        occurred_at=timestamp_of(fact.at),
        holder_ref=fact.holder_ref,
        card_ref=fact.card_ref,
    )
    return Event(EVENTS, fact.session_id, message, fact.at)


def _locked_to_ra(fact: facts.LockedToRa) -> Event:
    message = common.SessionOutcome(
        session_id=fact.session_id,
        kind=common.OUTCOME_KIND_LOCKED_TO_RA,
        code="LOCKED_TO_RA",
        reason=_reason(fact.reason),
        route=common.Route.Value(f"ROUTE_{fact.route}"),
        card_ref=fact.card_ref,
        holder_ref=fact.holder_ref,
        organisation=fact.organisation,
        actor=common.Actor(kind=common.ACTOR_KIND_HOLDER, ref=fact.holder_ref),
        occurred_at=timestamp_of(fact.at),
    )
    return Event(EVENTS, fact.session_id, message, fact.at)


def _guessing_spread(fact: facts.GuessingSpread) -> Event:
    alarm = fact.alarm
    message = told.GuessingSpread(
        session_id=fact.session_id,
        scope=told.SpreadScope.Value(f"SPREAD_SCOPE_{alarm.scope.value}"),
        organisation=alarm.place if alarm.scope is Scope.ORGANISATION else "",
        network_ref=alarm.place if alarm.scope is Scope.NETWORK else "",
        cards=alarm.cards,
        occurred_at=timestamp_of(fact.at),
    )
    return Event(EVENTS, fact.session_id, message, fact.at)


def _lock_cleared_by_ra(fact: facts.LockClearedByRa) -> Event:
    message = told.LockClearedByRa(
        session_id=fact.session_id,
        holder_ref=fact.holder_ref,
        card_ref=fact.card_ref,
        organisation=fact.organisation,
        actor=common.Actor(kind=common.ACTOR_KIND_RA, ref=fact.actor_ref),
        wrong_in_year=fact.wrong_in_year,
        occurred_at=timestamp_of(fact.at),
        reason=otp.ClearReason.Value(f"CLEAR_REASON_{fact.why.value if fact.why else 'UNSPECIFIED'}"),
    )
    return Event(EVENTS, fact.session_id, message, fact.at)


def _reason(word: str) -> common.Reason.ValueType:
    return common.Reason.Value(f"REASON_{word}")


_TELLERS: dict[type, Callable[[Any], Event]] = {
    facts.CodeIssued: _code_issued,
    facts.CodeRequested: _code_requested,
    facts.CodeEntered: _code_entered,
    facts.LockedToRa: _locked_to_ra,
    facts.GuessingSpread: _guessing_spread,
    facts.LockClearedByRa: _lock_cleared_by_ra,
}
