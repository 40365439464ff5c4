"""Registrations, and how often their answers were wrong, in SQL: each one statement by primary keys."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.questions import WAITS_FOR, Attempt, Registration, Tries
from services.identity.putting import put
from services.identity.tables import answer_attempts, answer_tries, registrations

_REGISTRATION = select(registrations).where(
    registrations.c.holder_ref == bindparam("wanted"), registrations.c.complete == bindparam("done")
)
_TRIES = select(answer_tries.c.wrong, answer_tries.c.locked_at).where(
    answer_tries.c.holder_ref == bindparam("wanted"), answer_tries.c.card_ref == bindparam("card")
)
_ATTEMPT = select(answer_attempts).where(
    answer_attempts.c.session_id == bindparam("session"), answer_attempts.c.attempt_id == bindparam("attempt")
)
_RIGHT = select(answer_attempts.c.attempt_id).where(
    answer_attempts.c.session_id == bindparam("session"),
    answer_attempts.c.card_ref == bindparam("card"),
    answer_attempts.c.holder_ref == bindparam("wanted"),
    answer_attempts.c.right,
)


class RegistrationReads:
    """What is known of a holder's questions."""

    _connection: AsyncConnection

    async def registration_of(self, holder_ref: str, *, complete: bool = True) -> Registration | None:
        """Return what a holder registered, or what waits for its code; None where there is none."""
        wanted = {"wanted": holder_ref, "done": complete}
        row = (await self._connection.execute(_REGISTRATION, wanted)).first()
        if row is None:
            return None
        return Registration(tuple(row.questions.split()), row.answers_hash, row.session_id, row.at)

    async def tries_of(self, holder_ref: str, card_ref: str) -> Tries:
        """Return the failures of a holder with one card."""
        row = (await self._connection.execute(_TRIES, {"wanted": holder_ref, "card": card_ref})).first()
        return Tries() if row is None else Tries(*row)

    async def attempt_of(self, session_id: str, attempt_id: str) -> Attempt | None:
        """Return how an attempt was judged; None where it was not."""
        wanted = {"session": session_id, "attempt": attempt_id}
        row = (await self._connection.execute(_ATTEMPT, wanted)).mappings().first()
        return None if row is None else Attempt(**row)

    async def has_answered(self, session_id: str, holder_ref: str, card_ref: str) -> bool:
        """Tell whether a session's questions were answered rightly."""
        wanted = {"session": session_id, "wanted": holder_ref, "card": card_ref}
        return (await self._connection.execute(_RIGHT, wanted)).first() is not None


class RegistrationWrites:
    """Registrations and tries, in one transaction with what is told of them."""

    _connection: AsyncConnection

    async def keep_registration(self, holder_ref: str, kept: Registration, *, complete: bool) -> None:
        """Keep a registration in place of the one before; a complete one ends what waited."""
        row = {"holder_ref": holder_ref, "complete": complete, "questions": " ".join(kept.questions)}
        row |= {"answers_hash": kept.answers_hash, "session_id": kept.session_id, "at": kept.at}
        await put(self._connection, registrations, [row])
        if complete:
            await self._connection.execute(delete(registrations).where(_mine(holder_ref, complete=False)))

    async def forget_registration(self, holder_ref: str) -> None:
        """Delete what a holder registered."""
        await self._connection.execute(delete(registrations).where(_mine(holder_ref, complete=True)))

    async def keep_tries(self, holder_ref: str, card_ref: str, tries: Tries) -> None:
        """Keep the failures of a holder with one card."""
        row = {"holder_ref": holder_ref, "card_ref": card_ref, **asdict(tries)}
        await put(self._connection, answer_tries, [row])

    async def keep_attempt(self, attempt: Attempt) -> None:
        """Keep how an attempt was judged."""
        await put(self._connection, answer_attempts, [asdict(attempt)])

    async def clear_answers_lock(self, holder_ref: str, card_ref: str) -> bool:
        """End the lock of a holder's card; False where there is none."""
        mine = and_(answer_tries.c.holder_ref == holder_ref, answer_tries.c.card_ref == card_ref)
        locked = and_(mine, answer_tries.c.locked_at.is_not(None))
        cleared = update(answer_tries).where(locked).values(wrong=0, locked_at=None)
        done = await self._connection.execute(cleared.returning(answer_tries.c.card_ref))
        return done.first() is not None

    async def forget_registrations(self, answered_before: datetime, now: datetime) -> None:
        """Delete attempts of sessions long over, and answers whose code never came."""
        old = answer_attempts.c.at < answered_before
        await self._connection.execute(delete(answer_attempts).where(old))
        waited = and_(registrations.c.complete.is_(False), registrations.c.at <= now - WAITS_FOR)
        await self._connection.execute(delete(registrations).where(waited))


def _mine(holder_ref: str, *, complete: bool) -> Any:
    return and_(registrations.c.holder_ref == holder_ref, registrations.c.complete == complete)
