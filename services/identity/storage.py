"""The ports on SQLAlchemy Core: PostgreSQL and SQLite. The import has its own, `registry.py`."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, delete, insert, literal, select, union_all, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.colleague_statements import ColleagueReads, ColleagueWrites
from services.identity.desk_changes import DeskRecords, DeskWrites
from services.identity.desk_statements import DeskReads
from services.identity.domain.address import domain_of
from services.identity.domain.allow_list import EVERYWHERE, AllowedDomain, candidates
from services.identity.domain.facts import Fact
from services.identity.domain.holder import (
    Address,
    CardStatus,
    FreezeToken,
    HeldCard,
    HolderStatus,
    OwnProfile,
    PastAddress,
    RegistrationAuthority,
)
from services.identity.domain.vouch import Basis, Vouch
from services.identity.ports import KnownHolder
from services.identity.proposals import ProposalReads, ProposalWrites
from services.identity.registration_statements import RegistrationReads, RegistrationWrites
from services.identity.tables import (
    STANDING,
    addresses,
    allow_list,
    cards,
    freeze_tokens,
    holders,
    organisation_domains,
    organisations,
    outbox,
    registration_authorities,
    roles,
    told_outcomes,
    vouches,
)
from services.runtime.database import Database, for_update
from services.runtime.outbox import Event, tell_all
from services.runtime.randomness import Randomness

PROCESS = "identity"

OUTCOMES_KEPT = timedelta(days=30)
"""As long as the sessions they are of. Source: architecture §7."""

_ADDRESS = (addresses.c.version, addresses.c.address, addresses.c.set_at, addresses.c.set_by)

_HELD_CARD = (
    select(
        cards.c.card_ref,
        cards.c.status.label("card_status"),
        cards.c.certificate_expires_at,
        holders.c.holder_ref,
        holders.c.status.label("holder_status"),
        holders.c.organisation,
        organisations.c.name,
        registration_authorities.c.telephone,
        registration_authorities.c.email,
        registration_authorities.c.opening_hours,
        *_ADDRESS,
    )
    .select_from(cards)
    .join(holders, holders.c.holder_ref == cards.c.holder_ref)
    .join(organisations, organisations.c.code == holders.c.organisation)
    .outerjoin(registration_authorities, registration_authorities.c.organisation == organisations.c.code)
    .outerjoin(addresses, STANDING)
    .where(cards.c.card_ref == bindparam("wanted"))
)

_KNOWN_HOLDER = (
    select(holders.c.holder_ref, holders.c.organisation, *_ADDRESS)
    .select_from(holders)
    .outerjoin(addresses, STANDING)
    .where(holders.c.holder_ref == bindparam("wanted"))
)

_OWN_PROFILE = _HELD_CARD.add_columns(holders.c.name.label("holder_name"), holders.c.mobile)

_ROLES = (
    select(roles.c.role, roles.c.organisation)
    .where(roles.c.holder_ref == bindparam("wanted"), roles.c.granted)
    .order_by(roles.c.role, roles.c.organisation)
)

_AUTHORITY = (
    select(
        holders.c.organisation,
        organisations.c.name,
        registration_authorities.c.telephone,
        registration_authorities.c.email,
        registration_authorities.c.opening_hours,
    )
    .join(organisations, organisations.c.code == holders.c.organisation)
    .outerjoin(registration_authorities, registration_authorities.c.organisation == organisations.c.code)
    .where(holders.c.holder_ref == bindparam("wanted"))
)
_FREEZE_TOKEN = select(freeze_tokens).where(freeze_tokens.c.digest == bindparam("digest"))

_VOUCH = select(vouches).where(vouches.c.session_id == bindparam("wanted"))

_NEXT = addresses.alias("next")
_PAST_ADDRESS = (
    select(addresses.c.address, _NEXT.c.set_at)
    .outerjoin(
        _NEXT,
        and_(_NEXT.c.holder_ref == addresses.c.holder_ref, _NEXT.c.version == addresses.c.version + 1),
    )
    .where(addresses.c.holder_ref == bindparam("wanted"), addresses.c.version == bindparam("version"))
)

_LOCK_HOLDER = (
    select(holders.c.holder_ref).where(holders.c.holder_ref == bindparam("wanted")).with_for_update()
)

_FOR_ALL = select(allow_list.c.domain, allow_list.c.subdomains, literal(EVERYWHERE).label("organisation"))
_ADDED = select(
    organisation_domains.c.domain, organisation_domains.c.subdomains, organisation_domains.c.organisation
).where(organisation_domains.c.organisation == bindparam("organisation"))

_ALLOWED = union_all(
    _FOR_ALL.where(allow_list.c.domain.in_(bindparam("domains", expanding=True))),
    _ADDED.where(organisation_domains.c.domain.in_(bindparam("domains", expanding=True))),
)
_APPROVED = union_all(_FOR_ALL, _ADDED).order_by("domain")


_AUTHORITIES = (
    select(organisations.c.code, organisations.c.name, registration_authorities)
    .outerjoin(registration_authorities, registration_authorities.c.organisation == organisations.c.code)
    .where(organisations.c.code.in_(bindparam("codes", expanding=True)))
)


class SqlView(DeskReads, DeskRecords, RegistrationReads, ProposalReads, ColleagueReads):
    """Reads; each is one statement by primary keys."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def held_card(self, card_ref: str) -> HeldCard | None:
        """Return a card with its holder; None where the card is not known."""
        row = (await self._connection.execute(_HELD_CARD, {"wanted": card_ref})).first()
        return None if row is None else _held_card(row)

    async def known_holder(self, holder_ref: str) -> KnownHolder | None:
        """Return a holder with the address that stands; None where the holder is not known."""
        row = (await self._connection.execute(_KNOWN_HOLDER, {"wanted": holder_ref})).first()
        return None if row is None else KnownHolder(_address(row), row.organisation)

    async def past_address(self, holder_ref: str, version: int) -> PastAddress | None:
        """Return a version of a holder's address; None where there never was one."""
        wanted = {"wanted": holder_ref, "version": version}
        row = (await self._connection.execute(_PAST_ADDRESS, wanted)).first()
        return None if row is None else PastAddress(row.address, row.set_at)

    async def authority_of(self, holder_ref: str) -> RegistrationAuthority | None:
        """Return a holder's Registration Authority; None where the holder is not known."""
        row = (await self._connection.execute(_AUTHORITY, {"wanted": holder_ref})).first()
        return None if row is None else _authority(row.organisation, row)

    async def freeze_token(self, digest: bytes) -> FreezeToken | None:
        """Return what a token may freeze; None where there is none."""
        row = (await self._connection.execute(_FREEZE_TOKEN, {"digest": digest})).mappings().first()
        return None if row is None else FreezeToken(**row)

    async def own_profile(self, card_ref: str) -> OwnProfile | None:
        """Return what is kept of a card's holder; None where the card is not known."""
        row = (await self._connection.execute(_OWN_PROFILE, {"wanted": card_ref})).first()
        if row is None:
            return None
        named = await self.roles_of(row.holder_ref)
        return OwnProfile(_held_card(row), row.holder_name, row.mobile or "", named)

    async def roles_of(self, holder_ref: str) -> tuple[str, ...]:
        """Return what a holder may do for others now, such as `RA@X26`."""
        held = await self._connection.execute(_ROLES, {"wanted": holder_ref})
        return tuple(f"{role.role}@{role.organisation}" for role in held)

    async def vouch_of(self, session_id: str) -> Vouch | None:
        """Return what an RA said in a session; None where none did."""
        row = (await self._connection.execute(_VOUCH, {"wanted": session_id})).mappings().first()
        return None if row is None else Vouch(**(dict(row) | {"basis": Basis(row["basis"])}))

    async def allow_list_for(self, domain: str, organisation: str) -> Sequence[AllowedDomain]:
        """Return the entries that could allow a canonical domain to a holder of an organisation."""
        wanted = {"domains": candidates(domain), "organisation": organisation}
        return [AllowedDomain(*row) for row in await self._connection.execute(_ALLOWED, wanted)]

    async def approved_domains(self, organisation: str) -> Sequence[AllowedDomain]:
        """Return the entries for all, and those for one organisation, by name."""
        rows = await self._connection.execute(_APPROVED, {"organisation": organisation})
        return [AllowedDomain(*row) for row in rows]

    async def organisations_changed_at(self) -> datetime | None:
        """Return when a name or contact last changed. One probe of an index."""
        newest = select(organisations.c.changed_at).order_by(organisations.c.changed_at.desc().nulls_last())
        return (await self._connection.execute(newest.limit(1))).scalar()

    async def names_of_organisations(self) -> Sequence[tuple[str, str]]:
        """Return every organisation's code and name."""
        rows = await self._connection.execute(select(organisations.c.code, organisations.c.name))
        return [(row.code, row.name) for row in rows]

    async def registration_authorities(self, codes: Sequence[str]) -> Mapping[str, RegistrationAuthority]:
        """Return how to reach the RAs of some organisations, by code."""
        rows = await self._connection.execute(_AUTHORITIES, {"codes": list(codes)})
        return {row.code: _authority(row.code, row) for row in rows}


