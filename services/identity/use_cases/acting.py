"""One act of an RA for a holder: never for oneself, once by its attempt, and kept with who, when and why."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from services.identity.domain.acts import ADDRESS_ACTS, Act, ActKind, Done, Why, trouble_with_reason
from services.identity.domain.address import domain_of
from services.identity.domain.contact import AddressTrouble, trouble_with
from services.identity.domain.desk import HolderRecord, RegistryCard
from services.identity.domain.facts import ContactChanged
from services.identity.domain.holder import Address
from services.identity.ports import Work
from services.identity.use_cases import NO_ADDRESS, Parts, Refused
from services.identity.use_cases.desk import DAY, HOLDER_NOT_FOUND
from services.identity.use_cases.signed_in import Ra, ra_now

BY_RA = "ra"
"""Who set an address that an RA typed; which of them stands among the acts."""

OWN_PROFILE = "OWN_PROFILE"
RA_DAILY_LIMIT = "RA_DAILY_LIMIT"
ADDRESS_WAITS = "ADDRESS_WAITS"
"""No refusal: the address counts once a second RA has confirmed it."""
ATTEMPT_SPENT = "ATTEMPT_SPENT"
"""The attempt did something else before, or what it did stands no more: nothing is done now."""


@dataclass(frozen=True)
class Errand:
    """Whom an RA acts for, and by which attempt."""

    token: str
    holder_ref: str
    why: Why
    attempt_id: str
    card_ref: str = ""
    """Of an act for one card."""


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

    def cards(self, card_ref: str) -> list[RegistryCard]:
        """Return the holder's card of this reference, as it stands; empty where they have none."""
        return [card for card in self.record.cards if card.card_ref == card_ref]

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

    async def trouble_with(self, address: str) -> AddressTrouble | None:
        """Return why a canonical address may not stand: as on every other path. R26, R33."""
        entries = await self.work.allow_list_for(domain_of(address), self.record.organisation)
        return trouble_with(address, self.standing.address, entries)

    async def is_over_limit(self, per_day: int) -> bool:
        """Tell whether the RA has set as many addresses as one may in 24 hours."""
        done = await self.work.count_acts(self.ra.holder_ref, ADDRESS_ACTS, self.now - DAY)
        return done >= per_day

    async def let_stand(self, act_id: str, address: str) -> None:
        """Let an address stand from now on, and tell it."""
        version = self.standing.version + 1
        await self.work.set_address(self.record.holder_ref, Address(version, address, self.now, BY_RA))
        await self.keep(act_id, ActKind.ADDRESS_SET, version=version)
        await self.work.tell(_address_set(self, version))


async def acting(
    parts: Parts,
    errand: Errand,
    kind: ActKind,
    act: Callable[[Case], Awaitable[str]],
    *,
    stands: Callable[[Case], Awaitable[bool]],
    needs_reason: bool = True,
) -> Refused | str:
    """Run one act for a holder of the RA's organisations, who is not the RA, once by its attempt.

    A repeat is answered as its first run was, where that was the same act and what it did still stands; else
    with ATTEMPT_SPENT, for nothing is done.
    """
    async with parts.store.begin(f"identity.{kind.value.lower()}") as work:
        ra = await ra_now(parts, work, errand.token)
        if isinstance(ra, Refused):
            return ra
        # Both, in one order for everybody: the RA's count of the day, and what stands of the holder.
        for ref in sorted({ra.holder_ref, errand.holder_ref}):
            await work.lock_holder(ref)
        record = await work.holder_record(errand.holder_ref, ra.organisations)
        if record is None:
            return HOLDER_NOT_FOUND
        if record.holder_ref == ra.holder_ref:
            return OWN_PROFILE
        case = Case(work, ra, record, errand.why, errand.attempt_id, parts.clock.now())
        if (done := await work.acted(ra.holder_ref, errand.attempt_id)) is not None:
            is_same = _is_of(done, errand, kind) and await stands(case)
            return _told_again(done) if is_same else ATTEMPT_SPENT
        trouble = trouble_with_reason(kind, errand.why) if needs_reason else ""
        return trouble or await act(case)


def _is_of(done: Done, errand: Errand, kind: ActKind) -> bool:
    """Tell whether what an attempt did is what an errand asks for; to propose an address is to set one."""
    did = ActKind.ADDRESS_SET if done.kind is ActKind.ADDRESS_PROPOSED else done.kind
    return (did, done.holder_ref, done.card_ref) == (kind, errand.holder_ref, errand.card_ref)


def _told_again(done: Done) -> str:
    return ADDRESS_WAITS if done.kind is ActKind.ADDRESS_PROPOSED else ""


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
