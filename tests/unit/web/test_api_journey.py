"""The journey over the JSON API: the steps, the refusals and the limits of the pages. D2."""

import asyncio
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from services.web.domain.journey import Reason, State
from services.web.ports import Delivery, Reader, Receipt, Refused
from services.web.sessions import COOKIE
from tests.fakes.clock import FakeClock
from tests.fakes.web_peers import (
    ADDRESS_TOKEN,
    CLAIM,
    NOW,
    PAIRING_CODE,
    RA,
    RIGHT_CODE,
    SESSION_ID,
    WRONG_CODE,
    World,
    code_status,
)
from tests.unit.web.conftest import Visitor
from tests.unit.web.front_end import CURRENT, FrontEnd, attempt, problem, refused

ROOT = Path(__file__).parents[3]


async def test_D2_a_session_is_claimed_by_the_code_that_the_unlock_program_shows(
    front_end: FrontEnd, world: World
) -> None:
    typed = {"pairing_code": f" {PAIRING_CODE[:4].lower()} {PAIRING_CODE[4:]}", "reason": "LOCKED"}
    answer = await front_end.post("/sessions", typed)

    told = answer.json()
    assert answer.status_code == 201
    assert told["session"]["step"] == "CARD"
    assert told["session"]["words"] == ["amber", "kettle", "orbit"]
    assert told["session"]["error"]["code"] == "NO_CARD"
    assert CLAIM not in answer.text
    assert SESSION_ID not in told["session_token"]


async def test_D2_a_session_is_claimed_by_the_token_of_the_agents_address(front_end: FrontEnd) -> None:
    answer = await front_end.post("/sessions", {"address_token": ADDRESS_TOKEN, "reason": "FORGOTTEN"})

    assert (answer.status_code, answer.json()["session"]["reason"]) == (201, "FORGOTTEN")


async def test_the_same_attempt_claims_the_same_session(front_end: FrontEnd, world: World) -> None:
    asked = {"pairing_code": PAIRING_CODE, "reason": "LOCKED", "attempt_id": attempt()}
    first, second = [(await front_end.post("/sessions", asked)).json() for _ in range(2)]

    assert first["session"]["session_id"] == second["session"]["session_id"]


async def test_an_unknown_code_is_refused_with_what_to_do(front_end: FrontEnd) -> None:
    answer = await front_end.post("/sessions", {"pairing_code": "ABCDEFGHJK", "reason": "LOCKED"})

    assert refused(answer) == (404, "PAIRING_UNKNOWN")
    assert "the code that the unlock program shows now" in problem(answer)["next_step"]


async def test_S13_too_many_guesses_are_refused(front_end: FrontEnd, world: World) -> None:
    world.refused_start = Refused("TOO_MANY_GUESSES")

    assert refused(await front_end.claim()) == (429, "TOO_MANY_GUESSES")


async def test_the_whole_way_of_a_locked_card(front_end: FrontEnd, world: World) -> None:
    await front_end.reach_card(world)
    assert (await front_end.get("/session")).json()["step"] == "CODE"
    holder = (await front_end.get("/session/holder")).json()
    assert holder["masked_address"] == "t…1@example.org"
    assert holder["registration_authority"]["name"] == RA.name

    asked = await front_end.post("/session/code-requests", {"words_match": True})
    assert (asked.status_code, asked.json()["delivery"]) == (202, "QUEUED")
    world.status = code_status(Delivery.SENT)
    assert (await front_end.get("/session/code")).json()["delivery"] == "SENT"

    entered = await front_end.post("/session/code-entries", {"code": f"{RIGHT_CODE[:4]} {RIGHT_CODE[4:]}"})
    assert (entered.status_code, entered.json()["step"]) == (200, "PASSCODE")
    sent = await front_end.send_passcode()
    assert (sent.status_code, sent.json()["step"]) == (202, "WORKING")
    assert world.resets()[0][1] == bytes([1]) * 60

    world.change(state=State.SUCCESS)
    ended = (await front_end.get("/session")).json()
    assert (ended["step"], ended["ended"], ended["error"]) == ("DONE", True, None)


