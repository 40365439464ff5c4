"""Security questions on pages and over the JSON API; 404 where they are off."""

import asyncio
import re
from dataclasses import replace
from html import unescape

import pytest

from services.runtime import errors
from services.web.domain.journey import State
from services.web.domain.questions import AnswersRefused
from services.web.ports import CardAct, Delivery, Reader, Refused
from services.web.routes import QUESTION_PAGES
from tests.fakes.clock import FakeClock
from tests.fakes.web_peers import (
    HOLDER,
    HOLDER_REF,
    NOW,
    QUESTIONS,
    RA,
    RIGHT_CODE,
    WRONG_CODE,
    World,
    code_status,
)
from tests.unit.web.conftest import Visitor
from tests.unit.web.front_end import FrontEnd, refused
from tests.unit.web.test_profile_pages import reach_profile
from tests.unit.web.test_ra_desk_pages import reach_desk

CHOSEN = {f"question_{place}": QUESTIONS[place].code for place in range(1, 5)}
ANSWERED = {f"answer_{place}": f"answer {place}" for place in range(1, 5)}
RIGHT = {question.code: "right" for question in QUESTIONS[:4]}
WRONG = RIGHT | {QUESTIONS[2].code: "another"}
CARD = HOLDER.cards[0].card_ref


async def reach_questions(asked: Visitor, world: World) -> None:
    world.asked_first = True
    await asked.reach_card()
    world.change(state=State.CARD_READ, reader=Reader.CARD)
    await asked.open("/card")


async def reach_code(asked: Visitor, world: World) -> None:
    await reach_profile(asked, world)
    await asked.open("/profile/questions")
    await asked.submit("/profile/questions", **CHOSEN, **ANSWERED)
    await asked.submit("/profile/questions/email", email="test-holder-0001@example.org")


async def test_R41_R42_R43_R58_a_holder_registers_from_the_profile_by_a_mailed_code(
    asked: Visitor, world: World
) -> None:
    await reach_profile(asked, world)
    assert "You have not registered yet" in asked.page.text
    page = await asked.open("/profile/questions")
    assert page.text.count("Question number 20?") == 4
    await asked.submit("/profile/questions", **CHOSEN, **ANSWERED)
    assert asked.at() == "/profile/questions/email"
    assert 'value="test-holder-0001@example.org"' in asked.page.text
    await asked.submit("/profile/questions/email", email="test-holder-0001@example.org")
    assert asked.at() == "/profile/questions/code"
    assert "You may need to check your junk mail folder" in asked.page.text
    await asked.submit("/profile/questions/code", code=f"{RIGHT_CODE[:4]} {RIGHT_CODE[4:]}")

    assert asked.at() == "/profile/questions/done"
    answers = tuple((CHOSEN[f"question_{place}"], f"answer {place}") for place in range(1, 5))
    assert ("set_answers", answers) in world.calls
    assert ("confirm_email", "test-holder-0001@example.org") in world.calls
    assert ("issue_registration_code", "registration-grant") in world.calls
    assert ("complete", "mailbox-grant") in world.calls
    assert "authorise" not in world.names()


async def test_R43_a_right_code_sent_again_while_the_next_page_is_on_its_way_leads_on(
    asked: Visitor, world: World
) -> None:
    await reach_code(asked, world)
    form = asked.page.text
    for _ in range(2):
        await asked.submit("/profile/questions/code", page=form, code=RIGHT_CODE)

    assert asked.at() == "/profile/questions/done"
    assert world.names().count("complete") == 1


async def test_R42_an_address_confirmed_twice_leads_to_the_code(asked: Visitor, world: World) -> None:
    await reach_profile(asked, world)
    await asked.open("/profile/questions")
    await asked.submit("/profile/questions", **CHOSEN, **ANSWERED)
    form = asked.page.text
    for _ in range(2):
        await asked.submit("/profile/questions/email", page=form, email="test-holder-0001@example.org")

    assert asked.at() == "/profile/questions/code"
    assert world.names().count("issue_registration_code") == 1


