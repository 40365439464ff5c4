"""Facts of identity as messages, with topic and key."""

from collections.abc import Callable
from typing import Any

from smartcard_unlock.common.v1 import common_pb2 as common
from smartcard_unlock.identity.v1 import identity_events_pb2 as told

from services.identity.domain.acts import ActReason
from services.identity.domain.facts import (
    AddressProposalEnded,
    AddressProposed,
    AllowListChanged,
    AnswersLockCleared,
    CardFrozen,
    ColleagueVouched,
    ContactChanged,
    Fact,
    FreezeLifted,
    HolderRefused,
    HolderRegistered,
    HoldersImported,
    QuestionsAnswered,
    VouchedInPerson,
)
from services.runtime.outbox import Event
from services.runtime.timestamps import timestamp_of

EVENTS = "identity.events.v1"

SWEEPER = "identity"
"""Who acts where a time is up: the process."""

LONGEST_KEY = 64
"""Characters; of a longer domain the key is its beginning."""


def event_of(fact: Fact) -> Event:
    """Return the fact as it is told."""
    return _TELLERS[type(fact)](fact)


def _refused(fact: HolderRefused) -> Event:
    message = common.SessionOutcome(
        session_id=fact.session_id,
        kind=common.OUTCOME_KIND_REFUSED,
        code=fact.code,
        reason=common.Reason.Value(f"REASON_{fact.reason}"),
        route=common.Route.Value(f"ROUTE_{fact.route}"),
        card_ref=fact.card_ref,
        holder_ref=fact.holder_ref,
        organisation=fact.organisation,
        actor=_asked(fact),
        occurred_at=timestamp_of(fact.at),
    )
    return Event(EVENTS, fact.session_id, message, fact.at)


def _asked(fact: HolderRefused) -> common.Actor:
    if fact.ra_ref:
        return common.Actor(kind=common.ACTOR_KIND_RA, ref=fact.ra_ref)
    return common.Actor(kind=common.ACTOR_KIND_HOLDER, ref=fact.holder_ref)


def _vouched(fact: VouchedInPerson) -> Event:
    vouch = fact.vouch
    message = told.VouchedInPerson(
        session_id=vouch.session_id,
        card_ref=vouch.card_ref,
        holder_ref=vouch.holder_ref,
        organisation=fact.organisation,
        actor=common.Actor(kind=common.ACTOR_KIND_RA, ref=vouch.ra_ref),
        basis=vouch.basis.value,
        signed_in_by=fact.signed_in_by,
        occurred_at=timestamp_of(vouch.vouched_at),
    )
    return Event(EVENTS, vouch.session_id, message, vouch.vouched_at)


def _colleague(fact: ColleagueVouched) -> Event:
    word, request = fact.word, fact.request
    message = told.ColleagueVouched(
        session_id=request.session_id,
        card_ref=request.card_ref,
        holder_ref=request.holder_ref,
        organisation=fact.organisation,
        actor=common.Actor(kind=common.ACTOR_KIND_COLLEAGUES, ref=word.colleague_ref),
        basis=word.basis.value,
        signed_in_by=fact.signed_in_by,
        actor_card_ref=word.colleague_card_ref,
        words_given=fact.given,
        words_needed=fact.needed,
        occurred_at=timestamp_of(word.at),
    )
    return Event(EVENTS, request.session_id, message, word.at)


def _imported(fact: HoldersImported) -> Event:
    message = told.HoldersImported(
        organisation=fact.organisation,
        holders=fact.holders,
        eligible_holders=fact.eligible_holders,
        occurred_at=timestamp_of(fact.at),
    )
    return Event(EVENTS, fact.organisation, message, fact.at)


def _list_changed(fact: AllowListChanged) -> Event:
    message = told.AllowListChanged(
        domain=fact.entry.domain,
        subdomains=fact.entry.subdomains,
        organisation=fact.entry.organisation,
        change=told.AllowListChange.Value(f"ALLOW_LIST_CHANGE_{fact.change.value}"),
        occurred_at=timestamp_of(fact.at),
    )
    return Event(EVENTS, fact.entry.domain[:LONGEST_KEY], message, fact.at)


def _contact_changed(fact: ContactChanged) -> Event:
    message = told.ContactChanged(
        holder_ref=fact.holder_ref,
        organisation=fact.organisation,
        session_id=fact.session_id,
        card_ref=fact.card_ref,
        actor=common.Actor(kind=common.ActorKind.Value(f"ACTOR_KIND_{fact.actor_kind}"), ref=fact.actor_ref),
        old_address_version=fact.old_version,
        address_version=fact.version,
        mobile_changed=fact.mobile_changed,
        occurred_at=timestamp_of(fact.at),
        reason=_why(fact.why),
    )
    return Event(EVENTS, fact.holder_ref, message, fact.at)


