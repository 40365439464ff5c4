"""The way from the start page to a working card, page by page, with JavaScript off."""

import re
from base64 import urlsafe_b64encode
from datetime import timedelta

import pytest

from services.runtime import errors
from services.web.domain.journey import Reason, State
from services.web.ports import Asked, Delivery, Reader, Redemption, Refused, Verdict
from tests.fakes.clock import FakeClock
from tests.fakes.web_peers import (
    ADDRESS_TOKEN,
    PAIRING_CODE,
    RA,
    RIGHT_CODE,
    WRONG_CODE,
    FakeOtp,
    World,
    code_status,
)
from tests.unit.web.conftest import Visitor, hidden_fields

SEALED = urlsafe_b64encode(bytes(54)).decode().rstrip("=")


async def reach_code(visitor: Visitor, world: World) -> None:
    await visitor.reach_card()
    world.change(state=State.CARD_READ, reader=Reader.CARD)
    await visitor.open("/card")
    await visitor.submit("/address", words_match="yes")


async def reach_passcode(visitor: Visitor, world: World) -> None:
    await reach_code(visitor, world)
    await visitor.submit("/code", code=RIGHT_CODE)


async def test_R1_R53_from_the_start_page_to_success(visitor: Visitor, world: World) -> None:
    await visitor.open("/")
    await visitor.open(f"/open/{ADDRESS_TOKEN}")
    assert visitor.at() == "/reason"
    await visitor.submit("/reason", reason="LOCKED")
    assert visitor.at() == "/card"
    assert "kettle" in visitor.page.text
    world.change(state=State.CARD_READ, reader=Reader.CARD)
    await visitor.open("/card")
    assert visitor.at() == "/address"
    assert "t…1@example.org" in visitor.page.text
    await visitor.submit("/address", words_match="yes")
    assert visitor.at() == "/code"
    await visitor.submit("/code", code="4196 3075")
    assert visitor.at() == "/passcode"
    await visitor.submit("/passcode", sealed=SEALED)
    assert visitor.at() == "/working"
    assert "Answer the question on your workstation" in visitor.page.text
    world.change(state=State.RESETTING)
    await visitor.open("/working")
    assert "Your smartcard is changing its passcode" in visitor.page.text
    world.change(state=State.SUCCESS)
    await visitor.open("/working")

    assert visitor.at() == "/done"
    assert "unlocked and ready to use" in visitor.page.text


@pytest.mark.parametrize("state", [state for state in State if state not in {State.SUCCESS, State.RESOLVED}])
async def test_R53_success_is_shown_in_no_other_state(visitor: Visitor, world: World, state: State) -> None:
    await visitor.reach_card()
    world.change(state=state, code="INTERNAL" if state is State.FAILED else "")

    page = await visitor.open("/done")

    assert visitor.at() != "/done"
    assert "ready to use" not in page.text


@pytest.mark.parametrize(("settled", "path"), [(True, "/done"), (False, "/stopped")])
async def test_I7_an_unknown_outcome_ends_as_the_card_says(
    visitor: Visitor, world: World, settled: bool, path: str
) -> None:
    await visitor.reach_card()
    world.change(state=State.UNKNOWN)
    await visitor.open("/working")
    assert visitor.at() == "/unknown"
    assert visitor.error_code() == "OUTCOME_UNKNOWN"
    world.change(state=State.RESOLVED, resolved_success=settled)
    await visitor.open("/unknown")

    assert visitor.at() == path


@pytest.mark.parametrize("reason", ["LOCKED", "FORGOTTEN"])
async def test_R2_the_reason_goes_to_the_session(visitor: Visitor, world: World, reason: str) -> None:
    await visitor.open(f"/open/{ADDRESS_TOKEN}")
    await visitor.submit("/reason", reason=reason)

    assert world.view.reason is Reason(reason)


async def test_R2_no_reason_is_asked_again(visitor: Visitor, world: World) -> None:
    await visitor.open("/reason")
    page = await visitor.submit("/reason")

    assert page.status_code == 400
    assert "Error: Why do you need a new passcode?" in page.text
    assert world.calls == []


