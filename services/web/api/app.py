"""The API as one ASGI application, and its OpenAPI document, made from the code."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from services.web.answers import log_defect
from services.web.api import catalogue, codes, colleagues, problems, questions, sessions
from services.web.api.description import DESCRIPTION
from services.web.api.gate import OriginGate
from services.web.api.problems import Problem
from services.web.sessions import CookieSealer
from services.web.use_cases import Stop
from services.web.visit import House

PREFIX = "/api/v1"
PARTS = (sessions, questions, codes, colleagues, catalogue)
PREFLIGHT_LIFE = 600
"""Seconds for which a browser may keep what it was told of a website's rights."""
REFERENCE = "#/components/schemas/{model}"


def build_api(house: House, tokens: CookieSealer) -> ASGIApp:
    """Return the API, to be mounted at `PREFIX`."""
    app = api()
    app.state.house, app.state.tokens = house, tokens
    for kind in (HTTPException, Exception):
        app.add_exception_handler(kind, outside_routes(house))
    origins = house.settings.api_origins
    inside: ASGIApp = app
    if origins:
        inside = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After"],
            max_age=PREFLIGHT_LIFE,
        )
    return OriginGate(inside, house)


def api() -> FastAPI:
    """Return the API's routes and document, without what it asks."""
    app = FastAPI(
        title="Unlock your smartcard",
        version="1.0.0",
        description=DESCRIPTION,
        servers=[{"url": PREFIX}],
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        generate_unique_id_function=lambda route: route.name,
    )
    for part in PARTS:
        app.include_router(part.router)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=app.servers,
        )
        schema = Problem.model_json_schema(ref_template=REFERENCE)
        document["components"]["schemas"] |= schema.pop("$defs") | {"Problem": schema}
        app.openapi_schema = document
    return app.openapi_schema


def as_json() -> str:
    """Return the whole document as docs/openapi.json holds it."""
    return json.dumps(api().openapi(), indent=2, ensure_ascii=False) + "\n"


def outside_routes(house: House) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Answer what no route took: unknown addresses and methods."""
    codes_of = {404: "PAGE_NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}

    async def handler(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == 500:
            log_defect(error)
        response = problems.of_stop(house, Stop(codes_of.get(status, "INTERNAL")))
        response.headers.update(getattr(error, "headers", None) or {})
        return response

    return handler
