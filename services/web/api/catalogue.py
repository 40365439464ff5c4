"""What needs no session: every error code, Registration Authorities, and the approved mail domains."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from services.web import ports
from services.web.api.caller import ClientAddress, OfHouse
from services.web.api.gate import JudgedRoute
from services.web.api.problems import WhomToAsk
from services.web.api.refusals import refusals
from services.web.api.told import ErrorWords
from services.web.domain import entries
from services.web.domain.errors import CATALOGUE
from services.web.search_limit import LONGEST_SEARCH
from services.web.use_cases import Stop

router = APIRouter(route_class=JudgedRoute, tags=["without a session"])


class Catalogue(BaseModel):
    """Every error code."""

    errors: list[ErrorWords]


class Found(BaseModel):
    """Registration Authorities whose organisations fit a search."""

    registration_authorities: list[WhomToAsk] = Field(description="The best one first.")
    more: bool = Field(description="True where more fit than are told.")


Organisation = Annotated[
    str,
    Query(
        min_length=1,
        max_length=LONGEST_SEARCH,
        pattern=r"\S",
        description="Roughly its name, or its code.",
        examples=["Test Trust"],
    ),
]


@router.get("/registration-authorities", responses=refusals(429))
async def find_registration_authorities(
    house: OfHouse, client_address: ClientAddress, organisation: Organisation
) -> Found:
    """Find Registration Authorities by roughly an organisation's name, or by its code.

    Typing errors are forgiven. An address may search 60 times a minute.
    """
    if not house.searches.admits(client_address):
        raise Stop("TOO_MANY_SEARCHES")
    found = await house.peers.identity.find_ra(organisation.strip())
    return Found(registration_authorities=[WhomToAsk.of(each) for each in found.authorities], more=found.more)


class ApprovedDomain(BaseModel):
    """A mail domain that addresses may be of."""

    domain: str = Field(description="In its ASCII form.")
    subdomains: bool = Field(description="True where its subdomains are approved too.")

    @classmethod
    def all_of(cls, domains: tuple[ports.ApprovedDomain, ...]) -> "list[ApprovedDomain]":
        """Return a list as identity keeps it."""
        return [cls(domain=each.domain, subdomains=each.subdomains) for each in domains]


class ApprovedDomains(BaseModel):
    """The allow list, as anybody may see it."""

    for_all: list[ApprovedDomain]
    for_organisation: list[ApprovedDomain]
    organisation_name: str = Field(description="Empty where none was named, or none has that code.")


OrganisationCode = Annotated[
    str,
    Query(
        pattern=f"^{entries.ORGANISATION_CODE.pattern}$", description="Whose own domains are to be told too."
    ),
]


@router.get("/approved-domains", responses=refusals())
async def list_approved_domains(house: OfHouse, organisation: OrganisationCode = "") -> ApprovedDomains:
    """List the mail domains that a holder's address may be of."""
    approved = await house.peers.identity.approved_domains(entries.organisation_code(organisation))
    return ApprovedDomains(
        for_all=ApprovedDomain.all_of(approved.for_all),
        for_organisation=ApprovedDomain.all_of(approved.for_organisation),
        organisation_name=approved.organisation_name,
    )


@router.get("/errors", responses=refusals())
async def list_errors() -> Catalogue:
    """List every error code: what happened, what to do, who helps."""
    return Catalogue(errors=[ErrorWords.of(entry) for entry in CATALOGUE.values()])


@router.get("/errors/{code}", responses=refusals(404))
async def get_error(code: Annotated[str, Path(pattern="^[A-Za-z0-9_]+$", max_length=100)]) -> ErrorWords:
    """Explain one error code."""
    entry = CATALOGUE.get(code)
    if entry is None:
        raise Stop("PAGE_NOT_FOUND")
    return ErrorWords.of(entry)
