"""Another front end of a deployment where two colleagues vouch from afar."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from jinja2 import Environment

from services.web.domain.journey import State
from services.web.ports import Reader, Refused
from services.web.routes import build_app
from services.web.sessions import CookieSealer
from services.web.visit import House
from tests.fakes.clock import FakeClock
from tests.fakes.randomness import SeededRandomness
from tests.fakes.web_peers import ASKED, RA, World
from tests.unit.web.conftest import ORIGIN, peers_of, web_settings
from tests.unit.web.front_end import FrontEnd, problem, refused

REQUESTS, STANDING, WORDS = (
    f"/session/{name}" for name in ("colleague-requests", "colleagues", "colleague-words")
)
NO_EMAIL = Refused("NO_EMAIL", RA, can_ask_colleagues=True)


@pytest.fixture
async def vouching(
    world: World, clock: FakeClock, sealer: CookieSealer, templates: Environment, tmp_path: Path
) -> AsyncIterator[FrontEnd]:
    """Where colleagues may, before a card that was read and whose holder has no mail."""
    chosen = web_settings(tmp_path).model_copy(update={"REMOTE_VOUCH": "two-colleagues"})
    app = build_app(House(peers_of(world), chosen, clock, SeededRandomness(), templates), sealer)
    world.refused_holder = NO_EMAIL
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
        front_end = FrontEnd(client)
        await front_end.reach_card(world)
        yield front_end


async def test_a_holder_without_mail_goes_on_by_the_words_of_two_colleagues(
    vouching: FrontEnd, world: World
) -> None:
    no = problem(await vouching.get("/session/holder"))
    assert (no["code"], no["can_ask_colleagues"]) == ("NO_EMAIL", True)
    asked = (await vouching.post(REQUESTS, {"words_match": True})).json()
    assert asked == {
        "code": ASKED.code,
        "expires_at": "2026-11-21T10:15:00Z",
        "words_given": 0,
        "words_needed": 2,
        "enough": False,
    }
    world.colleague_vouches()
    assert refused(await vouching.post(WORDS, {})) == (409, "COLLEAGUES_MISSING")
    world.colleague_vouches()
    told = (await vouching.get(STANDING)).json()
    assert (told["words_given"], told["enough"]) == (2, True)
    session = (await vouching.post(WORDS, {})).json()

    assert session["step"] == "PASSCODE"
    assert ("authorise", "unlock-grant-of-colleagues") in world.calls


async def test_no_code_is_given_before_the_words_are_confirmed(vouching: FrontEnd, world: World) -> None:
    answer = await vouching.post(REQUESTS, {"words_match": False})
    assert refused(answer) == (409, "WORDS_NOT_CONFIRMED")
    assert "ask_colleagues" not in world.names()

    assert ASKED.code not in (await vouching.get(STANDING)).text


async def test_whoever_may_not_ask_is_told_why(vouching: FrontEnd, world: World) -> None:
    world.asked_colleagues = Refused("VOUCH_TOO_OFTEN", RA)
    answer = await vouching.post(REQUESTS, {"words_match": True})

    assert refused(answer) == (409, "VOUCH_TOO_OFTEN")
    assert problem(answer)["registration_authority"]["telephone"] == RA.telephone


async def test_only_a_card_that_was_read_is_vouched_for(vouching: FrontEnd, world: World) -> None:
    world.change(state=State.ATTACHED, reader=Reader.NO_CARD)

    assert refused(await vouching.post(REQUESTS, {"words_match": True})) == (409, "WRONG_STATE")


async def test_by_default_there_is_nothing_of_it(front_end: FrontEnd, world: World) -> None:
    world.refused_holder = NO_EMAIL
    await front_end.reach_card(world)
    assert "can_ask_colleagues" not in problem(await front_end.get("/session/holder"))
    for answer in (
        await front_end.post(REQUESTS, {"words_match": True}),
        await front_end.get(STANDING),
        await front_end.post(WORDS, {}),
    ):
        assert refused(answer) == (404, "PAGE_NOT_FOUND")