async def test_the_same_calls_go_out_as_from_the_pages(
    front_end: FrontEnd, visitor: Visitor, world: World
) -> None:
    """Who is asked, and in which order, for one step of each: the API has no way of its own."""
    await front_end.reach_passcode(world)
    start = len(world.calls)
    await front_end.send_passcode()
    over_api = [name for name, _ in world.calls[start:]]

    world.change(state=State.ATTACHED)
    await visitor.reach_card()
    world.change(state=State.AUTHORISED)
    await visitor.open("/passcode")
    start = len(world.calls)
    visitor.client.follow_redirects = False
    await visitor.submit("/passcode", sealed="A" * 72)
    over_pages = [name for name, _ in world.calls[start:]]

    assert over_api[: len(over_pages)] == over_pages == ["get_session", "resolve_holder", "reset_pin"]


async def test_the_long_poll_answers_as_soon_as_something_changed(front_end: FrontEnd, world: World) -> None:
    await front_end.claim()
    version = (await front_end.get("/session")).json()["version"]
    asked = asyncio.create_task(front_end.get(f"/session?since={version}&wait=20"))
    await asyncio.sleep(0.05)
    world.change(reader=Reader.CARD)
    answer = await asyncio.wait_for(asked, 15)

    assert answer.json()["version"] == version + 1


@pytest.mark.parametrize("wait", [21, 600, -1])
async def test_a_longer_wait_than_the_contracts_is_refused(front_end: FrontEnd, wait: int) -> None:
    await front_end.claim()

    assert refused(await front_end.get(f"/session?wait={wait}")) == (422, "REQUEST_INVALID")


@pytest.mark.parametrize("code", ["NO_EMAIL", "CERTIFICATE_EXPIRED", "CARD_NOT_ACTIVE", "CARD_FROZEN"])
async def test_R5_R6_R63_who_may_not_unlock_is_refused_with_the_ra_before_any_code(
    front_end: FrontEnd, world: World, code: str
) -> None:
    await front_end.reach_card(world)
    world.refused_holder = Refused(code, RA)
    told = problem(await front_end.get("/session/holder"))

    assert (told["status"], told["code"]) == (409, code)
    assert told["registration_authority"]["telephone"] == RA.telephone
    assert refused(await front_end.post("/session/code-requests", {"words_match": True})) == (409, code)
    assert "issue_code" not in world.names()


async def test_R35_who_cannot_read_the_mailbox_says_so_and_is_told_whom_to_ask(
    front_end: FrontEnd, world: World
) -> None:
    await front_end.claim()
    assert refused(await front_end.post("/session/no-mailbox-reports", {})) == (409, "WRONG_STATE")
    world.change(state=State.CARD_READ, reader=Reader.CARD)
    told = (await front_end.post("/session/no-mailbox-reports", {})).json()

    assert told["error"]["code"] == "NO_MAILBOX_ACCESS"
    assert told["registration_authority"]["telephone"] == RA.telephone
    assert world.names().count("no_mailbox") == 1
    world.refused_holder = Refused("CARD_FROZEN", RA)
    assert refused(await front_end.post("/session/no-mailbox-reports", {})) == (409, "CARD_FROZEN")


async def test_R64_no_code_and_no_passcode_without_the_words(front_end: FrontEnd, world: World) -> None:
    await front_end.reach_card(world)
    answer = await front_end.post("/session/code-requests", {"words_match": False})
    assert refused(answer) == (409, "WORDS_NOT_CONFIRMED")
    assert refused(await front_end.post("/session/code-requests", {})) == (422, "REQUEST_INVALID")

    world.change(state=State.AUTHORISED)
    assert refused(await front_end.send_passcode(words_match=False)) == (409, "WORDS_NOT_CONFIRMED")
    assert not {"issue_code", "reset_pin"} & set(world.names())


async def test_R48_wrong_entries_tell_what_is_left_and_the_third_leads_to_the_ra(
    front_end: FrontEnd, world: World
) -> None:
    await front_end.reach_card(world)
    await front_end.post("/session/code-requests", {"words_match": True})
    told = [problem(await front_end.post("/session/code-entries", {"code": WRONG_CODE})) for _ in range(3)]

    assert [(each["code"], each["entries_left"]) for each in told] == [
        ("CODE_WRONG", 2),
        ("CODE_WRONG", 1),
        ("LOCKED_TO_RA", 0),
    ]
    assert told[2]["registration_authority"]["name"] == RA.name
    assert refused(await front_end.get("/session/code")) == (409, "LOCKED_TO_RA")


