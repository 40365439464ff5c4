"""The judgement of one entry inside its transaction: part of the use case `redeem`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.otp.domain import facts, spread
from services.otp.domain.code import Bearer, Code, Finding, State, Use, compare, is_of
from services.otp.domain.facts import Verdict
from services.otp.domain.policy import Policy
from services.otp.domain.tally import Ledger, enter_wrong, entries_left, repeated
from services.otp.ports import Work
from services.runtime import logs
from services.runtime.grants import GrantRefused, HolderGrant, MailboxGrant, RegistrationGrant, UnlockGrant

GRANT_LIFE = timedelta(minutes=5)
"""Source: architecture §2, table of grants."""

SHORTEST_GRANT = timedelta(seconds=1)
"""Grants count whole seconds: a shorter one would never be valid, and its code spent for nothing."""

LOCKED_TO_RA = "LOCKED_TO_RA"

Permission = HolderGrant | RegistrationGrant
"""What lets a code be mailed: to unlock a card, or to register."""

log = logs.logger("otp")


@dataclass(frozen=True)
class Judged:
    """The verdict on one entry; a right one comes with its use."""

    verdict: Verdict
    entries_left: int
    use: Use | None = None


@dataclass(frozen=True)
class Entry:
    """What was typed in one attempt, without the digits."""

    attempt_id: str
    digests: Mapping[str, Sequence[bytes]]
    """By code id, those that the digits can have as that code."""
    digits_refs: Sequence[str]
    """Those that a wrong entry with these digits can be kept under; the first is that of a new one."""


@dataclass(frozen=True)
class Judgement:
    """One entry before the codes and the ledger it is judged by, all read under the holder's lock."""

    work: Work
    policy: Policy
    grant: Permission
    ledger: Ledger
    codes: Sequence[Code]
    entry: Entry
    now: datetime
    network_ref: str = ""

    def repeated(self) -> Judged | None:
        """Return the answer this attempt got before with the same digits, if it spent anything."""
        entry, grant = self.entry, self.grant
        for code in self.codes:
            if (
                code.use is not None
                and code.use.attempt_id == entry.attempt_id
                and code.bearer == bearer_of(grant)
                and is_of(code, entry.digests)
            ):
                return Judged(Verdict.RIGHT, self._left(code.use.issued_at), code.use)
        tally = self.ledger.tally(grant.card_ref)
        wrong = repeated(tally, grant.session_id, entry.attempt_id, entry.digits_refs)
        return None if wrong is None else _wrong(wrong.entries_left)

    async def judge(self, new_id: str) -> Judged:
        """Judge the entry; store and tell what it changed.

        `new_id` names the grant if the entry is right. Raises GrantRefused where none could live.
        """
        left = self._left(self.now)
        if left == 0:
            await tell_lock(self.work, self.grant, self.now)
            return Judged(Verdict.LOCKED_TO_RA, 0)
        finding, code = compare(self.codes, self.entry.digests, bearer_of(self.grant), self.now)
        if code is not None and finding is Finding.RIGHT:
            return await self._spend(code, left, new_id)
        if code is not None and finding is Finding.WRONG:
            return await self._count(code, new_id)
        return Judged(Verdict(finding.value), left)

    async def _spend(self, code: Code, left: int, jti: str) -> Judged:
        use = Use(self.entry.attempt_id, jti, self.now, min(self.now + GRANT_LIFE, self.grant.expires_at))
        if use.expires_at - self.now < SHORTEST_GRANT:
            raise GrantRefused
        await self.work.replace([replace(code, state=State.USED, use=use)])
        await self._tell(code, Judged(Verdict.RIGHT, left))
        return Judged(Verdict.RIGHT, left, use)

    async def _count(self, code: Code, entry_id: str) -> Judged:
        grant, card_ref, entry = self.grant, self.grant.card_ref, self.entry
        tally = enter_wrong(
            self.ledger.tally(card_ref),
            grant.session_id,
            entry.attempt_id,
            self.policy,
            self.now,
            entry.digits_refs[0],
        )
        await self.work.keep(grant.holder_ref, self.ledger.keep(card_ref, tally))
        answer = _wrong(tally.wrong[-1].entries_left)
        await self._tell(code, answer)
        if answer.verdict is Verdict.LOCKED_TO_RA:
            await tell_lock(self.work, grant, self.now)
        await self._watch(entry_id)
        return answer

    async def _watch(self, entry_id: str) -> None:
        """Note where the entry came from, and tell where too many cards see one."""
        grant = self.grant
        entry = spread.WrongEntryAt(entry_id, self.now, grant.card_ref, grant.organisation, self.network_ref)
        most = spread.thresholds(self.policy)
        cards = await self.work.note_wrong(entry, self.now - spread.WINDOW, most)
        for alarm in spread.alarms(entry, cards, self.policy):
            if await self.work.first_alarm(alarm, self.now):
                await self.work.tell(facts.GuessingSpread(grant.session_id, alarm, self.now))
                log.error("guessing_spread", scope=alarm.scope.value, cards=alarm.cards, hours=1)

    async def _tell(self, code: Code, judged: Judged) -> None:
        grant = self.grant
        await self.work.tell(
            facts.CodeEntered(
                code_id=code.code_id,
                session_id=grant.session_id,
                verdict=judged.verdict,
                entries_left=judged.entries_left,
                at=self.now,
                holder_ref=grant.holder_ref,
                card_ref=grant.card_ref,
            )
        )

    def _left(self, now: datetime) -> int:
        return entries_left(self.ledger.tally(self.grant.card_ref), self.grant.session_id, self.policy, now)


