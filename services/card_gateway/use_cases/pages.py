"""What a page can ask of its session. Expected refusals are answers; a wrong claim is an error."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from services.card_gateway.card import profiles
from services.card_gateway.card.guard import LAST_TRY
from services.card_gateway.domain import session as sessions
from services.card_gateway.domain.facts import SessionAuthorised
from services.card_gateway.domain.readers import ReaderState
from services.card_gateway.domain.session import Card, Session
from services.card_gateway.domain.words import VOUCHED_FOR, Reason, Route, State
from services.card_gateway.ports import Outside, Work
from services.card_gateway.use_cases import authority, callers, commits, making, turns
from services.card_gateway.use_cases.making import MAX_SEALED_PIN, Wish
from services.card_gateway.use_cases.up_to_date import require_current
from services.runtime.errors import invalid
from services.runtime.grants import (
    PURPOSE_PROFILE,
    PURPOSE_UNLOCK,
    CardGrant,
    GrantRefused,
    HolderGrant,
    thumbprint,
)

LONGEST_WAIT = 20.0
"""Seconds a page may wait for news."""

LOOK_AGAIN_AFTER = 5.0
"""Seconds between two looks at who is there: an agent that falls silent rings no bell."""


@dataclass(frozen=True)
class Seen:
    """A session as its page sees it."""

    session: Session
    reader: ReaderState
    card_grant: str = field(repr=False)
    objection: str = ""
    """CARD_READ: why the reason does not fit the card."""
    code_needed: bool = True
    """An UnlockGrant must be spent before a passcode can be set."""
    pin_at_agent: bool = False
    """Passcodes are typed in the agent's window."""


