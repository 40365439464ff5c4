"""Every "no" of the API as problem details (RFC 9457), with the code and the words of the one catalogue.

No stack, and nothing of what was sent but a field's name.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal

from fastapi import Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field

from services.runtime import errors, tracing
from services.web.answers import told
from services.web.domain.errors import entry_for
from services.web.ports import RegistrationAuthority
from services.web.use_cases import Stop
from services.web.visit import House

MEDIA_TYPE = "application/problem+json"
MOST_NAME = 100
"""Characters of an unknown field's name that are told back."""


class WhomToAsk(BaseModel):
    """A Registration Authority, as far as it is known; empty where not."""

    organisation: str = Field(description="Code of the organisation.")
    name: str
    telephone: str
    email: str
    opening_hours: str

    @classmethod
    def of(cls, ra: RegistrationAuthority) -> "WhomToAsk":
        """Return how to reach it."""
        return cls(
            organisation=ra.organisation,
            name=ra.name,
            telephone=ra.telephone,
            email=ra.email,
            opening_hours=ra.opening_hours,
        )


class FieldProblem(BaseModel):
    """What is wrong with one field of the request."""

    where: Literal["body", "query", "path"]
    field: str = Field(description="Its name; empty where the whole is meant.")
    message: str


class Problem(BaseModel):
    """Why a request was refused or could not be answered (RFC 9457)."""

    type: str = Field(description="The help page of the code, for people.")
    title: str = Field(description="What happened, in a few plain words.")
    status: int
    detail: str = Field(description="What happened, in plain words.")
    code: str = Field(description="Stable; what people quote. Every code: `GET /errors`.")
    next_step: str = Field(description="What the holder can do, in plain words.")
    ask: Literal["RA", "IT", "REPORT"] = Field(
        description="Who helps where that does not: the Registration Authority, the IT service desk, or whom"
        " this service names for problems."
    )
    reference: str = Field(description="Correlation id of this request, to quote in a report.")
    registration_authority: WhomToAsk | None = Field(None, description="The holder's own, where known.")
    entries_left: int | None = Field(None, description="Entries of a security code that are left.")
    tries_left: int | None = Field(None, description="Failed answers to security questions that are left.")
    can_ask_colleagues: bool | None = Field(
        None, description="True where two colleagues may vouch for the holder instead."
    )
    retry_at: datetime | None = Field(None, description="From when the same may be asked again; UTC.")
    fields: list[FieldProblem] | None = Field(None, description="What is wrong with which field.")


class Refusal(Stop):
    """A `Stop` with what only the API tells of it."""

    def __init__(
        self,
        code: str,
        ra: RegistrationAuthority | None = None,
        *,
        entries_left: int | None = None,
        tries_left: int | None = None,
        fields: Sequence[FieldProblem] = (),
    ) -> None:
        super().__init__(code, ra)
        self.entries_left = entries_left
        self.tries_left = tries_left
        self.fields = list(fields)


STATUSES = {
    "REQUEST_INVALID": HTTPStatus.UNPROCESSABLE_ENTITY,
    "SESSION_EXPIRED": HTTPStatus.UNAUTHORIZED,
    "GRANT_REFUSED": HTTPStatus.FORBIDDEN,
    "ORIGIN_NOT_ALLOWED": HTTPStatus.FORBIDDEN,
    "PAGE_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "PAIRING_UNKNOWN": HTTPStatus.NOT_FOUND,
    "CODE_NOT_ASKED": HTTPStatus.NOT_FOUND,
    "RECEIPT_NOT_READY": HTTPStatus.NOT_FOUND,
    "METHOD_NOT_ALLOWED": HTTPStatus.METHOD_NOT_ALLOWED,
    "NOT_ACCEPTABLE": HTTPStatus.NOT_ACCEPTABLE,
    "REQUEST_TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "MEDIA_TYPE_UNSUPPORTED": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "TOO_MANY_SEARCHES": HTTPStatus.TOO_MANY_REQUESTS,
    "TOO_MANY_GUESSES": HTTPStatus.TOO_MANY_REQUESTS,
    "RESEND_TOO_SOON": HTTPStatus.TOO_MANY_REQUESTS,
    "MAIL_LIMIT": HTTPStatus.TOO_MANY_REQUESTS,
    "INTERNAL": HTTPStatus.INTERNAL_SERVER_ERROR,
    "SERVICE_UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "DEADLINE_EXCEEDED": HTTPStatus.GATEWAY_TIMEOUT,
}
"""By code; every other one is a "no" of the card, the holder or the session as they are now: 409."""


