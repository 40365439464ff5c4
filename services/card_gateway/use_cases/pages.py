"""What a page can ask of its session. Expected refusals are answers; a wrong claim is an error."""

import asyncio
from dataclasses import dataclass, field

from services.card_gateway.domain import session as sessions
from services.card_gateway.domain.facts import SessionAuthorised
from services.card_gateway.domain.readers import ReaderState
from services.card_gateway.domain.session import Session
from services.card_gateway.domain.words import State
from services.card_gateway.ports import Outside, Work
from services.card_gateway.use_cases import authority, callers, commits, making
from services.runtime.errors import invalid
from services.runtime.grants import PURPOSE_UNLOCK, CardGrant, GrantRefused, thumbprint

LONGEST_WAIT = 20.0
"""Seconds a page may wait for news."""

LOOK_AGAIN_AFTER = 5.0
"""Seconds between two looks at who is there: an agent that falls silent rings no bell."""

MAX_SEALED_PIN = 256


@dataclass(frozen=True)
class Seen:
    """A session as its page sees it."""

    session: Session
    reader: ReaderState
    card_grant: str = field(repr=False)


class Pages:
    """GetSession, Authorise and ResetPin."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def get_session(self, session_id: str, claim: str, since: int, wait: float) -> Seen:
        """Show the session; wait for a newer version than `since`, up to `wait` seconds."""
        loop = asyncio.get_running_loop()
        until = loop.time() + min(wait, LONGEST_WAIT)
        first: ReaderState | None = None
        with self._outside.bell.listen(session_id) as ear:
            while True:
                async with self._outside.books.read() as view:
                    session = callers.for_page(await view.session(session_id), claim)
                reader = self._reader_of(session)
                first = first or reader
                left = 0 if self._outside.bell.closed else until - loop.time()
                if session.version > since or reader is not first or left <= 0:
                    return Seen(session, reader, self._card_grant(session))
                await ear.wait(min(left, LOOK_AGAIN_AFTER))

    async def authorise(
        self, session_id: str, claim: str, unlock_grant: str, holder_grant: str, attempt_id: str
    ) -> str:
        """Spend an UnlockGrant. Empty when AUTHORISED, else why not; a refusal changes nothing."""
        outside = self._outside
        async with outside.books.begin(commits.AUTHORISE) as work:
            session = callers.for_page(await work.lock_session(session_id), claim)
            if await self._was_made(work, "Authorise", attempt_id, session):
                return ""
            if (refused := self._out_of_turn(session, State.CARD_READ)) is not None:
                return refused
            try:
                holder = authority.holder_let_through(outside, session, holder_grant)
                unlock = authority.unlock_permitted(outside, session, unlock_grant, holder)
            except GrantRefused:
                return GrantRefused.code
            if not await making.within_budget(work, session.knows_card().card_ref, outside.clock.now()):
                return "BUDGET_SPENT"
            if not await work.spend(unlock.jti, session_id, unlock.expires_at):
                return "GRANT_SPENT"
            given = authority.authority_of(outside, holder, unlock)
            await work.store(session, sessions.authorise(session, given))
            await work.remember("Authorise", attempt_id, session_id, given.authorised_at)
            await work.tell(SessionAuthorised(session_id, given.actor, given.authorised_at))
        return ""

    async def reset_pin(
        self, session_id: str, claim: str, sealed_pin: bytes, holder_grant: str, attempt_id: str
    ) -> str:
        """Let the agent ask the person and prove the card. Empty when it is asked, else why not."""
        if not 0 < len(sealed_pin) <= MAX_SEALED_PIN:
            raise invalid()
        outside = self._outside
        async with outside.books.begin(commits.RESET_PIN) as work:
            session = callers.for_page(await work.lock_session(session_id), claim)
            if await self._was_made(work, "ResetPin", attempt_id, session):
                return ""
            if session.state in (State.NEW, State.ATTACHED, State.CARD_READ):
                return "NOT_AUTHORISED"
            if (refused := self._out_of_turn(session, State.AUTHORISED)) is not None:
                return refused
            try:
                authority.holder_let_through(outside, session, holder_grant)
            except GrantRefused:
                return GrantRefused.code
            now = outside.clock.now()
            if not await making.within_budget(work, session.knows_card().card_ref, now):
                return "BUDGET_SPENT"
            if self._reader_of(session) is ReaderState.NO_CARD:
                return "NO_CARD"
            await making.drop_steps(work, session_id)
            await work.put_step(making.prove_step(outside, session_id, sealed_pin, attempt_id, now))
            await work.store(session, sessions.prove(session))
            await work.remember("ResetPin", attempt_id, session_id, now)
        return ""

    async def _was_made(self, work: Work, call: str, attempt_id: str, session: Session) -> bool:
        """True where this very attempt succeeded before. Raises BAD_REQUEST for another session's."""
        if not attempt_id:
            raise invalid()
        made_in = await work.attempted(call, attempt_id)
        if made_in not in (None, session.session_id):
            raise invalid()
        return made_in is not None

    def _out_of_turn(self, session: Session, wanted: State) -> str | None:
        if session.is_over(self._outside.clock.now()):
            return "SESSION_ENDED"
        return None if session.state is wanted else "WRONG_STATE"

    def _reader_of(self, session: Session) -> ReaderState:
        sighting = self._outside.attendance.sighting(session.session_id, session.sighting)
        return sighting.at(self._outside.clock.now())

    def _card_grant(self, session: Session) -> str:
        """A CardGrant for identity while the session goes on, else nothing."""
        card, reason, route, deadline = session.card, session.reason, session.route, session.deadline
        now = self._outside.clock.now()
        if card is None or reason is None or route is None or deadline is None or session.is_over(now):
            return ""
        return self._outside.grants.sign(
            CardGrant(
                session_id=session.session_id,
                card_ref=card.card_ref,
                reason=reason.value,
                route=route.value,
                agent_key_thumbprint=thumbprint(session.agent_public_key),
                jti=self._outside.randomness.uuid7(),
                issued_at=now,
                expires_at=deadline,
                purpose=PURPOSE_UNLOCK,
                level="GENUINE",
                certificate_expires_at=card.certificate_expires_at,
            )
        )
