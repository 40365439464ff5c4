"""What the JSON API refuses, and what every refusal says. RFC 9457; quality S1, S14 to S22, S42."""

import json
import re
from pathlib import Path

import grpc
import httpx
import pytest
from jinja2 import Environment
from starlette.types import ASGIApp

from services.runtime import errors
from services.web.domain.errors import CATALOGUE
from services.web.domain.journey import State
from services.web.ports import Refused
from services.web.routes import build_app
from services.web.sessions import CookieSealer
from services.web.settings import WebSettings
from services.web.visit import House, Peers
from tests.fakes.clock import FakeClock
from tests.fakes.randomness import SeededRandomness
from tests.fakes.web_peers import (
    ADDRESS_TOKEN,
    CLAIM,
    PAIRING_CODE,
    RA,
    RIGHT_CODE,
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
from tests.unit.web.conftest import ORIGIN, web_settings
from tests.unit.web.front_end import API, SEALED, FrontEnd, attempt, problem, refused
from tests.unit.web.test_security import FAILURES, assert_protected

OTHER_SITE = "https://front-end.example.org"
JSON = {"Content-Type": "application/json"}
CALLS = {
    "/session": None,
    "/session/holder": None,
    "/session/code": None,
    "/session/receipt": None,
    "/session/reasons": {"reason": "CHANGE"},
    "/session/code-requests": {"words_match": True},
    "/session/no-mailbox-reports": {},
    "/session/code-entries": {"code": "41963075"},
    "/session/passcodes": {"words_match": True, "sealed": SEALED},
}
"""Every call that needs a session, with a body that keeps the contract."""


async def call(front_end: FrontEnd, path: str) -> httpx.Response:
    body = CALLS[path]
    return await (front_end.get(path) if body is None else front_end.post(path, body))


async def test_every_refusal_is_problem_details_with_a_code_of_the_catalogue(front_end: FrontEnd) -> None:
    told = problem(await front_end.post("/sessions", {"pairing_code": "ABCDEFGHJK", "reason": "LOCKED"}))

    entry = CATALOGUE["PAIRING_UNKNOWN"]
    assert told["type"] == f"{ORIGIN}/help/errors/PAIRING_UNKNOWN"
    assert (told["title"], told["detail"]) == (entry.title, entry.happened)
    assert (told["next_step"], told["ask"]) == (entry.next_step, entry.ask.value)
    assert re.fullmatch(r"[0-9a-f]{32}", told["reference"])
    assert (await front_end.client.get(told["type"])).status_code == 200


async def test_S17_headers_stand_on_every_answer_of_the_api(front_end: FrontEnd) -> None:
    for answer in (await front_end.claim(), await front_end.get("/nothing"), await front_end.get("/errors")):
        assert_protected(answer)
        assert answer.headers["cache-control"] == "no-store"


def tokens(front_end: FrontEnd, sealer: CookieSealer) -> list[str]:
    """None, random ones, one that was changed, and a cookie where a token should be."""
    changed = front_end.token[:-2] + ("AA" if front_end.token[-2:] != "AA" else "BB")
    journey = sealer.for_tokens().open(front_end.token, FakeClock().now())
    assert journey
    foreign = CookieSealer(bytes(32), SeededRandomness(3)).for_tokens().seal(journey)
    return ["", "A", "A" * 300, changed, foreign, sealer.seal(journey)]


@pytest.mark.parametrize("path", CALLS)
async def test_S1_without_a_session_every_call_answers_the_same_bytes_whatever_exists(
    front_end: FrontEnd, world: World, sealer: CookieSealer, path: str
) -> None:
    await front_end.reach_card(world)
    seen = set()
    for token in tokens(front_end, sealer):
        for refusal in (None, Refused("NO_EMAIL", RA), Refused("CARD_NOT_ACTIVE", RA)):
            for state in (State.CARD_READ, State.AUTHORISED, State.SUCCESS):
                world.change(state=state)
                world.refused_holder = refusal
                front_end.token = token
                before = len(world.calls)
                answer = await call(front_end, path)
                assert len(world.calls) == before  # nobody was even asked
                seen.add((answer.status_code, without_reference(answer), headers_of(answer)))

    assert [status for status, _, _ in seen] == [401]


async def test_S1_a_session_that_is_not_there_answers_as_no_session(
    front_end: FrontEnd, world: World, sealer: CookieSealer
) -> None:
    nobody = await front_end.get("/session")
    await front_end.claim()
    world.failure["get_session"] = errors.not_found("SESSION_UNKNOWN")
    gone = await front_end.get("/session")

    assert (gone.status_code, without_reference(gone)) == (nobody.status_code, without_reference(nobody))
    assert headers_of(gone) == headers_of(nobody)


def without_reference(answer: httpx.Response) -> bytes:
    """The body; the one thing in it that is new each time, of one length always, left out."""
    body, count = re.subn(rb'"reference":"[0-9a-f]{32}"', b"", answer.content)
    assert count == 1
    return body


def headers_of(answer: httpx.Response) -> tuple[tuple[str, str], ...]:
    """The headers, without the nonce of the content policy."""
    return tuple((name, re.sub(r"nonce-[\w-]+", "", value)) for name, value in answer.headers.items())


@pytest.mark.parametrize("path", ["/sessions", *[path for path, body in CALLS.items() if body]])
async def test_an_unknown_field_is_refused_by_its_name(front_end: FrontEnd, world: World, path: str) -> None:
    await front_end.claim()
    body = CALLS.get(path) or {"pairing_code": PAIRING_CODE, "reason": "LOCKED"}
    told = problem(await front_end.post(path, {**body, "pin": "739162"}))

    assert (told["status"], told["code"]) == (422, "REQUEST_INVALID")
    assert told["fields"] == [
        {"where": "body", "field": "pin", "message": "This field is unknown. Leave it out."}
    ]


@pytest.mark.parametrize("path", ["/session?sinc=1", "/errors?page=2", "/session/holder?pin=739162"])
async def test_an_unknown_name_in_the_address_is_refused_by_its_name(front_end: FrontEnd, path: str) -> None:
    await front_end.claim()
    told = problem(await front_end.get(path))

    assert (told["status"], told["code"]) == (422, "REQUEST_INVALID")
    assert told["fields"][0]["where"] == "query"
    assert told["fields"][0]["field"] in {"sinc", "page", "pin"}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"reason": "STOLEN"}, ["reason"]),
        ({"reason": None}, ["reason"]),
        ({"attempt_id": "1"}, ["attempt_id"]),
        ({"attempt_id": "01930000-0000-7000-8000-00000000000B"}, ["attempt_id"]),
        ({"pairing_code": "12"}, ["pairing_code"]),
        ({"pairing_code": "1234567é"}, ["pairing_code"]),
        ({"pairing_code": 12345678}, ["pairing_code"]),
        ({"address_token": ADDRESS_TOKEN}, [""]),
        ({"address_token": "short", "pairing_code": 1}, ["pairing_code", "address_token"]),
    ],
)
async def test_a_malformed_field_is_named_and_never_told_back(
    front_end: FrontEnd, world: World, fields: dict[str, object], named: list[str]
) -> None:
    answer = await front_end.post("/sessions", {"pairing_code": PAIRING_CODE, "reason": "LOCKED", **fields})

    assert refused(answer) == (422, "REQUEST_INVALID")
    assert [each["field"] for each in problem(answer)["fields"]] == named
    assert PAIRING_CODE not in answer.text
    assert world.names() == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 9000, b"\xff\xfe", b'{"a": NaN', b"9" * 9000, b'"' + b"a" * 9000]
)
async def test_what_is_no_json_is_refused(front_end: FrontEnd, body: bytes) -> None:
    answer = await front_end.client.post(f"{API}/sessions", content=body, headers=JSON)

    assert refused(answer)[1] == "REQUEST_INVALID"
    assert answer.status_code in {400, 422}


