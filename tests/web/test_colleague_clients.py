"""What a holder asks of colleagues, and their words, cross the wire and come back in the pages' own words."""

from typing import Any

import pytest
from smartcard_unlock.identity.v1 import colleagues_pb2, identity_pb2, in_person_pb2

from services.web.clients import GrpcColleagues, GrpcIdentity
from services.web.ports import ColleaguesAsked, Person, Refused, WordGiven
from tests.web.test_clients import INSTANT, STAMP, Answers, answers, channel

__all__ = ["answers", "channel"]

TOO_OFTEN = identity_pb2.HolderRefused(code="VOUCH_TOO_OFTEN")
UNKNOWN = identity_pb2.HolderRefused(code="VOUCH_CODE_UNKNOWN")


async def test_a_refusal_says_whether_colleagues_may_vouch(channel: Any, answers: Answers) -> None:
    refused = identity_pb2.HolderRefused(code="NO_EMAIL", can_ask_colleagues=True)
    answers.answer = identity_pb2.ResolveHolderResponse(refused=refused)

    assert await GrpcIdentity(channel).resolve_holder("c") == Refused("NO_EMAIL", can_ask_colleagues=True)


async def test_how_it_stands_with_colleagues_crosses_the_wire(channel: Any, answers: Answers) -> None:
    asked = colleagues_pb2.Asked(code="ABCDE-FGHJK", expires_at=STAMP, words_given=1, words_needed=2)
    answers.answer = colleagues_pb2.AskColleaguesResponse(asked=asked)
    assert await GrpcColleagues(channel).ask("c") == ColleaguesAsked("ABCDE-FGHJK", INSTANT, 1, 2)
    assert answers.asked.card_grant == "c"
    asked = colleagues_pb2.Asked(expires_at=STAMP, words_given=2, words_needed=2, unlock_grant="u")
    answers.answer = colleagues_pb2.AskColleaguesResponse(asked=asked)
    assert await GrpcColleagues(channel).ask("c") == ColleaguesAsked("", INSTANT, 2, 2, "u")
    answers.answer = colleagues_pb2.AskColleaguesResponse(refused=TOO_OFTEN)

    assert await GrpcColleagues(channel).ask("c") == Refused("VOUCH_TOO_OFTEN")


async def test_a_colleague_is_told_who_asks_or_why_not(channel: Any, answers: Answers) -> None:
    person = in_person_pb2.Person(name="Test Holder Two", organisation="T01")
    answers.answer = colleagues_pb2.ShowAskerResponse(person=person)
    assert await GrpcColleagues(channel).asker("p", "ABCDEFGHJK") == Person("Test Holder Two", "T01")
    assert (answers.asked.profile_grant, answers.asked.code) == ("p", "ABCDEFGHJK")
    answers.answer = colleagues_pb2.ShowAskerResponse(refused=UNKNOWN)

    assert await GrpcColleagues(channel).asker("p", "ABCDEFGHJK") == Refused("VOUCH_CODE_UNKNOWN")


@pytest.mark.parametrize("basis", ["PHONE", "VIDEO", "IN_PERSON"])
async def test_a_word_crosses_the_wire_with_how_it_is_known(
    channel: Any, answers: Answers, basis: str
) -> None:
    given = colleagues_pb2.Given(words_given=1, words_needed=2)
    answers.answer = colleagues_pb2.VouchForColleagueResponse(given=given)
    assert await GrpcColleagues(channel).vouch("p", "ABCDEFGHJK", basis) == WordGiven(1, 2)
    said = colleagues_pb2.ColleagueBasis.Name(answers.asked.basis)
    assert (answers.asked.profile_grant, answers.asked.code) == ("p", "ABCDEFGHJK")
    assert said == f"COLLEAGUE_BASIS_{basis}"
    answers.answer = colleagues_pb2.VouchForColleagueResponse(refused=UNKNOWN)

    assert await GrpcColleagues(channel).vouch("p", "ABCDEFGHJK", basis) == Refused("VOUCH_CODE_UNKNOWN")
