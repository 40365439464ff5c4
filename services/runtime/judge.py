"""What every call passes through, whatever carried it here: gRPC or HTTPS/1.1.

Who calls and whether they may, sizes, the trace, another run after a passing database fault, one log line
without content, and a stable code for every error - never a stack trace.
"""

import asyncio
import itertools
import random
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from services.runtime import errors, faults, logs, tracing
from services.runtime.access import AccessTable, allows
from services.runtime.database import TOO_SLOW, TransientDatabaseError
from services.runtime.freshness import COME_AGAIN, DATABASE_BEHIND
from services.runtime.grants import GrantRefused
from services.runtime.limits import within_limits
from services.runtime.rates import Rates
from services.runtime.sources import source_of

RUNS = 4
"""A handler's runs in all while the database's faults may pass."""

RUNS_TOO_SLOW = 2
"""The same where a statement ran into its limit: each run may take 4 s and keep the database busy."""

log = logs.logger("rpc")


@dataclass(frozen=True)
class Call:
    """One call, but for its request."""

    method: str
    """`/<package>.<Service>/<Method>`."""
    caller: str
    """The process in the caller's certificate, or ANONYMOUS."""
    traceparent: str
    source: str = ""
    """The caller's network, where this listener limits calls by it."""


@dataclass(frozen=True)
class Limits:
    """Which calls a listener limits by the caller's network."""

    rates: Mapping[str, Rates] = field(default_factory=dict)
    """By method. Listeners that serve the same call share them."""
    trusted_hops: int = 0
    """Proxies of ours between caller and listener that add to X-Forwarded-For."""


class Judge:
    """The rules of one listener."""

    def __init__(
        self,
        process: str,
        access: AccessTable,
        limits: Limits | None = None,
        may_serve: Callable[[], bool] = lambda: True,
    ) -> None:
        """`may_serve`: whether the database may be judged by; while it says no, every call is refused."""
        self._process = process
        self._access = access
        self._limits = limits or Limits()
        self._may_serve = may_serve
        self._given_up = logs.Seldom(log, "call_given_up")

    def source(self, connected: str, forwarded: str) -> str:
        """The network that a call is counted by."""
        return source_of(connected, forwarded, self._limits.trusted_hops)

    async def answer(self, call: Call, request: Message, handle: Callable[[], Awaitable[Any]]) -> Any:
        """Return what the handler returns. Raises ServiceError, whatever the handler raises."""
        tracing.start(call.traceparent)
        began = time.monotonic()
        code = "OK"
        try:
            answer = await self._judged(call, request, handle)
            faults.reach(f"{self._process}.{call.method.rpartition('/')[2]}.answering")
            return answer
        except Exception as error:
            if isinstance(error, TransientDatabaseError):
                self._given_up.warn(call.method, method=call.method, sqlstate=error.sqlstate)
            typed = as_typed(error)
            code = typed.code
            raise typed from None
        finally:
            took = round((time.monotonic() - began) * 1000, 1)
            log.debug("rpc", method=call.method, caller=call.caller, code=code, milliseconds=took)

    async def _judged(self, call: Call, request: Message, handle: Callable[[], Awaitable[Any]]) -> Any:
        if not allows(self._access, call.method, call.caller):
            log.warning("caller_refused", method=call.method, caller=call.caller)
            raise errors.not_allowed()
        if not within_limits(request):
            raise errors.invalid("BAD_REQUEST")
        if not self._may_serve():
            raise errors.unavailable(DATABASE_BEHIND, retry_after=COME_AGAIN)
        self._require_rate(call)
        return await again_while_faults_pass(handle)

    def _require_rate(self, call: Call) -> None:
        """Raise GATEWAY_BUSY where the caller's network makes this call too often."""
        rates = self._limits.rates.get(call.method)
        wait = rates.take(call.source) if rates else 0.0
        if wait:
            raise errors.exhausted(errors.GATEWAY_BUSY, retry_after=wait)


async def again_while_faults_pass(run: Callable[[], Awaitable[Any]]) -> Any:
    """Run a handler again while the database's faults may pass; at most RUNS times, RUNS_TOO_SLOW if slow."""
    for turn in itertools.count(1):
        try:
            return await run()
        except TransientDatabaseError as error:
            if turn >= (RUNS_TOO_SLOW if error.sqlstate == TOO_SLOW else RUNS):
                raise
        await asyncio.sleep(random.uniform(0.02, 0.1) * turn)  # noqa: S311 - jitter
    return None


def as_typed(error: Exception) -> errors.ServiceError:
    """Return any exception as one of ours; a defect is logged with where, and never with what."""
    if isinstance(error, errors.ServiceError):
        return error
    if isinstance(error, GrantRefused):
        return errors.unauthenticated(GrantRefused.code)
    if isinstance(error, TransientDatabaseError):
        return errors.unavailable(retry_after=2)
    where = [
        f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    log.error("defect", error=type(error).__name__, where=where[-6:])
    return errors.internal()
