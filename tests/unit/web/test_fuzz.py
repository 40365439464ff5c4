"""Whatever a browser sends, it gets one of our pages: never a defect, never a blank page. S21, S55."""

import re
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import Environment
from starlette.types import ASGIApp

from services.web.domain.journey import State
from services.web.routes import COLLEAGUE_PAGES, PAGES, QUESTION_PAGES, build_app
from services.web.sessions import COOKIE, CookieSealer
from services.web.visit import House
from tests.fakes.clock import FakeClock
from tests.fakes.randomness import SeededRandomness
from tests.fakes.web_peers import World
from tests.unit.web.conftest import ORIGIN, Visitor, hidden_fields, peers_of, web_settings

ALL = (*PAGES, *QUESTION_PAGES, *COLLEAGUE_PAGES)
FORMS = [path for path, _, take in ALL if take]
NO_PAGES = {"/wait", "/help/address.svg", "/saved-hours/csv", "/saved-hours/json"}
SHOWN = [path for path, _, _ in ALL if "{" not in path and path not in NO_PAGES]
NAMES = st.sampled_from(
    ["reason", "pairing_code", "code", "vouch_code", "basis", "sealed", "attempt_id", "csrf", "", "x" * 300]
)
VALUES = st.one_of(st.text(max_size=60), st.sampled_from(["LOCKED", "41963075", "A" * 72, "0" * 400]))
FIELDS = st.dictionaries(NAMES, VALUES, max_size=5)
SOME = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)


@pytest.fixture
def app(
    world: World, clock: FakeClock, sealer: CookieSealer, templates: Environment, tmp_path: Path
) -> ASGIApp:
    """With every page, those of every policy too."""
    policies = {"SECURITY_QUESTIONS": "required", "REMOTE_VOUCH": "two-colleagues"}
    chosen = web_settings(tmp_path).model_copy(update=policies)
    return build_app(House(peers_of(world), chosen, clock, SeededRandomness(), templates), sealer)


def assert_one_of_ours(answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text
    assert answer.has_redirect_location or "<h1" in answer.text


async def send(app: ASGIApp, request: httpx.Request) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
        return await client.send(request)


@SOME
@given(path=st.sampled_from(FORMS), typed=FIELDS, state=st.sampled_from(State))
@pytest.mark.parametrize("within", [True, False], ids=["in a session", "without one"])
async def test_any_form_gets_a_page(
    visitor: Visitor, app: ASGIApp, world: World, within: bool, path: str, typed: dict[str, str], state: State
) -> None:
    cookies, fields = {}, dict(typed)
    if within:
        world.change(state=State.ATTACHED)
        await visitor.reach_card()
        fields |= hidden_fields((await visitor.open("/reason")).text) | typed
        cookies = dict(visitor.client.cookies)
        world.change(state=state)
    headers = {"Sec-Fetch-Site": "same-origin"}
    request = httpx.Request("POST", f"{ORIGIN}{path}", data=fields, headers=headers, cookies=cookies)

    assert_one_of_ours(await send(app, request))


@SOME
@given(
    path=st.sampled_from(SHOWN),
    cookie=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=200),
)
async def test_any_cookie_gets_a_page(app: ASGIApp, path: str, cookie: str) -> None:
    request = httpx.Request("GET", f"{ORIGIN}{path}", headers={"Cookie": f"{COOKIE}={cookie}"})

    assert_one_of_ours(await send(app, request))


@SOME
@given(path=st.binary(max_size=60), query=st.binary(max_size=60))
async def test_any_address_gets_a_page(app: ASGIApp, path: bytes, query: bytes) -> None:
    address = f"{ORIGIN}/{quote(path, safe='/')}?{quote(query)}"
    answer = await send(app, httpx.Request("GET", address))

    assert_one_of_ours(answer)
    assert not re.search(r"<script(?! nonce| type=\"module\")", answer.text)
