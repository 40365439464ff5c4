"""What the pages refuse, and what stands in every answer. Quality S14 to S22, S42."""

import re
from datetime import timedelta

import grpc
import httpx
import pytest

from services.runtime import errors
from services.web.domain.errors import CATALOGUE
from services.web.domain.journey import Journey, State
from services.web.ports import Refused, RegistrationAuthority
from services.web.routes import PAGES
from services.web.security import client_address
from services.web.sessions import COOKIE, CookieSealer
from services.web.visit import Stop
from tests.fakes.clock import FakeClock
from tests.fakes.web_peers import ADDRESS_TOKEN, CLAIM, NOW, SESSION_ID, World
from tests.unit.web.conftest import ORIGIN, Visitor, hidden_fields

OURS = {"Sec-Fetch-Site": "same-origin"}
FORM = "application/x-www-form-urlencoded"


def assert_protected(answer: httpx.Response) -> None:
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert re.search(r"script-src 'self' 'nonce-[A-Za-z0-9_-]{22}';", policy)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert "no-store" in answer.headers["cache-control"] or "immutable" in answer.headers["cache-control"]
    assert "server" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [path for path, _, _ in PAGES if "{" not in path]
    + ["/nothing-here", "/assets/images/favicon.svg", "/assets/nothing.js", "/open/short", "/health/live"],
)
async def test_S17_headers_stand_on_every_answer(visitor: Visitor, path: str) -> None:
    visitor.client.follow_redirects = False

    assert_protected(await visitor.open(path))


async def test_S17_headers_stand_on_static_files_too(visitor: Visitor) -> None:
    page = await visitor.open("/")
    for path in re.findall(r'(?:href|src)="(/assets/page-[^"]+)"', page.text):
        answer = await visitor.client.get(path)
        assert answer.status_code == 200
        assert_protected(answer)
        assert "immutable" in answer.headers["cache-control"]


async def test_S18_each_answer_has_a_nonce_of_its_own(visitor: Visitor) -> None:
    nonces = {re.findall(r'nonce="([^"]+)"', (await visitor.open("/")).text)[0] for _ in range(3)}

    assert len(nonces) == 3


async def test_nothing_is_loaded_from_another_host(visitor: Visitor, world: World) -> None:
    for path in ("/", "/reason", "/help/errors", "/saved-hours"):
        page = await visitor.open(path)
        assert re.findall(r'<(?:script|img|link|iframe)[^>]+(?:src|href)="(?:https?:)?//', page.text) == []


async def test_S14_the_cookie_is_for_this_host_and_no_script(visitor: Visitor) -> None:
    header = (await visitor.open("/reason")).headers["set-cookie"]

    assert header.startswith("__Host-unlock=")
    assert all(word in header for word in ("Path=/", "Secure", "HttpOnly", "SameSite=Strict"))
    assert "Domain" not in header


async def test_S14_the_cookie_tells_nothing_and_takes_no_change(
    visitor: Visitor, sealer: CookieSealer, world: World
) -> None:
    await visitor.reach_card()
    value = visitor.client.cookies[COOKIE]
    assert CLAIM not in value
    assert SESSION_ID not in value
    for place in range(0, len(value), 7):
        changed = value[:place] + ("A" if value[place] != "A" else "B") + value[place + 1 :]
        assert sealer.open(changed, NOW) is None


@pytest.mark.parametrize("value", ["", "A", "é", "A" * 5000, "{}", "=" * 60])
def test_S55_what_was_never_sealed_opens_as_nothing(sealer: CookieSealer, value: str) -> None:
    assert sealer.open(value, NOW) is None


def test_a_cookie_ends_with_its_journey(sealer: CookieSealer) -> None:
    journey = Journey(ends_at=NOW + timedelta(minutes=45), csrf="c", attempt_id="a")
    sealed = sealer.seal(journey)

    assert sealer.open(sealed, journey.ends_at - timedelta(microseconds=1)) == journey
    assert sealer.open(sealed, journey.ends_at) is None


