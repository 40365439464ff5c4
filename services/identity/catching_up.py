"""`catch-up` of identity: what was frozen since the copy is frozen, and no old address comes back.

Events hold no address. A holder whose address was changed since the copy has none until it is set again, by
the holder or an RA, under the version that was told: mail goes to nobody rather than to an old mailbox. An
address that waited for a second RA has to be proposed anew.
"""

from dataclasses import replace

from smartcard_unlock.common.v1 import common_pb2 as common
from smartcard_unlock.identity.v1 import identity_events_pb2 as told
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.approved_domains import change_again
from services.identity.domain.allow_list import AllowedDomain, Change, ListChange
from services.identity.domain.colleagues import Basis, Request, Word
from services.identity.domain.holder import Address, CardStatus
from services.identity.domain.questions import MOST_FAILURES, Attempt, Tries
from services.identity.events import EVENTS, event_of
from services.identity.storage import SqlWork
from services.identity.tables import cards, holders, outbox, outbox_position
from services.runtime.catching_up import Books
from services.runtime.cloud_events import Received, Unreadable
from services.runtime.randomness import Randomness
from services.runtime.timestamps import instant_of

BOOKS = (Books(outbox, outbox_position, EVENTS),)

CAUGHT_UP = "catch-up"
"""Who set an address, or changed the list, in the words of the database."""
_PROPOSALS: dict[str, type[told.AddressProposed | told.AddressProposalEnded]] = {
    kind.DESCRIPTOR.full_name: kind for kind in (told.AddressProposed, told.AddressProposalEnded)
}

_OF_QUESTIONS = {
    kind.DESCRIPTOR.full_name
    for kind in (told.HolderRegistered, told.QuestionsAnswered, told.AnswersLockCleared)
}


class Recalling:
    """Does again what identity told. Imports are not among it: their files are imported again."""

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness

    async def again(self, connection: AsyncConnection, event: Received) -> bool:
        """Do one event again. Raises Unreadable."""
        work = SqlWork(connection, event_of, self._randomness)
        match event.ce_type:
            case told.CardFrozen.DESCRIPTOR.full_name:
                return await _frozen(connection, event.parse(told.CardFrozen))
            case told.FreezeLifted.DESCRIPTOR.full_name:
                return await _lifted(work, event.parse(told.FreezeLifted))
            case told.ContactChanged.DESCRIPTOR.full_name:
                return await _contact_changed(connection, work, event.parse(told.ContactChanged))
            case name if name in _PROPOSALS:
                return await _proposal_gone(work, event.parse(_PROPOSALS[name]))
            case told.AllowListChanged.DESCRIPTOR.full_name:
                return await _list_changed(connection, event)
            case name if name in _OF_QUESTIONS:
                return await _of_questions(work, event)
            case told.ColleagueVouched.DESCRIPTOR.full_name:
                return await self._colleague_vouched(work, event.parse(told.ColleagueVouched))
            case common.SessionOutcome.DESCRIPTOR.full_name:
                outcome = event.parse(common.SessionOutcome)
                kind = common.OutcomeKind.Name(outcome.kind).removeprefix("OUTCOME_KIND_")
                return await work.first_outcome(outcome.session_id, kind, instant_of(outcome.occurred_at))
        return False

    async def _colleague_vouched(self, work: SqlWork, message: told.ColleagueVouched) -> bool:
        """The limits of colleague and card count on; a code that is not in the copy is over."""
        now = instant_of(message.occurred_at)
        if any(word.colleague_ref == message.actor.ref for word in await work.words_of(message.session_id)):
            return False
        try:
            basis = Basis(message.basis)
        except ValueError:
            raise Unreadable("basis") from None
        card_ref = message.actor_card_ref
        await work.keep_word(Word(message.session_id, message.actor.ref, card_ref, basis, now))
        known = await work.colleague_request(message.session_id)
        request = known or Request(
            session_id=message.session_id,
            grant_id=self._randomness.uuid7(),
            card_ref=message.card_ref,
            holder_ref=message.holder_ref,
            code_digest=b"",
            expires_at=now,
        )
        if message.words_given >= message.words_needed and request.completed_at is None:
            request = replace(request, completed_at=now)
        await work.keep_request(request)
        return True