@pytest.mark.parametrize("typed", ["k7qm2xwd4c", "K7QM2-XWD4C", " k7qm2 xwd4c "])
async def test_the_agents_code_is_accepted_as_people_type_it(
    visitor: Visitor, world: World, typed: str
) -> None:
    await visitor.open("/reason")
    await visitor.submit("/reason", reason="LOCKED")
    assert visitor.at() == "/pair"
    await visitor.submit("/pair", pairing_code=typed)

    assert visitor.at() == "/card"


async def test_a_wrong_agents_code_can_be_typed_again(visitor: Visitor, world: World) -> None:
    await visitor.open("/reason")
    await visitor.submit("/reason", reason="LOCKED")
    page = await visitor.submit("/pair", pairing_code="WRONGONE99")

    assert "That code does not work" in page.text
    await visitor.submit("/pair", pairing_code="K7QM2XWD4C")
    assert visitor.at() == "/card"


async def test_S13_too_many_guesses_stop(visitor: Visitor, world: World) -> None:
    world.refused_start = Refused("TOO_MANY_GUESSES")
    await visitor.open(f"/open/{ADDRESS_TOKEN}")
    await visitor.submit("/reason", reason="LOCKED")

    assert visitor.error_code() == "TOO_MANY_GUESSES"


async def test_an_address_that_is_too_old_leads_to_the_typed_code(visitor: Visitor, world: World) -> None:
    world.refused_start = Refused("PAIRING_UNKNOWN")
    await visitor.open(f"/open/{ADDRESS_TOKEN}")
    page = await visitor.submit("/reason", reason="LOCKED")

    assert "too old" in page.text
    assert 'name="pairing_code"' in page.text


@pytest.mark.parametrize(
    ("reader", "code"),
    [
        (Reader.SERVICE_DOWN, "PR20002"),
        (Reader.NO_READER, "NO_READER"),
        (Reader.NO_CARD, "NO_CARD"),
        (Reader.TWO_CARDS, "TWO_CARDS"),
        (Reader.CARD_MUTE, "CARD_MUTE"),
        (Reader.AGENT_AWAY, "AGENT_AWAY"),
        (Reader.CARD, ""),
        (Reader.UNSPECIFIED, ""),
    ],
)
async def test_R45_R12_each_state_of_the_reader_has_its_own_message(
    visitor: Visitor, world: World, reader: Reader, code: str
) -> None:
    world.change(reader=reader)
    await visitor.reach_card()

    assert visitor.error_code() == code


@pytest.mark.parametrize(
    "code", ["UNSUPPORTED_CARD", "CARD_UNKNOWN", "ERR1009", "CARD_NOT_GENUINE", "BUDGET_SPENT"]
)
async def test_R11_a_card_that_cannot_be_unlocked_has_its_own_page(
    visitor: Visitor, world: World, code: str
) -> None:
    await visitor.reach_card()
    world.change(state=State.FAILED, code=code)
    await visitor.open("/card")

    assert visitor.at() == "/stopped"
    assert visitor.error_code() == code


@pytest.mark.parametrize(
    "code", ["CARD_NOT_ACTIVE", "CARD_FROZEN", "CERTIFICATE_EXPIRED", "NO_EMAIL", "EMAIL_DOMAIN_NOT_ALLOWED"]
)
async def test_R5_R6_R63_a_refused_holder_sees_why_and_whom_to_ask_before_any_code(
    visitor: Visitor, world: World, code: str
) -> None:
    await visitor.reach_card()
    world.change(state=State.CARD_READ)
    world.refused_holder = Refused(code, RA)
    page = await visitor.open("/address")

    assert visitor.error_code() == code
    assert RA.name in page.text
    assert RA.telephone in page.text
    assert "issue_code" not in world.names()


async def test_R8_an_expired_card_is_to_be_renewed(visitor: Visitor, world: World) -> None:
    await visitor.reach_card()
    world.change(state=State.CARD_READ)
    world.refused_holder = Refused("CERTIFICATE_EXPIRED", RA)

    assert "renewed" in (await visitor.open("/address")).text


async def test_an_address_added_by_the_ra_works_at_once(visitor: Visitor, world: World) -> None:
    await visitor.reach_card()
    world.change(state=State.CARD_READ)
    world.refused_holder = Refused("NO_EMAIL", RA)
    await visitor.open("/address")
    world.refused_holder = None
    page = await visitor.open("/address")

    assert "Send me a code" in page.text