async def test_I9_the_same_attempt_spends_one_entry(front_end: FrontEnd, world: World) -> None:
    await front_end.reach_card(world)
    await front_end.post("/session/code-requests", {"words_match": True})
    entry = {"code": WRONG_CODE, "attempt_id": attempt()}
    left = [problem(await front_end.post("/session/code-entries", entry))["entries_left"] for _ in range(3)]

    assert left == [2, 2, 2]


async def test_I9_the_same_attempt_with_other_digits_is_judged_by_them(
    front_end: FrontEnd, world: World
) -> None:
    await front_end.reach_card(world)
    await front_end.post("/session/code-requests", {"words_match": True})
    same = attempt()
    wrong = await front_end.post("/session/code-entries", {"code": WRONG_CODE, "attempt_id": same})
    right = await front_end.post("/session/code-entries", {"code": RIGHT_CODE, "attempt_id": same})

    assert refused(wrong) == (409, "CODE_WRONG")
    assert (right.status_code, right.json()["step"]) == (200, "PASSCODE")


async def test_what_cannot_be_a_code_spends_no_entry(front_end: FrontEnd, world: World) -> None:
    await front_end.reach_card(world)

    assert refused(await front_end.post("/session/code-entries", {"code": "1234"})) == (409, "CODE_MALFORMED")
    assert "redeem_code" not in world.names()


async def test_S10_another_code_too_soon_says_from_when(front_end: FrontEnd, world: World) -> None:
    await front_end.reach_card(world)
    world.refused_code = Refused("RESEND_TOO_SOON", None, NOW + timedelta(seconds=41.5))
    answer = await front_end.post("/session/code-requests", {"words_match": True})

    assert refused(answer) == (429, "RESEND_TOO_SOON")
    assert answer.headers["retry-after"] == "42"
    assert problem(answer)["retry_at"] == "2026-11-21T10:00:41.500000Z"


async def test_no_code_was_asked_for(front_end: FrontEnd, world: World) -> None:
    await front_end.reach_card(world)

    assert refused(await front_end.get("/session/code")) == (404, "CODE_NOT_ASKED")


async def test_a_code_that_was_not_sent_says_why(front_end: FrontEnd, world: World) -> None:
    await front_end.reach_card(world)
    world.status = code_status(Delivery.NOT_SENT, delivery_reason="MAIL_REFUSED", live=False)
    told = (await front_end.get("/session/code")).json()

    assert (told["delivery"], told["error"]["code"]) == ("NOT_SENT", "MAIL_REFUSED")


@pytest.mark.parametrize(
    ("delivery", "reason", "delayed", "code"),
    [
        (Delivery.QUEUED, "", False, ""),
        (Delivery.QUEUED, "MAIL_UNREACHABLE", True, ""),
        (Delivery.DELIVERED, "", False, ""),
        (Delivery.BOUNCED, "MAILBOX_FULL", False, "MAILBOX_FULL"),
        (Delivery.BOUNCED, "", False, "MAIL_RETURNED"),
    ],
)
async def test_the_way_of_the_mail_is_told_as_it_is(
    front_end: FrontEnd, world: World, delivery: Delivery, reason: str, delayed: bool, code: str
) -> None:
    await front_end.reach_card(world)
    world.status = code_status(delivery, delivery_reason=reason)
    told = (await front_end.get("/session/code")).json()

    assert (told["delivery"], told["delayed"]) == (delivery.value, delayed)
    assert (told["error"]["code"] if told["error"] else "") == code


async def test_D1_the_receipt_is_given_once_the_log_has_the_unlock(front_end: FrontEnd, world: World) -> None:
    await front_end.claim()
    world.change(state=State.SUCCESS)
    assert refused(await front_end.get("/session/receipt")) == (404, "RECEIPT_NOT_READY")
    world.receipt = Receipt(3, 7, "c2sp.org/tlog-proof@v1\n")

    assert (await front_end.get("/session/receipt")).json() == {
        "place": 3,
        "size": 7,
        "text": "c2sp.org/tlog-proof@v1\n",
    }
    assert ("receipt", SESSION_ID) in world.calls


async def test_R2_a_change_goes_from_the_card_to_both_passcodes(front_end: FrontEnd, world: World) -> None:
    world.nudge = "NO_EMAIL"
    await front_end.reach_card(world, Reason.CHANGE)
    assert (await front_end.get("/session")).json()["step"] == "PASSCODE"
    assert (await front_end.get("/session/holder")).json()["nudge"]["code"] == "NO_EMAIL"
    assert refused(await front_end.send_passcode()) == (409, "PASSCODES_UNFIT")

    assert (await front_end.send_passcode(sealed_current=CURRENT)).status_code == 202
    assert ("change_pin", (bytes([2]) * 60, False)) in world.calls


