"""Real Chromium against the pages: the browser, and the page's files freshly built."""

import asyncio
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from jinja2 import Environment
from playwright.sync_api import Browser, Page, expect, sync_playwright

from services.runtime.randomness import SystemRandomness
from services.web.routes import build_app
from services.web.sessions import CookieSealer
from services.web.settings import WebSettings
from services.web.visit import House, Peers, environment
from tests.fakes.clock import FakeClock
from tests.fakes.web_peers import (
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

ROOT = Path(__file__).parents[2]
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=30_000)  # as every act of a page; its own 5 s are little beside other tests


@pytest.fixture(scope="session")
def static_files() -> Path:
    """The built files; made here when they are older than what they are made of."""
    dist = ROOT / "services/web/static/dist"
    made, source = dist / "built.json", (dist.parent / "src").glob("*")
    if not made.is_file() or made.stat().st_mtime < max(file.stat().st_mtime for file in source):
        node = shutil.which("node") or "node"
        subprocess.run([node, "services/web/build_static.mjs"], cwd=ROOT, check=True)
    return dist


@pytest.fixture(scope="session")
def built(static_files: Path) -> dict[str, str]:
    names: dict[str, str] = json.loads((static_files / "built.json").read_text())
    return names


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed with its module: its event loop would stand in the way of every asynchronous test after it."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def origin(static_files: Path, tmp_path: Path) -> Iterator[str]:
    """The built files, and modules that only tests use, on loopback: a secure context without TLS."""
    esbuild = ROOT / "node_modules/.bin/esbuild"
    opener = Path(__file__).parent / "hpke_open.mjs"
    outfile = f"--outfile={tmp_path / 'open.js'}"
    subprocess.run([esbuild, opener, "--bundle", "--format=esm", "--log-level=error", outfile], check=True)
    (tmp_path / "index.html").write_text("<!doctype html><title>test</title>")
    (tmp_path / "assets").symlink_to(static_files)
    (tmp_path / "src").symlink_to(ROOT / "services/web/static/src")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Site:
    """The pages on loopback, and the world behind them."""

    origin: str
    world: World
    sealer: CookieSealer


@pytest.fixture(scope="session")
def templates(static_files: Path) -> Environment:
    """Compiled once: that is the slow part."""
    return environment()


@pytest.fixture
def site(templates: Environment, tmp_path: Path) -> Iterator[Site]:
    """The real application on a real socket, in front of fake processes."""
    with running_site(templates, tmp_path) as running:
        yield running


@contextmanager
def running_site(templates: Environment, folder: Path, **settings: Any) -> Iterator[Site]:
    """The real application, with settings of its own."""
    world = World()
    listener = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    house = House(
        _peers(world), _settings(folder, origin, **settings), FakeClock(NOW), SystemRandomness(), templates
    )
    sealer = CookieSealer(bytes(range(32)), house.randomness)
    app = build_app(house, sealer)
    config = uvicorn.Config(
        app, log_config=None, lifespan="off", server_header=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        yield Site(origin, world, sealer)
    finally:
        world.stopped = True
        server.should_exit = True
        thread.join()


def _peers(world: World) -> Peers:
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


def _settings(folder: Path, origin: str, **more: Any) -> WebSettings:
    return WebSettings(
        **more,
        WEB_ORIGIN=origin,
        WEB_COOKIE_KEY_FILE=folder / "unused",
        TLS_CA_FILE=folder,
        TLS_CERT_FILE=folder,
        TLS_KEY_FILE=folder,
        IDENTITY_ADDRESS="127.0.0.1:1",
        OTP_ADDRESS="127.0.0.1:1",
        CARD_GATEWAY_ADDRESS="127.0.0.1:1",
        AUDIT_ADDRESS="127.0.0.1:1",
    )
