"""A colleague vouches from afar for a holder without usable mail (REMOTE_VOUCH, ADR 0024).

Everybody is judged by the registry at every call, the holder as AskColleagues judges them.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from services.identity.domain.colleagues import (
    CARD_WINDOW,
    FOR_WANT_OF_MAIL,
    WORDS_NEEDED,
    WORDS_PER_DAY,
    WRONG_CODES_PER_DAY,
    Basis,
    Request,
    Word,
    are_enough,
    is_colleague,
    let_through,
    may_be_spoken_for,
)
from services.identity.domain.eligibility import Refusal, card_refusal
from services.identity.domain.facts import ColleagueVouched
from services.identity.domain.holder import OwnProfile
from services.identity.ports import Codes, View, Work
from services.identity.use_cases import Parts, Refused, against_mail, or_waiting
from services.identity.use_cases.desk import DAY
from services.identity.use_cases.signed_in import profile_grant, refused_now
from services.identity.use_cases.vouching import Person
from services.identity.use_cases.words import is_too_often, words_for
from services.runtime import logs, spoken_codes
from services.runtime.grants import ProfileGrant

CODE_UNKNOWN = "VOUCH_CODE_UNKNOWN"
"""No such code, or it is over, or of another organisation, or this way is closed: one answer for all."""
OWN_CARD = "VOUCH_OWN_CARD"
LIMIT = "VOUCH_LIMIT"
"""Too many words, or too many wrong codes, in 24 hours; or colleagues let this one's own card through."""

log = logs.logger("identity")


@dataclass(frozen=True)
class Given:
    """A colleague's word was taken, now or before."""

    given: int
    needed: int = WORDS_NEEDED


@dataclass(frozen=True)
class _Colleague:
    """Whoever is signed in, with the card by which they are."""

    grant: ProfileGrant = field(repr=False)
    known: OwnProfile

    @property
    def ref(self) -> str:
        return self.known.held.holder_ref


@dataclass(frozen=True)
class _Case:
    """One word that may be given: by whom, for whom, in which session."""

    colleague: _Colleague
    asker: OwnProfile
    request: Request
    words: list[Word]

    @property
    def is_through(self) -> bool:
        return let_through(self.request, self.words)

    @property
    def others(self) -> list[Word]:
        return [word for word in self.words if word.colleague_ref != self.colleague.ref]

    @property
    def has_given(self) -> bool:
        return len(self.others) < len(self.words)

    @property
    def is_said(self) -> bool:
        """Whether this colleague has nothing to add; where words are enough untold, a word tells it."""
        return self.has_given and (self.is_through or not are_enough(self.words))


