"""Help for three audiences: dated, linked, without login and JavaScript. R14, R23, R28, R33, R38, R47."""

import re
from datetime import date
from xml.etree import ElementTree

import pytest

from services.web import help_dates
from services.web.domain.errors import CATALOGUE, GROUPS
from services.web.domain.guides import GUIDES, OLD_SERVICE, REDIRECTS
from services.web.pages.guides import WORKSTATION
from services.web.ports import ApprovedDomain, ApprovedDomains
from tests.fakes.web_peers import World
from tests.unit.web.conftest import ORIGIN, Visitor
from tests.unit.web.test_find_ra import main_part

STANDING = ["/help", *(guide.path for guide in GUIDES), "/help/approved-domains"]
AUDIENCES = ["/help/holders", "/help/registration-authorities", "/help/it-teams"]
TODAY = date(2031, 5, 17)


@pytest.mark.parametrize("path", STANDING)
async def test_R38_R62_a_page_of_help_opens_without_login_and_says_when_it_was_edited(
    visitor: Visitor, path: str
) -> None:
    page = await visitor.open(path)

    [edited] = re.findall(r'Last edited: <time datetime="([\d-]+)">', page.text)
    assert page.status_code == 200
    assert date(2026, 11, 26) <= date.fromisoformat(edited)


@pytest.mark.parametrize("code", ["ERR1009", "PR20002", "NO_EMAIL"])
async def test_R62_the_page_of_a_code_says_when_it_was_edited(visitor: Visitor, code: str) -> None:
    assert "Last edited: <time" in (await visitor.open(f"/help/errors/{code}")).text


def test_R62_no_page_says_something_else_than_on_the_date_it_bears() -> None:
    now = {name: help_dates.digest(text) for name, text in help_dates.texts_of_pages().items()}
    written = {name: mark for name, (_, mark) in help_dates.written_down().items()}

    assert written == now, "run: python -m services.web dates"


def test_R62_only_what_was_edited_gets_a_new_date() -> None:
    before = help_dates.edited_since({}, date(2026, 11, 26))
    changed = before | {"holders.jinja": ("2026-11-26", 1)}
    del changed["errors/ERR1009"]

    after = help_dates.edited_since(changed, TODAY)

    assert {name for name, (on, _) in after.items() if on == TODAY.isoformat()} == {
        "holders.jinja",
        "errors/ERR1009",
    }
    assert after.keys() == before.keys()


async def test_R38_help_leads_to_every_guide(visitor: Visitor) -> None:
    text = (await visitor.open("/help")).text

    assert all(
        f'href="{path}"' in main_part(text) for path in [*(guide.path for guide in GUIDES), "/find-ra"]
    )
    assert 'href="/help"' in (await visitor.open("/")).text


@pytest.mark.parametrize("path", STANDING)
async def test_R38_no_link_of_a_guide_leads_nowhere(visitor: Visitor, path: str) -> None:
    found = set(re.findall(r'(?:href|src)="(/[^"#]*)"', main_part((await visitor.open(path)).text)))

    for link in sorted(found):
        assert (await visitor.client.get(link)).status_code == 200, link


@pytest.mark.parametrize("path", AUDIENCES)
async def test_R14_every_guide_names_the_way_to_report_with_the_reference(
    visitor: Visitor, path: str
) -> None:
    text = (await visitor.open(path)).text

    [reference] = re.findall(r'when you report a problem: <span class="app-code">(\w+)</span>', text)
    assert f'href="https://support.example.org/new?reference={reference}"' in main_part(text)


@pytest.mark.parametrize("path", ["/help/registration-authorities", "/help/handout"])
async def test_R23_R24_the_address_to_give_to_new_holders_is_on_the_page(visitor: Visitor, path: str) -> None:
    assert ORIGIN.removeprefix("https://") in main_part((await visitor.open(path)).text)