async def test_S14_each_step_up_renews_cookie_and_form_token(visitor: Visitor, world: World) -> None:
    tokens = []
    await visitor.open(f"/open/{ADDRESS_TOKEN}")
    tokens.append(hidden_fields(visitor.page.text)["csrf"])
    await visitor.submit("/reason", reason="LOCKED")
    world.change(state=State.CARD_READ)
    tokens.append(hidden_fields((await visitor.open("/address")).text)["csrf"])
    await visitor.submit("/address", words_match="yes")
    await visitor.submit("/code", code="41963075")
    tokens.append(hidden_fields((await visitor.open("/passcode")).text)["csrf"])

    assert len(set(tokens)) == 3


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example.org"},
        {"Origin": "https://evil.example.org", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_S15_a_form_from_elsewhere_is_refused(
    visitor: Visitor, world: World, headers: dict[str, str]
) -> None:
    await visitor.open("/reason")
    fields = {**hidden_fields(visitor.page.text), "reason": "LOCKED"}
    visitor.page = await visitor.client.post("/reason", data=fields, headers=headers)

    assert visitor.page.status_code == 403
    assert visitor.error_code() == "REQUEST_REFUSED"


@pytest.mark.parametrize("headers", [OURS, {"Origin": ORIGIN}, {**OURS, "Origin": ORIGIN}])
async def test_S15_a_form_of_ours_needs_its_token_as_well(
    visitor: Visitor, world: World, headers: dict[str, str]
) -> None:
    await visitor.open("/reason")
    fields = {**hidden_fields(visitor.page.text), "reason": "LOCKED"}
    for wrong in ("", "x" * 43):
        answer = await visitor.client.post("/reason", data={**fields, "csrf": wrong}, headers=headers)
        assert answer.status_code == 403
    answer = await visitor.client.post("/reason", data=fields, headers=headers)

    assert answer.status_code == 200
    assert answer.url.path == "/pair"


async def test_a_form_without_a_cookie_says_start_again(visitor: Visitor) -> None:
    visitor.page = await visitor.client.post("/code", data={"code": "1"}, headers=OURS)

    assert visitor.error_code() == "SESSION_EXPIRED"


async def test_a_link_from_another_site_opens_no_session(visitor: Visitor, world: World) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    visitor.page = await visitor.client.get(f"/open/{ADDRESS_TOKEN}", headers=headers)

    assert visitor.error_code() == "OPENED_FROM_ELSEWHERE"
    await visitor.submit("/reason", page=(await visitor.client.get("/reason")).text, reason="LOCKED")
    assert visitor.at() == "/pair"


@pytest.mark.parametrize("path", ["/freeze/" + "t" * 22, "/sign-in", "/reason"])
async def test_F30_a_link_out_of_a_mail_leaves_an_unlock_under_way_as_it_is(
    visitor: Visitor, world: World, path: str
) -> None:
    await visitor.reach_card()
    kept = dict(visitor.client.cookies)
    visitor.client.cookies.clear()  # SameSite=Strict: the browser keeps it to itself
    page = await visitor.client.get(path, headers={"Sec-Fetch-Site": "cross-site"})

    assert (page.status_code, "set-cookie" in page.headers) == (200, False)
    assert f'<meta http-equiv="refresh" content="0; url={path}">' in page.text
    visitor.client.cookies.update(kept)
    page = await visitor.client.get(path, headers=OURS)
    assert "<form" in page.text
    assert (await visitor.open("/card")).url.path == "/card"


async def test_S19_the_agents_token_leaves_the_address_at_once(visitor: Visitor) -> None:
    page = await visitor.open(f"/open/{ADDRESS_TOKEN}")

    assert [answer.status_code for answer in page.history] == [303]
    assert ADDRESS_TOKEN not in str(page.url)
    assert ADDRESS_TOKEN not in page.text


async def test_S42_a_body_over_16_KiB_is_refused(visitor: Visitor, world: World) -> None:
    await visitor.open("/reason")
    fields = {**hidden_fields(visitor.page.text), "reason": "L" * 16 * 1024}
    visitor.page = await visitor.client.post("/reason", data=fields, headers=OURS)

    assert visitor.page.status_code == 413
    assert visitor.error_code() == "REQUEST_TOO_LARGE"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{}", "application/json"),
        (b"reason=LOCKED", "text/plain"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"a=1&" * 50, FORM),
        (b"\xff\xfe=\x00", FORM),
    ],
)
async def test_other_bodies_are_refused(visitor: Visitor, body: bytes, kind: str) -> None:
    await visitor.open("/reason")
    headers = {**OURS, "Content-Type": kind}
    visitor.page = await visitor.client.post("/reason", content=body, headers=headers)

    assert visitor.page.status_code in {400, 403, 415}
    assert visitor.error_code() == "REQUEST_REFUSED"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_other_methods_have_a_page(visitor: Visitor, method: str) -> None:
    visitor.page = await visitor.client.request(method, "/reason")

    assert visitor.page.status_code == 405
    assert visitor.error_code() == "METHOD_NOT_ALLOWED"