@pytest.mark.parametrize("ticked", [{}, {"words_match": ""}, {"words_match": "no"}])
async def test_S10_no_code_is_sent_before_the_words_were_confirmed(
    visitor: Visitor, world: World, ticked: dict[str, str]
) -> None:
    await visitor.reach_card()
    world.change(state=State.CARD_READ)
    await visitor.open("/card")
    assert all(word in visitor.page.text for word in world.view.words)
    page = await visitor.submit("/address", **ticked)

    assert page.status_code == 400
    assert "There is a problem" in page.text
    assert 'href="#words-match"' in page.text
    assert 'id="words-match"' in page.text
    assert "issue_code" not in world.names()
    await visitor.submit("/address", words_match="yes")
    assert visitor.at() == "/code"
    assert all(word in visitor.page.text for word in world.view.words)


@pytest.mark.parametrize("path", ["/address", "/code"])
async def test_R6_R35_R60_who_cannot_read_the_mailbox_learns_why_and_whom_to_ask(
    visitor: Visitor, world: World, path: str
) -> None:
    await reach_code(visitor, world)
    page = await visitor.open(path)
    assert "I cannot read this mailbox" in page.text
    page = await visitor.submit("/no-mailbox")

    assert (visitor.at(), visitor.error_code()) == ("/no-mailbox", "NO_MAILBOX_ACCESS")
    assert RA.telephone in page.text
    assert world.calls.count(("no_mailbox", "card-grant")) == 1


async def test_R35_a_look_at_the_page_is_no_word_of_the_holder(visitor: Visitor, world: World) -> None:
    await reach_code(visitor, world)
    await visitor.open("/no-mailbox")

    assert visitor.error_code() == "NO_MAILBOX_ACCESS"
    assert "no_mailbox" not in world.names()


async def test_R35_who_could_not_unlock_the_card_anyway_learns_that(visitor: Visitor, world: World) -> None:
    await reach_code(visitor, world)
    world.refused_holder = Refused("CARD_FROZEN", RA)
    await visitor.submit("/no-mailbox")

    assert visitor.error_code() == "CARD_FROZEN"


async def test_R35_a_code_that_comes_after_all_may_still_be_typed(visitor: Visitor, world: World) -> None:
    await reach_code(visitor, world)
    await visitor.submit("/no-mailbox")
    await visitor.open("/code")
    await visitor.submit("/code", code=RIGHT_CODE)

    assert visitor.at() == "/passcode"


@pytest.mark.parametrize(
    ("delivery", "reason", "sentence"),
    [
        (Delivery.QUEUED, "", "has not accepted it yet"),
        (Delivery.DELIVERED, "", "has reached the mailbox"),
        (Delivery.BOUNCED, "MAILBOX_UNKNOWN", "Your mailbox does not exist any more"),
        (Delivery.BOUNCED, "MAILBOX_FULL", "Delete some emails, then ask for another code"),
        (Delivery.BOUNCED, "MAIL_BLOCKED", "Your mail service blocked the email"),
        (Delivery.BOUNCED, "MAIL_RETURNED", "The email came back to us"),
        (Delivery.SENT, "", "We have sent a security code"),
        (Delivery.NOT_SENT, "ADDRESS_CHANGED", "We have not sent your security code"),
    ],
)
async def test_F13_the_page_tells_the_truth_about_the_mail(
    visitor: Visitor, world: World, delivery: Delivery, reason: str, sentence: str
) -> None:
    await reach_code(visitor, world)
    world.status = code_status(delivery, delivery_reason=reason)
    page = await visitor.open("/code")

    assert sentence in page.text
    assert visitor.error_code() == reason


async def test_F5_F13_a_delay_is_said_and_the_code_can_still_be_entered(
    visitor: Visitor, world: World
) -> None:
    await reach_code(visitor, world)
    world.status = code_status(Delivery.QUEUED, delivery_reason="MAIL_UNREACHABLE")
    page = await visitor.open("/code")

    assert "The email is delayed" in page.text
    assert "for another 15 minutes, as long as the code works" in page.text
    assert 'name="code"' in page.text


