"""What a batch of imported records changes: decided here, read and written by `registry.py`.

Pure but for the references it is handed: no database, no clock.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.identity.directory import Card, Domain, Holder, Organisation, Remark, Role, Row
from services.identity.domain.address import NoAddress, canonical, canonical_domain, domain_of
from services.identity.domain.allow_list import AllowedDomain, Change, on_list
from services.identity.domain.holder import CardStatus

IMPORT = "import"
"""Who set an address that came with the directory."""


class RowRefused(Exception):
    """The row cannot be taken; its text is the reason."""


@dataclass(frozen=True)
class StoredHolder:
    """A holder as stored, with the address that stands."""

    holder_ref: str
    holder_id: str
    organisation: str
    name: str
    status: str
    address_version: int = 0
    mobile: str | None = field(default=None, repr=False)
    """No directory brings it: holders keep it themselves."""
    address: str | None = field(default=None, repr=False)
    address_set_by: str | None = None


@dataclass(frozen=True)
class StoredCard:
    """A card as stored."""

    card_ref: str
    holder_ref: str
    status: str
    certificate_expires_at: datetime | None


@dataclass(frozen=True)
class NewAddress:
    """A new version of a holder's address; None where it was taken away."""

    holder_ref: str
    version: int
    address: str | None


@dataclass
class Plan:
    """What is known of the keys of a batch, and what the batch changes of it."""

    new_ref: Callable[[], str]
    organisations: dict[str, Organisation] = field(default_factory=dict)
    holders: dict[str, StoredHolder] = field(default_factory=dict)
    cards: dict[str, StoredCard] = field(default_factory=dict)
    allow_list: dict[tuple[str, str], bool] = field(default_factory=dict)
    """By organisation and domain: whether the domains below are allowed too."""

    roles: dict[tuple[str, str, str], bool] = field(default_factory=dict)
    """What the batch says of (holder, role, organisation)."""

    changed_organisations: set[str] = field(default_factory=set)
    changed_holders: set[str] = field(default_factory=set)
    changed_cards: set[str] = field(default_factory=set)
    lifted: set[str] = field(default_factory=set)
    """Cards that were frozen until a row of this batch gave them another status."""

    list_changes: list[tuple[AllowedDomain, Change]] = field(default_factory=list)
    new_addresses: list[NewAddress] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    """Organisations whose counts may have changed."""

    def take(self, row: Row) -> Remark | None:
        """Plan one row; return what there is to remark on it."""
        try:
            reason = self._take(row.record)
        except RowRefused as refused:
            return Remark(row.line, str(refused))
        return Remark(row.line, reason, taken=True) if reason else None

    def _take(self, record: Organisation | Domain | Holder | Card | Role) -> str:
        match record:
            case Organisation():
                return self._organisation(record)
            case Domain():
                return self._domain(record)
            case Holder():
                return self._holder(record)
            case Card():
                return self._card(record)
            case Role():
                return self._role(record)

    def _organisation(self, record: Organisation) -> str:
        self.touched.add(record.code)
        if self.organisations.get(record.code) != record:
            self.organisations[record.code] = record
            self.changed_organisations.add(record.code)
        return ""

    def _domain(self, record: Domain) -> str:
        try:
            domain = canonical_domain(record.domain)
        except NoAddress:
            raise RowRefused("DOMAIN_MALFORMED") from None
        if record.organisation and record.organisation not in self.organisations:
            raise RowRefused("ORGANISATION_UNKNOWN")
        place = (record.organisation, domain)
        stands = self.allow_list.get(place)
        if stands != record.subdomains:
            self.allow_list[place] = record.subdomains
            entry = AllowedDomain(domain, record.subdomains, record.organisation)
            self.list_changes.append((entry, Change.ADDED if stands is None else Change.CHANGED))
        return ""

    def _holder(self, record: Holder) -> str:
        if record.organisation not in self.organisations:
            raise RowRefused("ORGANISATION_UNKNOWN")
        known = self.holders.get(record.id)
        address, remark = self._address(record)
        holder = StoredHolder(
            holder_ref=known.holder_ref if known else self.new_ref(),
            holder_id=record.id,
            organisation=record.organisation,
            name=record.name,
            status=record.status.value,
            address_version=known.address_version if known else 0,
            mobile=known.mobile if known else None,
            address=known.address if known else None,
            address_set_by=known.address_set_by if known else None,
        )
        if holder.address != address and holder.address_set_by not in (None, IMPORT):
            # What a holder or their RA wrote here, no import overwrites.
            address, remark = holder.address, "EMAIL_SET_HERE"
        if holder.address != address:
            version = holder.address_version + 1
            holder = replace(holder, address_version=version, address=address, address_set_by=IMPORT)
            self.new_addresses.append(NewAddress(holder.holder_ref, holder.address_version, address))
        self.touched |= {record.organisation, known.organisation if known else record.organisation}
        if holder != known:
            self.holders[record.id] = holder
            self.changed_holders.add(record.id)
        return remark

    def _address(self, record: Holder) -> tuple[str | None, str]:
        """Return the canonical address and a remark. What is no address is kept as none (fails closed)."""
        if not record.email:
            return None, ""
        try:
            address = canonical(record.email)
        except NoAddress:
            return None, "EMAIL_MALFORMED"
        allowed = on_list(self.allow_list, record.organisation, domain_of(address))
        # Kept all the same, since it is what the profile says; ResolveHolder refuses it (R33).
        return address, "" if allowed else "EMAIL_DOMAIN_NOT_ALLOWED"

    def _card(self, record: Card) -> str:
        holder = self.holders.get(record.holder)
        if holder is None:
            raise RowRefused("HOLDER_UNKNOWN")
        known = self.cards.get(record.card_ref)
        if known is not None and known.holder_ref != holder.holder_ref:
            raise RowRefused("CARD_OF_ANOTHER_HOLDER")
        # What somebody froze, no import thaws.
        stays = known is not None and known.status == "FROZEN" and record.status is CardStatus.ACTIVE
        status = CardStatus.FROZEN if stays else record.status
        if known is not None and known.status == "FROZEN" and status is not CardStatus.FROZEN:
            self.lifted.add(record.card_ref)
        card = StoredCard(record.card_ref, holder.holder_ref, status.value, record.certificate_expires_at)
        self.touched.add(holder.organisation)
        if card != known:
            self.cards[record.card_ref] = card
            self.changed_cards.add(record.card_ref)
        return "CARD_STAYS_FROZEN" if stays else ""

    def _role(self, record: Role) -> str:
        holder = self.holders.get(record.holder)
        if holder is None:
            raise RowRefused("HOLDER_UNKNOWN")
        if record.organisation not in self.organisations:
            raise RowRefused("ORGANISATION_UNKNOWN")
        self.roles[holder.holder_ref, record.role, record.organisation] = record.granted
        return ""
