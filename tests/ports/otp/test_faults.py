"""A fault before or after the commit, then the same attempt again: one effect, one answer (F8 to F10)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from smartcard_unlock.otp.v1 import otp_events_pb2

from services.otp.domain.facts import Verdict
from services.runtime import faults
from services.runtime.database import TransientDatabaseError
from services.runtime.judge import again_while_faults_pass
from tests.ports.otp.world import World

POINTS = ("before_commit", "after_commit")


@dataclass
class Once:
    """Fails the first time its point is reached, as a connection does that is cut there."""

    point: str
    hits: int = 0

    def __call__(self, reached: str) -> None:
        if reached == self.point:
            self.hits += 1
            if self.hits == 1:
                raise TransientDatabaseError


async def with_fault(
    monkeypatch: pytest.MonkeyPatch, point: str, call: Callable[[], Awaitable[object]]
) -> object:
    """Make the call as the server does, with one fault; return its answer."""
    fault = Once(point)
    monkeypatch.setattr(faults, "act", fault)
    try:
        return await again_while_faults_pass(call)
    finally:
        monkeypatch.undo()
        assert fault.hits == 2


@pytest.mark.parametrize("point", POINTS)
async def test_F9_an_issue_cut_at_its_commit_makes_one_code_and_one_mail(
    world: World, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    grant, attempt = world.grant(), world.attempt()

    await with_fault(monkeypatch, f"otp.issue_code.{point}", lambda: world.codes.issue(grant, attempt))

    [issued] = await world.told(otp_events_pb2.CodeIssued)
    status = await world.codes.status(grant)
    assert status is not None
    assert (status.code_id, status.resends_left) == (issued.code_id, 2)


@pytest.mark.parametrize("point", POINTS)
async def test_F9_a_right_entry_cut_at_its_commit_earns_its_grant_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    await world.issue()
    grant, attempt, code = world.grant(), world.attempt(), await world.code()

    answer = await with_fault(
        monkeypatch, f"otp.redeem_code.{point}", lambda: world.codes.redeem(grant, code, attempt)
    )

    assert answer == await world.codes.redeem(grant, code, attempt)
    assert (await world.codes.redeem(grant, code, world.attempt())).verdict is Verdict.DEAD
    assert len(await world.told(otp_events_pb2.CodeEntered)) == 1


@pytest.mark.parametrize("point", POINTS)
async def test_F9_I9_a_wrong_entry_cut_at_its_commit_is_counted_once(
    world: World, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    await world.issue()
    grant, attempt, wrong = world.grant(), world.attempt(), await world.wrong()

    await with_fault(
        monkeypatch, f"otp.redeem_code.{point}", lambda: world.codes.redeem(grant, wrong, attempt)
    )

    assert (await world.redeem(wrong)).entries_left == 1
    assert len(await world.told(otp_events_pb2.CodeEntered)) == 2