def of_stop(house: House, stop: Stop) -> Response:
    """Return the problem of an expected "no"."""
    more: dict[str, Any] = {}
    if stop.ra and stop.ra.name:
        more["registration_authority"] = WhomToAsk.of(stop.ra)
    if stop.retry_at:
        more["retry_at"] = stop.retry_at
    if stop.can_ask_colleagues and house.settings.colleagues_vouch:
        more["can_ask_colleagues"] = True
    if isinstance(stop, Refusal):
        more |= {"entries_left": stop.entries_left, "tries_left": stop.tries_left}
        more["fields"] = stop.fields or None
    response = problem(house, stop.code, STATUSES.get(stop.code, HTTPStatus.CONFLICT), **more)
    if stop.retry_at:
        wait = (stop.retry_at - house.clock.now()).total_seconds()
        response.headers["Retry-After"] = str(max(1, math.ceil(wait)))
    return response


def of_error(house: House, error: errors.ServiceError) -> Response:
    """Return the problem of a call that was not answered; the same attempt may be made again."""
    status, code = told(error)
    if error.code == "BAD_REQUEST":
        return problem(house, "REQUEST_INVALID", HTTPStatus.UNPROCESSABLE_ENTITY)
    response = problem(house, code, STATUSES.get(code, status))
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(round(error.retry_after or 5))
    return response


def of_fields(house: House, error: RequestValidationError) -> Response:
    """Return the problem of a request that does not keep the contract, field by field."""
    found = error.errors()
    unreadable = any(each["type"] == "json_invalid" for each in found)
    fields = [_field(each) for each in found[:20]]
    status = HTTPStatus.BAD_REQUEST if unreadable else HTTPStatus.UNPROCESSABLE_ENTITY
    return problem(house, "REQUEST_INVALID", status, fields=fields)


def unknown(where: Literal["body", "query"], names: Sequence[str]) -> list[FieldProblem]:
    """Return what is said of fields that the document does not name."""
    message = _MESSAGES["extra_forbidden"]
    return [FieldProblem(where=where, field=name[:MOST_NAME], message=message) for name in names[:20]]


_MESSAGES = {
    "extra_forbidden": "This field is unknown. Leave it out.",
    "missing": "This field is missing.",
    "json_invalid": "This is not JSON.",
}


def _field(error: dict[str, Any]) -> FieldProblem:
    where, *path = error["loc"]
    name = "" if error["type"] == "json_invalid" else "/".join(str(part) for part in path)
    message = _MESSAGES.get(error["type"], error["msg"])
    return FieldProblem(
        where=where if where in {"query", "path"} else "body", field=name[:MOST_NAME], message=message
    )


def problem(house: House, code: str, status: int, **more: Any) -> Response:
    """Return a problem; a program that may go on only with a session is told so by its status too."""
    entry = entry_for(code)
    content = Problem(
        type=f"{house.settings.WEB_ORIGIN}/help/errors/{code}",
        title=entry.title,
        status=int(status),
        detail=entry.happened,
        code=code,
        next_step=entry.next_step,
        ask=entry.ask.value,
        reference=tracing.trace_id(),
        **more,
    )
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    body = content.model_dump_json(exclude_none=True)
    return Response(body, int(status), headers, MEDIA_TYPE)
