"""Two colleagues vouch from afar for a holder without usable mail: who may, and what it gives."""

from datetime import timedelta
from typing import Any

import pytest
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.identity.v1 import identity_events_pb2
from sqlalchemy import func, select

from services.identity import tables
from services.identity.colleague_codes import ColleagueCodes
from services.identity.domain.colleagues import Basis, may_ask
from services.identity.domain.eligibility import Refusal
from services.identity.use_cases import Refused, Resolved
from services.identity.use_cases.asking_colleagues import Words
from services.identity.use_cases.colleagues import Given
from services.identity.use_cases.vouching import Person
from services.runtime.grants import GrantRefused, GrantVerifier, UnlockGrant
from tests.fakes.clock import NOON
from tests.ports.identity.colleagues import (
    CARDS,
    SESSIONS,
    at_night,
    give,
    holder_asks,
    person,
    signed_in,
)
from tests.ports.identity.world import CARD_GRANT, CARD_REF, World

ADDRESS = {"email": "test-holder-0001@example.org"}


@pytest.fixture
async def night(world: World) -> World:
    """A nurse without an address, three colleagues, and nobody of the RA team."""
    return await at_night(world)


async def asked(world: World, **changes: Any) -> Words:
    answer = await holder_asks(world, **changes)
    assert isinstance(answer, Words)
    return answer


async def refused_asking(world: World, **changes: Any) -> str:
    answer = await holder_asks(world, **changes)
    assert isinstance(answer, Refused)
    return answer.code


async def refused_to(world: World, number: int, code: str) -> tuple[str, str]:
    """What a colleague is told who looks, and who vouches."""
    token = await signed_in(world, number)
    shown = await world.colleagues.show(token, code)
    vouched = await world.colleagues.vouch(token, code, Basis.PHONE)
    assert isinstance(shown, Refused)
    assert isinstance(vouched, Refused)
    return shown.code, vouched.code


def read(world: World, words: Words) -> UnlockGrant:
    verifier = GrantVerifier.from_dir(world.keys.verify_dir, "card_gateway", world.clock)
    return verifier.verify(words.unlock_grant, UnlockGrant)


async def told(world: World) -> list[Any]:
    return await world.told(identity_events_pb2.ColleagueVouched)


async def count(world: World, table: Any) -> int:
    async with world.database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def test_two_words_let_the_holder_through_and_the_grant_names_whose_was_the_second(
    night: World,
) -> None:
    first = await asked(night)
    assert (first.given, first.needed, first.unlock_grant) == (0, 2, "")
    assert await give(night, 2, first.code) == Given(1)
    waiting = await asked(night)
    assert (waiting.code, waiting.given, waiting.unlock_grant) == (first.code, 1, "")
    assert await give(night, 3, first.code, Basis.VIDEO) == Given(2)

    enough = await asked(night)
    grant = read(night, enough)
    assert (enough.code, enough.given) == ("", 2)
    assert (grant.session_id, grant.card_ref, grant.reason, grant.route, grant.purpose) == (
        CARD_GRANT.session_id, CARD_REF, "LOCKED", "SELF", "UNLOCK",
    )  # fmt: skip
    assert (grant.actor_kind, grant.actor_ref) == ("COLLEAGUES", await night.holder_ref("test-holder-0003"))
    assert grant.holder_ref == await night.holder_ref()
    assert grant.expires_at - grant.issued_at == timedelta(minutes=5)
    assert read(night, await asked(night)).jti == grant.jti


async def test_with_two_words_a_holder_grant_is_given_though_no_mail_can_be_sent(night: World) -> None:
    before = await night.resolve()
    assert isinstance(before, Refused)
    assert (before.code, before.can_ask_colleagues) == ("NO_EMAIL", True)
    code = (await asked(night)).code
    await give(night, 2, code)
    assert isinstance(await night.resolve(), Refused)
    await give(night, 3, code)

    resolved = await night.resolve()
    assert isinstance(resolved, Resolved)
    assert night.verify(resolved.holder_grant).address_version == 0
    other = await night.resolve(session_id=SESSIONS[1])
    assert isinstance(other, Refused)


