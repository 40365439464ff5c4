"""A thread for calls that may never come back, because PC/SC knows no time limit.

Calls run one after the other. Who waits too long goes on without the answer; the thread is left to its
call, and what it still has to tidy up runs if that call ever returns.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class Overdue(Exception):
    """A call was not answered within its limit; the lane is of no use any more."""


class Lane:
    """One daemon thread, so that a call which never returns cannot keep the program alive."""

    def __init__(self, name: str) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """Run `work` after everything submitted before it."""
        future: Future[T] = Future()
        self._waiting.put(lambda: _settle(future, work))
        return future

    def call(self, work: Callable[[], T], seconds: float) -> T:
        """Run `work` and return what it returns or raise what it raises. Raises Overdue."""
        try:
            return self.submit(work).result(seconds)
        except TimeoutError:
            raise Overdue from None

    async def ask(self, work: Callable[[], T], seconds: float) -> T:
        """As `call`, for coroutines.

        Not by `asyncio.wait_for`: until Python 3.12 it loses a cancellation that meets the answer.
        """
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(self.submit(work))
        except TimeoutError:
            raise Overdue from None

    def retire(self) -> None:
        """End the thread after what was submitted."""
        self._waiting.put(None)

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            work()


def _settle(future: "Future[T]", work: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)
