"""Two colleagues who vouch from afar, on both databases, at once and over the wire."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from smartcard_unlock.identity.v1 import colleagues_pb2, colleagues_pb2_grpc, identity_events_pb2
from sqlalchemy import func, select

from services.identity.domain.colleagues import Basis
from services.identity.tables import wrong_colleague_codes
from services.identity.use_cases import Refused, Resolved
from services.identity.use_cases.asking_colleagues import Words
from services.identity.use_cases.colleagues import Given
from services.runtime.errors import ServiceError
from services.runtime.grants import GrantVerifier, UnlockGrant
from services.runtime.grpc_client import connect
from tests.ports.at_once import at_once
from tests.ports.bare_calls import tls_of
from tests.ports.identity.colleagues import CARDS, SESSIONS, at_night, give, holder_asks, signed_in
from tests.ports.identity.test_calls import serving
from tests.ports.identity.world import CARD_REF, World

Stub = colleagues_pb2_grpc.ColleagueServiceStub


@pytest.fixture
async def night(world: World) -> World:
    return await at_night(world)


@pytest.fixture
async def web(night: World) -> AsyncIterator[Stub]:
    async with serving(night, populate=False) as served:
        channel = connect("identity", served.address_of_server, tls_of(night.keys, "web"))
        yield Stub(channel)
        await channel.close()


async def code_of(world: World, session_id: str = SESSIONS[0]) -> str:
    answer = await holder_asks(world, session_id=session_id)
    assert isinstance(answer, Words)
    return answer.code


async def told(world: World) -> list[Any]:
    return await world.told(identity_events_pb2.ColleagueVouched)


async def test_many_polls_at_once_show_one_code(night: World) -> None:
    answers = await at_once(partial(holder_asks, night) for _ in range(6))

    assert len({answer.code for answer in answers if isinstance(answer, Words)}) == 1


async def test_two_words_at_once_are_two_and_let_the_holder_through_once(night: World) -> None:
    code = await code_of(night)
    tokens = [await signed_in(night, number) for number in (2, 3)]
    answers = await at_once(partial(night.colleagues.vouch, token, code, Basis.PHONE) for token in tokens)

    assert sorted(answer.given for answer in answers if isinstance(answer, Given)) == [1, 2]
    assert sorted(each.words_given for each in await told(night)) == [1, 2]
    enough = await holder_asks(night)
    assert isinstance(enough, Words)
    assert enough.unlock_grant


async def test_the_same_colleague_many_times_at_once_has_one_word_that_is_told_once(night: World) -> None:
    code, token = await code_of(night), await signed_in(night, 2)
    answers = await at_once(partial(night.colleagues.vouch, token, code, Basis.PHONE) for _ in range(6))

    assert answers == [Given(1)] * 6
    assert len(await told(night)) == 1


async def test_of_five_at_once_two_are_taken(night: World) -> None:
    code = await code_of(night)
    tokens = [await signed_in(night, number) for number in (2, 3, 4, 5, 6)]
    answers = await at_once(partial(night.colleagues.vouch, token, code, Basis.VIDEO) for token in tokens)

    assert sorted(answer.given for answer in answers if isinstance(answer, Given)) == [1, 2]
    refused = {answer.code for answer in answers if isinstance(answer, Refused)}
    assert refused == {"VOUCH_CODE_UNKNOWN"}
    assert len(await told(night)) == 2


async def test_words_for_many_sessions_at_once_are_held_to_the_days_limit(night: World) -> None:
    codes = [await code_of(night, session) for session in SESSIONS]
    token = await signed_in(night, 2)
    answers = await at_once(partial(night.colleagues.vouch, token, code, Basis.PHONE) for code in codes)

    assert sum(isinstance(answer, Given) for answer in answers) == 3
    assert {answer.code for answer in answers if isinstance(answer, Refused)} == {"VOUCH_LIMIT"}


async def test_wrong_codes_at_once_are_counted_exactly(night: World) -> None:
    token = await signed_in(night, 2)
    answers = await at_once(
        partial(night.colleagues.show, token, f"00000-000{number:02}") for number in range(20)
    )

    said = [answer.code for answer in answers if isinstance(answer, Refused)]
    assert (said.count("VOUCH_CODE_UNKNOWN"), said.count("VOUCH_LIMIT")) == (10, 10)
    async with night.database.read() as connection:
        counted = select(func.count()).select_from(wrong_colleague_codes)
        assert (await connection.execute(counted)).scalar_one() == 10


async def test_second_words_of_three_sessions_at_once_let_the_card_through_twice(night: World) -> None:
    codes = [await code_of(night, session) for session in SESSIONS[:3]]
    for code in codes:
        assert await give(night, 2, code) == Given(1)
    tokens = [await signed_in(night, number) for number in (3, 4, 5)]
    answers = await at_once(
        partial(night.colleagues.vouch, token, code, Basis.PHONE)
        for token, code in zip(tokens, codes, strict=True)
    )

    assert sum(answer == Given(2) for answer in answers) == 2
    through = [await night.resolve(session_id=session) for session in SESSIONS[:3]]
    assert sum(isinstance(answer, Resolved) for answer in through) == 2


async def test_a_word_beside_the_freeze_of_the_card_lets_nobody_through(night: World) -> None:
    code = await code_of(night)
    await give(night, 2, code)
    token = await signed_in(night, 3)
    both: list[Callable[[], Awaitable[object]]] = [
        partial(night.colleagues.vouch, token, code, Basis.PHONE),
        partial(night.set_card_status, "FROZEN", CARD_REF),
    ]
    await at_once(both)

    answer = await holder_asks(night)
    assert isinstance(answer, Refused)
    assert answer.code == "CARD_FROZEN"


async def test_the_whole_way_over_the_wire(night: World, web: Stub) -> None:
    ask = colleagues_pb2.AskColleaguesRequest(card_grant=night.grant())
    asked = (await web.AskColleagues(ask)).asked
    assert (asked.words_given, asked.words_needed, asked.unlock_grant) == (0, 2, "")
    for number, basis in ((2, "PHONE"), (3, "IN_PERSON")):
        token = await signed_in(night, number)
        who = colleagues_pb2.ShowAskerRequest(profile_grant=token, code=asked.code)
        person = (await web.ShowAsker(who)).person
        assert (person.name, person.organisation) == ("Test Holder One", "X26")
        said = colleagues_pb2.ColleagueBasis.Value(f"COLLEAGUE_BASIS_{basis}")
        word = colleagues_pb2.VouchForColleagueRequest(profile_grant=token, code=asked.code, basis=said)
        assert (await web.VouchForColleague(word)).given.words_given == number - 1

    enough = (await web.AskColleagues(ask)).asked
    verifier = GrantVerifier.from_dir(night.keys.verify_dir, "card_gateway", night.clock)
    assert verifier.verify(enough.unlock_grant, UnlockGrant).actor_kind == "COLLEAGUES"


async def test_a_refusal_over_the_wire_names_whom_to_ask(night: World, web: Stub) -> None:
    token = await signed_in(night, 2)
    who = colleagues_pb2.ShowAskerRequest(profile_grant=token, code="00000-00000")
    refused = (await web.ShowAsker(who)).refused
    assert (refused.code, refused.registration_authority.name) == ("VOUCH_CODE_UNKNOWN", "Example Hospital")

    await night.set_card_status("LOST", CARDS[2])
    assert (await web.ShowAsker(who)).refused.code == "CARD_NOT_ACTIVE"


async def test_how_the_colleague_knows_has_to_be_said(night: World, web: Stub) -> None:
    token, code = await signed_in(night, 2), await code_of(night)
    for basis in (colleagues_pb2.COLLEAGUE_BASIS_UNSPECIFIED, 99):
        word = colleagues_pb2.VouchForColleagueRequest(
            profile_grant=token,
            code=code,
            basis=basis,  # type: ignore[arg-type]
        )
        with pytest.raises(ServiceError, match="BAD_REQUEST"):
            await web.VouchForColleague(word)