class SqlWork(SqlView, DeskWrites, RegistrationWrites, ProposalWrites, ColleagueWrites):
    """One write transaction."""

    def __init__(
        self, connection: AsyncConnection, event_of: Callable[[Fact], Event], randomness: Randomness
    ) -> None:
        super().__init__(connection)
        self._event_of = event_of
        self._randomness = randomness

    async def lock_holder(self, holder_ref: str) -> None:
        """Let nobody else change this holder until the end. SQLite has locked all of the database."""
        await self._connection.execute(_LOCK_HOLDER, {"wanted": holder_ref})

    async def set_address(self, holder_ref: str, address: Address) -> None:
        """Store a new version of a locked holder's address, which stands from now on."""
        domain = domain_of(address.address) if address.address else None
        row: dict[str, Any] = {"holder_ref": holder_ref, "version": address.version, "domain": domain}
        row |= {"address": address.address, "set_at": address.set_at, "set_by": address.set_by}
        await self._connection.execute(insert(addresses), row)
        await self._change(holder_ref, address_version=address.version)

    async def keep_freeze_token(self, token: FreezeToken) -> None:
        """Keep the digest of a token that is given away."""
        await self._connection.execute(insert(freeze_tokens), asdict(token))

    async def freeze(self, token: FreezeToken, now: datetime) -> Sequence[str]:
        """Freeze the cards of a token that are ACTIVE, as their holder; return their references."""
        mine = and_(cards.c.holder_ref == token.holder_ref, cards.c.status == CardStatus.ACTIVE.value)
        if token.card_ref:
            mine = and_(mine, cards.c.card_ref == token.card_ref)
        # In the order in which an import locks them, so that neither waits for the other.
        locked = select(cards.c.card_ref).where(mine).order_by(cards.c.card_ref)
        await self._connection.execute(for_update(locked, self._connection))
        new = {"status": CardStatus.FROZEN.value, "holder_froze_at": now}
        frozen = update(cards).where(mine).values(new).returning(cards.c.card_ref)
        return sorted((await self._connection.execute(frozen)).scalars())

    async def set_mobile(self, holder_ref: str, mobile: str) -> None:
        """Store a locked holder's mobile number; empty for none."""
        await self._change(holder_ref, mobile=mobile or None)

    async def _change(self, holder_ref: str, **columns: Any) -> None:
        mine = holders.c.holder_ref == holder_ref
        await self._connection.execute(update(holders).where(mine).values(columns))

    async def lock_card(self, card_ref: str) -> None:
        """Let nobody else judge or change this card until the end."""
        locked = select(cards.c.card_ref).where(cards.c.card_ref == card_ref)
        await self._connection.execute(for_update(locked, self._connection))

    async def keep_vouch(self, vouch: Vouch) -> None:
        """Keep what an RA said; the first of its session."""
        await self._connection.execute(insert(vouches), asdict(vouch) | {"basis": vouch.basis.value})

    async def first_outcome(self, session_id: str, kind: str, now: datetime) -> bool:
        """Note that this outcome is told; False where it was before."""
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        noted = dialect.insert(told_outcomes).values(session_id=session_id, kind=kind, told_at=now)
        # By what comes back: psycopg leaves rowcount at -1 for such an insert.
        told = noted.on_conflict_do_nothing().returning(told_outcomes.c.kind)
        return (await self._connection.execute(told)).first() is not None

    async def tell(self, *facts: Fact) -> None:
        """Put events into the outbox, in this order. One statement."""
        events = [(self._event_of(fact), self._randomness.uuid7()) for fact in facts]
        await tell_all(self._connection, outbox, PROCESS, events)

    async def forget(self, now: datetime) -> None:
        """Delete notes of outcomes, vouches, words and answers that no session can ask for again."""
        await self.forget_registrations(now - OUTCOMES_KEPT, now)
        await self.forget_colleagues(now - OUTCOMES_KEPT)
        old = told_outcomes.c.told_at < now - OUTCOMES_KEPT
        await self._connection.execute(delete(told_outcomes).where(old))
        await self._connection.execute(delete(vouches).where(vouches.c.vouched_at < now - OUTCOMES_KEPT))
        await self._connection.execute(delete(freeze_tokens).where(freeze_tokens.c.expires_at <= now))