async def test_each_word_is_told_once_with_who_whose_card_and_how_they_know(night: World) -> None:
    code = (await asked(night)).code
    for number, basis in ((2, Basis.PHONE), (2, Basis.IN_PERSON), (3, Basis.IN_PERSON), (3, Basis.PHONE)):
        await give(night, number, code, basis)

    first, second = await told(night)
    assert (first.actor.kind, first.actor.ref) == (
        common_pb2.ACTOR_KIND_COLLEAGUES, await night.holder_ref("test-holder-0002"),
    )  # fmt: skip
    assert (first.session_id, first.card_ref, first.holder_ref, first.organisation) == (
        CARD_GRANT.session_id, CARD_REF, await night.holder_ref(), "X26",
    )  # fmt: skip
    assert (first.basis, first.words_given, first.words_needed) == ("PHONE", 1, 2)
    assert (second.basis, second.words_given, second.actor_card_ref) == ("IN_PERSON", 2, CARDS[3])


async def test_a_colleague_sees_whose_code_it_is_and_types_it_as_they_like(night: World) -> None:
    code = (await asked(night)).code
    token = await signed_in(night, 2)

    for typed in (code, code.lower(), code.replace("-", " ")):
        assert await night.colleagues.show(token, typed) == Person("Test Holder One", "X26")


async def test_one_colleague_who_vouches_twice_has_vouched_once(night: World) -> None:
    code = (await asked(night)).code

    assert [await give(night, 2, code) for _ in range(3)] == [Given(1)] * 3
    assert (await asked(night)).given == 1


async def test_nobody_vouches_for_themselves_by_no_card_of_theirs(night: World) -> None:
    code = (await asked(night)).code

    assert await refused_to(night, 1, code) == ("VOUCH_OWN_CARD", "VOUCH_OWN_CARD")


@pytest.mark.parametrize(
    "what", ["mistyped", "over", "elsewhere", "policy off", "card frozen", "address set"]
)
async def test_a_code_that_lets_one_vouch_for_nobody_is_answered_in_one_way(night: World, what: str) -> None:
    code, number, world = (await asked(night)).code, 2, night
    match what:
        case "mistyped":
            code = "00000-00000"
        case "over":
            night.clock.advance(minutes=30)
        case "elsewhere":
            number = 7
        case "policy off":
            world = World(night.database, night.keys, night.clock)
        case "card frozen":
            await night.set_card_status("FROZEN", CARD_REF)
        case "address set":
            await night.populate(holder=ADDRESS)

    assert await refused_to(world, number, code) == ("VOUCH_CODE_UNKNOWN", "VOUCH_CODE_UNKNOWN")
    assert await told(night) == []


async def test_a_code_is_good_to_the_last_second_of_its_30_minutes_and_then_another_is_shown(
    night: World,
) -> None:
    first = await asked(night)
    assert first.expires_at == NOON + timedelta(minutes=30)
    night.clock.advance(minutes=29, seconds=59)
    assert await give(night, 2, first.code) == Given(1)

    second = await asked(night)
    assert second.code != first.code
    assert (second.given, second.expires_at) == (1, NOON + timedelta(minutes=45))
    assert await give(night, 3, second.code) == Given(2)


async def test_a_code_of_a_session_that_ends_sooner_ends_with_it(night: World) -> None:
    words = await asked(night, expires_at=NOON + timedelta(minutes=3))

    assert words.expires_at == NOON + timedelta(minutes=3)


async def test_a_third_word_is_not_taken_and_those_who_vouched_are_told_so_again(night: World) -> None:
    code = (await asked(night)).code
    await give(night, 2, code)
    await give(night, 3, code)

    assert await give(night, 2, code) == Given(2)
    assert await refused_to(night, 4, code) == ("VOUCH_CODE_UNKNOWN", "VOUCH_CODE_UNKNOWN")


@pytest.mark.parametrize("gone", [2, 3])
async def test_a_colleague_frozen_since_has_not_vouched_and_another_may(night: World, gone: int) -> None:
    code = (await asked(night)).code
    await give(night, 2, code)
    await give(night, 3, code)
    await night.set_card_status("FROZEN", CARDS[gone])

    words = await asked(night)
    assert (words.given, words.unlock_grant, words.code) == (1, "", code)
    assert isinstance(await night.resolve(), Refused)
    assert await give(night, 4, code) == Given(2)
    assert read(night, await asked(night)).actor_ref == await night.holder_ref("test-holder-0004")