async def test_R41_a_registered_holder_sees_since_when(asked: Visitor, world: World) -> None:
    world.registered_at = NOW
    await reach_profile(asked, world)

    assert "You registered on 21 November 2026" in asked.page.text


@pytest.mark.parametrize(
    ("answer", "field", "code"),
    [
        (AnswersRefused("QUESTIONS_NOT_FOUR", {}), "question-1", "QUESTIONS_NOT_FOUR"),
        (AnswersRefused("ANSWERS_ALL_SAME", {}), "answer-1", "ANSWERS_ALL_SAME"),
        (
            AnswersRefused("ANSWERS_REFUSED", {QUESTIONS[3].code: "ANSWER_TOO_SHORT"}),
            "answer-3",
            "ANSWER_TOO_SHORT",
        ),
    ],
)
async def test_R41_R57_what_will_not_do_is_told_at_its_place_and_the_choice_is_kept(
    asked: Visitor, world: World, answer: AnswersRefused, field: str, code: str
) -> None:
    await reach_profile(asked, world)
    await asked.open("/profile/questions")
    world.refused_answers = answer
    page = await asked.submit("/profile/questions", **CHOSEN, **ANSWERED)

    assert (page.status_code, asked.error_code()) == (400, code)
    assert f'href="#{field}"' in page.text
    assert re.findall(r'value="(QUESTION_\d+)" selected', page.text) == list(CHOSEN.values())


@pytest.mark.parametrize("code", ["EMAIL_MISSING", "EMAIL_MALFORMED", "EMAIL_DOMAIN_NOT_ALLOWED"])
async def test_R42_an_address_that_cannot_stand_is_told_and_no_code_is_sent(
    asked: Visitor, world: World, code: str
) -> None:
    await reach_profile(asked, world)
    await asked.open("/profile/questions")
    await asked.submit("/profile/questions", **CHOSEN, **ANSWERED)
    world.refused_email = Refused(code)
    page = await asked.submit("/profile/questions/email", email="typed@example.com")

    assert (page.status_code, asked.error_code()) == (400, code)
    assert 'value="typed@example.com"' in page.text
    assert "issue_registration_code" not in world.names()


async def test_R43_wrong_codes_are_counted_and_the_third_leads_to_the_ra(
    asked: Visitor, world: World
) -> None:
    await reach_code(asked, world)
    page = await asked.submit("/profile/questions/code", code=WRONG_CODE)
    assert "You have 2 tries left" in page.text
    await asked.submit("/profile/questions/code", code="12")
    assert "must be 8 digits long" in asked.page.text
    await asked.submit("/profile/questions/code", code=WRONG_CODE)
    await asked.submit("/profile/questions/code", code=WRONG_CODE)

    assert asked.error_code() == "LOCKED_TO_RA"
    assert "complete" not in world.names()


async def test_R43_another_code_can_be_asked_for_and_what_is_over_is_told(
    asked: Visitor, world: World, clock: FakeClock
) -> None:
    await reach_code(asked, world)
    clock.advance(minutes=2)
    await asked.open("/profile/questions/code")
    await asked.submit("/profile/questions/code/again")
    assert (asked.at(), world.names().count("issue_registration_code")) == ("/profile/questions/code", 2)
    world.refused_complete = Refused("REGISTRATION_OVER")
    await asked.submit("/profile/questions/code", code=RIGHT_CODE)
    assert asked.error_code() == "REGISTRATION_OVER"

    assert (await asked.open("/profile/questions/code")).url.path == "/sign-in"


async def test_R43_a_registration_whose_grant_has_ended_is_over(asked: Visitor, world: World) -> None:
    await reach_code(asked, world)
    world.failure["registration_code_status"] = errors.unauthenticated("GRANT_REFUSED")
    page = await asked.open("/profile/questions/code")

    assert (page.status_code, asked.error_code()) == (200, "REGISTRATION_OVER")


async def test_R43_the_code_page_follows_its_mail(asked: Visitor, world: World) -> None:
    await reach_code(asked, world)
    world.registration_status = code_status(Delivery.SENT)
    told = (await asked.client.get("/wait?at=/profile/questions/code&since=QUEUED")).json()

    assert (told["since"], told["last"]) == ("SENT", True)
    assert "t…1@example.org" in told["html"]


