"""A lane for calls that may never return."""

import asyncio
import threading
import time

import pytest

from services.agent.lane import Lane, Overdue


async def test_a_call_that_takes_too_long_is_overdue_and_no_longer_waited_for() -> None:
    lane, gone_on = Lane("test"), threading.Event()

    with pytest.raises(Overdue):
        await lane.ask(lambda: gone_on.wait(5), 0.05)
    gone_on.set()


async def test_F29_a_cancellation_that_meets_the_answer_is_not_lost() -> None:
    """Else the watch over the readers goes on for ever, and the agent never ends."""
    lane, answer = Lane("test"), threading.Event()
    asking = asyncio.create_task(lane.ask(lambda: answer.wait(5), 5))
    await asyncio.sleep(0.01)
    answer.set()
    time.sleep(0.05)  # noqa: ASYNC251 - the answer is there before the loop looks again
    asyncio.get_running_loop().call_soon(asking.cancel)

    with pytest.raises(asyncio.CancelledError):
        await asking
