"""What an RA looks up: holders of their own organisations, found roughly, and shown one by one. R7, R25."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from services.identity.domain.acts import ADDRESS_ACTS, Change
from services.identity.domain.address import domain_of, masked
from services.identity.domain.desk import LONGEST_REFERENCE, FoundHolder, HolderRecord, reference_of
from services.identity.domain.eligibility import mail_refusal
from services.identity.domain.proposal import FrozenByHolder, WaitingAddress
from services.identity.ports import View
from services.identity.use_cases import GRANT_LIFE, Parts, Refused
from services.identity.use_cases.holder_names import HolderNames, Names
from services.identity.use_cases.signed_in import Ra, ra_now
from services.runtime.grants import PURPOSE_RECORDS, RecordsGrant

A = TypeVar("A")

MOST_FOUND = 10
"""Holders in one answer; who gets as many adds a word."""

DAY = timedelta(hours=24)
"""In which an RA's addresses are counted."""

HOLDER_NOT_FOUND = "HOLDER_NOT_FOUND"
"""Nobody, or nobody in the RA's organisations: the same, so that nobody learns who is elsewhere."""


@dataclass(frozen=True)
class FoundHolders:
    """The holders that fit best, the best one first."""

    found: list[FoundHolder]
    more: bool
    """More fit than are told."""


@dataclass(frozen=True)
class ShownHolder:
    """A holder as an RA sees them."""

    record: HolderRecord
    oneself: bool
    masked_address: str = field(repr=False)
    mail_code: str
    """Why no code could be sent; empty where one could."""
    addresses_left: int
    """That the RA may still set in these 24 hours."""
    asked_by: str
    """The RA, by reference."""
    waiting: WaitingAddress | None
    """An address that waits for a second RA."""


@dataclass(frozen=True)
class Waiting:
    """What waits for an RA."""

    asked_by: str
    """The RA, by reference."""
    addresses: Sequence[WaitingAddress]
    frozen: Sequence[FrozenByHolder]


@dataclass(frozen=True)
class RecordsAllowed:
    """The right to read what is recorded of one card."""

    records_grant: str = field(repr=False)


class Desk:
    """FindHolders, GetHolder, ListHolderChanges, ListWaiting and AllowCardRecords."""

    def __init__(
        self, parts: Parts, index: Callable[[Iterable[tuple[str, str]]], Names], addresses_per_day: int
    ) -> None:
        self._parts = parts
        self._per_day = addresses_per_day
        self._names = HolderNames(parts.clock, index)

    async def find(self, token: str, typed: str) -> FoundHolders | Refused:
        """Return holders by identifier or reference, by a card, or roughly by name. Raises GrantRefused."""

        async def look(view: View, ra: Ra) -> FoundHolders:
            found = await self._exactly(view, ra, typed) or await self._roughly(view, ra, typed)
            return FoundHolders(found[:MOST_FOUND], len(found) > MOST_FOUND)

        return await self._looking(token, look)

    async def waiting(self, token: str) -> Waiting | Refused:
        """Return what waits for an RA of these organisations. Raises GrantRefused."""
        now = self._parts.clock.now()

        async def look(view: View, ra: Ra) -> Waiting:
            addresses = await view.waiting_addresses(ra.organisations, now)
            return Waiting(ra.holder_ref, addresses, await view.frozen_by_holders(ra.organisations))

        return await self._looking(token, look)

    async def _looking(self, token: str, look: Callable[[View, Ra], Awaitable[A]]) -> A | Refused:
        """Look as the RA who is signed in. Raises GrantRefused."""
        async with self._parts.store.read() as view:
            ra = await ra_now(self._parts, view, token)
            return ra if isinstance(ra, Refused) else await look(view, ra)

    async def _exactly(self, view: View, ra: Ra, typed: str) -> list[FoundHolder]:
        bare, reference = typed.strip(), reference_of(typed)
        found = await view.holders_by_id((bare, bare.lower(), bare.upper()), ra.organisations)
        if len(reference) == LONGEST_REFERENCE and not found:
            found = await view.holders_by_ref((reference,), ra.organisations)
        if found or not reference:
            return found
        return await view.holders_by_card(reference, ra.organisations, MOST_FOUND + 1)

    async def _roughly(self, view: View, ra: Ra, typed: str) -> list[FoundHolder]:
        refs: list[str] = []
        for organisation in ra.organisations:
            names = await self._names.of(view, organisation)
            refs += await names.search(typed, MOST_FOUND + 1)
        return await view.holders_by_ref(refs[: MOST_FOUND + 1], ra.organisations)

    async def show(self, token: str, holder_ref: str) -> ShownHolder | Refused | str:
        """Return a holder of the RA's organisations, or HOLDER_NOT_FOUND. Raises GrantRefused."""

        async def look(view: View, ra: Ra) -> ShownHolder | str:
            record = await view.holder_record(holder_ref, ra.organisations)
            return HOLDER_NOT_FOUND if record is None else await self._shown(view, ra, record)

        return await self._looking(token, look)

    async def _shown(self, view: View, ra: Ra, record: HolderRecord) -> ShownHolder:
        """Return the holder as the RA sees them: the address masked, and whether a code can go to it."""
        address = record.address.address if record.address else None
        entries = await view.allow_list_for(domain_of(address), record.organisation) if address else ()
        against = mail_refusal(record.address, entries)
        now = self._parts.clock.now()
        done = await view.count_acts(ra.holder_ref, ADDRESS_ACTS, now - DAY)
        return ShownHolder(
            record=record,
            oneself=record.holder_ref == ra.holder_ref,
            masked_address=masked(address) if address else "",
            mail_code=against.value if against else "",
            addresses_left=max(0, self._per_day - done),
            asked_by=ra.holder_ref,
            waiting=await view.waiting_address(record.holder_ref, now),
        )

    async def changes(self, token: str, holder_ref: str) -> Sequence[Change] | Refused | str:
        """Return what was changed of a holder here, or HOLDER_NOT_FOUND. Raises GrantRefused."""

        async def look(view: View, ra: Ra) -> Sequence[Change] | str:
            record = await view.holder_record(holder_ref, ra.organisations)
            return HOLDER_NOT_FOUND if record is None else await view.changes_of(holder_ref)

        return await self._looking(token, look)

    async def allow_records(
        self, token: str, holder_ref: str, card_ref: str
    ) -> RecordsAllowed | Refused | str:
        """Return the right to read a card's records, or HOLDER_NOT_FOUND. Raises GrantRefused."""

        async def look(view: View, ra: Ra) -> RecordsAllowed | str:
            record = await view.holder_record(holder_ref, ra.organisations)
            if record is None or card_ref not in {card.card_ref for card in record.cards}:
                return HOLDER_NOT_FOUND
            return RecordsAllowed(self._parts.signer.sign(self._records_grant(ra, record, card_ref)))

        return await self._looking(token, look)

    def _records_grant(self, ra: Ra, record: HolderRecord, card_ref: str) -> RecordsGrant:
        now = self._parts.clock.now()
        return RecordsGrant(
            session_id=ra.grant.session_id,
            card_ref=card_ref,
            reason=ra.grant.reason,
            route=ra.grant.route,
            agent_key_thumbprint=ra.grant.agent_key_thumbprint,
            jti=self._parts.randomness.uuid7(),
            issued_at=now,
            expires_at=now + GRANT_LIFE,
            purpose=PURPOSE_RECORDS,
            holder_ref=record.holder_ref,
            organisation=record.organisation,
        )
