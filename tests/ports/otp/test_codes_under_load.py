"""Codes on both databases: many at once, and what one issue and redeem cost."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial

import pytest
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.otp.v1 import otp_events_pb2
from sqlalchemy import select

from services.otp.domain.facts import Verdict
from services.otp.domain.issue import Refusal
from services.otp.domain.policy import Policy
from services.otp.domain.status import Status
from services.otp.tables import metadata
from services.otp.use_cases import OneTimeCodes, Redemption
from services.runtime.database import Database
from tests.ports.at_once import at_once
from tests.ports.otp.world import World

PARALLEL = 200

Replicas = list[OneTimeCodes]


@pytest.fixture
async def replicas(world: World) -> AsyncIterator[list[OneTimeCodes]]:
    """Two services on one database, each with its own connections."""
    other = Database(world.database.engine.url.render_as_string(hide_password=False))
    both = [world.codes, world.service(other)]
    # Connections are open before the rush; else the first call is done before the second begins.
    await asyncio.gather(*(replica.status(world.grant()) for replica in both * 16))
    yield both
    await other.close()


async def redeem_at_once(world: World, replicas: Replicas, typed: str) -> list[Redemption]:
    return await entries_at_once(world, replicas, [(typed, world.attempt()) for _ in range(PARALLEL)])


async def entries_at_once(
    world: World, replicas: Replicas, entries: list[tuple[str, str]]
) -> list[Redemption]:
    """Redeem all of them at once: what was typed, and the attempt that it was typed in."""
    return await at_once(
        partial(replicas[number % 2].redeem, world.grant(), typed, attempt)
        for number, (typed, attempt) in enumerate(entries)
    )


async def test_F11_I1_200_parallel_redeems_of_the_right_code_earn_one_grant(
    world: World, replicas: Replicas
) -> None:
    await world.issue()

    answers = await redeem_at_once(world, replicas, await world.code())

    assert Counter(answer.verdict for answer in answers) == {Verdict.RIGHT: 1, Verdict.DEAD: PARALLEL - 1}
    assert len([answer for answer in answers if answer.grant]) == 1


async def test_F11_I9_200_parallel_wrong_entries_count_three(world: World, replicas: Replicas) -> None:
    await world.issue()

    answers = await redeem_at_once(world, replicas, await world.wrong())

    lefts = Counter((answer.verdict, answer.entries_left) for answer in answers)
    assert lefts == {(Verdict.WRONG, 2): 1, (Verdict.WRONG, 1): 1, (Verdict.LOCKED_TO_RA, 0): PARALLEL - 2}
    assert len(await world.told(otp_events_pb2.CodeEntered)) == 3
    assert len(await world.told(common_pb2.SessionOutcome)) == 1


async def test_F11_I9_200_parallel_guesses_under_one_attempt_count_three(
    world: World, replicas: Replicas
) -> None:
    await world.issue()
    right, attempt = await world.code(), world.attempt()
    guesses = [digits for digits in map("{:08d}".format, range(PARALLEL + 1)) if digits != right]

    answers = await entries_at_once(world, replicas, [(typed, attempt) for typed in guesses[:PARALLEL]])

    lefts = Counter((answer.verdict, answer.entries_left) for answer in answers)
    assert lefts == {(Verdict.WRONG, 2): 1, (Verdict.WRONG, 1): 1, (Verdict.LOCKED_TO_RA, 0): PARALLEL - 2}
    assert len(await world.told(otp_events_pb2.CodeEntered)) == 3


async def test_F11_I9_200_parallel_repeats_of_two_entries_under_one_attempt_count_two(
    world: World, replicas: Replicas
) -> None:
    await world.issue()
    right, attempt = await world.code(), world.attempt()
    two = [digits for digits in map("{:08d}".format, range(3)) if digits != right][:2]

    answers = await entries_at_once(world, replicas, [(typed, attempt) for typed in two * (PARALLEL // 2)])

    lefts = Counter((answer.verdict, answer.entries_left) for answer in answers)
    assert lefts == {(Verdict.WRONG, 2): PARALLEL // 2, (Verdict.WRONG, 1): PARALLEL // 2}
    assert len(await world.told(otp_events_pb2.CodeEntered)) == 2


async def test_I10_parallel_issues_make_one_code_and_one_mail(world: World, replicas: Replicas) -> None:
    answers = await at_once(
        partial(replicas[number % 2].issue, world.grant(), world.attempt()) for number in range(40)
    )

    assert sum(isinstance(answer, Status) for answer in answers) == 1
    assert len(await world.mailed()) == 1


async def test_S10_six_mails_a_day_hold_over_cards_at_once(world: World, replicas: Replicas) -> None:
    grants = [world.grant(session_id=f"session {number}", card_ref=f"card {number}") for number in range(20)]
    answers = await at_once(
        partial(replicas[number % 2].issue, grant, world.attempt()) for number, grant in enumerate(grants)
    )

    assert Counter(type(answer) for answer in answers) == {Status: 6, Refusal: 14}


async def test_P4_issue_and_verify_cost_8_statements_and_2_commits(world: World) -> None:
    world.statements.clear()
    world.commits.clear()

    await world.issue()
    issued = len(world.statements)
    code = await world.code()
    counted = len(world.statements)
    answer = await world.redeem(code)

    assert answer.verdict is Verdict.RIGHT
    assert issued + len(world.statements) - counted <= 8
    assert len(world.commits) == 2


async def test_P4_the_count_sees_a_wrong_entry_too(world: World) -> None:
    await world.issue()
    wrong = await world.wrong()
    world.statements.clear()

    await world.redeem(wrong)

    # Besides the four: the note of where it came from, and how many cards saw one.
    assert len(world.statements) == 6


async def test_S8_at_rest_there_is_a_keyed_digest_and_no_digits(world: World) -> None:
    await world.issue()
    code = await world.code()
    wrong = next(digits for digits in ("48151623", "31622776") if digits != code)
    await world.redeem(wrong)

    dump = await dumped(world)

    assert code not in dump
    assert code.encode().hex() not in dump
    assert wrong not in dump
    assert wrong.encode().hex() not in dump


async def test_limits_of_a_deployment_are_taken(world: World) -> None:
    strict = world.service(policy=Policy(wrong_per_session=1, wrong_per_day=1))
    await strict.issue(world.grant(), world.attempt())

    answer = await strict.redeem(world.grant(), await world.wrong(), world.attempt())

    assert answer.verdict is Verdict.LOCKED_TO_RA


async def dumped(world: World) -> str:
    """Return every row of every table as text; blobs as hex."""
    lines = []
    async with world.database.read() as connection:
        for table in metadata.sorted_tables:
            for row in await connection.execute(select(table)):
                lines += [value.hex() if isinstance(value, bytes) else str(value) for value in row]
    return "\n".join(lines)
