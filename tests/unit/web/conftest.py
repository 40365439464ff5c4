"""The pages against fake processes, driven as a browser without JavaScript would."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from jinja2 import Environment
from starlette.types import ASGIApp

from services.web.routes import build_app
from services.web.sessions import CookieSealer
from services.web.settings import WebSettings
from services.web.visit import House, Peers, Visit, environment
from tests.fakes.clock import FakeClock
from tests.fakes.randomness import SeededRandomness
from tests.fakes.web_peers import (
    ADDRESS_TOKEN,
    NOW,
    FakeAudit,
    FakeColleagues,
    FakeDesk,
    FakeGateway,
    FakeIdentity,
    FakeInPerson,
    FakeOtp,
    FakeRegistration,
    FakeRegistrationCodes,
    World,
)
from tests.unit.web.front_end import FrontEnd
from tests.unit.web.marked import MARKED, unmarked

ORIGIN = "https://unlock.example.org"
COOKIE_KEY = bytes(range(32))
NAMES = re.compile(
    r"NHS|nginx|Microsoft IIS|Quiet Clinic|Test (Trust|Registrar|Holder (One|Two))|Weekdays, 9 to 5"
    r"|OF_A_NEWER_SERVICE|Question number \d+\?|\"><script>alert\(1\)</script>"
)
"""What pages show and nobody translates: product names, and what the fakes hold."""


def web_settings(folder: Path, origin: str = ORIGIN) -> WebSettings:
    key = folder / "cookie.bin"
    key.write_bytes(COOKIE_KEY)
    return WebSettings(
        WEB_ORIGIN=origin,
        LISTEN_ADDRESS="127.0.0.1:8443",
        WEB_COOKIE_KEY_FILE=key,
        TLS_CA_FILE=folder,
        TLS_CERT_FILE=folder,
        TLS_KEY_FILE=folder,
        IDENTITY_ADDRESS="127.0.0.1:1",
        OTP_ADDRESS="127.0.0.1:1",
        CARD_GATEWAY_ADDRESS="127.0.0.1:1",
        AUDIT_ADDRESS="127.0.0.1:1",
        REPORT_PROBLEM_URL="https://support.example.org/new",
    )


@dataclass
class Visitor:
    """A browser: it keeps the cookie, follows redirects and fills in the forms it is shown."""

    client: httpx.AsyncClient
    page: httpx.Response = field(default_factory=lambda: httpx.Response(200))

    async def open(self, path: str) -> httpx.Response:
        self.page = await self.client.get(path)
        return self.page

    async def submit(self, action: str, *, page: str = "", **typed: str) -> httpx.Response:
        """Send a form of the page that is open, with its hidden fields."""
        fields = {**hidden_fields(page or self.page.text), **typed}
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}
        self.page = await self.client.post(action, data=fields, headers=headers)
        return self.page

    def at(self) -> str:
        return self.page.url.path

    def error_code(self) -> str:
        found = re.search(r'data-error-code="([A-Z0-9_]+)"', self.page.text)
        return found.group(1) if found else ""

    async def reach_card(self) -> None:
        await self.open(f"/open/{ADDRESS_TOKEN}")
        await self.submit("/reason", reason="LOCKED")


def hidden_fields(html: str) -> dict[str, str]:
    return dict(
        re.findall(r'<input type="hidden" name="(csrf|attempt_id|words_match)" value="([^"]*)"', html)
    )


@pytest.fixture(scope="session")
def templates() -> Environment:
    """Compiled once: that is the slow part."""
    return environment()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def sealer() -> CookieSealer:
    return CookieSealer(COOKIE_KEY, SeededRandomness(7))


def peers_of(world: World) -> Peers:
    """The fake processes around one world."""
    return Peers(
        FakeGateway(world),
        FakeIdentity(world),
        FakeOtp(world),
        FakeAudit(world),
        FakeDesk(world),
        FakeInPerson(world),
        FakeColleagues(world),
        FakeRegistration(world),
        FakeRegistrationCodes(world),
    )


@pytest.fixture
def app(
    world: World, clock: FakeClock, sealer: CookieSealer, templates: Environment, tmp_path: Path
) -> ASGIApp:
    house = House(peers_of(world), web_settings(tmp_path), clock, SeededRandomness(), templates)
    return build_app(house, sealer)


@pytest.fixture
def asking_app(
    world: World, clock: FakeClock, sealer: CookieSealer, templates: Environment, tmp_path: Path
) -> ASGIApp:
    """The application where security questions are asked."""
    chosen = web_settings(tmp_path).model_copy(update={"SECURITY_QUESTIONS": "required"})
    return build_app(House(peers_of(world), chosen, clock, SeededRandomness(), templates), sealer)


@pytest.fixture
async def asked(asking_app: ASGIApp) -> AsyncIterator[Visitor]:
    """A visitor of it."""
    transport = httpx.ASGITransport(asking_app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, follow_redirects=True) as client:
        yield Visitor(client)


@pytest.fixture
async def asked_front_end(asking_app: ASGIApp) -> AsyncIterator[FrontEnd]:
    """Another front end of it."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(asking_app), base_url=ORIGIN) as client:
        yield FrontEnd(client)


@pytest.fixture
async def visitor(app: ASGIApp) -> AsyncIterator[Visitor]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, follow_redirects=True) as client:
        yield Visitor(client)


@pytest.fixture
async def front_end(app: ASGIApp) -> AsyncIterator[FrontEnd]:
    """Another front end, on a server or in a program: it sends no Origin."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
        yield FrontEnd(client)


SHOWN: set[int] = set()
"""What was judged already, so that a page that many tests are shown is judged once."""


@pytest.fixture(autouse=True)
def every_text_can_be_translated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every page that a test is shown is rendered in marked letters too: nothing is said without them."""
    found: list[str] = []
    render = Visit.html

    def both(visit: Visit, template: str, **values: Any) -> str:
        html = render(visit, template, **values)
        words = hash((template, re.sub(r"<[^>]*>|[0-9a-f]{32}", "", html)))
        if words not in SHOWN and not template.startswith("help/redirects/"):
            SHOWN.add(words)
            house = replace(visit.house, language=MARKED, randomness=SeededRandomness())
            there = replace(visit, house=house)
            found.extend(f"{template}: {said}" for said in unmarked(render(there, template, **values), NAMES))
        return html

    monkeypatch.setattr(Visit, "html", both)
    yield
    assert not found, "\n".join(found)