class SqlStore:
    """The database of identity."""

    def __init__(self, database: Database, event_of: Callable[[Fact], Event], randomness: Randomness) -> None:
        self._database = database
        self._event_of = event_of
        self._randomness = randomness

    @asynccontextmanager
    async def begin(self, name: str) -> AsyncIterator[SqlWork]:
        """Begin a transaction under a name; commit at the exit, roll back on any error."""
        async with self._database.begin(name) as connection:
            yield SqlWork(connection, self._event_of, self._randomness)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[SqlView]:
        """Read; nothing is committed."""
        async with self._database.read() as connection:
            yield SqlView(connection)


def _held_card(row: Any) -> HeldCard:
    return HeldCard(
        card_ref=row.card_ref,
        card_status=CardStatus(row.card_status),
        certificate_expires_at=row.certificate_expires_at,
        holder_ref=row.holder_ref,
        holder_status=HolderStatus(row.holder_status),
        organisation=row.organisation,
        address=_address(row),
        registration_authority=_authority(row.organisation, row),
    )


def _authority(organisation: str, row: Any) -> RegistrationAuthority:
    return RegistrationAuthority(
        organisation=organisation,
        name=row.name,
        telephone=row.telephone or "",
        email=row.email or "",
        opening_hours=row.opening_hours or "",
    )


def _address(row: Any) -> Address | None:
    if row.version is None:
        return None
    return Address(row.version, row.address, row.set_at, row.set_by)