async def test_an_unknown_address_has_a_page(visitor: Visitor) -> None:
    page = await visitor.open("/selfservicewebapp/elsewhere")

    assert page.status_code == 404
    assert visitor.error_code() == "PAGE_NOT_FOUND"


FAILURES: list[tuple[Exception, int, str]] = [
    (errors.unavailable(), 503, "SERVICE_UNAVAILABLE"),
    (
        errors.ServiceError("DEADLINE_EXCEEDED", grpc.StatusCode.DEADLINE_EXCEEDED),
        504,
        "DEADLINE_EXCEEDED",
    ),
    (errors.internal(), 500, "INTERNAL"),
    (errors.invalid("SOMETHING_NEW"), 500, "INTERNAL"),
    (errors.not_found("SESSION_UNKNOWN"), 410, "SESSION_EXPIRED"),
    (errors.unauthenticated("GRANT_REFUSED"), 403, "GRANT_REFUSED"),
    (RuntimeError("secret text 41963075"), 500, "INTERNAL"),
    (KeyError("x"), 500, "INTERNAL"),
    (ZeroDivisionError(), 500, "INTERNAL"),
    (TimeoutError(), 500, "INTERNAL"),
    (ConnectionResetError(), 500, "INTERNAL"),
    (MemoryError(), 500, "INTERNAL"),
    (RecursionError(), 500, "INTERNAL"),
    (UnicodeDecodeError("utf-8", b"", 0, 1, "x"), 500, "INTERNAL"),
    (Stop("LOCKED_TO_RA"), 200, "LOCKED_TO_RA"),
]