async def tell_lock(work: Work, grant: Permission, now: datetime) -> None:
    """Tell that this session met the lock of its holder and card; once a session (D1)."""
    if await work.first_outcome(grant.session_id, LOCKED_TO_RA, now):
        await work.tell(
            facts.LockedToRa(
                session_id=grant.session_id,
                holder_ref=grant.holder_ref,
                card_ref=grant.card_ref,
                organisation=grant.organisation,
                reason=grant.reason,
                route=grant.route,
                at=now,
            )
        )


def bearer_of(grant: Permission) -> Bearer:
    """Return whom a code under this grant is for."""
    return Bearer(grant.session_id, grant.holder_ref, grant.card_ref, grant.purpose, grant.address_version)


def unlock_grant(grant: Permission, use: Use) -> UnlockGrant:
    """Return the grant that the use of a code earned; the same use gives the same grant."""
    return UnlockGrant(
        session_id=grant.session_id,
        card_ref=grant.card_ref,
        reason=grant.reason,
        route=grant.route,
        agent_key_thumbprint=grant.agent_key_thumbprint,
        jti=use.jti,
        issued_at=use.issued_at,
        expires_at=use.expires_at,
        purpose=grant.purpose,
        holder_ref=grant.holder_ref,
        actor_kind="HOLDER",
        actor_ref=grant.holder_ref,
    )


def mailbox_grant(grant: Permission, use: Use) -> MailboxGrant:
    """Return what the use of a registration's code earned: it unlocks nothing. R58."""
    return MailboxGrant(
        session_id=grant.session_id,
        card_ref=grant.card_ref,
        reason=grant.reason,
        route=grant.route,
        agent_key_thumbprint=grant.agent_key_thumbprint,
        jti=use.jti,
        issued_at=use.issued_at,
        expires_at=use.expires_at,
        purpose=grant.purpose,
        holder_ref=grant.holder_ref,
        address_version=grant.address_version,
    )


def _wrong(left: int) -> Judged:
    """Return the answer to a wrong entry: the last one is the lock itself."""
    return Judged(Verdict.WRONG if left > 0 else Verdict.LOCKED_TO_RA, left)