@pytest.mark.parametrize(
    "path", ["/profile/questions", "/profile/questions/email", "/profile/questions/code"]
)
async def test_R56_nobody_registers_who_is_not_signed_in(asked: Visitor, world: World, path: str) -> None:
    assert (await asked.open(path)).url.path == "/sign-in"
    await reach_questions(asked, world)

    assert (await asked.open(path)).url.path in ("/sign-in", "/questions")
    assert "questions" not in world.names()


async def test_R48_the_questions_come_before_the_address_and_right_answers_lead_to_it(
    asked: Visitor, world: World
) -> None:
    await reach_questions(asked, world)
    assert asked.at() == "/questions"
    assert "t…1@example.org" not in asked.page.text
    for question in QUESTIONS[:4]:
        assert question.text in asked.page.text
    assert (await asked.open("/address")).url.path == "/questions"
    await asked.submit("/questions", **RIGHT)

    assert asked.at() == "/address"
    assert (await asked.open("/questions")).url.path == "/address"
    await asked.submit("/address", words_match="yes")
    assert asked.at() == "/code"


async def test_R48_three_failures_lead_to_the_ra_with_how_to_reach_them(asked: Visitor, world: World) -> None:
    await reach_questions(asked, world)
    page = await asked.submit("/questions", **WRONG)
    assert (page.status_code, asked.error_code()) == (400, "ANSWERS_WRONG")
    assert "You have 2 tries left" in page.text
    assert 'value="another"' not in page.text
    await asked.submit("/questions", **dict.fromkeys(RIGHT, ""))
    assert asked.error_code() == "ANSWERS_INCOMPLETE"
    await asked.submit("/questions", **WRONG)
    await asked.submit("/questions", **WRONG)

    assert asked.error_code() == "ANSWERS_LOCKED"
    for words in (RA.name, RA.telephone, RA.email):
        assert words in unescape(asked.page.text)
    assert "issue_code" not in world.names()


async def test_R48_a_form_that_is_sent_twice_at_once_and_again_later_is_one_attempt(
    asked: Visitor, world: World
) -> None:
    await reach_questions(asked, world)
    form = asked.page.text
    twice = await asyncio.gather(*(asked.submit("/questions", page=form, **WRONG) for _ in range(2)))
    later = await asked.submit("/questions", page=form, **WRONG)

    assert ["You have 2 tries left" in page.text for page in (*twice, later)] == [True] * 3
    assert world.tries_left == 2


@pytest.mark.parametrize(
    ("typed", "at", "left"), [(RIGHT, "/address", 2), (WRONG, "/questions", 1)], ids=["right", "wrong"]
)
async def test_R48_the_form_of_another_tab_is_judged_by_its_own_answers(
    asked: Visitor, world: World, typed: dict[str, str], at: str, left: int
) -> None:
    await reach_questions(asked, world)
    tabs = [(await asked.open("/questions")).text for _ in range(2)]
    await asked.submit("/questions", page=tabs[0], **WRONG)
    await asked.submit("/questions", page=tabs[1], **typed)

    assert (asked.at(), world.tries_left) == (at, left)


@pytest.mark.parametrize("code", ["NOT_REGISTERED", "ANSWERS_LOCKED"])
async def test_R41_R48_who_may_not_answer_is_told_whom_to_ask(
    asked: Visitor, world: World, code: str
) -> None:
    world.refused_holder = Refused(code, RA)
    await reach_questions(asked, world)

    assert (asked.error_code(), RA.name in asked.page.text) == (code, True)
    assert 'href="/receipt"' in asked.page.text


