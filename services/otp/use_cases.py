"""What otp can be asked and told: issue, status, redeem, delivery, and the sweep of old codes.

Every changing call is idempotent by its attempt: the same attempt gets the same answer, where a code is
entered only with the same digits: others are an entry of their own. What was refused is not remembered, so a
new attempt is judged anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.otp.domain import facts, issue
from services.otp.domain.code import Bearer, Code, Delivery, Particulars, Use, digits_of, superseded
from services.otp.domain.facts import Verdict
from services.otp.domain.policy import Policy
from services.otp.domain.status import Status, same_session, status
from services.otp.domain.tally import Ledger, entries_left
from services.otp.judgement import (
    LOCKED_TO_RA,
    Entry,
    Judgement,
    Permission,
    bearer_of,
    mailbox_grant,
    tell_lock,
    unlock_grant,
)
from services.otp.ports import Digests, GrantReader, GrantWriter, Sealer, Store, Work
from services.runtime.clock import Clock
from services.runtime.errors import invalid
from services.runtime.grants import (
    PURPOSE_REGISTER,
    PURPOSE_UNLOCK,
    Grant,
    GrantRefused,
    HolderGrant,
    RegistrationGrant,
)
from services.runtime.randomness import Randomness

SWEEP_BATCH = 1000


@dataclass(frozen=True)
class Redemption:
    """The verdict on one entry, and the grant it earned."""

    verdict: Verdict
    entries_left: int
    grant: str = ""


@dataclass(frozen=True)
class Asked:
    """Where a code was asked for, as web says. No step is judged by it but the limit of a network."""

    client_address: str = field(default="", repr=False)
    particulars: Particulars = field(default_factory=Particulars)


NOT_SAID = Asked()


@dataclass(frozen=True)
class Parts:
    """What the use cases are given."""

    store: Store
    clock: Clock
    randomness: Randomness
    digests: Digests
    sealer: Sealer
    grants: GrantReader
    signer: GrantWriter
    policy: Policy


@dataclass(frozen=True)
class CodesFor:
    """What codes are for: which grant asks for one, and which one it earns. None serves for another."""

    purpose: str
    kind: type[HolderGrant] | type[RegistrationGrant]
    earned: Callable[[Permission, Use], Grant]


UNLOCK = CodesFor(PURPOSE_UNLOCK, HolderGrant, unlock_grant)
REGISTER = CodesFor(PURPOSE_REGISTER, RegistrationGrant, mailbox_grant)
"""R43, R58: a code of a registration can never unlock a card, and the other way round."""


class OneTimeCodes:
    """The use cases of otp; one method, one transaction."""

    def __init__(self, parts: Parts, use: CodesFor = UNLOCK) -> None:
        self._parts = parts
        self._policy = parts.policy
        self._use = use

    async def issue(self, token: str, attempt_id: str, asked: Asked = NOT_SAID) -> Status | issue.Refusal:
        """Store a code, supersede a live one, and let the notifier have it sealed.

        Raises GrantRefused; ServiceError NO_EMAIL for a grant that names no address to write to.
        """
        grant = self._holder(token)
        bearer, network_ref = bearer_of(grant), self._parts.digests.network_ref(asked.client_address)
        async with self._parts.store.begin("otp.issue_code") as work:
            ledger = await work.lock(grant.holder_ref, grant.organisation)
            now = self._parts.clock.now()
            recent = await work.recent(bearer, grant.organisation, network_ref, now - issue.DAY)
            codes = recent.of_session
            _check_owner(codes, bearer)
            left = self._left(ledger, bearer, now)
            if not any(code.attempt_id == attempt_id for code in codes):
                refusal = issue.refusal(recent, bearer, left, self._policy, now)
                if refusal is not None:
                    if refusal.code == LOCKED_TO_RA:
                        await tell_lock(work, grant, now)
                    return refusal
                new = self._new_code(grant, attempt_id, network_ref, now)
                codes = [*codes, await self._issue(work, grant.reason, codes, new, asked.particulars)]
        answer = status(codes, bearer, left, self._policy, now)
        assert answer is not None  # noqa: S101 - there is at least the code just issued
        return answer

    def _new_code(
        self, grant: Permission, attempt_id: str, network_ref: str, now: datetime
    ) -> tuple[Code, str]:
        """Return a new code and its digits."""
        digits = self._parts.randomness.digits(self._policy.digits)
        code_id, bearer = self._parts.randomness.uuid7(), bearer_of(grant)
        code = Code(
            code_id=code_id,
            bearer=bearer,
            digest=self._parts.digests.digest(code_id, bearer, digits),
            issued_at=now,
            expires_at=now + self._policy.lifetime,
            attempt_id=attempt_id,
            organisation=grant.organisation,
            network_ref=network_ref,
            key_id=self._parts.digests.key_id,
        )
        return code, digits

    async def _issue(
        self,
        work: Work,
        reason: str,
        codes: Sequence[Code],
        new: tuple[Code, str],
        particulars: Particulars,
    ) -> Code:
        code, digits = new
        sealer = self._parts.sealer
        await work.replace(superseded(codes))
        await work.add(code)
        await work.tell(
            facts.CodeIssued(
                code, reason, sealer.seal(code, digits), sealer.seal_particulars(code, particulars)
            ),
            facts.CodeRequested(code, len(codes) + 1),
        )
        return code

    async def status(self, token: str) -> Status | None:
        """Return how the session's newest code stands; None where there is none. Raises GrantRefused."""
        bearer = bearer_of(self._holder(token))
        async with self._parts.store.read() as view:
            codes = await view.codes_of(bearer.session_id)
            ledger = await view.ledger(bearer.holder_ref)
        _check_owner(codes, bearer)
        now = self._parts.clock.now()
        return status(codes, bearer, self._left(ledger, bearer, now), self._policy, now)

    async def redeem(self, token: str, typed: str, attempt_id: str, client_address: str = "") -> Redemption:
        """Judge one entry, store it and tell of it, all or nothing.

        The same attempt with the same digits is one entry, and gets the same answer again.
        Raises GrantRefused, also for a grant too near its end for what it earns to live.
        """
        grant = self._holder(token)
        bearer = bearer_of(grant)
        digits = digits_of(typed, self._policy.digits)
        if digits is None:
            return await self._malformed(bearer)
        async with self._parts.store.begin("otp.redeem_code") as work:
            ledger = await work.lock(grant.holder_ref, grant.organisation)
            codes = await work.codes_of(grant.session_id)
            _check_owner(codes, bearer)
            now = self._parts.clock.now()
            network_ref = self._parts.digests.network_ref(client_address)
            entry = self._entry(attempt_id, codes, bearer, digits)
            judgement = Judgement(work, self._policy, grant, ledger, codes, entry, now, network_ref)
            judged = judgement.repeated()
            if judged is None:
                judged = await judgement.judge(new_id=self._parts.randomness.uuid7())
        token = "" if judged.use is None else self._parts.signer.sign(self._use.earned(grant, judged.use))
        return Redemption(judged.verdict, judged.entries_left, token)

    def _entry(self, attempt_id: str, codes: Sequence[Code], bearer: Bearer, digits: str) -> Entry:
        known = self._parts.digests
        return Entry(
            attempt_id=attempt_id,
            digests={code.code_id: known.digests(code, bearer, digits) for code in codes},
            digits_refs=known.digits_refs(attempt_id, bearer, digits),
        )

    async def _malformed(self, bearer: Bearer) -> Redemption:
        async with self._parts.store.read() as view:
            ledger = await view.ledger(bearer.holder_ref)
        return Redemption(Verdict.MALFORMED, self._left(ledger, bearer, self._parts.clock.now()))

    async def delivery_changed(self, event_id: str, code_id: str, delivery: Delivery, reason: str) -> None:
        """Note how the delivery of a code stands; an event taken before changes nothing."""
        async with self._parts.store.begin("otp.delivery_changed") as work:
            if await work.first_time(event_id, self._parts.clock.now()):
                await work.delivered(code_id, delivery, reason)

    async def sweep(self) -> int:
        """Delete codes past their keeping, a batch a transaction; return how many. Counters stay."""
        swept = 0
        while True:
            async with self._parts.store.begin("otp.sweep") as work:
                batch = await work.forget(self._parts.clock.now(), SWEEP_BATCH)
            swept += batch
            if batch < SWEEP_BATCH:
                return swept

    def _left(self, ledger: Ledger, bearer: Bearer, now: datetime) -> int:
        return entries_left(ledger.tally(bearer.card_ref), bearer.session_id, self._policy, now)

    def _holder(self, token: str) -> Permission:
        """Return a grant that a code may be mailed for: for this use, by the holder alone, to an address."""
        grant: Permission = self._parts.grants.verify(token, self._use.kind)
        if grant.purpose != self._use.purpose:
            raise GrantRefused
        if grant.route != "SELF" or grant.address_version < 1:
            raise invalid("NO_EMAIL")
        return grant


def _check_owner(codes: Sequence[Code], bearer: Bearer) -> None:
    """Raise GrantRefused where a session's codes are of another holder or card."""
    if not all(same_session(code.bearer, bearer) for code in codes):
        raise GrantRefused