@pytest.mark.parametrize(("failure", "status", "code"), FAILURES, ids=lambda value: str(value)[:30])
async def test_S21_every_exception_is_a_page_with_a_code(
    visitor: Visitor,
    world: World,
    failure: Exception,
    status: int,
    code: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await visitor.reach_card()
    world.failure["get_session"] = failure
    page = await visitor.open("/card")

    assert page.status_code == status
    assert visitor.error_code() == code
    assert "Traceback" not in page.text
    said = capsys.readouterr()
    assert "41963075" not in page.text + said.out + said.err


async def test_S21_a_page_that_cannot_even_be_drawn_is_not_blank(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise RuntimeError("template")

    monkeypatch.setattr("services.web.visit.Visit.html", broken)
    page = await visitor.open("/help/errors")

    assert page.status_code == 500
    assert visitor.error_code() == "INTERNAL"
    assert_protected(page)


async def test_F31_many_slow_calls_make_no_page_slower_than_5_seconds(
    visitor: Visitor, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.web.answers.PAGE_SECONDS", 0.05)
    await visitor.reach_card()
    world.pause = 0.03
    world.change(state=State.CARD_READ)
    visitor.page = await visitor.client.get("/address")

    assert visitor.page.status_code == 504
    assert visitor.error_code() == "DEADLINE_EXCEEDED"


async def test_S43_over_the_limit_a_browser_is_told_to_come_back(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.web.edge.MOST_OPEN_REQUESTS", 0)
    page = await visitor.open("/")

    assert page.status_code == 503
    assert page.headers["retry-after"] == "30"
    assert visitor.error_code() == "SERVICE_UNAVAILABLE"
    assert_protected(page)


async def test_pages_without_a_form_leave_no_cookie(visitor: Visitor) -> None:
    for path in ("/", "/help/errors", "/saved-hours", "/nothing", "/health/live"):
        assert "set-cookie" not in (await visitor.open(path)).headers


async def test_R14_every_page_quotes_a_reference_and_a_way_to_report(visitor: Visitor) -> None:
    page = await visitor.open("/help/errors")
    references = re.findall(r'https://support\.example\.org/new\?reference=([0-9a-f]{32})"', page.text)

    assert len(references) == 1
    assert page.text.count(references[0]) == 2


async def test_R46_R27_old_bookmarks_are_redirected_for_good(visitor: Visitor) -> None:
    visitor.client.follow_redirects = False
    answer = await visitor.open("/selfservicewebapp/unlockCardStart")

    assert answer.status_code == 301
    assert answer.headers["location"] == "/"


async def test_R29_both_published_figures_stand_beside_what_was_saved(visitor: Visitor) -> None:
    page = await visitor.open("/saved-hours")

    assert 'id="saved-minutes">40<' in page.text
    assert "16,000 hours" in page.text
    assert "10,000 hours" in page.text


HOSTILE = '"><script>alert(1)</script>'


async def test_words_of_other_processes_are_never_markup(visitor: Visitor, world: World) -> None:
    await visitor.reach_card()
    world.change(state=State.CARD_READ, last_four=HOSTILE, words=(HOSTILE,) * 3, code=HOSTILE)
    world.refused_holder = Refused("NO_EMAIL", RegistrationAuthority(HOSTILE, HOSTILE, HOSTILE, HOSTILE))
    pages = [await visitor.open("/address")]
    world.refused_holder = None
    pages.append(await visitor.open("/address"))
    for state in (State.ATTACHED, State.AUTHORISED, State.PROVING, State.FAILED):
        world.change(state=state)
        pages.append(await visitor.open("/card"))
    pages.append(await visitor.client.get(f"/help/errors/{HOSTILE}"))

    assert not any("<script>alert" in page.text for page in pages)


@pytest.mark.parametrize("code", sorted(CATALOGUE))
async def test_R10_R13_every_code_has_a_help_page(visitor: Visitor, code: str) -> None:
    page = await visitor.open(f"/help/errors/{code}")

    assert page.status_code == 200
    assert CATALOGUE[code].title in page.text.replace("&#39;", "'")
    assert "What to do" in page.text


async def test_no_redirect_leads_elsewhere(visitor: Visitor, clock: FakeClock) -> None:
    visitor.client.follow_redirects = False
    for path in ("//evil.example.org", "/open/https://evil.example.org", "/card?next=//evil.example.org"):
        answer = await visitor.client.get(f"{ORIGIN}{path}")
        location = answer.headers.get("location", "/")
        assert location.startswith("/")
        assert not location.startswith("//")


@pytest.mark.parametrize(
    ("forwarded", "hops", "found"),
    [
        ("", 0, "192.0.2.1"),
        ("203.0.113.9", 0, "192.0.2.1"),
        ("203.0.113.9", 1, "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", 1, "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.0.0.1", 2, "203.0.113.9"),
        ("", 1, "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", 1, "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", 1, "2001:db8:1:2::/64"),
        ("fe80::1%eth0", 1, "fe80::/64"),
        ("::ffff:203.0.113.9", 1, "203.0.113.9"),
        ("unknown", 1, "unknown"),
    ],
)
def test_S54_only_trusted_hops_tell_the_browsers_address(forwarded: str, hops: int, found: str) -> None:
    assert client_address({"type": "http", "client": ("192.0.2.1", 5)}, forwarded, hops) == found
