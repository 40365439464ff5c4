"""What needs no session: every error code in plain words."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from services.web.api.gate import JudgedRoute
from services.web.api.refusals import refusals
from services.web.api.told import ErrorWords
from services.web.domain.errors import CATALOGUE
from services.web.use_cases import Stop

router = APIRouter(route_class=JudgedRoute, tags=["without a session"])


class Catalogue(BaseModel):
    """Every error code."""

    errors: list[ErrorWords]


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
