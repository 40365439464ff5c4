"""A page takes the session that an agent offers, once, by its address or its typed code."""

from dataclasses import dataclass, field
from datetime import timedelta

from services.card_gateway.domain import pairing
from services.card_gateway.domain import session as sessions
from services.card_gateway.domain.session import Session
from services.card_gateway.domain.words import VOUCHED_FOR, Reason, Route, State
from services.card_gateway.ports import Outside, Work
from services.card_gateway.use_cases import authority, commits, making, offers
from services.runtime import spoken_codes
from services.runtime.errors import invalid
from services.runtime.grants import GrantRefused
from services.runtime.randomness import digest_of

CLAIM_ANSWERED_AGAIN_WITHIN = timedelta(seconds=120)
"""How long the same attempt is given the same claim: long enough for every retry."""

CLAIM = "claim"
"""The same attempt makes the same claim, so that it need not be kept."""


@dataclass(frozen=True)
class Pairing:
    """How a page knows of its agent: one of the two."""

    address_token: str = field(default="", repr=False)
    pairing_code: str = field(default="", repr=False)


@dataclass(frozen=True)
class Caller:
    """Why somebody comes, and who lets them through."""

    reason: Reason
    route: Route = Route.SELF
    profile_grant: str = field(default="", repr=False)
    """Of the RA who is there; empty where the holder comes alone."""

    def is_whole(self) -> bool:
        """True where the route is for this reason, and only an RA shows a grant."""
        if self.route is Route.SELF:
            return not self.profile_grant
        return bool(self.profile_grant) and self.reason in VOUCHED_FOR


@dataclass(frozen=True)
class Claimed:
    """The session is this page's; `claim` is to be shown at every later call."""

    session: Session
    claim: str = field(repr=False)


class Claiming:
    """StartSession."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def start_session(
        self, pairing_: Pairing, caller: Caller, attempt_id: str, source: str
    ) -> Claimed | str:
        """Claim the session on offer, once. Refused: PAIRING_UNKNOWN, TOO_MANY_GUESSES, GRANT_REFUSED.

        Raises BAD_REQUEST for a reason that the route is not for.
        """
        if not attempt_id or not caller.is_whole():
            raise invalid()
        try:
            ra_ref = self._ra_of(caller)
        except GrantRefused:
            return GrantRefused.code
        async with self._outside.books.begin(commits.START_SESSION) as work:
            found = await self._find_offer(work, pairing_, source)
            if isinstance(found, str):
                return found
            session = await work.lock_session(found.session_id)
            if session is None:
                return "PAIRING_UNKNOWN"
            if session.state is State.NEW and found.is_good(self._outside.clock.now()):
                claim = offers.new_token(self._outside, CLAIM, session.session_id, attempt_id)
                return Claimed(await self._claim(work, session, claim, caller, ra_ref), claim)
            return self._claimed_before(session, attempt_id)

    async def _find_offer(self, work: Work, asked: Pairing, source: str) -> pairing.Pairing | str:
        """The offer a page means, good or used; wrong codes are counted, wrong addresses need not be."""
        if asked.address_token:
            found = await work.find_pairing(token_digest=digest_of(asked.address_token))
            return found or "PAIRING_UNKNOWN"
        now = self._outside.clock.now()
        window, who, all_ = pairing.window_of(now), digest_of(f"source:{source}"), digest_of("all")
        if not pairing.may_guess(
            await work.wrong_guesses(who, window), await work.wrong_guesses(all_, window)
        ):
            return "TOO_MANY_GUESSES"
        code = spoken_codes.typed(asked.pairing_code)
        found = await work.find_pairing(code_digest=digest_of(code)) if code else None
        if found is not None and found.is_good(now):
            return found
        for counted in (who, all_):
            await work.count_guess(counted, window)
        return "PAIRING_UNKNOWN"

    def _ra_of(self, caller: Caller) -> str:
        """The RA who is signed in; empty where the holder comes alone. Raises GrantRefused."""
        if caller.route is Route.SELF:
            return ""
        return authority.ra_signed_in(self._outside, caller.profile_grant).holder_ref

    async def _claim(self, work: Work, session: Session, claim: str, caller: Caller, ra_ref: str) -> Session:
        now = self._outside.clock.now()
        claimed = sessions.claim(session, digest_of(claim), caller.reason, caller.route, now, ra_ref=ra_ref)
        await work.put_step(making.read_step(self._outside, claimed, now))
        await work.tell(sessions.started(claimed))
        return await work.store(session, claimed)

    def _claimed_before(self, session: Session, attempt_id: str) -> Claimed | str:
        """The same answer for the attempt that claimed it, while a retry may come; to others none."""
        now = self._outside.clock.now()
        recent = session.started_at is not None and now - session.started_at < CLAIM_ANSWERED_AGAIN_WITHIN
        claim = offers.token_of(self._outside, session.claim_digest, CLAIM, session.session_id, attempt_id)
        return Claimed(session, claim) if recent and claim else "PAIRING_UNKNOWN"
