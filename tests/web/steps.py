"""How tests get to a page in Chromium: step by step as a person, or at once by a cookie."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from playwright.sync_api import Page

from services.web.domain.journey import AFTERLIFE, Journey, Reason, State
from services.web.ports import Reader
from services.web.sessions import COOKIE
from tests.fakes.web_peers import ADDRESS_TOKEN, CLAIM, DEADLINE, RIGHT_CODE, SESSION_ID
from tests.web.conftest import Site

AGENT = X25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
GOOD_PASSCODE = "739162"
ATTEMPT_ID = "01930000-0000-7000-8000-00000000000b"


def reach_card(page: Page, site: Site) -> None:
    page.goto(f"{site.origin}/open/{ADDRESS_TOKEN}")
    page.get_by_label("It is locked").check()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/card")


def reach_address(page: Page, site: Site) -> None:
    reach_card(page, site)
    site.world.change(state=State.CARD_READ, reader=Reader.CARD)
    page.wait_for_url("**/address")


def reach_code(page: Page, site: Site) -> None:
    reach_address(page, site)
    page.get_by_label("The unlock program on this computer shows these 3 words").check()
    page.get_by_role("button", name="Send me a code").click()
    page.wait_for_url("**/code")


def reach_passcode(page: Page, site: Site) -> None:
    site.world.view = replace(site.world.view, agent_public_key=AGENT.public_key().public_bytes_raw())
    reach_code(page, site)
    page.get_by_label("Security code").fill(f"{RIGHT_CODE[:4]} {RIGHT_CODE[4:]}")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/passcode")


def choose(page: Page, passcode: str, again: str | None = None) -> None:
    page.get_by_label("New passcode", exact=True).fill(passcode)
    page.get_by_label("New passcode again").fill(passcode if again is None else again)
    page.get_by_role("button", name="Set new passcode").click()


def change(page: Page, current: str, passcode: str, again: str | None = None) -> None:
    page.get_by_label("Current passcode", exact=True).fill(current)
    page.get_by_label("New passcode", exact=True).fill(passcode)
    page.get_by_label("New passcode again").fill(passcode if again is None else again)
    page.get_by_role("button", name="Set new passcode").click()


def enter_session(
    page: Page,
    site: Site,
    *,
    code_asked: bool = False,
    reason: Reason = Reason.LOCKED,
    ends_at: datetime = DEADLINE + AFTERLIFE,
    **more: Any,
) -> None:
    """Give the browser the cookie of a journey with a claimed session."""
    journey = Journey(
        ends_at=ends_at,
        csrf="c" * 43,
        attempt_id=ATTEMPT_ID,
        reason=reason,
        session_id=SESSION_ID,
        claim=CLAIM,
        code_asked=code_asked,
        **more,
    )
    page.context.add_cookies(
        [
            {
                "name": COOKIE,
                "value": site.sealer.seal(journey),
                "domain": "127.0.0.1",
                "path": "/",
                "secure": True,
                "httpOnly": True,
                "sameSite": "Strict",
            }
        ]
    )


def open_passcode_page(page: Page, site: Site) -> None:
    """Be on the passcode page at once, as after a right code."""
    enter_session(page, site, code_asked=True)
    site.world.change(state=State.AUTHORISED, agent_public_key=AGENT.public_key().public_bytes_raw())
    page.goto(f"{site.origin}/passcode")