async def test_the_first_colleague_is_judged_again_when_the_second_vouches(night: World) -> None:
    code = (await asked(night)).code
    await give(night, 2, code)
    await night.take({"kind": "holder", "id": "test-holder-0002", "organisation": "Y77", "name": "Moved"})

    assert await give(night, 3, code) == Given(1)
    assert [each.words_given for each in await told(night)] == [1, 1]


@pytest.mark.parametrize("status", ["FROZEN", "LOST", "REPLACED", "REVOKED"])
async def test_a_colleague_whose_own_card_is_not_good_is_told_that(night: World, status: str) -> None:
    code, token = (await asked(night)).code, await signed_in(night, 2)
    await night.set_card_status(status, CARDS[2])

    answer = await night.colleagues.vouch(token, code, Basis.PHONE)
    assert isinstance(answer, Refused)
    assert answer.code == ("CARD_FROZEN" if status == "FROZEN" else "CARD_NOT_ACTIVE")


async def test_three_words_in_24_hours_are_the_most(night: World) -> None:
    codes = [(await asked(night, session_id=session)).code for session in SESSIONS[:4]]
    assert [await give(night, 2, code) for code in codes[:3]] == [Given(1)] * 3

    assert await refused_to(night, 2, codes[3]) == ("VOUCH_LIMIT", "VOUCH_LIMIT")
    assert await give(night, 2, codes[0]) == Given(1)  # said before
    night.clock.advance(hours=24)
    late = {"issued_at": night.clock.now(), "expires_at": night.clock.now() + timedelta(minutes=45)}
    assert await give(night, 2, (await asked(night, session_id=SESSIONS[3], **late)).code) == Given(1)


async def test_ten_wrong_codes_in_24_hours_are_the_most_also_for_the_right_one(night: World) -> None:
    code, token = (await asked(night)).code, await signed_in(night, 2)
    for number in range(10):
        answer = await night.colleagues.show(token, f"00000-0000{number}")
        assert isinstance(answer, Refused)
        assert answer.code == "VOUCH_CODE_UNKNOWN"

    assert await refused_to(night, 2, code) == ("VOUCH_LIMIT", "VOUCH_LIMIT")
    assert await give(night, 3, code) == Given(1)
    night.clock.advance(hours=24)
    late = {"issued_at": night.clock.now(), "expires_at": night.clock.now() + timedelta(minutes=45)}
    assert await give(night, 2, (await asked(night, session_id=SESSIONS[1], **late)).code) == Given(1)


async def test_what_is_no_code_is_no_guess(night: World) -> None:
    token = await signed_in(night, 2)
    for typed in ("", "ABCDE", "ABCDE-FGHJ!", "A" * 11) * 4:
        answer = await night.colleagues.show(token, typed)
        assert isinstance(answer, Refused)
        assert answer.code == "VOUCH_CODE_UNKNOWN"

    assert await count(night, tables.wrong_colleague_codes) == 0


async def test_a_card_is_let_through_twice_in_30_days(night: World) -> None:
    third = (await asked(night, session_id=SESSIONS[2])).code
    for session, pair in ((SESSIONS[0], (2, 3)), (SESSIONS[1], (4, 5))):
        code = (await asked(night, session_id=session)).code
        for number in pair:
            await give(night, number, code)

    assert await refused_asking(night, session_id=SESSIONS[2]) == "VOUCH_TOO_OFTEN"
    assert await refused_to(night, 6, third) == ("VOUCH_CODE_UNKNOWN", "VOUCH_CODE_UNKNOWN")
    assert (await asked(night, session_id=SESSIONS[1])).unlock_grant
    night.clock.advance(days=30)
    late = {"issued_at": night.clock.now(), "expires_at": night.clock.now() + timedelta(minutes=45)}
    assert (await asked(night, session_id=SESSIONS[3], **late)).given == 0


