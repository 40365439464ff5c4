"""A holder registers: questions and answers, the address, and the code that completes it.

R41, R42, R43, R57, R58. A policy, off by default. Each step judges card and holder anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeGuard

from services.identity.domain.address import masked
from services.identity.domain.facts import HolderRegistered
from services.identity.domain.holder import OwnProfile
from services.identity.domain.questions import (
    WAITS_FOR,
    Answer,
    Registration,
    Trouble,
    all_the_same,
    chosen,
    secret_of,
    troubles_with,
)
from services.identity.ports import AnswerHashes, View, Work
from services.identity.use_cases import NO_ADDRESS, Parts, Refused, questions_on
from services.identity.use_cases.profiles import ContactRefused, Profiles
from services.identity.use_cases.signed_in import profile_grant, refused_now
from services.runtime.errors import exhausted
from services.runtime.grants import (
    PURPOSE_REGISTER,
    SKEW,
    GrantRefused,
    MailboxGrant,
    ProfileGrant,
    RegistrationGrant,
)
from services.runtime.rates import Rates

GRANT_LIFE = timedelta(minutes=20)
"""A code's 15 minutes, and what its mail may take to come."""

REGISTRATION_OVER = "REGISTRATION_OVER"
ANSWERS_TOO_OFTEN = "ANSWERS_TOO_OFTEN"

SETS_AT_ONCE = 10
"""Answers that a holder may set in a row, at each replica: more than the 10 minutes of a sign-in see."""

SETS_PER_SECOND = 1 / 60
"""What a holder gets back of them."""

BUSY_FOR = 1.0
"""Seconds after which a holder may come again whose answers are being hashed: 0.15 s, and its turn."""


@dataclass(frozen=True)
class Offered:
    """Whether the holder is registered."""

    registered_at: datetime | None


@dataclass(frozen=True)
class AnswersRefused:
    """Why answers are not kept."""

    code: str
    troubles: Sequence[Trouble] = ()


@dataclass(frozen=True)
class Confirmed:
    """A code of a registration may be mailed."""

    registration_grant: str = field(repr=False)
    masked_address: str = field(repr=False)
    expires_at: datetime