async def _frozen(connection: AsyncConnection, message: told.CardFrozen) -> bool:
    """A freeze that an import has lifted since is lifted by that import again."""
    mine = (cards.c.card_ref == message.card_ref) & (cards.c.status == CardStatus.ACTIVE.value)
    by_holder = message.actor.kind == common.ACTOR_KIND_HOLDER
    at = instant_of(message.occurred_at) if by_holder else None
    frozen = update(cards).where(mine).values(status=CardStatus.FROZEN.value, holder_froze_at=at)
    return await connection.scalar(frozen.returning(cards.c.card_ref)) is not None


async def _lifted(work: SqlWork, message: told.FreezeLifted) -> bool:
    """A lift spends the links of before it too."""
    await work.spend_freeze_tokens(message.holder_ref, message.card_ref)
    return await work.restate(message.holder_ref, message.card_ref, CardStatus.FROZEN, CardStatus.ACTIVE)


async def _proposal_gone(work: SqlWork, message: told.AddressProposed | told.AddressProposalEnded) -> bool:
    """What waits in the copy was replaced or ended since."""
    await work.lock_holder(message.holder_ref)
    return await work.end_proposal(message.holder_ref) is not None


async def _contact_changed(connection: AsyncConnection, work: SqlWork, message: told.ContactChanged) -> bool:
    await work.lock_holder(message.holder_ref)
    stands = select(holders.c.address_version).where(holders.c.holder_ref == message.holder_ref)
    version = await connection.scalar(stands)
    if version is None or version >= message.address_version:
        return False
    gone = Address(message.address_version, None, instant_of(message.occurred_at), CAUGHT_UP)
    await work.set_address(message.holder_ref, gone)
    return True


async def _of_questions(work: SqlWork, event: Received) -> bool:
    match event.ce_type:
        case told.HolderRegistered.DESCRIPTOR.full_name:
            return await _registered(work, event.parse(told.HolderRegistered))
        case told.QuestionsAnswered.DESCRIPTOR.full_name:
            return await _answered(work, event.parse(told.QuestionsAnswered), event.ce_id)
    cleared = event.parse(told.AnswersLockCleared)
    return await work.clear_answers_lock(cleared.holder_ref, cleared.card_ref)


async def _registered(work: SqlWork, message: told.HolderRegistered) -> bool:
    """No event holds answers: whoever registered since the copy is not registered, and does so again."""
    known = await work.registration_of(message.holder_ref)
    if known is None or known.at >= instant_of(message.occurred_at):
        return False
    await work.forget_registration(message.holder_ref)
    return True


async def _answered(work: SqlWork, message: told.QuestionsAnswered, event_id: str) -> bool:
    """The failures as they were told; an attempt is known again by its event."""
    again = await work.attempt_of(message.session_id, event_id) is not None
    if again or await work.known_holder(message.holder_ref) is None:
        return False
    now, left = instant_of(message.occurred_at), min(message.tries_left, MOST_FAILURES)
    await work.keep_attempt(
        Attempt(message.session_id, event_id, message.holder_ref, message.card_ref, message.right, left, now)
    )
    tries = Tries(MOST_FAILURES - left, now if left == 0 else None)
    await work.keep_tries(message.holder_ref, message.card_ref, tries)
    return True


async def _list_changed(connection: AsyncConnection, event: Received) -> bool:
    message = event.parse(told.AllowListChanged)
    try:
        change = Change(told.AllowListChange.Name(message.change).removeprefix("ALLOW_LIST_CHANGE_"))
    except ValueError:
        raise Unreadable("change") from None
    entry = AllowedDomain(message.domain, message.subdomains, message.organisation)
    again = ListChange(entry, change, CAUGHT_UP, instant_of(message.occurred_at))
    return await change_again(connection, again, event.ce_id)
