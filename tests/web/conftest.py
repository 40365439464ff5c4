"""Real Chromium against the pages: the browser, and the page's files freshly built."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def static_files() -> Path:
    """The built files; made here when `make setup` has not made them yet."""
    dist = ROOT / "services/web/static/dist"
    if not (dist / "built.json").is_file():
        node = shutil.which("node") or "node"
        subprocess.run([node, "services/web/build_static.mjs"], cwd=ROOT, check=True)
    return dist


@pytest.fixture(scope="session")
def built(static_files: Path) -> dict[str, str]:
    names: dict[str, str] = json.loads((static_files / "built.json").read_text())
    return names


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()