def _frozen(fact: CardFrozen) -> Event:
    message = told.CardFrozen(
        holder_ref=fact.holder_ref,
        organisation=fact.organisation,
        card_ref=fact.card_ref,
        actor=common.Actor(
            kind=common.ActorKind.Value(f"ACTOR_KIND_{fact.actor_kind}"),
            ref=fact.actor_ref or fact.holder_ref,
        ),
        occurred_at=timestamp_of(fact.at),
        reason=_why(fact.why),
        address_version=fact.address_version,
    )
    return Event(EVENTS, fact.holder_ref, message, fact.at)


def _lifted(fact: FreezeLifted) -> Event:
    message = told.FreezeLifted(
        holder_ref=fact.holder_ref,
        organisation=fact.organisation,
        card_ref=fact.card_ref,
        actor=common.Actor(kind=common.ACTOR_KIND_RA, ref=fact.actor_ref),
        occurred_at=timestamp_of(fact.at),
        reason=_why(fact.why),
        address_version=fact.address_version,
    )
    return Event(EVENTS, fact.holder_ref, message, fact.at)


def _registered(fact: HolderRegistered) -> Event:
    message = told.HolderRegistered(
        holder_ref=fact.holder_ref,
        organisation=fact.organisation,
        session_id=fact.session_id,
        card_ref=fact.card_ref,
        actor=common.Actor(kind=common.ACTOR_KIND_HOLDER, ref=fact.holder_ref),
        occurred_at=timestamp_of(fact.at),
        address_version=fact.address_version,
    )
    return Event(EVENTS, fact.holder_ref, message, fact.at)


def _answered(fact: QuestionsAnswered) -> Event:
    attempt = fact.attempt
    message = told.QuestionsAnswered(
        session_id=attempt.session_id,
        holder_ref=attempt.holder_ref,
        organisation=fact.organisation,
        card_ref=attempt.card_ref,
        actor=common.Actor(kind=common.ACTOR_KIND_HOLDER, ref=attempt.holder_ref),
        right=attempt.right,
        tries_left=attempt.tries_left,
        occurred_at=timestamp_of(attempt.at),
        address_version=fact.address_version,
    )
    return Event(EVENTS, attempt.session_id, message, attempt.at)


def _cleared(fact: AnswersLockCleared) -> Event:
    message = told.AnswersLockCleared(
        holder_ref=fact.holder_ref,
        organisation=fact.organisation,
        card_ref=fact.card_ref,
        actor=common.Actor(kind=common.ACTOR_KIND_RA, ref=fact.actor_ref),
        reason=_why(fact.why),
        occurred_at=timestamp_of(fact.at),
    )
    return Event(EVENTS, fact.holder_ref, message, fact.at)


def _proposed(fact: AddressProposed) -> Event:
    proposal = fact.proposal
    message = told.AddressProposed(
        holder_ref=proposal.holder_ref,
        organisation=fact.organisation,
        proposal_id=proposal.proposal_id,
        actor=common.Actor(kind=common.ACTOR_KIND_RA, ref=proposal.actor_ref),
        reason=_why(proposal.why.reason),
        expires_at=timestamp_of(proposal.expires_at),
        occurred_at=timestamp_of(proposal.at),
    )
    return Event(EVENTS, proposal.holder_ref, message, proposal.at)


def _proposal_ended(fact: AddressProposalEnded) -> Event:
    proposal = fact.proposal
    by_time = common.Actor(kind=common.ACTOR_KIND_SYSTEM, ref=SWEEPER)
    by_ra = common.Actor(kind=common.ACTOR_KIND_RA, ref=fact.actor_ref)
    message = told.AddressProposalEnded(
        holder_ref=proposal.holder_ref,
        organisation=fact.organisation,
        proposal_id=proposal.proposal_id,
        ending=told.ProposalEnding.Value(f"PROPOSAL_ENDING_{fact.ending.value}"),
        actor=by_ra if fact.actor_ref else by_time,
        proposed_by=proposal.actor_ref,
        reason=_why(fact.why),
        occurred_at=timestamp_of(fact.at),
    )
    return Event(EVENTS, proposal.holder_ref, message, fact.at)


def _why(reason: ActReason | None) -> told.ActReason.ValueType:
    return told.ActReason.Value(f"ACT_REASON_{reason.value}") if reason else told.ACT_REASON_UNSPECIFIED


_TELLERS: dict[type, Callable[[Any], Event]] = {
    HolderRefused: _refused,
    VouchedInPerson: _vouched,
    ColleagueVouched: _colleague,
    HoldersImported: _imported,
    AllowListChanged: _list_changed,
    ContactChanged: _contact_changed,
    CardFrozen: _frozen,
    FreezeLifted: _lifted,
    HolderRegistered: _registered,
    QuestionsAnswered: _answered,
    AnswersLockCleared: _cleared,
    AddressProposed: _proposed,
    AddressProposalEnded: _proposal_ended,
}