@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"1", b'{"a":1,"a":2}', b'{"\\ud800":"\\ud800"}'])
async def test_what_is_no_object_of_the_contract_is_refused(front_end: FrontEnd, body: bytes) -> None:
    answer = await front_end.client.post(f"{API}/sessions", content=body, headers=JSON)

    assert refused(answer) == (422, "REQUEST_INVALID")


@pytest.mark.parametrize("chunked", [False, True])
async def test_S42_a_body_over_16_KiB_is_refused_and_one_of_16_KiB_is_read(
    front_end: FrontEnd, chunked: bool
) -> None:
    for size, code in ((16 * 1024, "REQUEST_INVALID"), (16 * 1024 + 1, "REQUEST_TOO_LARGE")):
        body = json.dumps({"x": "a" * size})[:size].encode()
        content = in_pieces(body) if chunked else body
        answer = await front_end.client.post(f"{API}/sessions", content=content, headers=JSON)
        assert refused(answer)[1] == code
    assert answer.status_code == 413


async def in_pieces(body: bytes):  # type: ignore[no-untyped-def]
    for place in range(0, len(body), 1000):
        yield body[place : place + 1000]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json-seq"},
        {"Content-Type": "application/json; charset=utf-16"},
        {**JSON, "Content-Encoding": "gzip"},
    ],
)
async def test_415_what_is_not_json_is_not_read(front_end: FrontEnd, headers: dict[str, str]) -> None:
    body = json.dumps({"pairing_code": PAIRING_CODE, "reason": "LOCKED", "attempt_id": attempt()}).encode()
    answer = await front_end.client.post(f"{API}/sessions", content=body, headers=headers)

    assert refused(answer) == (415, "MEDIA_TYPE_UNSUPPORTED")


