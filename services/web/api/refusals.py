"""Which statuses each call can be refused with, as the document tells them."""

from http import HTTPStatus
from typing import Any

from services.web.api.problems import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]

_WHY = {
    400: "The body is no JSON.",
    401: "No session, or one that is over: the same answer for every token that opens none.",
    403: "A website that is not on the list, or a grant that another process refused.",
    404: "There is nothing under that name.",
    406: "The caller accepts no JSON.",
    409: "A “no” of the card, the holder or the session as they are now, or of what was typed; `code` says"
    " which. `WRONG_STATE`: look at the session again, it says what is next.",
    413: "The body is longer than 16 KiB.",
    415: "The body is not application/json in UTF-8.",
    422: "A field is missing, unknown or malformed; `fields` names it. No try was spent.",
    429: "Too many; `Retry-After` or `retry_at` says from when, where that is known.",
    500: "A mistake of this service.",
    503: "A part of this service is away; the same attempt may be made again.",
    504: "A part of this service was too slow; the same attempt may be made again.",
}
_ALWAYS = (403, 406, 422, 500, 503, 504)
IN_SESSION = (401, 409)
WITH_BODY = (400, 413, 415)


def refusals(*more: int) -> Responses:
    """Return the refusals of a call: those that every call has, and `more`."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {status: _refusal(status, schema) for status in sorted({*_ALWAYS, *more})}


def _refusal(status: int, schema: dict[str, str]) -> dict[str, Any]:
    told: dict[str, Any] = {"description": _WHY[status], "content": {MEDIA_TYPE: {"schema": schema}}}
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        told["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return told