async def test_an_unlock_takes_no_current_passcode(front_end: FrontEnd, world: World) -> None:
    await front_end.reach_passcode(world)

    assert refused(await front_end.send_passcode(sealed_current=CURRENT)) == (409, "PASSCODES_UNFIT")
    assert world.resets() == []


async def test_where_passcodes_are_typed_at_the_agent_none_is_taken(
    front_end: FrontEnd, world: World
) -> None:
    await front_end.reach_passcode(world)
    world.change(pin_at_agent=True)
    assert (await front_end.get("/session")).json()["pin_at_agent"] is True
    assert refused(await front_end.send_passcode()) == (409, "PASSCODES_UNFIT")

    assert (await front_end.send_passcode(sealed=None)).status_code == 202
    assert [sealed for _, sealed in world.resets()] == [b""]


async def test_the_last_try_is_spent_only_where_the_holder_said_so(front_end: FrontEnd, world: World) -> None:
    await front_end.reach_card(world, Reason.CHANGE)
    world.change(tries_left=1, code="CURRENT_PIN_WRONG")
    assert (await front_end.get("/session")).json()["step"] == "LAST_TRY"
    assert refused(await front_end.send_passcode(sealed_current=CURRENT)) == (409, "LAST_TRY")
    assert world.resets() == []

    answer = await front_end.send_passcode(sealed_current=CURRENT, spend_last_try=True)
    assert answer.status_code == 202
    assert ("change_pin", (bytes([2]) * 60, True)) in world.calls


async def test_R2_a_card_that_is_not_locked_goes_on_for_another_reason(
    front_end: FrontEnd, world: World
) -> None:
    await front_end.reach_card(world, objection="CARD_NOT_LOCKED")
    told = (await front_end.get("/session")).json()
    assert (told["step"], told["error"]["code"]) == ("OTHER_REASON", "CARD_NOT_LOCKED")
    assert told["offered_reasons"] == ["FORGOTTEN", "CHANGE"]
    answer = await front_end.post("/session/reasons", {"reason": "LOCKED"})
    assert refused(answer) == (409, "CARD_NOT_LOCKED")

    answer = await front_end.post("/session/reasons", {"reason": "CHANGE"})
    assert (answer.status_code, answer.json()["step"]) == (200, "PASSCODE")


async def test_a_step_that_is_not_open_is_refused_and_asks_nobody(front_end: FrontEnd, world: World) -> None:
    await front_end.claim()
    calls = [
        await front_end.get("/session/holder"),
        await front_end.get("/session/code"),
        await front_end.post("/session/code-requests", {"words_match": True}),
        await front_end.post("/session/code-entries", {"code": RIGHT_CODE}),
        await front_end.post("/session/reasons", {"reason": "CHANGE"}),
        await front_end.send_passcode(),
    ]

    assert {refused(answer) for answer in calls} == {(409, "WRONG_STATE")}
    assert set(world.names()) == {"start_session", "get_session"}


@pytest.mark.parametrize(
    ("view", "step", "code"),
    [
        ({"state": State.UNKNOWN}, "UNKNOWN", "OUTCOME_UNKNOWN"),
        ({"state": State.RESOLVED, "code": "STILL_BLOCKED"}, "STOPPED", "STILL_BLOCKED"),
        ({"state": State.RESOLVED, "resolved_success": True}, "DONE", ""),
        ({"state": State.FAILED, "code": "CARD_NOT_GENUINE"}, "STOPPED", "CARD_NOT_GENUINE"),
        ({"state": State.ABANDONED}, "STOPPED", "SESSION_ABANDONED"),
        ({"state": State.AUTHORISED, "code": "PIN_REFUSED_BY_CARD"}, "PASSCODE", "PIN_REFUSED_BY_CARD"),
        ({"reader": Reader.TWO_CARDS}, "CARD", "TWO_CARDS"),
    ],
)
async def test_R53_I7_success_is_told_only_where_the_card_said_so(
    front_end: FrontEnd, world: World, view: dict[str, object], step: str, code: str
) -> None:
    await front_end.claim()
    world.change(**view)
    told = (await front_end.get("/session")).json()

    assert (told["step"], told["error"]["code"] if told["error"] else "") == (step, code)