async def test_whoever_has_a_usable_address_uses_it(night: World) -> None:
    code = (await asked(night)).code
    await give(night, 2, code)
    await give(night, 3, code)
    await night.populate(holder=ADDRESS)

    assert await refused_asking(night) == "EMAIL_USABLE"
    assert isinstance(await night.resolve(), Resolved)
    assert await night.told(common_pb2.SessionOutcome) == []


async def test_an_address_of_a_domain_that_is_not_approved_is_none(night: World) -> None:
    await night.populate(holder={"email": "someone@elsewhere.example"})

    answer = await night.resolve()
    assert isinstance(answer, Refused)
    assert (answer.code, answer.can_ask_colleagues) == ("EMAIL_DOMAIN_NOT_ALLOWED", True)
    assert (await asked(night)).given == 0


async def test_with_the_policy_off_the_ordinary_refusal_stands(night: World) -> None:
    off = World(night.database, night.keys, night.clock)

    assert await refused_asking(off) == "NO_EMAIL"
    answer = await off.resolve()
    assert isinstance(answer, Refused)
    assert not answer.can_ask_colleagues
    (outcome,) = await night.told(common_pb2.SessionOutcome)
    assert outcome.code == "NO_EMAIL"


async def test_words_given_before_the_policy_was_switched_off_let_nobody_through(night: World) -> None:
    code = (await asked(night)).code
    await give(night, 2, code)
    await give(night, 3, code)
    off = World(night.database, night.keys, night.clock)

    assert await refused_asking(off) == "NO_EMAIL"
    assert isinstance(await off.resolve(), Refused)


@pytest.mark.parametrize(
    ("status", "refusal"),
    [("FROZEN", "CARD_FROZEN"), ("LOST", "CARD_NOT_ACTIVE"), ("REVOKED", "CARD_NOT_ACTIVE")],
)
async def test_the_card_is_judged_as_ever_also_with_two_words(
    night: World, status: str, refusal: str
) -> None:
    code = (await asked(night)).code
    await give(night, 2, code)
    await give(night, 3, code)
    await night.set_card_status(status, CARD_REF)

    assert await refused_asking(night) == refusal
    answer = await night.resolve()
    assert isinstance(answer, Refused)
    assert (answer.code, answer.can_ask_colleagues) == (refusal, False)


async def test_an_expired_certificate_is_refused(night: World) -> None:
    assert (await asked(night, certificate_expires_at=NOON)).given == 0
    night.clock.advance(seconds=1)
    assert await refused_asking(night, certificate_expires_at=NOON) == "CERTIFICATE_EXPIRED"


@pytest.mark.parametrize(
    "changes",
    [{"reason": "CHANGE"}, {"reason": "SIGN_IN"}, {"route": "RA_IN_PERSON"}, {"purpose": "PROFILE"}],
    ids=str,
)
async def test_no_other_grant_asks(night: World, changes: dict[str, Any]) -> None:
    with pytest.raises(GrantRefused):
        await holder_asks(night, **changes)


@pytest.mark.parametrize("refusal", Refusal)
def test_only_for_want_of_mail_colleagues_are_offered(refusal: Refusal) -> None:
    offered = refusal in (Refusal.NO_EMAIL, Refusal.EMAIL_DOMAIN_NOT_ALLOWED)

    assert may_ask("LOCKED", "SELF", refusal) is offered
    assert may_ask("FORGOTTEN", "SELF", refusal) is offered
    assert not may_ask("CHANGE", "SELF", refusal)
    assert not may_ask("LOCKED", "RA_IN_PERSON", refusal)


async def test_only_a_profile_grant_vouches(night: World) -> None:
    code = (await asked(night)).code
    for token in ("", "x", night.grant()):
        with pytest.raises(GrantRefused):
            await night.colleagues.vouch(token, code, Basis.PHONE)


async def test_the_database_alone_reveals_no_code(night: World) -> None:
    code = (await asked(night)).code.replace("-", "")
    async with night.database.read() as connection:
        (row,) = (await connection.execute(select(tables.colleague_requests))).all()
    own = ColleagueCodes.from_file(night.keys.signing("identity"))

    assert row.code_digest == own.digest_of(code)
    other = ColleagueCodes.from_file(night.keys.signing("otp"))
    assert other.digest_of(code) != row.code_digest
    assert other.code_of(row.session_id, row.expires_at) != code
    assert code not in repr(row)