async def test_R23_the_handout_has_a_qr_code_of_the_address(visitor: Visitor) -> None:
    assert 'src="/help/address.svg"' in (await visitor.open("/help/handout")).text
    drawn = await visitor.open("/help/address.svg")

    assert drawn.headers["content-type"] == "image/svg+xml"
    assert ElementTree.fromstring(drawn.text).tag.endswith("svg")


@pytest.mark.parametrize("path", ["/help/holders", "/help/registration-authorities"])
async def test_R55_there_is_a_handout_to_pass_on(visitor: Visitor, path: str) -> None:
    assert 'href="/help/handout"' in main_part((await visitor.open(path)).text)


async def test_R47_R54_the_it_guide_explains_every_finding_and_what_does_not_work(visitor: Visitor) -> None:
    text = main_part((await visitor.open("/help/it-teams")).text)

    findings = [entry.code for heading, entries in GROUPS if heading in WORKSTATION for entry in entries]
    assert len(findings) > 40
    assert all(f'href="/help/errors/{code}"' in text for code in [*findings, "PR20002", "ERR1009"])
    assert "Internet Explorer" in text


async def test_R17_R18_R19_the_guide_says_what_is_not_needed(visitor: Visitor) -> None:
    text = main_part((await visitor.open("/help/holders")).text)

    assert "You do not need to register first or to remember answers to security questions" in text
    assert "You do not need to go to your Registration Authority" in text
    assert "a normal internet connection is enough" in text


async def test_R44_R48_the_guide_names_the_junk_folder_and_the_limit(visitor: Visitor) -> None:
    text = main_part((await visitor.open("/help/holders")).text)

    assert "junk mail folder" in text
    assert "After 3 wrong codes only your Registration Authority can help you" in text


async def test_R33_the_approved_domains_are_public_and_as_they_are_now(
    visitor: Visitor, world: World
) -> None:
    world.approved = ApprovedDomains(
        (ApprovedDomain("nhs.net", True), ApprovedDomain("one.example.org", False))
    )

    text = main_part((await visitor.open("/help/approved-domains")).text)

    assert re.search(r"nhs\.net</span> and every domain that ends with", text)
    assert re.search(r"one\.example\.org</span></li>", text)
    assert world.calls == [("approved_domains", "")]


async def test_R33_an_organisation_s_own_domains_are_shown_for_its_code(
    visitor: Visitor, world: World
) -> None:
    own = (ApprovedDomain("clinic.example.org", False),)
    world.approved = ApprovedDomains((), own, "Test Trust")

    known = main_part((await visitor.open("/help/approved-domains?organisation=t01%20")).text)
    world.approved = ApprovedDomains(())
    unknown = main_part((await visitor.open("/help/approved-domains?organisation=<b>")).text)

    assert ("approved_domains", "T01") in world.calls
    assert "For Test Trust as well" in known
    assert "clinic.example.org" in known
    assert "No organisation has the code ‘&lt;B&gt;’" in unknown


@pytest.mark.parametrize("name", REDIRECTS)
async def test_R28_every_recipe_leads_from_the_old_name_to_this_service(visitor: Visitor, name: str) -> None:
    recipe = await visitor.open(f"/help/redirects/{name}")

    assert recipe.headers["content-type"].startswith("text/plain")
    assert OLD_SERVICE in recipe.text
    assert (ORIGIN in recipe.text) is (name != "hosts.txt")


async def test_R28_the_recipe_for_iis_is_well_formed_and_permanent(visitor: Visitor) -> None:
    root = ElementTree.fromstring((await visitor.open("/help/redirects/web.config")).text.encode())

    [redirect] = root.iter("httpRedirect")
    assert redirect.attrib == {
        "enabled": "true",
        "destination": f"{ORIGIN}/",
        "exactDestination": "true",
        "httpResponseStatus": "Permanent",
    }


async def test_a_recipe_that_does_not_exist_is_not_found(visitor: Visitor) -> None:
    assert (await visitor.open("/help/redirects/passwd")).status_code == 404


def test_every_code_keeps_a_date() -> None:
    assert {f"errors/{code}" for code in CATALOGUE} <= help_dates.written_down().keys()