async def test_the_token_ends_with_the_sessions_last_page(
    front_end: FrontEnd, world: World, clock: FakeClock
) -> None:
    await front_end.claim()
    clock.advance(minutes=45 + 59, seconds=59)
    assert (await front_end.get("/session")).status_code == 200
    clock.advance(seconds=1)

    assert refused(await front_end.get("/session")) == (401, "SESSION_EXPIRED")


async def test_a_cookie_opens_no_api_and_a_token_opens_no_page(front_end: FrontEnd, visitor: Visitor) -> None:
    await visitor.reach_card()
    cookie = visitor.client.cookies[COOKIE]
    front_end.token = cookie
    assert refused(await front_end.get("/session", Cookie=f"{COOKIE}={cookie}")) == (401, "SESSION_EXPIRED")

    await front_end.claim()
    visitor.client.cookies.set(COOKIE, front_end.token, domain="unlock.example.org")
    assert (await visitor.open("/card")).url.path == "/"


async def test_the_api_sets_no_cookie(front_end: FrontEnd) -> None:
    assert "set-cookie" not in (await front_end.claim()).headers


async def test_every_error_code_is_told_in_the_catalogues_words(front_end: FrontEnd) -> None:
    told = (await front_end.get("/errors")).json()["errors"]

    assert (await front_end.get("/errors/ERR1009")).json() in told
    assert all(re.fullmatch(r"/help/errors/[A-Z0-9_]+", each["help"]) for each in told)
    assert refused(await front_end.get("/errors/NOTHING")) == (404, "PAGE_NOT_FOUND")
    assert refused(await front_end.get("/errors/%0A")) == (404, "PAGE_NOT_FOUND")
    assert refused(await front_end.get("")) == (404, "PAGE_NOT_FOUND")


async def test_D2_the_document_is_served_as_it_is_kept(front_end: FrontEnd) -> None:
    answer = await front_end.get("/openapi.json")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == json.loads((ROOT / "docs/openapi.json").read_text())


async def test_R37_a_registration_authority_is_found_by_roughly_its_name(
    front_end: FrontEnd, world: World
) -> None:
    told = (await front_end.get("/registration-authorities?organisation= tset+trust ")).json()

    assert told["registration_authorities"][0]["telephone"] == RA.telephone
    assert ("find_ra", "tset trust") in world.calls


async def test_R37_a_search_for_nothing_asks_nobody(front_end: FrontEnd, world: World) -> None:
    for search in ("", "?organisation=", "?organisation=+", f"?organisation={'a' * 101}"):
        answer = await front_end.get(f"/registration-authorities{search}")
        assert refused(answer) == (422, "REQUEST_INVALID")
    assert world.names() == []


async def test_an_address_may_search_60_times_a_minute(front_end: FrontEnd) -> None:
    answers = [await front_end.get("/registration-authorities?organisation=trust") for _ in range(61)]

    assert [answer.status_code for answer in answers[:60]] == [200] * 60
    assert refused(answers[60]) == (429, "TOO_MANY_SEARCHES")


async def test_a_code_names_the_network_it_was_asked_from_and_the_card(
    front_end: FrontEnd, world: World
) -> None:
    await front_end.reach_card(world)
    await front_end.post("/session/code-requests", {"words_match": True})

    assert world.asked
    assert (world.asked.client_address, world.asked.card_last_four) == ("127.0.0.1", "4F2A")


async def test_R33_the_approved_domains_are_told_with_those_of_an_organisation(
    front_end: FrontEnd, world: World
) -> None:
    told = (await front_end.get("/approved-domains?organisation=t01")).json()

    assert [each["domain"] for each in told["for_all"]] == [each.domain for each in world.approved.for_all]
    assert ("approved_domains", "T01") in world.calls


async def test_S55_what_cannot_be_an_organisations_code_is_not_asked_for(
    front_end: FrontEnd, visitor: Visitor, world: World
) -> None:
    for typed in ("%00", "T%2001", "T%0a01", "%C3%9F" * 16, "A" * 17):
        answer = await front_end.get(f"/approved-domains?organisation={typed}")
        assert refused(answer) == (422, "REQUEST_INVALID")
        assert (await visitor.open(f"/help/approved-domains?organisation={typed}")).status_code == 200

    assert {what for name, what in world.calls if name == "approved_domains"} == {""}