async def test_R48_an_ra_ends_the_lock_with_a_reason(asked: Visitor, world: World) -> None:
    at = f"/ra/holders/{HOLDER_REF}"
    await reach_desk(asked, world)
    assert f"{CARD}/answers" not in (await asked.open(at)).text
    world.record = replace(HOLDER, cards=(replace(HOLDER.cards[0], answers_locked_at=NOW),))
    assert f'href="{at}/cards/{CARD}/answers"' in (await asked.open(at)).text
    await asked.open(f"{at}/cards/{CARD}/answers")
    await asked.submit(f"{at}/cards/{CARD}/answers")
    assert asked.error_code() == "REASON_MISSING"
    page = await asked.submit(f"{at}/cards/{CARD}/answers", reason="HOLDER_CHECKED")

    assert "The lock is ended" in page.text
    assert ("act_on_card", (CardAct.CLEAR_ANSWERS, HOLDER_REF, CARD, "HOLDER_CHECKED", "")) in world.calls


@pytest.mark.parametrize("path", [path for path, _, _ in QUESTION_PAGES])
async def test_S51_where_the_policy_is_off_the_pages_are_not_there(
    visitor: Visitor, world: World, path: str
) -> None:
    await reach_profile(visitor, world)
    assert "Security questions" not in visitor.page.text
    named = path.format(holder_ref=HOLDER_REF, card_ref=CARD)
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}

    assert (await visitor.client.get(named)).status_code == 404
    assert (await visitor.client.post(named, data={"csrf": "x"}, headers=headers)).status_code == 404
    assert {"questions", "answer", "set_answers"}.isdisjoint(world.names())


async def test_S51_the_guides_speak_of_questions_only_where_they_are_asked(
    visitor: Visitor, asked: Visitor
) -> None:
    for path, words in (
        ("/help/holders", "choose 4 of 20 security questions"),
        ("/help/registration-authorities", "ANSWERS_LOCKED"),
        ("/help/handout", "4 security questions that you registered"),
        ("/", "the security questions that you registered"),
    ):
        assert words in (await asked.open(path)).text
        assert words not in (await visitor.open(path)).text


async def claimed(front_end: FrontEnd, world: World) -> None:
    await front_end.claim()
    world.asked_first = True
    world.change(state=State.CARD_READ, reader=Reader.CARD)


async def test_R48_D2_another_front_end_asks_the_questions_and_answers_them(
    asked_front_end: FrontEnd, world: World
) -> None:
    await claimed(asked_front_end, world)
    answers = [{"question": code, "text": text} for code, text in RIGHT.items()]
    wrong = [{"question": code, "text": text} for code, text in WRONG.items()]
    assert refused(await asked_front_end.get("/session/holder")) == (409, "QUESTIONS_UNANSWERED")
    listed = (await asked_front_end.get("/session/questions")).json()
    assert [each["code"] for each in listed["questions"]] == list(RIGHT)
    no = await asked_front_end.post("/session/question-answers", {"answers": wrong})
    assert (refused(no), no.json()["tries_left"]) == ((409, "ANSWERS_WRONG"), 2)
    yes = await asked_front_end.post("/session/question-answers", {"answers": answers})

    assert (yes.status_code, yes.json()["step"]) == (200, "CODE")
    assert (await asked_front_end.get("/session/holder")).status_code == 200
    assert (await asked_front_end.get("/session/questions")).json() == {"questions": [], "tries_left": 0}


async def test_R48_D2_the_third_failure_names_the_ra_to_another_front_end(
    asked_front_end: FrontEnd, world: World
) -> None:
    await claimed(asked_front_end, world)
    wrong = [{"question": code, "text": text} for code, text in WRONG.items()]
    answers = [await asked_front_end.post("/session/question-answers", {"answers": wrong}) for _ in range(3)]

    assert [answer.json()["code"] for answer in answers] == [
        "ANSWERS_WRONG",
        "ANSWERS_WRONG",
        "ANSWERS_LOCKED",
    ]
    assert answers[2].json()["registration_authority"]["name"] == RA.name


async def test_S51_D2_where_the_policy_is_off_the_calls_are_not_there(
    front_end: FrontEnd, world: World
) -> None:
    await claimed(front_end, world)
    world.asked_first = False
    answers = [{"question": code, "text": text} for code, text in RIGHT.items()]
    told = [
        await front_end.get("/session/questions"),
        await front_end.post("/session/question-answers", {"answers": answers}),
    ]

    assert [refused(answer) for answer in told] == [(404, "PAGE_NOT_FOUND")] * 2
    assert "answer" not in world.names()
