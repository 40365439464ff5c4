"""A holder without usable mail asks two colleagues to vouch from afar (REMOTE_VOUCH, ADR 0024).

The card is judged as ever; whoever has a usable address is sent there. Words are judged anew at every call: a
colleague whose card was frozen since has not vouched.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from services.identity.domain.colleagues import (
    CODE_LIFETIME,
    WORDS_NEEDED,
    Request,
    Word,
    completing,
    let_through,
    may_ask,
    still_missing,
)
from services.identity.domain.eligibility import Refusal
from services.identity.domain.holder import HeldCard
from services.identity.ports import Codes, View, Work
from services.identity.use_cases import (
    Parts,
    Refused,
    judge,
    may_ask_colleagues,
    or_waiting,
    proven,
    refuse,
)
from services.identity.use_cases.unlocking import unlock_grant
from services.identity.use_cases.words import is_too_often, words_for
from services.runtime import spoken_codes
from services.runtime.grants import CardGrant, GrantRefused


@dataclass(frozen=True)
class Words:
    """Colleagues may vouch: by which code, how many have, and what that gives."""

    code: str = field(repr=False)
    expires_at: datetime
    given: int
    unlock_grant: str = field(default="", repr=False)
    needed: int = WORDS_NEEDED


@dataclass(frozen=True)
class _Asking:
    """A holder's session as it stands now; `request` None where nobody was asked yet."""

    held: HeldCard | None
    refusal: Refusal | None
    request: Request | None
    words: list[Word]


class Asking:
    """AskColleagues."""

    def __init__(self, parts: Parts, codes: Codes) -> None:
        self._parts = parts
        self._codes = codes

    async def ask(self, token: str) -> Words | Refused:
        """Show the code and the words so far; sign the grant where they are enough. Raises GrantRefused."""
        card = proven(self._parts, token)
        if not may_ask(card.reason, card.route, Refusal.NO_EMAIL):
            raise GrantRefused
        now = self._parts.clock.now()
        async with self._parts.store.read() as view:
            seen = await self._look(view, card, now)
        if self._needs_code(seen, now):
            async with self._parts.store.begin("identity.ask_colleagues") as work:
                await work.lock_card(card.card_ref)
                seen = await self._with_code(work, card, await self._look(work, card, now), now)
        if seen.refusal is not None or seen.request is None:
            return await self._refuse(card, seen, now)
        return self._answer(card, seen.request, seen.words, now)

    async def _look(self, view: View, card: CardGrant, now: datetime) -> _Asking:
        held = await view.held_card(card.card_ref)
        refusal, mail, _ = await judge(view, held, card, now)
        if held is None or refusal is not None:
            return _Asking(held, refusal, None, [])
        refusal = await self._against_asking(view, held, card, mail, now)
        request = await view.colleague_request(card.session_id)
        if request is None or refusal is not None:
            return _Asking(held, refusal, request, [])
        if (request.card_ref, request.holder_ref) != (held.card_ref, held.holder_ref):
            raise GrantRefused
        return _Asking(held, None, request, await words_for(view, request, held, now))

    async def _against_asking(
        self, view: View, held: HeldCard, card: CardGrant, mail: Refusal | None, now: datetime
    ) -> Refusal | None:
        if mail is None:
            return Refusal.EMAIL_USABLE
        against = await or_waiting(view, held, mail, now)
        if not await may_ask_colleagues(self._parts, view, held, card, against):
            return against
        often = await is_too_often(view, card.card_ref, card.session_id, now)
        return Refusal.VOUCH_TOO_OFTEN if often else None

    def _needs_code(self, seen: _Asking, now: datetime) -> bool:
        """Tell whether there is no code yet, or it is over, or it was made with a key of before."""
        request = seen.request
        if seen.refusal is not None or (request is not None and let_through(request, seen.words)):
            return False
        return request is None or not request.is_open(now) or request.code_digest != self._digest(request)

    def _digest(self, request: Request) -> bytes:
        return self._codes.digest_of(self._codes.code_of(request.session_id, request.expires_at))

    async def _with_code(self, work: Work, card: CardGrant, seen: _Asking, now: datetime) -> _Asking:
        """Keep a code that is good now, unless another call has done so."""
        if seen.held is None or not self._needs_code(seen, now):
            return seen
        before = seen.request
        request = before or Request(
            session_id=card.session_id,
            grant_id=self._parts.randomness.uuid7(),
            card_ref=card.card_ref,
            holder_ref=seen.held.holder_ref,
            code_digest=b"",
            expires_at=now,
        )
        if not request.is_open(now):
            # Codes are made of whole seconds.
            ends = min(now + CODE_LIFETIME, card.expires_at).replace(microsecond=0)
            request = replace(request, expires_at=ends)
        if not request.is_open(now):
            raise GrantRefused
        request = replace(request, code_digest=self._digest(request))
        await work.keep_request(request)
        return replace(seen, request=request)

    def _answer(self, card: CardGrant, request: Request, words: list[Word], now: datetime) -> Words:
        if let_through(request, words):
            return Words("", request.expires_at, len(words), self._grant(card, request, words, now))
        code = self._codes.code_of(request.session_id, request.expires_at)
        given = WORDS_NEEDED - still_missing(request, words)
        return Words(spoken_codes.shown(code), request.expires_at, given)

    def _grant(self, card: CardGrant, request: Request, words: list[Word], now: datetime) -> str:
        actor = ("COLLEAGUES", completing(words).colleague_ref)
        return self._parts.signer.sign(unlock_grant(card, request.grant_id, request.holder_ref, actor, now))

    async def _refuse(self, card: CardGrant, seen: _Asking, now: datetime) -> Refused:
        refusal, held = seen.refusal or Refusal.CARD_UNKNOWN, seen.held
        if refusal is Refusal.EMAIL_USABLE and held is not None:
            return Refused(refusal.value, held.registration_authority)
        return await refuse(self._parts, card, held, refusal, now)