async def test_F13_of_a_mail_that_nobody_told_of_only_that_is_said(visitor: Visitor, world: World) -> None:
    """Whether the mail service has it is not known: only the report of it may be late."""
    await reach_code(visitor, world)
    world.status = code_status(Delivery.QUEUED, delivery_reason="MAIL_LATE")
    page = await visitor.open("/code")

    assert "We have not heard yet that the email with the security code" in page.text
    assert "the code works for another 15 minutes" in page.text
    assert "has not accepted" not in page.text
    assert 'name="code"' in page.text


@pytest.mark.parametrize("reason", ["", "MAIL_UNREACHABLE", "MAIL_LATE"])
async def test_F13_of_a_code_that_is_over_nothing_is_promised(
    visitor: Visitor, world: World, reason: str
) -> None:
    await reach_code(visitor, world)
    world.status = code_status(Delivery.QUEUED, delivery_reason=reason, live=False)
    page = await visitor.open("/code")

    assert "Ask for another code" in page.text
    for promise in ("do not have to ask", "keep trying", "are sending", "tells you when"):
        assert promise not in page.text


@pytest.mark.parametrize("delivery", [Delivery.NOT_SENT, Delivery.BOUNCED])
async def test_F13_where_no_mail_will_come_no_code_is_asked_for_and_another_is_offered(
    visitor: Visitor, world: World, delivery: Delivery
) -> None:
    await reach_code(visitor, world)
    world.status = code_status(delivery, delivery_reason="MAILBOX_FULL")
    page = await visitor.open("/code")

    assert 'name="code"' not in page.text
    assert "Send another code" in page.text
    assert "I cannot read this mailbox" in page.text
    for promise in ("Enter your security code", "We have sent", "junk mail", "are sending"):
        assert promise not in page.text
    waited = await visitor.open("/wait?at=/code&since=SENT")
    assert waited.json() == {"go": "/code"}


async def test_R44_the_code_page_hints_at_the_junk_mail(visitor: Visitor, world: World) -> None:
    await reach_code(visitor, world)

    assert "junk mail folder" in visitor.page.text
    assert 'autocomplete="one-time-code"' in visitor.page.text
    assert 'inputmode="numeric"' in visitor.page.text


@pytest.mark.parametrize("typed", ["41963075", "4196 3075", "4196-3075", " 41963075\t", "4196\u00a03075"])
async def test_R51_a_code_is_accepted_with_spaces_and_from_a_paste(
    visitor: Visitor, world: World, typed: str
) -> None:
    await reach_code(visitor, world)
    await visitor.submit("/code", code=typed)

    assert visitor.at() == "/passcode"


@pytest.mark.parametrize("typed", ["", "   ", "123456", "12345678901", "letters!", "４１９６３０７５"])
async def test_what_cannot_be_a_code_spends_no_entry(visitor: Visitor, world: World, typed: str) -> None:
    await reach_code(visitor, world)
    page = await visitor.submit("/code", code=typed)

    assert "There is a problem" in page.text
    assert "redeem_code" not in world.names()


@pytest.mark.parametrize(("digits", "typed"), [(8, "1234567"), (8, "123456789"), (10, "41963074")])
async def test_S3_a_code_of_another_length_spends_no_entry_and_the_page_says_how_long_it_is(
    visitor: Visitor, world: World, digits: int, typed: str
) -> None:
    world.digits = digits
    await reach_code(visitor, world)
    page = await visitor.submit("/code", code=typed)

    assert f"Your security code must be {digits} digits long" in page.text
    assert f"{digits} digits. You can enter it" in page.text
    assert world.entries_left == 3


async def test_S10_a_code_is_asked_for_with_what_its_mail_says_and_its_limits_count(
    visitor: Visitor, world: World
) -> None:
    await reach_code(visitor, world)

    assert world.asked == Asked("127.0.0.1", "4F2A", "")


@pytest.mark.parametrize(
    ("verdict", "code"), [(Verdict.DEAD, "CODE_DEAD"), (Verdict.SUPERSEDED, "CODE_SUPERSEDED")]
)
async def test_R49_an_entry_too_late_or_of_an_older_code_is_told_by_name(
    visitor: Visitor, world: World, monkeypatch: pytest.MonkeyPatch, verdict: Verdict, code: str
) -> None:
    await reach_code(visitor, world)
    monkeypatch.setattr(FakeOtp, "_judge", lambda _self, _typed: Redemption(verdict, 3))
    await visitor.submit("/code", code=WRONG_CODE)

    assert (visitor.at(), visitor.error_code()) == ("/code", code)


