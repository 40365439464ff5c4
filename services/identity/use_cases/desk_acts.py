"""What an RA does for a holder of their organisation: an address, a freeze, its end. R7, R25, R26, R64.

Where the deployment asks for a second RA, an address only waits: `second_ra.py`.
"""

from dataclasses import replace

from services.identity.domain.acts import ActKind
from services.identity.domain.contact import AddressTrouble, typed_address
from services.identity.domain.facts import (
    AddressProposalEnded,
    AddressProposed,
    AnswersLockCleared,
    CardFrozen,
    FreezeLifted,
)
from services.identity.domain.holder import CardStatus
from services.identity.domain.proposal import Ending, Proposal
from services.identity.use_cases import Parts, Refused, questions_on
from services.identity.use_cases.acting import ADDRESS_WAITS, RA_DAILY_LIMIT, Case, Errand, acting

CARD_NOT_AS_SHOWN = "CARD_NOT_AS_SHOWN"
"""The card is not this holder's, or has not the status any more that the act is for."""


class DeskActs:
    """SetHolderAddress, FreezeHolderCard, LiftFreeze, ClearAnswersLock; a refused one answers with a code."""

    def __init__(self, parts: Parts, addresses_per_day: int, *, second_ra: bool = False) -> None:
        self._parts = parts
        self._per_day = addresses_per_day
        self._second_ra = second_ra

    async def set_address(self, errand: Errand, typed: str) -> Refused | str:
        """Let an address stand for a holder, or wait; empty where it stands at once. Raises GrantRefused."""

        async def act(case: Case) -> str:
            address = typed_address(typed)
            if address is None:
                return AddressTrouble.EMAIL_MISSING.value
            if isinstance(address, AddressTrouble):
                return address.value
            if trouble := await case.trouble_with(address):
                return trouble.value
            if address == case.standing.address:
                return ""
            if await case.is_over_limit(self._per_day):
                return RA_DAILY_LIMIT
            if self._second_ra:
                await self._propose(case, address)
                return ADDRESS_WAITS
            await case.let_stand(self._parts.randomness.uuid7(), address)
            return ""

        async def stands(case: Case) -> bool:
            address = typed_address(typed)
            waiting = await case.work.waiting_address(case.record.holder_ref, case.now)
            known = {case.standing.address, waiting and waiting.proposal.address}
            return address is not None and address in known

        return await acting(self._parts, errand, ActKind.ADDRESS_SET, act, stands=stands)

    async def _propose(self, case: Case, address: str) -> None:
        """Let an address wait for a second RA, in the place of another one that waited."""
        organisation, holder_ref = case.record.organisation, case.record.holder_ref
        if before := await case.work.end_proposal(holder_ref):
            ended = AddressProposalEnded(before, organisation, Ending.REPLACED, case.ra.holder_ref, case.now)
            await case.work.tell(ended)
        proposal = Proposal(
            proposal_id=self._parts.randomness.uuid7(),
            holder_ref=holder_ref,
            actor_ref=case.ra.holder_ref,
            address=address,
            over_version=case.standing.version,
            why=case.why,
            at=case.now,
        )
        await case.work.propose(proposal)
        await case.keep(self._parts.randomness.uuid7(), ActKind.ADDRESS_PROPOSED)
        await case.work.tell(AddressProposed(proposal, organisation))

    async def freeze(self, errand: Errand, card_ref: str) -> Refused | str:
        """Freeze a card that is ACTIVE; empty where it is frozen. Raises GrantRefused."""

        async def act(case: Case) -> str:
            holder_ref = case.record.holder_ref
            if not await case.work.restate(holder_ref, card_ref, CardStatus.ACTIVE, CardStatus.FROZEN):
                return CARD_NOT_AS_SHOWN
            await case.keep(self._parts.randomness.uuid7(), ActKind.CARD_FROZEN, card_ref)
            await case.work.tell(_frozen(case, card_ref))
            return ""

        async def stands(case: Case) -> bool:
            return any(card.status is CardStatus.FROZEN for card in case.cards(card_ref))

        errand, kind = replace(errand, card_ref=card_ref), ActKind.CARD_FROZEN
        return await acting(self._parts, errand, kind, act, stands=stands)

    async def lift_freeze(self, errand: Errand, card_ref: str) -> Refused | str:
        """Lift a freeze; what mails could freeze the card until now is spent. Raises GrantRefused."""

        async def act(case: Case) -> str:
            holder_ref = case.record.holder_ref
            if not await case.work.restate(holder_ref, card_ref, CardStatus.FROZEN, CardStatus.ACTIVE):
                return CARD_NOT_AS_SHOWN
            await case.work.spend_freeze_tokens(holder_ref, card_ref)
            await case.keep(self._parts.randomness.uuid7(), ActKind.FREEZE_LIFTED, card_ref)
            await case.work.tell(_lifted(case, card_ref))
            return ""

        async def stands(case: Case) -> bool:
            return any(card.status is CardStatus.ACTIVE for card in case.cards(card_ref))

        errand, kind = replace(errand, card_ref=card_ref), ActKind.FREEZE_LIFTED
        return await acting(self._parts, errand, kind, act, stands=stands)

    async def clear_answers_lock(self, errand: Errand, card_ref: str) -> Refused | str:
        """End the lock that three failures led to: three more tries. Raises GrantRefused, QUESTIONS_OFF."""

        async def act(case: Case) -> str:
            questions_on(self._parts)
            if not await case.work.clear_answers_lock(case.record.holder_ref, card_ref):
                return CARD_NOT_AS_SHOWN
            await case.keep(self._parts.randomness.uuid7(), ActKind.ANSWERS_CLEARED, card_ref)
            await case.work.tell(_cleared(case, card_ref))
            return ""

        async def stands(case: Case) -> bool:
            return any(card.answers_locked_at is None for card in case.cards(card_ref))

        errand, kind = replace(errand, card_ref=card_ref), ActKind.ANSWERS_CLEARED
        return await acting(self._parts, errand, kind, act, stands=stands)


def _frozen(case: Case, card_ref: str) -> CardFrozen:
    return CardFrozen(
        holder_ref=case.record.holder_ref,
        organisation=case.record.organisation,
        card_ref=card_ref,
        at=case.now,
        actor_kind="RA",
        actor_ref=case.ra.holder_ref,
        why=case.why.reason,
        address_version=case.standing.version,
    )


def _lifted(case: Case, card_ref: str) -> FreezeLifted:
    return FreezeLifted(
        holder_ref=case.record.holder_ref,
        organisation=case.record.organisation,
        card_ref=card_ref,
        actor_ref=case.ra.holder_ref,
        why=case.why.reason,
        address_version=case.standing.version,
        at=case.now,
    )


def _cleared(case: Case, card_ref: str) -> AnswersLockCleared:
    return AnswersLockCleared(
        holder_ref=case.record.holder_ref,
        organisation=case.record.organisation,
        card_ref=card_ref,
        actor_ref=case.ra.holder_ref,
        why=case.why.reason,
        at=case.now,
    )
