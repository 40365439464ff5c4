"""`audit tail`: a session's events in order, in words; or all that happens, as it happens."""

import argparse
import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress

from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from services.audit.consumer import LONGEST_WORD
from services.audit.domain.record import OutcomeKind
from services.audit.settings import TailSettings
from services.audit.tailing import Tail, opened
from services.audit.telling import Line, line_of
from services.runtime import settings
from services.runtime.cloud_events import Received, Unreadable

ASK_SECONDS = 20.0
"""How long the broker may take to be reached."""


async def tail(options: argparse.Namespace) -> int:
    """Print a session's events in words, or with --follow what happens from now on; reads Kafka only."""
    session_id, follow = options.session or "", options.follow
    if not session_id and not follow:
        return _refuse("which session? --session ID; or --follow for all that happens from now on")
    if len(session_id) > LONGEST_WORD or not session_id.isprintable():
        return _refuse("that is no id of a session: 36 characters, as the page and the audit record show it")
    logging.disable()  # the lines are the answer; what the library says of it is said in words below
    chosen = settings.load(TailSettings)
    try:
        async with opened(chosen.brokers, session_id, ASK_SECONDS) as topics:
            return await _tell(topics, session_id, follow)
    except TopicAuthorizationFailedError:
        return _refuse("this certificate may not read the topics; that of audit_store may: KAFKA_TLS_*_FILE")
    except (KafkaError, OSError, TimeoutError) as error:
        where = chosen.KAFKA_BOOTSTRAP_SERVERS
        return _refuse(
            f"Kafka does not answer at {where} ({type(error).__name__}). Is KAFKA_BOOTSTRAP_SERVERS right, "
            "are the KAFKA_TLS_*_FILE set, and does the broker run? See docs/runbooks/broker-down.md"
        )


async def _tell(topics: Tail, session_id: str, follow: bool) -> int:
    lines = list(_in_words(await topics.so_far())) if session_id else []
    _print(lines)
    if follow:
        await _go_on(topics.from_now())
        return 0
    if not lines:
        return _refuse(
            f"no event of session {session_id} is on the topics: is the id whole? They keep 30 days; "
            "what is older stands in the audit records",
            status=1,
        )
    print(_last_word(lines))
    return 0


async def _go_on(events: AsyncIterator[Received]) -> None:
    print("from now on:", flush=True)
    with suppress(asyncio.CancelledError):
        async for event in events:
            _print(_in_words([event]))


def _in_words(events: Iterable[Received]) -> Iterable[Line]:
    for event in events:
        try:
            yield line_of(event)
        except Unreadable:
            yield Line(event.time, event.subject, event.source, "told what cannot be read")


def _print(lines: Iterable[Line]) -> None:
    for line in lines:
        print(line.as_text(), flush=True)


def _last_word(lines: list[Line]) -> str:
    told = {line.kind for line in lines}
    words = [kind for kind in OutcomeKind if kind in told]
    return f"last word: {words[0]}" if words else "no last word yet"


def _refuse(why: str, status: int = 2) -> int:
    print(why, file=sys.stderr)
    return status