async def test_a_code_made_with_a_key_of_before_is_shown_anew(night: World) -> None:
    old = (await asked(night)).code
    night.asking_colleagues._codes = night.colleagues._codes = ColleagueCodes(b"another" * 5)

    new = (await asked(night)).code
    assert new != old
    assert (await refused_to(night, 2, old))[0] == "VOUCH_CODE_UNKNOWN"
    assert await give(night, 2, new) == Given(1)


async def test_nobody_reads_a_code_in_what_is_printed(night: World) -> None:
    words = await asked(night)
    async with night.store.read() as view:
        request = await view.colleague_request(CARD_GRANT.session_id)
    assert request is not None

    assert words.code not in repr(words)
    assert repr(request.code_digest) not in repr(request)


async def test_what_was_asked_and_said_is_kept_30_days(night: World) -> None:
    code = (await asked(night)).code
    await give(night, 2, code)
    await refused_to(night, 3, "00000-00000")
    kept = (tables.colleague_requests, tables.colleague_words, tables.wrong_colleague_codes)
    night.clock.advance(days=30, seconds=-1)
    await night.holders.sweep()
    assert [await count(night, table) for table in kept] == [1, 1, 2]

    night.clock.advance(minutes=31)
    await night.holders.sweep()
    assert [await count(night, table) for table in kept] == [0, 0, 0]


async def test_words_that_became_enough_without_a_word_let_nobody_through_until_one_is_given_and_told(
    night: World,
) -> None:
    code = (await asked(night)).code
    await give(night, 2, code)
    await night.set_card_status("FROZEN", CARDS[2])
    assert await give(night, 3, code) == Given(1)
    await night.set_card_status("ACTIVE", CARDS[2])

    words = await asked(night)
    assert (words.code, words.unlock_grant) == (code, "")
    assert isinstance(await night.resolve(), Refused)
    assert [each.words_given for each in await told(night)] == [1, 1]

    assert await give(night, 2, code) == Given(2)
    assert [each.words_given for each in await told(night)] == [1, 1, 2]
    assert read(night, await asked(night)).actor_ref == await night.holder_ref("test-holder-0002")
    assert isinstance(await night.resolve(), Resolved)


async def test_whoever_was_let_through_by_colleagues_vouches_for_nobody_for_30_days(night: World) -> None:
    """Else whoever holds that card would speak in the name of a person who may know nothing of it."""
    await night.populate(holder=ADDRESS)
    await night.take(person(2)[0] | {"email": ""})
    through = {"card_ref": CARDS[2], "session_id": SESSIONS[1]}
    code = (await asked(night, **through)).code
    await give(night, 3, code)
    assert await give(night, 4, code) == Given(2)
    await night.populate(holder={"email": ""})

    code = (await asked(night)).code
    assert await refused_to(night, 2, code) == ("VOUCH_LIMIT", "VOUCH_LIMIT")
    assert await give(night, 5, code) == Given(1)
    night.clock.advance(days=30)
    late = {"issued_at": night.clock.now(), "expires_at": night.clock.now() + timedelta(minutes=45)}
    assert await give(night, 2, (await asked(night, session_id=SESSIONS[2], **late)).code) == Given(1)


async def test_nobody_vouches_for_a_registration_authority(night: World) -> None:
    """Their card acts for a whole organisation: two insiders who hold it would act so, too."""
    code = (await asked(night)).code
    await give(night, 2, code)
    await give(night, 3, code)
    role = {"kind": "role", "holder": "test-holder-0001", "role": "RA", "organisation": "Y77"}
    await night.take(role)

    assert await refused_asking(night) == "NO_EMAIL"
    assert await refused_to(night, 4, code) == ("VOUCH_CODE_UNKNOWN", "VOUCH_CODE_UNKNOWN")
    answer = await night.resolve()
    assert isinstance(answer, Refused)
    assert (answer.code, answer.can_ask_colleagues) == ("NO_EMAIL", False)
