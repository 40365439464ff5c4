"""The JSON API, its document and the copy that front ends are built against are one. D2."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from services.web.api.app import PARTS, as_json
from services.web.api.problems import MEDIA_TYPE, STATUSES
from services.web.domain.errors import CATALOGUE

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = json.loads(as_json())
OPERATIONS = [
    (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
named = pytest.mark.parametrize(
    ("method", "path", "operation"), OPERATIONS, ids=lambda value: str(value)[:40]
)


def test_D2_the_kept_document_is_what_the_code_makes() -> None:
    """Made by `python -m services.web openapi > docs/openapi.json`."""
    assert (ROOT / "docs/openapi.json").read_text() == as_json()


def test_the_document_tells_of_every_route_and_of_no_other() -> None:
    routes = [route for part in PARTS for route in part.router.routes]
    served = {(method.lower(), route.path) for route in routes for method in route.methods or ()}

    assert served == {(method, path) for method, path, _ in OPERATIONS}
    assert DOCUMENT["openapi"].startswith("3.1.")


@named
def test_every_call_says_what_it_does_and_how_it_refuses(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    assert operation["description"].endswith((".", "`."))
    refusals = {status: told for status, told in operation["responses"].items() if int(status) >= 400}
    assert {"403", "406", "422", "500", "503", "504"} <= set(refusals)
    assert all(list(told["content"]) == [MEDIA_TYPE] for told in refusals.values())
    if method == "post":
        assert {"400", "413", "415"} <= set(refusals)
    if path.startswith("/session/") or path == "/session":
        assert operation["security"] == [{"session_token": []}]
        assert {"401", "409"} <= set(refusals)


@named
def test_every_changing_call_carries_an_attempt_and_takes_no_unknown_field(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    if method == "get":
        assert "requestBody" not in operation
        return
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = DOCUMENT["components"]["schemas"][reference.rsplit("/", 1)[-1]]

    assert schema["additionalProperties"] is False
    assert "attempt_id" in schema["required"]


def test_no_secret_stands_in_an_address() -> None:
    parameters = [each["name"] for _, _, operation in OPERATIONS for each in operation.get("parameters", [])]

    assert set(parameters) == {"since", "wait", "code", "organisation"}
    assert next(path for _, path, operation in OPERATIONS if "{code}" in path) == "/errors/{code}"


def test_every_code_with_a_status_of_its_own_is_one_of_the_catalogue() -> None:
    assert set(STATUSES) <= set(CATALOGUE)


def test_the_document_names_no_host() -> None:
    assert DOCUMENT["servers"] == [{"url": "/api/v1"}]
    assert re.findall(r"https?://[^\s\"`]+", as_json()) == []
