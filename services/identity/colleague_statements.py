"""Holders who ask colleagues, and the words of these, in SQL: each one statement by an index."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.colleagues import Basis, Request, Word
from services.identity.putting import put
from services.identity.tables import colleague_requests, colleague_words, wrong_colleague_codes

_REQUEST = select(colleague_requests).where(colleague_requests.c.session_id == bindparam("wanted"))
_BY_CODE = select(colleague_requests).where(colleague_requests.c.code_digest == bindparam("digest"))
_WORDS = select(colleague_words).where(colleague_words.c.session_id == bindparam("wanted"))
_LET_THROUGH = select(func.count()).where(
    colleague_requests.c.card_ref == bindparam("card"),
    colleague_requests.c.completed_at > bindparam("since"),
    colleague_requests.c.session_id != bindparam("besides"),
)
_GIVEN = select(func.count()).where(
    colleague_words.c.colleague_ref == bindparam("colleague"),
    colleague_words.c.at > bindparam("since"),
    colleague_words.c.session_id != bindparam("besides"),
)
_WRONG = select(func.count()).where(
    wrong_colleague_codes.c.colleague_ref == bindparam("colleague"),
    wrong_colleague_codes.c.at > bindparam("since"),
)


class ColleagueReads:
    """What is known of requests, words and wrong codes."""

    _connection: AsyncConnection

    async def colleague_request(self, session_id: str) -> Request | None:
        """Return the request of a session; None where its holder asked nobody."""
        row = (await self._connection.execute(_REQUEST, {"wanted": session_id})).mappings().first()
        return None if row is None else Request(**row)

    async def requests_by_code(self, digest: bytes) -> Sequence[Request]:
        """Return the requests whose code has this digest, also those that are over."""
        rows = await self._connection.execute(_BY_CODE, {"digest": digest})
        return [Request(**row) for row in rows.mappings()]

    async def words_of(self, session_id: str) -> Sequence[Word]:
        """Return what colleagues said in a session, one word each."""
        rows = await self._connection.execute(_WORDS, {"wanted": session_id})
        return [Word(**(dict(row) | {"basis": Basis(row["basis"])})) for row in rows.mappings()]

    async def times_let_through(self, card_ref: str, besides: str, since: datetime) -> int:
        """Return in how many sessions, besides one, colleagues have let a card through since then."""
        return await self._count(_LET_THROUGH, card=card_ref, besides=besides, since=since)

    async def words_given(self, colleague_ref: str, besides: str, since: datetime) -> int:
        """Return in how many sessions, besides one, a colleague has given their word since then."""
        return await self._count(_GIVEN, colleague=colleague_ref, besides=besides, since=since)

    async def wrong_codes(self, colleague_ref: str, since: datetime) -> int:
        """Return how many wrong codes a colleague has typed since then."""
        return await self._count(_WRONG, colleague=colleague_ref, since=since)

    async def _count(self, statement: Any, **wanted: Any) -> int:
        return int((await self._connection.execute(statement, wanted)).scalar_one())


class ColleagueWrites:
    """Requests and words, in one transaction with what is told of them."""

    _connection: AsyncConnection

    async def keep_request(self, request: Request) -> None:
        """Keep a session's request as it stands now."""
        await put(self._connection, colleague_requests, [asdict(request)])

    async def keep_word(self, word: Word) -> None:
        """Keep what a colleague said in a session, in place of what they said before."""
        await put(self._connection, colleague_words, [asdict(word) | {"basis": word.basis.value}])

    async def keep_wrong_code(self, attempt_id: str, colleague_ref: str, now: datetime) -> None:
        """Note that a colleague typed a wrong code."""
        row = {"attempt_id": attempt_id, "colleague_ref": colleague_ref, "at": now}
        await self._connection.execute(insert(wrong_colleague_codes), row)

    async def forget_colleagues(self, before: datetime) -> None:
        """Delete what no session can ask for again, and no limit counts any more."""
        over = colleague_requests.c.expires_at < before
        await self._connection.execute(delete(colleague_requests).where(over))
        await self._connection.execute(delete(colleague_words).where(colleague_words.c.at < before))
        old = wrong_colleague_codes.c.at < before
        await self._connection.execute(delete(wrong_colleague_codes).where(old))
