"""Whatever is sent, the JSON API keeps its document and never fails. S21, S55.

Schemathesis makes requests from the document, those that keep it and those that do not, and holds each
answer to it: status, media type, fields. SOAK=1 makes many more.
"""

import json
import os
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from jinja2 import Environment
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from starlette.types import ASGIApp, Receive, Scope, Send

from services.web.api.app import as_json
from services.web.domain.journey import Journey, Reason, State
from services.web.ports import Delivery, Reader, Refused
from services.web.routes import build_app
from services.web.sessions import CookieSealer
from services.web.visit import House, Peers
from tests.fakes.clock import FakeClock
from tests.fakes.randomness import SeededRandomness
from tests.fakes.web_peers import (
    ASKED,
    CLAIM,
    DEADLINE,
    NOW,
    RA,
    SESSION_ID,
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
    code_status,
)
from tests.unit.web.conftest import COOKIE_KEY, web_settings

EXAMPLES = 300 if os.environ.get("SOAK") else 5

WORLDS: dict[str, dict[str, Any]] = {
    "no card yet": {},
    "card read": {"state": State.CARD_READ, "reader": Reader.CARD},
    "not locked": {"state": State.CARD_READ, "objection": "CARD_NOT_LOCKED"},
    "change": {"state": State.CARD_READ, "reason": Reason.CHANGE, "code_needed": False, "tries_left": 1},
    "authorised": {"state": State.AUTHORISED},
    "resetting": {"state": State.RESETTING},
    "unknown": {"state": State.UNKNOWN},
    "failed": {"state": State.FAILED, "code": "SOMETHING_NEW"},
    "done": {"state": State.SUCCESS},
}
FROZEN = Refused("CARD_FROZEN", RA)
NO_EMAIL = Refused("NO_EMAIL", RA, can_ask_colleagues=True)
ENOUGH = replace(ASKED, code="", words_given=2, unlock_grant="unlock-grant")
TOO_SOON = Refused("RESEND_TOO_SOON", None, DEADLINE)
STATUSES = (None, code_status(), code_status(Delivery.NOT_SENT, delivery_reason="MAIL_REFUSED", live=False))


class Steered(World):
    """A world that is set anew for each request."""

    def set(self, standing: str, chance: Random) -> None:
        self.__init__()  # type: ignore[misc]
        self.change(**WORLDS[standing])
        self.status = chance.choice(STATUSES)
        self.refused_holder = chance.choice((None, None, FROZEN, NO_EMAIL))
        self.asked_first, self.tries_left = chance.choice((False, True)), chance.choice((3, 1))
        self.asked_colleagues = chance.choice((ASKED, ENOUGH, Refused("VOUCH_TOO_OFTEN", RA)))
        self.refused_code = chance.choice((None, TOO_SOON))
        self.stopped = True  # a long poll answers at once


@pytest.fixture(scope="module")
def steered() -> Steered:
    return Steered()


@pytest.fixture(scope="module")
def whole(steered: Steered, templates: Environment, tmp_path_factory: pytest.TempPathFactory) -> ASGIApp:
    folder: Path = tmp_path_factory.mktemp("web")
    peers = Peers(
        FakeGateway(steered),
        FakeIdentity(steered),
        FakeOtp(steered),
        FakeAudit(steered),
        FakeDesk(steered),
        FakeInPerson(steered),
        FakeColleagues(steered),
        FakeRegistration(steered),
        FakeRegistrationCodes(steered),
    )
    chosen = web_settings(folder).model_copy(
        update={"SECURITY_QUESTIONS": "required", "REMOTE_VOUCH": "two-colleagues"}
    )
    house = House(peers, chosen, FakeClock(NOW), SeededRandomness(), templates)
    return build_app(house, CookieSealer(COOKIE_KEY, SeededRandomness(7)))


class Later:
    """The application where Schemathesis looks for it at collection; it is built when a test asks."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="module", autouse=True)
def _built(whole: ASGIApp) -> None:
    later.app = whole


later = Later()
GENERATION = GenerationConfig(max_examples=EXAMPLES, deterministic=True, with_security_parameters=False)
PROJECTS = ProjectsConfig(default=ProjectConfig(generation=GENERATION))
document = schemathesis.openapi.from_dict(json.loads(as_json()), config=SchemathesisConfig(projects=PROJECTS))
document.app = later


def token() -> str:
    journey = Journey(ends_at=DEADLINE, csrf="", attempt_id="", session_id=SESSION_ID, claim=CLAIM)
    return CookieSealer(COOKIE_KEY, SeededRandomness(5)).for_tokens().seal(journey)


@document.parametrize()
@pytest.mark.parametrize("standing", WORLDS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_request_is_answered_as_the_document_says(case: Any, steered: Steered, standing: str) -> None:
    chance = Random(repr((case.body, case.query, case.path_parameters)))
    steered.set(standing, chance)

    case.call_and_validate(headers={"Authorization": f"Bearer {token()}"})
