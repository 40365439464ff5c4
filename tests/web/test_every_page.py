"""Every page in each of its states: nothing that axe finds, no scrolling sideways, at 320 and 1280 px.

`WEB_SCREENSHOTS=folder` takes pictures for review; without it none is taken.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from services.runtime import errors
from services.web.domain.journey import AFTERLIFE, WARNED_FOR, Reason, State
from services.web.ports import (
    AddressProposal,
    CardRecord,
    CardRecords,
    CodeStatus,
    ColleaguesAsked,
    ContactRefused,
    Delivery,
    FoundAuthorities,
    FrozenCard,
    HolderChange,
    HolderRecord,
    Lock,
    LockCause,
    Locks,
    Profile,
    Reader,
    Receipt,
    Refused,
    RegistrationAuthority,
    Waiting,
)
from tests.fakes.web_peers import (
    ASKED,
    HOLDER,
    HOLDER_REF,
    NOW,
    PROPOSAL,
    RA,
    RA_PROFILE,
    WRONG_CODE,
    World,
    code_status,
)
from tests.web.conftest import ROOT, Site
from tests.web.steps import change, choose, enter_session

pytestmark = pytest.mark.browser

AXE = ROOT / "node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN_AXE = "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})"
WIDTHS = (1280, 320)
PICTURES = os.environ.get("WEB_SCREENSHOTS")


@dataclass(frozen=True)
class Shown:
    """A page in one of its states: the world behind it, and what the person did there."""

    name: str
    path: str
    view: dict[str, object] = field(default_factory=dict)
    status: CodeStatus | None = None
    refused: Refused | None = None
    failure: Exception | None = None
    cookie: dict[str, Any] = field(default_factory=dict)
    newcomer: bool = False
    """Without a cookie."""
    nudge: str = ""
    found: tuple[RegistrationAuthority, ...] = (RA,)
    receipt: Receipt | None = None
    profile: Profile | None = None
    records: CardRecords | None = None
    locks: Locks = field(default_factory=Locks)
    holder: HolderRecord = HOLDER
    """Whose page an RA opens."""
    proposal: AddressProposal | None = None
    """An address that waits for a second RA."""
    person: Refused | None = None
    """Why an RA is not told whose card it is."""
    asked: ColleaguesAsked | Refused = ASKED
    """How it stands with the colleagues who were asked to vouch."""
    asker: Refused | None = None
    """Why a colleague is not told who asked them."""
    act: Callable[[Page], None] = lambda page: None


def told_of_error(page: Page) -> None:
    """Wait for the page that answers: its script has run, so nothing of the page before is measured."""
    expect(page.locator(".nhsuk-error-summary")).to_be_focused()


def refused(page: Page) -> None:
    page.get_by_role("button", name="Continue").click()
    told_of_error(page)


def wrong_pairing(page: Page) -> None:
    page.get_by_label("Code from the unlock program").fill("ABCDEFGHJK")
    refused(page)


def wrong_code(page: Page) -> None:
    page.get_by_label("Security code").fill(WRONG_CODE)
    refused(page)


def words_not_confirmed(page: Page) -> None:
    page.get_by_role("button", name="Send me a code").click()
    told_of_error(page)


def weak_passcode(page: Page) -> None:
    choose(page, "123456")
    told_of_error(page)


def no_current_passcode(page: Page) -> None:
    change(page, "", "739162")
    told_of_error(page)


def freeze(page: Page) -> None:
    page.get_by_role("button", name="Freeze my smartcard").click()
    expect(page.get_by_role("heading", name="frozen")).to_be_visible()


def no_passcode(page: Page) -> None:
    page.get_by_role("button", name="Sign in").click()
    told_of_error(page)


def wrong_contact(page: Page) -> None:
    page.get_by_label("Mobile number (optional)").fill("12")
    page.get_by_role("button", name="Update contact").click()
    told_of_error(page)


def no_word(page: Page) -> None:
    page.get_by_role("button", name="I vouch for this person").click()
    told_of_error(page)


def find_holder(page: Page) -> None:
    page.get_by_label("Name, user identifier or smartcard reference").fill("two")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("link", name="Test Holder Two")).to_be_visible()


def find_nobody(page: Page) -> None:
    page.get_by_role("button", name="Find").click()
    told_of_error(page)


def address_unsaid(page: Page) -> None:
    page.get_by_role("button", name="Set the address").click()
    told_of_error(page)


def set_address(page: Page) -> None:
    page.get_by_label("Work email address of the holder").fill("test-holder-0002@example.org")
    page.get_by_label("There was no address").check()
    page.get_by_role("button", name="Set the address").click()
    expect(page.get_by_role("heading", name="The email address is set")).to_be_visible()


def end_lock(page: Page) -> None:
    page.get_by_label("The holder mistyped, or used the code of an older email").check()
    page.get_by_role("button", name="End the lock").click()
    expect(page.get_by_role("heading", name="The lock is ended")).to_be_visible()


def end_lock_unsaid(page: Page) -> None:
    page.get_by_role("button", name="End the lock").click()
    told_of_error(page)


def declined(page: Page) -> None:
    page.get_by_role("button", name="Decline the address").click()
    told_of_error(page)


def in_state(state: State, **more: object) -> dict[str, object]:
    return {"state": state, "reader": Reader.CARD, **more}


READ = in_state(State.CARD_READ)
AUTHORISED = in_state(State.AUTHORISED)
IN_PERSON = in_state(State.CARD_READ, in_person=True)
CHANGING = in_state(
    State.CARD_READ, reason=Reason.CHANGE, code_needed=False, tries_left=3, agent_public_key=bytes(range(32))
)
WORDS = {"words_confirmed": True, "reason": Reason.CHANGE}
AT_AGENT = {"pin_at_agent": True}
SIGNING_IN = CHANGING | {"reason": Reason.SIGN_IN}
SIGN_IN_WORDS = {"words_confirmed": True, "reason": Reason.SIGN_IN}
RA_HOLDER = f"/ra/holders/{HOLDER_REF}"
RA_CARD = f"{RA_HOLDER}/cards/{HOLDER.cards[0].card_ref}"
LOCKED = Locks((Lock(HOLDER.cards[0].card_ref, NOW, LockCause.DAY, None, 3),))
LOCKED_A_YEAR = Locks((replace(LOCKED.held[0], cause=LockCause.YEAR, wrong_in_year=9),))
WAITS = replace(
    PROPOSAL,
    address="test-holder-0002-with-a-rather-long-name-before-the-sign@mail.hospital.example.org",
)
MINE = replace(WAITS, proposed_by_oneself=True)
LONG_NAME = "Test-Holder Wolfeschlegelsteinhausenbergerdorffington-Featherstonehaugh of Exampleton"
LONG: dict[str, Any] = {
    "cookie": {"profile_grant": "profile-grant"},
    "profile": replace(RA_PROFILE, name=LONG_NAME, address=WAITS.address),
    "holder": replace(HOLDER, name=LONG_NAME, holder_id="test-holder-" + "0002" * 13, organisation="T" * 16),
    "proposal": replace(WAITS, holder_name=LONG_NAME, proposed_by=LONG_NAME, note="A long note. " * 23),
}
FROZEN = FrozenCard(HOLDER_REF, "Test Holder Two", HOLDER.cards[0].card_ref, NOW)
AS_RA: dict[str, Any] = {"cookie": {"profile_grant": "profile-grant"}, "profile": RA_PROFILE}
SIGNED_IN: dict[str, Any] = {"profile_grant": "profile-grant"}
SIGNED_OUT_SOON = SIGNED_IN | {"signed_in_until": NOW + WARNED_FOR}
SIGNED_OUT_NOW = SIGNED_IN | {"signed_in_until": NOW}
OVER_SOON = {"ends_at": NOW + AFTERLIFE + WARNED_FOR}
OVER_NOW = {"ends_at": NOW + AFTERLIFE}
CARD_IS_IN = in_state(State.SUCCESS, reason=Reason.SIGN_IN)
ADDRESSLESS = replace(World().profile, address="", mobile="", nudge="NO_EMAIL")
CHANGES = (
    HolderChange(NOW, "CARD_FROZEN", "ra", "Test Registrar", "c2" * 16, "MISUSE_SUSPECTED", "Request 7"),
    HolderChange(NOW, "ADDRESS_SET", "import"),
)
A_SESSION = "01930000-0000-7000-8000-00000000000b"
RECORDS = CardRecords(
    (
        CardRecord(NOW, "ABANDONED", reason="LOCKED", by="SYSTEM", code="DEADLINE", session_id=A_SESSION),
        CardRecord(NOW, "CARD_FROZEN", by="RA", why="MISUSE_SUSPECTED", place=12346, event_id="e"),
        CardRecord(NOW, "SUCCESS", reason="LOCKED", by="RA", in_person=True, session_id=A_SESSION, place=812),
        CardRecord(NOW, "VOUCHED_IN_PERSON", by="RA", why="PHOTO_ID", session_id=A_SESSION, place=811),
        CardRecord(
            NOW,
            "REFUSED",
            "EMAIL_DOMAIN_NOT_ALLOWED",
            "FORGOTTEN",
            by="HOLDER",
            session_id=A_SESSION,
            place=9,
        ),
    ),
    older="1793800000000000.e",
)
NOT_SENT = code_status(Delivery.NOT_SENT, delivery_reason="MAIL_REFUSED", live=False)
DELAYED = code_status(Delivery.QUEUED, delivery_reason="MAIL_UNREACHABLE")
BOUNCED = code_status(Delivery.BOUNCED, delivery_reason="MAILBOX_FULL")
SHOWN = [
    Shown("start", "/", newcomer=True),
    Shown("start-go-on", "/", AUTHORISED),
    Shown("reason", "/reason", newcomer=True),
    Shown("reason-chosen", "/reason"),
    Shown("reason-error", "/reason", newcomer=True, act=refused),
    Shown("pair", "/pair"),
    Shown("pair-error", "/pair", act=wrong_pairing),
    *(Shown(f"card-{reader.value.lower()}", "/card", {"reader": reader}) for reader in Reader),
    Shown("card-read-again", "/card", {"reader": Reader.CARD, "code": "READER_BUSY"}),
    Shown("address", "/address", READ),
    Shown("address-words-not-confirmed", "/address", READ, act=words_not_confirmed),
    Shown("no-email", "/address", READ, refused=Refused("NO_EMAIL", RA)),
    Shown("address-waits", "/address", READ, refused=Refused("ADDRESS_WAITS", RA)),
    Shown("expired", "/address", READ, refused=Refused("CERTIFICATE_EXPIRED", RA)),
    Shown("no-mailbox", "/no-mailbox", READ),
    Shown("code-queued", "/code", READ, code_status()),
    Shown("code-sent", "/code", READ, code_status(Delivery.SENT)),
    Shown("code-not-sent", "/code", READ, NOT_SENT),
    Shown("code-delayed", "/code", READ, DELAYED),
    Shown("code-delivered", "/code", READ, code_status(Delivery.DELIVERED)),
    Shown("code-bounced", "/code", READ, BOUNCED),
    Shown("code-wrong", "/code", READ, code_status(Delivery.SENT), act=wrong_code),
    Shown("locked-to-ra", "/code", READ, code_status(entries_left=0)),
    Shown("passcode", "/passcode", AUTHORISED),
    Shown("passcode-weak", "/passcode", AUTHORISED, act=weak_passcode),
    Shown("passcode-refused", "/passcode", in_state(State.AUTHORISED, code="PIN_REFUSED_BY_CARD")),
    Shown("passcode-again", "/passcode", in_state(State.AUTHORISED, code="OUTCOME_UNKNOWN")),
    Shown("address-tries", "/address", READ | {"reason": Reason.FORGOTTEN, "tries_left": 3}),
    Shown("address-one-left", "/address", READ | {"reason": Reason.FORGOTTEN, "tries_left": 1}),
    Shown("address-locked-after-all", "/address", READ, cookie={"reason": Reason.FORGOTTEN}),
    Shown("not-locked", "/other-reason", READ | {"objection": "CARD_NOT_LOCKED", "tries_left": 2}),
    Shown("locked", "/other-reason", CHANGING | {"objection": "CARD_LOCKED", "blocked": True}),
    Shown("only-blocked", "/other-reason", READ | {"objection": "UNBLOCKS_ONLY_BLOCKED"}),
    Shown("change", "/change", CHANGING),
    Shown("change-nudge", "/change", CHANGING, nudge="NO_EMAIL"),
    Shown("last-try", "/last-try", CHANGING | {"tries_left": 1, "code": "CURRENT_PIN_WRONG"}, cookie=WORDS),
    Shown("change-passcode", "/passcode", CHANGING, cookie=WORDS),
    Shown("change-missing", "/passcode", CHANGING, cookie=WORDS, act=no_current_passcode),
    Shown("change-wrong", "/passcode", CHANGING | {"code": "CURRENT_PIN_WRONG"}, cookie=WORDS),
    Shown("change-unknown", "/passcode", CHANGING | {"code": "OUTCOME_UNKNOWN"}, cookie=WORDS),
    Shown("done-change", "/done", in_state(State.SUCCESS, reason=Reason.CHANGE)),
    Shown("done-nudge", "/done", in_state(State.SUCCESS, reason=Reason.CHANGE), cookie={"nudge": "NO_EMAIL"}),
    Shown("start-nudge", "/", in_state(State.SUCCESS), cookie={"nudge": "EMAIL_DOMAIN_NOT_ALLOWED"}),
    Shown("freeze", "/freeze/" + "t" * 22),
    Shown("frozen", "/freeze/" + "t" * 22, act=freeze),
    Shown("sign-in", "/sign-in"),
    Shown("sign-in-words", "/sign-in/words", SIGNING_IN),
    Shown("sign-in-passcode", "/sign-in/passcode", SIGNING_IN, cookie=SIGN_IN_WORDS),
    Shown("sign-in-missing", "/sign-in/passcode", SIGNING_IN, cookie=SIGN_IN_WORDS, act=no_passcode),
    Shown(
        "sign-in-wrong", "/sign-in/passcode", SIGNING_IN | {"code": "CURRENT_PIN_WRONG"}, cookie=SIGN_IN_WORDS
    ),
    Shown("sign-in-at-agent", "/sign-in/passcode", SIGNING_IN | AT_AGENT, cookie=SIGN_IN_WORDS),
    Shown("sign-in-question", "/working", in_state(State.PROVING, reason=Reason.SIGN_IN)),
    Shown("profile", "/profile", CARD_IS_IN, cookie=SIGNED_IN),
    Shown("profile-nudge", "/profile", CARD_IS_IN, cookie=SIGNED_IN, profile=ADDRESSLESS),
    Shown("contact", "/profile/contact", CARD_IS_IN, cookie=SIGNED_IN),
    Shown("contact-refused", "/profile/contact", CARD_IS_IN, cookie=SIGNED_IN, act=wrong_contact),
    Shown("contact-updated", "/profile/updated", CARD_IS_IN, cookie=SIGNED_IN),
    Shown("card-left", "/profile", CARD_IS_IN | {"reader": Reader.NO_CARD}, cookie=SIGNED_IN),
    Shown("profile-of-an-ra", "/profile", CARD_IS_IN, cookie=SIGNED_IN, profile=RA_PROFILE),
    Shown("ra-desk", "/ra", cookie=SIGNED_IN, profile=RA_PROFILE),
    Shown("ra-found", "/ra", cookie=SIGNED_IN, profile=RA_PROFILE, act=find_holder),
    Shown("ra-error", "/ra", cookie=SIGNED_IN, profile=RA_PROFILE, act=find_nobody),
    Shown("ra-only", "/ra", cookie=SIGNED_IN),
    Shown("in-person", "/ra/in-person", cookie=SIGNED_IN, profile=RA_PROFILE),
    Shown("in-person-error", "/ra/in-person", cookie=SIGNED_IN, profile=RA_PROFILE, act=refused),
    Shown("vouch", "/ra/in-person/vouch", IN_PERSON, cookie=SIGNED_IN),
    Shown("vouch-error", "/ra/in-person/vouch", IN_PERSON, cookie=SIGNED_IN, act=no_word),
    Shown("vouch-too-late", "/ra/in-person/vouch", IN_PERSON),
    Shown(
        "in-person-own-card",
        "/ra/in-person/vouch",
        IN_PERSON,
        cookie=SIGNED_IN,
        person=Refused("OWN_CARD", RA),
    ),
    Shown("in-person-passcode", "/passcode", in_state(State.AUTHORISED, in_person=True)),
    Shown("in-person-done", "/done", in_state(State.SUCCESS, in_person=True)),
    Shown(
        "in-person-not-locked",
        "/other-reason",
        IN_PERSON | {"objection": "CARD_NOT_LOCKED", "tries_left": 2},
        cookie=SIGNED_IN,
    ),
    Shown("ra-holder", RA_HOLDER, cookie=SIGNED_IN, profile=RA_PROFILE),
    Shown("ra-address", f"{RA_HOLDER}/address", cookie=SIGNED_IN, profile=RA_PROFILE),
    Shown(
        "ra-address-error", f"{RA_HOLDER}/address", cookie=SIGNED_IN, profile=RA_PROFILE, act=address_unsaid
    ),
    Shown("ra-address-set", f"{RA_HOLDER}/address", cookie=SIGNED_IN, profile=RA_PROFILE, act=set_address),
    Shown("ra-address-ending", f"{RA_HOLDER}/address", cookie=SIGNED_OUT_SOON, profile=RA_PROFILE),
    Shown("ra-address-ended", f"{RA_HOLDER}/address", cookie=SIGNED_OUT_NOW, profile=RA_PROFILE),
    Shown("words-ending", "/address", READ, cookie=OVER_SOON),
    Shown("words-ended", "/address", READ, cookie=OVER_NOW),
    Shown("ra-freeze", f"{RA_CARD}/freeze", cookie=SIGNED_IN, profile=RA_PROFILE),
    Shown("ra-lift", f"{RA_CARD}/lift", cookie=SIGNED_IN, profile=RA_PROFILE),
    Shown("ra-history", f"{RA_CARD}/history", cookie=SIGNED_IN, profile=RA_PROFILE, records=RECORDS),
    Shown("ra-history-empty", f"{RA_CARD}/history", cookie=SIGNED_IN, profile=RA_PROFILE),
    Shown("ra-holder-locked", RA_HOLDER, locks=LOCKED, **AS_RA),
    Shown("ra-end-lock", f"{RA_CARD}/end-lock", locks=LOCKED, **AS_RA),
    Shown("ra-end-lock-year", f"{RA_CARD}/end-lock", locks=LOCKED_A_YEAR, **AS_RA),
    Shown("ra-end-lock-error", f"{RA_CARD}/end-lock", locks=LOCKED, act=end_lock_unsaid, **AS_RA),
    Shown("ra-end-lock-ended", f"{RA_CARD}/end-lock", locks=LOCKED, act=end_lock, **AS_RA),
    Shown("ra-end-lock-none", f"{RA_CARD}/end-lock", **AS_RA),
    Shown("ra-desk-waiting", "/ra", proposal=WAITS, **AS_RA),
    Shown("ra-holder-waiting", RA_HOLDER, proposal=WAITS, **AS_RA),
    Shown("ra-proposal", f"{RA_HOLDER}/proposal", proposal=WAITS, **AS_RA),
    Shown("ra-proposal-own", f"{RA_HOLDER}/proposal", proposal=MINE, **AS_RA),
    Shown("ra-proposal-gone", f"{RA_HOLDER}/proposal", **AS_RA),
    Shown("ra-decline", f"{RA_HOLDER}/proposal/decline", proposal=WAITS, **AS_RA),
    Shown("ra-decline-error", f"{RA_HOLDER}/proposal/decline", proposal=WAITS, act=declined, **AS_RA),
    *(
        Shown(f"ra-{name}-long-names", path, **LONG)
        for name, path in {
            "desk": "/ra",
            "holder": RA_HOLDER,
            "address": f"{RA_HOLDER}/address",
            "proposal": f"{RA_HOLDER}/proposal",
            "decline": f"{RA_HOLDER}/proposal/decline",
            "freeze": f"{RA_CARD}/freeze",
            "history": f"{RA_CARD}/history",
        }.items()
    ),
    Shown("ra-changes", f"{RA_HOLDER}/changes", cookie=SIGNED_IN, profile=RA_PROFILE),
    Shown("working-question", "/working", in_state(State.PROVING)),
    Shown("at-agent", "/passcode", AUTHORISED | AT_AGENT),
    Shown("at-agent-declined", "/passcode", AUTHORISED | AT_AGENT | {"code": "DECLINED"}),
    Shown("at-agent-change", "/passcode", CHANGING | AT_AGENT, cookie=WORDS),
    Shown("at-agent-working", "/working", in_state(State.PROVING) | AT_AGENT),
    Shown("working-card", "/working", in_state(State.RESETTING)),
    Shown("done", "/done", in_state(State.SUCCESS)),
    Shown("unknown", "/unknown", {"state": State.UNKNOWN, "reader": Reader.NO_CARD}),
    Shown("failed", "/stopped", in_state(State.FAILED, code="CARD_NOT_GENUINE")),
    Shown("abandoned", "/stopped", in_state(State.ABANDONED)),
    Shown("service-away", "/card", failure=errors.unavailable()),
    Shown("not-found", "/nothing-here"),
    Shown("help-errors", "/help/errors"),
    Shown("help-error", "/help/errors/ERR1009"),
    Shown("saved-hours", "/saved-hours"),
    Shown("receipt", "/receipt", in_state(State.SUCCESS), receipt=Receipt(17, 42, "a receipt")),
    Shown("receipt-refused", "/receipt", in_state(State.FAILED), receipt=Receipt(17, 42, "a receipt")),
    Shown("receipt-not-ready", "/receipt", in_state(State.SUCCESS)),
]


def show(page: Page, site: Site, shown: Shown) -> None:
    if not shown.newcomer:
        enter_session(page, site, code_asked=shown.status is not None, **shown.cookie)
    world = site.world
    world.change(**shown.view)
    world.status, world.refused_holder, world.nudge = shown.status, shown.refused, shown.nudge
    world.found = FoundAuthorities(shown.found, more=len(shown.found) > 1)
    world.receipt = shown.receipt
    world.card_records = shown.records or CardRecords(())
    world.profile = shown.profile or world.profile
    world.refused_person = shown.person
    world.asked_colleagues, world.refused_asker = shown.asked, shown.asker
    world.refused_contact = ContactRefused("", "MOBILE_MALFORMED")
    world.changes, world.locks = CHANGES, shown.locks
    world.record = replace(shown.holder, proposal=shown.proposal)
    world.waiting = Waiting((shown.proposal,), (FROZEN,)) if shown.proposal else Waiting()
    if shown.failure:
        world.failure["get_session"] = shown.failure
    page.goto(f"{site.origin}{shown.path}")
    assert page.url == f"{site.origin}{shown.path}"
    shown.act(page)


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.name)
def test_every_page_passes_axe_and_fits_narrow_and_wide_windows(
    browser: Browser, site: Site, shown: Shown
) -> None:
    passes(browser, site, shown)


def passes(browser: Browser, site: Site, shown: Shown) -> None:
    """Look at a page in both widths; what must hold on every page is here."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    show(page, site, shown)
    page.evaluate(AXE.read_text())  # through the debugger: the page's policy lets no foreign script in
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / f"{shown.name}-{width}.png", full_page=True)
        too_wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide <= 0, f"{shown.name} is wider than {width} px"
        assert axe_violations(page) == []
    assert page.title().endswith("– NHS")
    assert page.locator("h1").count() == 1
    assert [line for line in said if "status of" not in line] == []
    page.close()


def axe_violations(page: Page) -> list[str]:
    found = page.evaluate(RUN_AXE, RULES)
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found["violations"]]