class Colleagues:
    """ShowAsker and VouchForColleague."""

    def __init__(self, parts: Parts, codes: Codes) -> None:
        self._parts = parts
        self._codes = codes

    async def show(self, token: str, typed: str) -> Person | Refused:
        """Return whose code it is, to a colleague who may vouch for them. Raises GrantRefused."""
        async with self._parts.store.begin("identity.show_asker") as work:
            case = await self._case(work, token, typed)
            if isinstance(case, Refused):
                return case
            return Person(case.asker.name, case.asker.held.organisation)

    async def vouch(self, token: str, typed: str, basis: Basis) -> Given | Refused:
        """Keep and tell a colleague's word, once a session. Raises GrantRefused."""
        async with self._parts.store.begin("identity.vouch_for_colleague") as work:
            case = await self._case(work, token, typed)
            if isinstance(case, Refused):
                return case
            words = case.words if case.is_said else await self._give(work, case, basis)
            return Given(len(words))

    async def _case(self, work: Work, token: str, typed: str) -> _Case | Refused:
        """Judge colleague and code; a code that lets them vouch for nobody is counted."""
        colleague = await self._colleague(work, token)
        if isinstance(colleague, Refused) or not self._parts.remote_vouch:
            return colleague if isinstance(colleague, Refused) else _no(colleague, CODE_UNKNOWN)
        # The colleague's row first, then the holder's card, in every call: none waits for another in a ring.
        await work.lock_holder(colleague.ref)
        now, code = self._parts.clock.now(), spoken_codes.typed(typed)
        if await work.wrong_codes(colleague.ref, now - DAY) >= WRONG_CODES_PER_DAY:
            return _no(colleague, LIMIT)
        request = await self._request(work, code, now) if code else None
        if request is not None and request.holder_ref == colleague.ref:
            return _no(colleague, OWN_CARD)
        case = await self._judged(work, colleague, request, now) if request else None
        if case is None:
            if code:
                await self._count_wrong(work, colleague, now)
            return _no(colleague, CODE_UNKNOWN)
        return case if await self._may_give(work, case, now) else _no(colleague, LIMIT)

    async def _colleague(self, view: View, token: str) -> _Colleague | Refused:
        grant = profile_grant(self._parts, token)
        known = await view.own_profile(grant.card_ref)
        refused = refused_now(self._parts, grant, known)
        if refused is not None or known is None:
            return refused or Refused(Refusal.CARD_UNKNOWN.value, None)
        return _Colleague(grant, known)

    async def _request(self, work: Work, code: str, now: datetime) -> Request | None:
        """Return the one request with this code, its card locked; None where it is over."""
        digest = self._codes.digest_of(code)
        found = [each for each in await work.requests_by_code(digest) if each.is_open(now)]
        if len(found) != 1:
            return None
        await work.lock_card(found[0].card_ref)
        request = await work.colleague_request(found[0].session_id)
        return request if request and request.code_digest == digest and request.is_open(now) else None

    async def _judged(
        self, work: Work, colleague: _Colleague, request: Request, now: datetime
    ) -> _Case | None:
        """Judge the holder who asks, as AskColleagues does, and whether this is a colleague of theirs."""
        asker = await work.own_profile(request.card_ref)
        if asker is None or not is_colleague(colleague.known.held, asker.held, now):
            return None
        if not await self._may_ask(work, asker, request, now):
            return None
        case = _Case(colleague, asker, request, await words_for(work, request, asker.held, now))
        return None if case.is_through and not case.has_given else case

    async def _may_ask(self, view: View, asker: OwnProfile, request: Request, now: datetime) -> bool:
        held = asker.held
        if held.holder_ref != request.holder_ref or not may_be_spoken_for(asker):
            return False
        if card_refusal(held, held.certificate_expires_at or now, now) is not None:
            return False
        mail = await against_mail(view, held)
        against = mail and await or_waiting(view, held, mail, now)
        if against not in FOR_WANT_OF_MAIL:
            return False
        return not await is_too_often(view, request.card_ref, request.session_id, now)

    async def _may_give(self, view: View, case: _Case, now: datetime) -> bool:
        if case.has_given:
            return True
        own_card = case.colleague.grant.card_ref
        if await view.times_let_through(own_card, "", now - CARD_WINDOW):
            return False
        given = await view.words_given(case.colleague.ref, case.request.session_id, now - DAY)
        return given < WORDS_PER_DAY

    async def _count_wrong(self, work: Work, colleague: _Colleague, now: datetime) -> None:
        await work.keep_wrong_code(self._parts.randomness.uuid7(), colleague.ref, now)
        if await work.wrong_codes(colleague.ref, now - DAY) == WRONG_CODES_PER_DAY:
            log.warning("colleague_types_wrong_codes", colleague=colleague.ref)

    async def _give(self, work: Work, case: _Case, basis: Basis) -> list[Word]:
        now, colleague = self._parts.clock.now(), case.colleague
        word = Word(case.request.session_id, colleague.ref, colleague.grant.card_ref, basis, now)
        await work.keep_word(word)
        words = [*case.others, word]
        if are_enough(words) and case.request.completed_at is None:
            await work.keep_request(replace(case.request, completed_at=now))
        organisation, signed_in_by = case.asker.held.organisation, colleague.grant.session_id
        await work.tell(
            ColleagueVouched(word, case.request, organisation, signed_in_by, len(words), WORDS_NEEDED)
        )
        return words


def _no(colleague: _Colleague, code: str) -> Refused:
    return Refused(code, colleague.known.held.registration_authority)
