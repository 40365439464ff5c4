"""What an RA does for a holder of their organisation: an address, a freeze, its end. R7, R25, R26, R64.

Never for oneself, each once by its attempt, and each kept with who, when and why.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from services.identity.domain.acts import Act, ActKind, Why, trouble_with_reason
from services.identity.domain.address import domain_of
from services.identity.domain.contact import AddressTrouble, trouble_with, typed_address
from services.identity.domain.desk import HolderRecord
from services.identity.domain.facts import AnswersLockCleared, CardFrozen, ContactChanged, FreezeLifted
from services.identity.domain.holder import Address, CardStatus
from services.identity.ports import Work
from services.identity.use_cases import NO_ADDRESS, Parts, Refused, questions_on
from services.identity.use_cases.desk import DAY, HOLDER_NOT_FOUND
from services.identity.use_cases.signed_in import Ra, ra_now

BY_RA = "ra"
"""Who set an address that an RA typed; which of them stands among the acts."""

OWN_PROFILE = "OWN_PROFILE"
RA_DAILY_LIMIT = "RA_DAILY_LIMIT"
CARD_NOT_AS_SHOWN = "CARD_NOT_AS_SHOWN"
"""The card is not this holder's, or has not the status any more that the act is for."""


@dataclass(frozen=True)
class Case:
    """One act in its transaction: who, for whom, why, and when."""

    work: Work
    ra: Ra
    record: HolderRecord
    why: Why
    attempt_id: str
    now: datetime

    @property
    def standing(self) -> Address:
        """The holder's address that stands."""
        return self.record.address or NO_ADDRESS

    async def keep(self, act_id: str, kind: ActKind, card_ref: str = "", version: int = 0) -> None:
        """Keep who did what, when and why."""
        await self.work.keep_act(
            Act(
                act_id=act_id,
                actor_ref=self.ra.holder_ref,
                attempt_id=self.attempt_id,
                holder_ref=self.record.holder_ref,
                card_ref=card_ref,
                kind=kind,
                why=self.why,
                version=version,
                at=self.now,
            )
        )


