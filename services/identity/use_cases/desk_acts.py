"""What an RA does for a holder of their organisation: an address, a freeze, its end. R7, R25, R26, R64.

Where the deployment asks for a second RA, an address only waits: `second_ra.py`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from services.identity.domain.acts import ActKind
from services.identity.domain.contact import AddressTrouble, typed_address
from services.identity.domain.desk import RegistryCard
from services.identity.domain.facts import (
    AddressProposalEnded,
    AddressProposed,
    AnswersLockCleared,
    CardFrozen,
    Fact,
    FreezeLifted,
)
from services.identity.domain.holder import CardStatus
from services.identity.domain.proposal import Ending, Proposal
from services.identity.use_cases import Parts, Refused, questions_on
from services.identity.use_cases.acting import ADDRESS_WAITS, RA_DAILY_LIMIT, Case, Errand, acting

CARD_NOT_AS_SHOWN = "CARD_NOT_AS_SHOWN"
"""The card is not this holder's, or has not the status any more that the act is for."""


@dataclass(frozen=True)
class CardAct:
    """An act for one card."""

    kind: ActKind
    change: Callable[[Case], Awaitable[bool]]
    """False: the card is not as the act needs it."""
    told: Callable[[Case, str], Fact]
    is_done: Callable[[RegistryCard], bool]


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

        async def change(case: Case) -> bool:
            holder_ref = case.record.holder_ref
            return await case.work.restate(holder_ref, card_ref, CardStatus.ACTIVE, CardStatus.FROZEN)

        return await self._on_card(
            errand, card_ref, CardAct(ActKind.CARD_FROZEN, change, _frozen, _is_frozen)
        )

    async def lift_freeze(self, errand: Errand, card_ref: str) -> Refused | str:
        """Lift a freeze; what mails could freeze the card until now is spent. Raises GrantRefused."""

        async def change(case: Case) -> bool:
            holder_ref = case.record.holder_ref
            if not await case.work.restate(holder_ref, card_ref, CardStatus.FROZEN, CardStatus.ACTIVE):
                return False
            await case.work.spend_freeze_tokens(holder_ref, card_ref)
            return True

        return await self._on_card(
            errand, card_ref, CardAct(ActKind.FREEZE_LIFTED, change, _lifted, _is_active)
        )

    async def clear_answers_lock(self, errand: Errand, card_ref: str) -> Refused | str:
        """End the lock that three failures led to: three more tries. Raises GrantRefused, QUESTIONS_OFF."""

        async def change(case: Case) -> bool:
            questions_on(self._parts)
            return await case.work.clear_answers_lock(case.record.holder_ref, card_ref)

        act = CardAct(ActKind.ANSWERS_CLEARED, change, _cleared, _is_unlocked)
        return await self._on_card(errand, card_ref, act)

    async def _on_card(self, errand: Errand, card_ref: str, asked: CardAct) -> Refused | str:
        """Change one card, keep the act and tell it; CARD_NOT_AS_SHOWN where there is nothing to change."""

        async def act(case: Case) -> str:
            if not await asked.change(case):
                return CARD_NOT_AS_SHOWN
            await case.keep(self._parts.randomness.uuid7(), asked.kind, card_ref)
            await case.work.tell(asked.told(case, card_ref))
            return ""

        async def stands(case: Case) -> bool:
            return any(map(asked.is_done, case.cards(card_ref)))

        errand = replace(errand, card_ref=card_ref)
        return await acting(self._parts, errand, asked.kind, act, stands=stands)


def _is_frozen(card: RegistryCard) -> bool:
    return card.status is CardStatus.FROZEN


def _is_active(card: RegistryCard) -> bool:
    return card.status is CardStatus.ACTIVE


def _is_unlocked(card: RegistryCard) -> bool:
    return card.answers_locked_at is None


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