async def test_R48_three_wrong_entries_lead_to_the_ra(visitor: Visitor, world: World) -> None:
    await reach_code(visitor, world)
    for left in ("2 tries", "1 try"):
        page = await visitor.submit("/code", code=WRONG_CODE)
        assert f"You have {left} left" in page.text
        assert visitor.error_code() == "CODE_WRONG"
    page = await visitor.submit("/code", code=WRONG_CODE)

    assert visitor.error_code() == "LOCKED_TO_RA"
    assert RA.name in page.text
    await visitor.open("/code")
    assert visitor.error_code() == "LOCKED_TO_RA"


async def test_I9_a_form_sent_twice_is_one_entry(visitor: Visitor, world: World) -> None:
    await reach_code(visitor, world)
    form = visitor.page.text
    for _ in range(2):
        await visitor.submit("/code", code=WRONG_CODE, page=form)
    fields = hidden_fields(form)

    assert [what for name, what in world.calls if name == "redeem_code"] == [
        (fields["attempt_id"], WRONG_CODE)
    ] * 2
    assert world.entries_left == 2
    assert hidden_fields(visitor.page.text)["attempt_id"] != fields["attempt_id"]


async def test_a_right_code_sent_twice_leads_on(visitor: Visitor, world: World) -> None:
    await reach_code(visitor, world)
    form = visitor.page.text
    await visitor.submit("/code", code=RIGHT_CODE, page=form)
    await visitor.submit("/code", code=RIGHT_CODE, page=form)

    assert visitor.at() == "/passcode"
    assert world.names().count("redeem_code") == 1


async def test_a_reason_sent_again_while_the_next_page_is_on_its_way_leads_on(
    visitor: Visitor, world: World
) -> None:
    await visitor.open(f"/open/{ADDRESS_TOKEN}")
    form = visitor.page.text
    for _ in range(2):
        await visitor.submit("/reason", page=form, reason="LOCKED")

    assert visitor.at() == "/card"
    assert world.names().count("start_session") == 1


@pytest.mark.parametrize("start", ["/reason", "/sign-in"])
async def test_the_agents_code_sent_again_while_the_next_page_is_on_its_way_leads_on(
    visitor: Visitor, world: World, start: str
) -> None:
    await visitor.open(start)
    await visitor.submit(start, reason="LOCKED")
    form = visitor.page.text
    for _ in range(2):
        await visitor.submit("/pair", page=form, pairing_code=PAIRING_CODE)

    assert visitor.at() == "/card"
    assert world.names().count("start_session") == 1


async def test_R35_without_a_card_there_is_no_mailbox_to_speak_of(visitor: Visitor, world: World) -> None:
    await visitor.reach_card()
    world.change(card_grant="")
    await visitor.open("/no-mailbox")

    assert visitor.at() == "/card"
    assert "resolve_holder" not in world.names()


async def test_S10_whoever_asks_too_soon_for_another_reason_is_offered_to_ask_again(
    visitor: Visitor, world: World
) -> None:
    await reach_code(visitor, world)
    await visitor.open("/other-reason")
    await visitor.submit("/other-reason", reason="FORGOTTEN")
    world.refused_code = Refused("RESEND_TOO_SOON")
    page = await visitor.submit("/address", words_match="yes")

    assert visitor.error_code() == "RESEND_TOO_SOON"
    assert re.search(r'href="/address"[^>]*>\s*Try again', page.text)


async def test_F1_a_right_code_whose_answer_was_lost_is_entered_again(visitor: Visitor, world: World) -> None:
    await reach_code(visitor, world)
    world.failure["authorise"] = errors.unavailable()
    page = await visitor.submit("/code", code=RIGHT_CODE)
    assert page.status_code == 503
    assert visitor.error_code() == "SERVICE_UNAVAILABLE"
    world.failure.clear()
    await visitor.open("/code")
    await visitor.submit("/code", code=RIGHT_CODE)

    assert visitor.at() == "/passcode"
    assert len({what[0] for name, what in world.calls if name == "redeem_code"}) == 1  # type: ignore[index]


