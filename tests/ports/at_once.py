"""Calls at once, each as the server makes it and as its caller repeats it.

On a busy machine the last of them wait for longer than a connection waits for its lock.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from services.runtime.database import TransientDatabaseError
from services.runtime.judge import again_while_faults_pass

T = TypeVar("T")


async def at_once(calls: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
    """Make all calls side by side; their answers, in order."""
    return list(await asyncio.gather(*(answered(call) for call in calls)))


async def answered(call: Callable[[], Awaitable[T]]) -> T:
    """Ask until there is an answer: "come again" is none."""
    while True:
        with suppress(TransientDatabaseError):
            answer: T = await again_while_faults_pass(call)
            return answer