async def test_json_with_its_charset_named_is_read(front_end: FrontEnd) -> None:
    headers = {"Content-Type": 'Application/JSON; charset="UTF-8"'}
    assert (await front_end.post("/session/reasons", {}, **headers)).status_code == 401


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("", 200),
        ("*/*", 200),
        ("application/json", 200),
        ("text/html, application/*;q=0.1", 200),
        ("application/problem+json", 200),
        ("text/html", 406),
        ("application/json;q=0", 406),
        ("application/xml, text/*", 406),
    ],
)
async def test_406_who_accepts_no_json_is_told_so(front_end: FrontEnd, accept: str, status: int) -> None:
    answer = await front_end.get("/errors", Accept=accept)

    assert answer.status_code == status
    if status == 406:
        assert refused(answer) == (406, "NOT_ACCEPTABLE")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD"])
async def test_405_other_methods_are_refused_and_the_right_one_is_named(
    front_end: FrontEnd, method: str
) -> None:
    answer = await front_end.client.request(method, f"{API}/sessions")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    if method != "HEAD":
        assert refused(answer) == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("path", ["/nothing", "/", "/sessions/", "/session/../session", "/errors/a/b"])
async def test_404_an_unknown_address_is_a_problem_too(front_end: FrontEnd, path: str) -> None:
    assert refused(await front_end.get(path))[0] in {401, 404}