class Registering:
    """ListQuestions, SetAnswers, ConfirmEmail and CompleteRegistration."""

    def __init__(self, parts: Parts, profiles: Profiles, hashes: AnswerHashes) -> None:
        self._parts = parts
        self._profiles = profiles
        self._hashes = hashes
        self._hashing: set[str] = set()
        self._rates = Rates(SETS_AT_ONCE, SETS_PER_SECOND)

    async def questions(self, token: str) -> Offered | Refused:
        """Say whether whoever is signed in is registered. Raises GrantRefused, QUESTIONS_OFF."""
        grant = self._signed_in(token)
        async with self._parts.store.read() as view:
            refused = await self._refused(view, grant)
            known = await view.registration_of(grant.holder_ref)
        return refused or Offered(known.at if known else None)

    async def set_answers(self, token: str, answers: Sequence[Answer]) -> AnswersRefused | Refused | None:
        """Keep answers until their code comes; None where they are kept.

        Raises GrantRefused, QUESTIONS_OFF, ANSWERS_TOO_OFTEN.
        """
        grant = self._signed_in(token)
        questions = chosen(answers)
        if questions is None:
            return AnswersRefused("QUESTIONS_NOT_FOUR")
        troubles = troubles_with(answers)
        if troubles:
            return AnswersRefused("ANSWERS_REFUSED", troubles)
        if all_the_same(answers):
            return AnswersRefused("ANSWERS_ALL_SAME")
        answers_hash = await self._hashed(grant.holder_ref, secret_of(answers))
        async with self._parts.store.begin("identity.set_answers") as work:
            await work.lock_holder(grant.holder_ref)
            refused = await self._refused(work, grant)
            if refused is not None:
                return refused
            waiting = Registration(questions, answers_hash, grant.session_id, self._parts.clock.now())
            await work.keep_registration(grant.holder_ref, waiting, complete=False)
        return None

    async def _hashed(self, holder_ref: str, secret: str) -> str:
        """Return the hash: one of a holder's at a time, and not without end. Raises ANSWERS_TOO_OFTEN."""
        if holder_ref in self._hashing:
            raise exhausted(ANSWERS_TOO_OFTEN, retry_after=BUSY_FOR)
        if wait := self._rates.take(holder_ref):
            raise exhausted(ANSWERS_TOO_OFTEN, retry_after=wait)
        self._hashing.add(holder_ref)
        try:
            return await self._hashes.hash(secret)
        finally:
            self._hashing.discard(holder_ref)

    async def confirm_email(self, token: str, typed: str) -> Confirmed | Refused | str:
        """Let an address stand, and a code be mailed to it; or say why not.

        Raises GrantRefused, QUESTIONS_OFF.
        """
        grant = self._signed_in(token)
        async with self._parts.store.read() as view:
            if not self._waits(
                await view.registration_of(grant.holder_ref, complete=False), grant.session_id
            ):
                return REGISTRATION_OVER
        trouble = await self._overwritten(token, typed)
        if trouble:
            return trouble
        async with self._parts.store.read() as view:
            known = await view.own_profile(grant.card_ref)
        if known is None:
            return REGISTRATION_OVER
        return self._confirmed(grant, known)

    async def _overwritten(self, token: str, typed: str) -> Refused | str:
        """Let an address stand as UpdateContact does; return why no code may go there. R42."""
        profile = await self._profiles.profile(token)
        if isinstance(profile, Refused):
            return profile
        if not typed.strip():
            return "EMAIL_MISSING"
        after = await self._profiles.update_contact(token, typed, profile.mobile)
        if isinstance(after, Refused):
            return after
        return after.address_code or after.mobile_code if isinstance(after, ContactRefused) else after.nudge

    def _confirmed(self, grant: ProfileGrant, known: OwnProfile) -> Confirmed:
        now, address = self._parts.clock.now(), known.held.address or NO_ADDRESS
        given = RegistrationGrant(
            session_id=grant.session_id,
            card_ref=grant.card_ref,
            reason=grant.reason,
            route=grant.route,
            agent_key_thumbprint=grant.agent_key_thumbprint,
            jti=self._parts.randomness.uuid7(),
            issued_at=now,
            expires_at=now + GRANT_LIFE,
            purpose=PURPOSE_REGISTER,
            holder_ref=grant.holder_ref,
            organisation=known.held.organisation,
            address_version=address.version,
        )
        return Confirmed(self._parts.signer.sign(given), masked(address.address or ""), given.expires_at)

    async def complete(self, token: str) -> Refused | str:
        """Let what waits count, for its code was typed; empty where it does.

        Raises GrantRefused, QUESTIONS_OFF.
        """
        grant = self._parts.grants.verify(token, MailboxGrant)
        if grant.purpose != PURPOSE_REGISTER:
            raise GrantRefused
        questions_on(self._parts)
        async with self._parts.store.begin("identity.complete_registration") as work:
            await work.lock_holder(grant.holder_ref)
            known = await work.own_profile(grant.card_ref)
            refused = refused_now(self._parts, grant, known)
            if known is None or refused is not None:
                return refused or REGISTRATION_OVER
            return await self._completed(work, grant, known)

    async def _completed(self, work: Work, grant: MailboxGrant, known: OwnProfile) -> str:
        """Let the answers of this session count, once; REGISTRATION_OVER where none wait for this mailbox."""
        waiting = await work.registration_of(grant.holder_ref, complete=False)
        address, now = known.held.address or NO_ADDRESS, self._parts.clock.now()
        if not self._waits(waiting, grant.session_id):
            stands = await work.registration_of(grant.holder_ref)
            return "" if stands and stands.session_id == grant.session_id else REGISTRATION_OVER
        # A code that was typed before these answers were set vouches for other ones.
        is_for_these = grant.issued_at + SKEW >= waiting.at
        if not is_for_these or address.version != grant.address_version:
            return REGISTRATION_OVER
        await work.keep_registration(grant.holder_ref, replace(waiting, at=now), complete=True)
        await work.tell(_registered(grant, known.held.organisation, now))
        return ""

    def _signed_in(self, token: str) -> ProfileGrant:
        grant = profile_grant(self._parts, token)
        questions_on(self._parts)
        return grant

    async def _refused(self, view: View, grant: ProfileGrant) -> Refused | None:
        return refused_now(self._parts, grant, await view.own_profile(grant.card_ref))

    def _waits(self, waiting: Registration | None, session_id: str) -> TypeGuard[Registration]:
        """Tell whether answers of this session still wait for their code."""
        if waiting is None or waiting.session_id != session_id:
            return False
        return self._parts.clock.now() < waiting.at + WAITS_FOR


def _registered(grant: MailboxGrant, organisation: str, now: datetime) -> HolderRegistered:
    return HolderRegistered(
        holder_ref=grant.holder_ref,
        organisation=organisation,
        session_id=grant.session_id,
        card_ref=grant.card_ref,
        address_version=grant.address_version,
        at=now,
    )