class DeskActs:
    """SetHolderAddress, FreezeHolderCard, LiftFreeze, ClearAnswersLock; a refused one answers with a code."""

    def __init__(self, parts: Parts, addresses_per_day: int) -> None:
        self._parts = parts
        self._per_day = addresses_per_day

    async def set_address(
        self, token: str, holder_ref: str, typed: str, why: Why, attempt_id: str
    ) -> Refused | str:
        """Let an address stand for a holder at once; empty where it does. Raises GrantRefused."""

        async def act(case: Case) -> str:
            address = await self._judged(case, typed)
            if isinstance(address, AddressTrouble):
                return address.value
            if address == case.standing.address:
                return ""
            if await self._addresses_left(case) <= 0:
                return RA_DAILY_LIMIT
            await self._store_address(case, address)
            return ""

        return await self._acting(ActKind.ADDRESS_SET, token, holder_ref, why, attempt_id, act)

    async def freeze(
        self, token: str, holder_ref: str, card_ref: str, why: Why, attempt_id: str
    ) -> Refused | str:
        """Freeze a card that is ACTIVE; empty where it is frozen. Raises GrantRefused."""

        async def act(case: Case) -> str:
            if not await case.work.restate(holder_ref, card_ref, CardStatus.ACTIVE, CardStatus.FROZEN):
                return CARD_NOT_AS_SHOWN
            await case.keep(self._parts.randomness.uuid7(), ActKind.CARD_FROZEN, card_ref)
            await case.work.tell(_frozen(case, card_ref))
            return ""

        return await self._acting(ActKind.CARD_FROZEN, token, holder_ref, why, attempt_id, act)

    async def lift_freeze(
        self, token: str, holder_ref: str, card_ref: str, why: Why, attempt_id: str
    ) -> Refused | str:
        """Lift a freeze; what mails could freeze the card until now is spent. Raises GrantRefused."""

        async def act(case: Case) -> str:
            if not await case.work.restate(holder_ref, card_ref, CardStatus.FROZEN, CardStatus.ACTIVE):
                return CARD_NOT_AS_SHOWN
            await case.work.spend_freeze_tokens(holder_ref, card_ref)
            await case.keep(self._parts.randomness.uuid7(), ActKind.FREEZE_LIFTED, card_ref)
            await case.work.tell(_lifted(case, card_ref))
            return ""

        return await self._acting(ActKind.FREEZE_LIFTED, token, holder_ref, why, attempt_id, act)

    async def clear_answers_lock(
        self, token: str, holder_ref: str, card_ref: str, why: Why, attempt_id: str
    ) -> Refused | str:
        """End the lock that three failures led to: three more tries. Raises GrantRefused, QUESTIONS_OFF."""

        async def act(case: Case) -> str:
            questions_on(self._parts)
            if not await case.work.clear_answers_lock(holder_ref, card_ref):
                return CARD_NOT_AS_SHOWN
            await case.keep(self._parts.randomness.uuid7(), ActKind.ANSWERS_CLEARED, card_ref)
            await case.work.tell(_cleared(case, card_ref))
            return ""

        return await self._acting(ActKind.ANSWERS_CLEARED, token, holder_ref, why, attempt_id, act)

    async def _acting(
        self,
        kind: ActKind,
        token: str,
        holder_ref: str,
        why: Why,
        attempt_id: str,
        act: Callable[[Case], Awaitable[str]],
    ) -> Refused | str:
        """Run one act for a holder of the RA's organisations, who is not the RA, once by its attempt."""
        async with self._parts.store.begin(f"identity.{kind.value.lower()}") as work:
            ra = await ra_now(self._parts, work, token)
            if isinstance(ra, Refused):
                return ra
            # Both, in one order for everybody: the RA's count of the day, and what stands of the holder.
            for ref in sorted({ra.holder_ref, holder_ref}):
                await work.lock_holder(ref)
            record = await work.holder_record(holder_ref, ra.organisations)
            if record is None:
                return HOLDER_NOT_FOUND
            if record.holder_ref == ra.holder_ref:
                return OWN_PROFILE
            if await work.acted(ra.holder_ref, attempt_id):
                return ""
            trouble = trouble_with_reason(kind, why)
            case = Case(work, ra, record, why, attempt_id, self._parts.clock.now())
            return trouble or await act(case)

    async def _judged(self, case: Case, typed: str) -> str | AddressTrouble:
        """Return the canonical address, or why it may not stand: as on every other path. R26, R33."""
        address = typed_address(typed)
        if address is None:
            return AddressTrouble.EMAIL_MISSING
        if isinstance(address, AddressTrouble):
            return address
        entries = await case.work.allow_list_for(domain_of(address), case.record.organisation)
        return trouble_with(address, case.standing.address, entries) or address

    async def _addresses_left(self, case: Case) -> int:
        done = await case.work.count_acts(case.ra.holder_ref, ActKind.ADDRESS_SET, case.now - DAY)
        return self._per_day - done

    async def _store_address(self, case: Case, address: str) -> None:
        version = case.standing.version + 1
        await case.work.set_address(case.record.holder_ref, Address(version, address, case.now, BY_RA))
        await case.keep(self._parts.randomness.uuid7(), ActKind.ADDRESS_SET, version=version)
        await case.work.tell(_address_set(case, version))


def _address_set(case: Case, version: int) -> ContactChanged:
    return ContactChanged(
        holder_ref=case.record.holder_ref,
        organisation=case.record.organisation,
        session_id=case.ra.grant.session_id,
        card_ref=case.ra.grant.card_ref,
        actor_kind="RA",
        actor_ref=case.ra.holder_ref,
        old_version=case.standing.version,
        version=version,
        mobile_changed=False,
        at=case.now,
        why=case.why.reason,
    )


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