@pytest.mark.parametrize(("failure", "status", "code"), FAILURES, ids=lambda value: str(value)[:30])
async def test_S21_every_exception_is_a_problem_with_a_code(
    front_end: FrontEnd,
    world: World,
    failure: Exception,
    status: int,
    code: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await front_end.claim()
    world.failure["get_session"] = failure
    answer = await front_end.get("/session")

    expected = {410: 401, 200: 409}.get(status, status)  # no page to show: the status says it
    assert refused(answer) == (expected, code)
    said = capsys.readouterr()
    assert "41963075" not in answer.text + said.out + said.err
    assert "Traceback" not in answer.text


async def test_I12_nothing_that_opens_a_session_or_a_card_stands_in_the_log(
    front_end: FrontEnd, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await front_end.reach_passcode(world)
    await front_end.send_passcode()
    for path in CALLS:
        await call(front_end, path)
    await front_end.post("/session/code-entries", {"code": RIGHT_CODE, "pin": "739162"})
    await front_end.get(f"/session?token={front_end.token}")

    said = capsys.readouterr()
    logged = said.out + said.err
    assert "path=/session/passcodes" in logged
    for secret in (front_end.token, SEALED, RIGHT_CODE, PAIRING_CODE, CLAIM, "739162", RA.email):
        assert secret not in logged


async def test_a_call_that_another_process_finds_malformed_is_the_callers_to_mend(
    front_end: FrontEnd, world: World
) -> None:
    await front_end.reach_card(world)
    world.failure["change_reason"] = errors.invalid()
    answer = await front_end.post("/session/reasons", {"reason": "CHANGE"})

    assert refused(answer) == (422, "REQUEST_INVALID")


async def test_a_part_that_is_away_says_when_to_come_back(front_end: FrontEnd, world: World) -> None:
    await front_end.claim()
    world.failure["get_session"] = errors.ServiceError("X", grpc.StatusCode.UNAVAILABLE, retry_after=7)

    assert (await front_end.get("/session")).headers["retry-after"] == "7"


async def test_F31_many_slow_calls_make_no_answer_slower_than_5_seconds(
    front_end: FrontEnd, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.web.answers.PAGE_SECONDS", 0.05)
    await front_end.claim()
    world.pause = 0.1

    assert refused(await front_end.get("/session")) == (504, "DEADLINE_EXCEEDED")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": OTHER_SITE},
        {"Origin": OTHER_SITE, "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null"},
        {"Origin": f"{ORIGIN}.evil.example.org"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_S15_a_page_of_another_website_claims_nothing(
    front_end: FrontEnd, world: World, headers: dict[str, str]
) -> None:
    answer = await front_end.post("/sessions", {"pairing_code": PAIRING_CODE, "reason": "LOCKED"}, **headers)

    assert refused(answer) == (403, "ORIGIN_NOT_ALLOWED")
    assert "access-control-allow-origin" not in answer.headers
    assert world.names() == []


async def test_S15_by_default_no_website_gets_leave_to_call(front_end: FrontEnd) -> None:
    answer = await preflight(front_end.client)

    assert refused(answer) == (403, "ORIGIN_NOT_ALLOWED")
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("headers", [{"Origin": ORIGIN}, {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}])
async def test_our_own_origin_may_call(front_end: FrontEnd, headers: dict[str, str]) -> None:
    answer = await front_end.post("/sessions", {"pairing_code": PAIRING_CODE, "reason": "LOCKED"}, **headers)

    assert answer.status_code == 201


async def preflight(client: httpx.AsyncClient) -> httpx.Response:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    return await client.options(f"{API}/session/reasons", headers={"Origin": OTHER_SITE, **asked})


@pytest.fixture
def listed(
    world: World, clock: FakeClock, sealer: CookieSealer, templates: Environment, tmp_path: Path
) -> ASGIApp:
    """The application with one website on its list."""
    chosen = web_settings(tmp_path).model_copy(update={"API_ALLOWED_ORIGINS": OTHER_SITE})
    peers = Peers(
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
    return build_app(House(peers, chosen, clock, SeededRandomness(), templates), sealer)


async def test_a_listed_website_may_call_with_a_token_and_never_with_cookies(listed: ASGIApp) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(listed), base_url=ORIGIN) as client:
        asked, front_end = await preflight(client), FrontEnd(client)
        claimed = {"pairing_code": PAIRING_CODE, "reason": "LOCKED"}
        answers = [
            await front_end.post("/sessions", claimed, Origin=OTHER_SITE),
            await front_end.get("/session", Origin=OTHER_SITE),
        ]

    assert asked.status_code == 200
    assert "Authorization" in asked.headers["access-control-allow-headers"]
    assert [answer.status_code for answer in answers] == [201, 401]
    for answer in (asked, *answers):
        assert answer.headers["access-control-allow-origin"] == OTHER_SITE
        assert "access-control-allow-credentials" not in answer.headers


async def test_a_website_beside_the_listed_one_may_not_call(listed: ASGIApp) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(listed), base_url=ORIGIN) as client:
        answer = await FrontEnd(client).get("/errors", Origin="https://evil.example.org")

    assert refused(answer) == (403, "ORIGIN_NOT_ALLOWED")


@pytest.mark.parametrize(
    "origins", ["*", "http://front-end.example.org", f"{OTHER_SITE}/", f"{OTHER_SITE}, {ORIGIN}", "null"]
)
def test_a_list_of_websites_that_is_not_safe_is_refused(tmp_path: Path, origins: str) -> None:
    fields = web_settings(tmp_path).model_dump() | {"API_ALLOWED_ORIGINS": origins}

    with pytest.raises(ValueError, match="API_ALLOWED_ORIGINS"):
        WebSettings(**fields)