class Pages:
    """GetSession, ChangeReason, Authorise and ResetPin."""

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
                reader = turns.reader_of(self._outside, session)
                first = first or reader
                left = 0 if self._outside.bell.closed else until - loop.time()
                if session.version > since or reader is not first or left <= 0:
                    return self._seen(session, reader)
                await ear.wait(min(left, LOOK_AGAIN_AFTER))

    async def change_reason(self, session_id: str, claim: str, reason: Reason, attempt_id: str) -> str:
        """Say anew why the holder came. Empty when the session has this reason, else why not."""
        async with self._outside.books.begin(commits.CHANGE_REASON) as work:
            session = callers.for_page(await work.lock_session(session_id), claim)
            if await turns.was_made(work, "ChangeReason", attempt_id, session):
                return ""
            if (refused := self._out_of_turn(session, State.CARD_READ)) is not None:
                return refused
            if reason is Reason.SIGN_IN:  # a session of its own: its card must be able to, and is asked first
                return "WRONG_STATE"
            if session.route is Route.RA_IN_PERSON and reason not in VOUCHED_FOR:
                return "WRONG_STATE"
            if reason is not Reason.CHANGE and (code := session.knows_card().reset_refused):
                return code
            await making.drop_steps(work, session_id)
            await work.store(session, sessions.restate(session, reason))
            await work.remember("ChangeReason", attempt_id, session_id, self._outside.clock.now())
        return ""

    async def authorise(
        self, session_id: str, claim: str, unlock_grant: str, holder_grant: str, attempt_id: str
    ) -> str:
        """Spend an UnlockGrant. Empty when AUTHORISED, else why not; a refusal changes nothing.

        Raises VAULT_BEHIND: an old copy of the database does not know which grants were spent.
        """
        outside = self._outside
        require_current(outside)
        async with outside.books.begin(commits.AUTHORISE) as work:
            session = callers.for_page(await work.lock_session(session_id), claim)
            if await turns.was_made(work, "Authorise", attempt_id, session):
                return ""
            if (refused := self._out_of_turn(session, State.CARD_READ)) is not None:
                return refused
            try:
                holder = authority.holder_let_through(outside, session, holder_grant)
                unlock = authority.unlock_permitted(outside, session, unlock_grant, holder)
            except GrantRefused:
                return GrantRefused.code
            if making.objection(session) == "UNBLOCKS_ONLY_BLOCKED":
                return "UNBLOCKS_ONLY_BLOCKED"
            if not await self._within_budget(work, session.knows_card()):
                return "BUDGET_SPENT"
            if not await work.spend(unlock.jti, session_id, unlock.expires_at):
                return "GRANT_SPENT"
            now = outside.clock.now()
            given = authority.authority_of(holder, unlock, now)
            await work.store(session, sessions.authorise(session, given))
            await work.remember("Authorise", attempt_id, session_id, now)
            await work.tell(SessionAuthorised(session_id, given.actor, now))
        return ""

    async def reset_pin(self, session_id: str, claim: str, wish: Wish, holder_grant: str) -> str:
        """Let the agent ask the person and prove the card. Empty when it is asked, else why not.

        Raises VAULT_BEHIND.
        """
        require_current(self._outside)
        if max(len(wish.sealed_pin), len(wish.sealed_current_pin)) > MAX_SEALED_PIN:
            raise invalid()
        outside = self._outside
        async with outside.books.begin(commits.RESET_PIN) as work:
            session = callers.for_page(await work.lock_session(session_id), claim)
            if await turns.was_made(work, "ResetPin", wish.attempt_id, session):
                return ""
            if not self._is_whole(session, wish):
                raise invalid()
            if (refused := self._may_not_choose(session)) is not None:
                return refused
            try:
                holder = authority.holder_let_through(outside, session, holder_grant)
            except GrantRefused:
                return GrantRefused.code
            now = outside.clock.now()
            if refused := await self._why_not(work, session, wish):
                return refused
            await making.drop_steps(work, session_id)
            await work.put_step(making.prove_step(outside, session_id, wish, now))
            await work.store(session, _proving(session, holder))
            await work.remember("ResetPin", wish.attempt_id, session_id, now)
        return ""

    def _is_whole(self, session: Session, wish: Wish) -> bool:
        """True where the page sealed what it has to: nothing where PINs are typed at the agent."""
        new = not self._outside.pin_at_agent
        current = new and session.reason is Reason.CHANGE
        return (bool(wish.sealed_pin), bool(wish.sealed_current_pin)) == (new, current)

    def _may_not_choose(self, session: Session) -> str | None:
        """Why no passcode may be chosen in this state; None where one may."""
        wanted = State.AUTHORISED if self._code_needed(session) else sessions.chosen_in(session)
        if wanted is State.AUTHORISED and session.state in (State.NEW, State.ATTACHED, State.CARD_READ):
            return "NOT_AUTHORISED"
        return self._out_of_turn(session, wanted)

    async def _why_not(self, work: Work, session: Session, wish: Wish) -> str:
        """Why the card is not touched now; empty where it may be."""
        card = session.knows_card()
        if session.reason is Reason.CHANGE:
            if objection := making.objection(session):
                return objection
            if card.pin_tries_left == LAST_TRY and not wish.last_try:
                return "LAST_TRY"
        elif not await self._within_budget(work, card):
            return "BUDGET_SPENT"
        return "NO_CARD" if turns.reader_of(self._outside, session) is ReaderState.NO_CARD else ""

    async def _within_budget(self, work: Work, card: Card) -> bool:
        now = self._outside.clock.now()
        return await making.within_budget(self._outside, work, card.card_ref, card.profile, now)

    def _code_needed(self, session: Session) -> bool:
        """A CHANGE is authorised by the current PIN, on the card, unless the setting asks for a code too."""
        return session.reason is not Reason.CHANGE or self._outside.change_needs_code

    def _out_of_turn(self, session: Session, wanted: State) -> str | None:
        return turns.out_of_turn(session, wanted, self._outside.clock.now())

    def _seen(self, session: Session, reader: ReaderState) -> Seen:
        objection = making.objection(session) if session.state is State.CARD_READ else ""
        needed = session.reason is not Reason.SIGN_IN and self._code_needed(session)
        pin_at_agent = self._outside.pin_at_agent
        return Seen(session, reader, self._card_grant(session, reader), objection, needed, pin_at_agent)

    def _card_grant(self, session: Session, reader: ReaderState) -> str:
        """A CardGrant for identity while the session goes on, or its holder counts as proven; else none."""
        if session.state is State.SUCCESS and reader is not ReaderState.CARD:
            return ""
        card, reason, route = session.card, session.reason, session.route
        now, signs_in = self._outside.clock.now(), session.reason is Reason.SIGN_IN
        until = session.proven_until() if signs_in else _going_on_until(session, now)
        if card is None or reason is None or route is None or until is None or now >= until:
            return ""
        genuine = "GENUINE" if profiles.BY_KIND[card.profile].PROVES_IN_READ else "CLAIMED"
        return self._outside.grants.sign(
            CardGrant(
                session_id=session.session_id,
                card_ref=card.card_ref,
                reason=reason.value,
                route=route.value,
                agent_key_thumbprint=thumbprint(session.agent_public_key),
                jti=self._outside.randomness.uuid7(),
                issued_at=now,
                expires_at=until,
                purpose=PURPOSE_PROFILE if signs_in else PURPOSE_UNLOCK,
                level="HOLDER_VERIFIED" if signs_in else genuine,
                certificate_expires_at=card.certificate_expires_at,
            )
        )


def _going_on_until(session: Session, now: datetime) -> datetime | None:
    return None if session.is_over(now) else session.deadline


def _proving(session: Session, holder: HolderGrant) -> Session:
    if session.state is State.CARD_READ:
        return sessions.prove_by_pin(session, authority.authority_of_holder(holder))
    return sessions.prove(session)
