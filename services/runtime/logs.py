"""Logs: one JSON object a line on stderr; the event is a constant, the facts are fields.

Whatever a field is called that may hold a secret or an address is dropped here, as the
second line of defence; the first is not to log it.
"""

import logging
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

from services.runtime import tracing

_FORBIDDEN = (
    "pin", "puk", "code_value", "typed", "secret", "token", "claim", "grant", "address", "email",
    "password", "key", "sealed", "plaintext", "data", "apdu",
)  # fmt: skip


def configure(process: str, level: str = "INFO") -> None:
    """Send this process's logs, and those of its libraries, to stderr as JSON lines."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s", force=True)
    # Libraries at DEBUG print what they carry: message bytes, SQL parameters, SMTP dialogues.
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_LibraryLines(process))
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _with_trace(process),
            _without_secrets,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger; `name` is the part of the process that speaks."""
    bound: structlog.typing.FilteringBoundLogger = structlog.get_logger(part=name)
    return bound


class Seldom:
    """Warnings of one event, of each kind at most one in so many seconds; a line counts those before it."""

    def __init__(
        self,
        log: structlog.typing.FilteringBoundLogger,
        event: str,
        seconds: float = 30.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._event = event
        self._seconds = seconds
        self._now = now
        self._said: dict[str, float] = {}
        self._times: Counter[str] = Counter()

    def warn(self, kind: str, **facts: str) -> None:
        """Write a line, or only count it. `times`: how often it happened since the last line of its kind."""
        self._times[kind] += 1
        if self._now() - self._said.get(kind, -math.inf) < self._seconds:
            return
        self._said[kind] = self._now()
        self._log.warning(self._event, times=self._times.pop(kind), **facts)


def _with_trace(process: str) -> structlog.typing.Processor:
    def add(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line["process"] = process
        if trace := tracing.trace_id():
            line["trace_id"] = trace
        return line

    return add


def _without_secrets(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace every field whose name may mean a secret, whole words only: `pin`, `holder_grant`."""
    for name in list(line):
        if any(part in _FORBIDDEN for part in name.split("_")):
            line[name] = "[dropped]"
    return line


class _LibraryLines(logging.Formatter):
    """Lines of libraries: logger, level and the message without arguments or stack."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "event": "library",
            "library": record.name,
            # The format string and never its arguments: those may hold what is being carried.
            "message": str(record.msg)[:200] if record.args else "",
            "error": record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else "",
            "level": record.levelname.lower(),
            "process": self._process,
        }
        rendered = structlog.processors.JSONRenderer()(None, "", fields)
        return rendered if isinstance(rendered, str) else rendered.decode()