async def test_S10_a_resend_is_offered_when_its_time_has_come(
    visitor: Visitor, world: World, clock: FakeClock
) -> None:
    await reach_code(visitor, world)
    assert world.status
    world.status = code_status(Delivery.SENT, next_code_at=clock.now() + timedelta(seconds=42))
    page = await visitor.open("/code")
    assert "You can ask for another code in 42 seconds" in page.text
    assert "Send another code" not in page.text
    clock.advance(seconds=42)
    assert "Send another code" in (await visitor.open("/code")).text
    await visitor.submit("/address")

    assert world.names().count("issue_code") == 2
    assert visitor.at() == "/code"


async def test_S10_after_the_last_resend_none_is_offered(visitor: Visitor, world: World) -> None:
    await reach_code(visitor, world)
    world.status = code_status(resends_left=0)
    page = await visitor.open("/code")

    assert "We cannot send another code" in page.text
    assert "Send another code" not in page.text


@pytest.mark.parametrize("code", ["LOCKED_TO_RA", "MAIL_LIMIT", "NO_MORE_CODES"])
async def test_a_code_that_is_not_issued_says_why(visitor: Visitor, world: World, code: str) -> None:
    await visitor.reach_card()
    world.change(state=State.CARD_READ)
    await visitor.open("/address")
    world.refused_code = Refused(code)
    page = await visitor.submit("/address", words_match="yes")

    assert visitor.error_code() == code
    assert RA.name in page.text


@pytest.mark.parametrize(
    "code", ["PIN_REFUSED_BY_CARD", "DECLINED", "CARD_CHANGED", "CARD_REMOVED", "READER_BUSY"]
)
async def test_a_passcode_that_did_not_take_can_be_chosen_again_without_a_new_code(
    visitor: Visitor, world: World, code: str
) -> None:
    await reach_passcode(visitor, world)
    await visitor.submit("/passcode", sealed=SEALED)
    world.change(state=State.AUTHORISED, code=code)
    page = await visitor.open("/working")

    assert visitor.at() == "/passcode"
    assert f"Error code: {code}" in page.text
    await visitor.submit("/passcode", sealed=SEALED)
    attempts = [what[0] for name, what in world.calls if name == "reset_pin"]  # type: ignore[index]
    assert len(set(attempts)) == 2


async def test_a_holder_frozen_while_thinking_sets_no_passcode(visitor: Visitor, world: World) -> None:
    await reach_passcode(visitor, world)
    world.refused_holder = Refused("CARD_FROZEN", RA)
    await visitor.submit("/passcode", sealed=SEALED)

    assert visitor.error_code() == "CARD_FROZEN"
    assert "reset_pin" not in world.names()


@pytest.mark.parametrize("sealed", ["", "not base64 at all!", "A" * 400])
async def test_a_passcode_that_was_not_sealed_goes_nowhere(
    visitor: Visitor, world: World, sealed: str
) -> None:
    await reach_passcode(visitor, world)
    await visitor.submit("/passcode", sealed=sealed)

    assert visitor.error_code() == "JAVASCRIPT_OFF"
    assert "reset_pin" not in world.names()


async def test_the_passcode_fields_have_no_name_that_could_be_sent(visitor: Visitor, world: World) -> None:
    await reach_passcode(visitor, world)

    names = set(re.findall(r'name="([^"]+)"', visitor.page.text))
    assert names & {"passcode", "passcode-again"} == set()
    assert {"csrf", "attempt_id", "sealed"} <= names


@pytest.mark.parametrize(
    ("state", "path"),
    [(State.CARD_READ, "/address"), (State.AUTHORISED, "/passcode"), (State.PROVING, "/working")],
)
async def test_every_page_leads_to_where_the_session_is(
    visitor: Visitor, world: World, state: State, path: str
) -> None:
    await visitor.reach_card()
    world.change(state=state)
    for page in ("/card", "/code", "/passcode", "/working", "/done", "/unknown", "/stopped"):
        await visitor.open(page)
        assert visitor.at() == path


async def test_the_start_page_offers_to_go_on(visitor: Visitor, world: World) -> None:
    await visitor.reach_card()
    world.change(state=State.AUTHORISED)

    assert 'href="/passcode"' in (await visitor.open("/")).text


async def test_after_the_deadline_the_page_says_so(visitor: Visitor, world: World) -> None:
    await visitor.reach_card()
    world.change(state=State.ABANDONED)
    await visitor.open("/card")

    assert visitor.error_code() == "SESSION_ABANDONED"
