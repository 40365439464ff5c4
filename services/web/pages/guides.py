"""Guides, handouts and recipes: no login, no JavaScript, each with the date of its last edit. R38, R62."""

import io
from functools import cache

import segno
from starlette.responses import PlainTextResponse, Response

from services.web.domain.entries import organisation_code
from services.web.domain.errors import GROUPS
from services.web.domain.guides import GUIDES, OLD_SERVICE, REDIRECTS
from services.web.visit import Stop, Visit

WORKSTATION = ("The reader and the workstation", "The unlock program", "Your browser")
"""Groups of the catalogue that are for IT to mend."""


async def show_index(visit: Visit) -> Response:
    """List what help there is."""
    return visit.page("help/index.jinja", name="index.jinja", guides=GUIDES)


async def show_guide(visit: Visit) -> Response:
    """Show the guide at this address."""
    [guide] = [guide for guide in GUIDES if guide.path == visit.request.url.path]
    checks = [(heading, entries) for heading, entries in GROUPS if heading in WORKSTATION]
    return visit.page(
        f"help/{guide.template}",
        name=guide.template,
        guide=guide,
        checks=checks,
        redirects=REDIRECTS,
        old_service=OLD_SERVICE,
    )


async def show_redirect(visit: Visit) -> Response:
    """Give a recipe as a file, with this service's own address in it."""
    name = visit.request.path_params["name"]
    if name not in REDIRECTS:
        raise Stop("PAGE_NOT_FOUND", status=404)
    return PlainTextResponse(visit.html(f"help/redirects/{name}.jinja", old_service=OLD_SERVICE))


async def show_qr_code(visit: Visit) -> Response:
    """Draw the address of this service as a QR code."""
    return Response(_drawn(visit.house.settings.WEB_ORIGIN), media_type="image/svg+xml")


@cache
def _drawn(address: str) -> bytes:
    drawn = io.BytesIO()
    code = segno.make_qr(address, error="m")
    code.save(
        drawn, kind="svg", scale=8, border=4, xmldecl=False, title="Address of this service", svgclass=None
    )
    return drawn.getvalue()


async def show_approved_domains(visit: Visit) -> Response:
    """List the domains that addresses may be of, and an organisation's own where it is named. R33."""
    organisation = visit.request.query_params.get("organisation", "").strip().upper()
    approved = await visit.peers.identity.approved_domains(organisation_code(organisation))
    return visit.page(
        "help/approved_domains.jinja",
        name="approved_domains.jinja",
        approved=approved,
        organisation=organisation,
    )
