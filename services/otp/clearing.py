"""An RA sees which locks hold, and ends one: the use cases of otp for somebody who is signed in. R48."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.otp.domain import facts
from services.otp.domain.ended_lock import EndedLock, Why, trouble_with
from services.otp.domain.policy import Policy
from services.otp.domain.tally import Lock, Tally, clear, entries_left, is_locked, locks_of, wrong_in_year
from services.otp.ports import GrantReader, Store
from services.runtime.clock import Clock
from services.runtime.grants import PURPOSE_PROFILE, GrantRefused, ProfileGrant
from services.runtime.randomness import Randomness

LOCK_UNKNOWN = "LOCK_UNKNOWN"
"""No such lock in the organisations of this RA: the same for no holder, another organisation, no lock."""

OWN_LOCK = "OWN_LOCK"
ATTEMPT_SPENT = "ATTEMPT_SPENT"
"""The attempt ended a lock before, and the card is locked again: this lock was not ended."""


@dataclass(frozen=True)
class Cleared:
    """How the card stands after its lock was ended."""

    entries_left: int
    wrong_in_year: int


@dataclass(frozen=True)
class Locks:
    """The locks of one holder."""

    held: Sequence[Lock] = ()
    ended: Sequence[EndedLock] = ()
    """By RAs, the newest first."""


@dataclass(frozen=True)
class Clearing:
    """Shows locks and ends them; each is recorded with who did it, and why."""

    store: Store
    clock: Clock
    randomness: Randomness
    grants: GrantReader
    policy: Policy

    async def locks(self, token: str, holder_ref: str) -> Locks:
        """Return the locks of a holder of the RA's organisations; none of anybody else's.

        Raises GrantRefused for anything but an RA who is signed in.
        """
        grant = self._signed_in(token)
        async with self.store.read() as view:
            ledger = await view.ledger_known(holder_ref)
            if ledger is None or not _is_of(grant, ledger.organisation):
                return Locks()
            ended = await view.ended_locks(holder_ref, ledger.organisation)
        return Locks(locks_of(ledger, self.policy, self.clock.now()), ended)

    async def clear(
        self, token: str, holder_ref: str, card_ref: str, why: Why, attempt_id: str
    ) -> Cleared | str:
        """End the lock of a holder's card and tell of it, or return why not.

        Raises GrantRefused for anything but an RA who is signed in.
        """
        grant = self._signed_in(token)
        if holder_ref == grant.holder_ref:
            return OWN_LOCK
        if trouble := trouble_with(why):
            return trouble
        async with self.store.begin("otp.clear_lock") as work:
            ledger, now = await work.lock_known(holder_ref), self.clock.now()
            if ledger is None or not _is_of(grant, ledger.organisation):
                return LOCK_UNKNOWN
            tally = ledger.tally(card_ref)
            locked = is_locked(tally, self.policy, now)
            if tally.clearing and tally.clearing == attempt_id:
                return ATTEMPT_SPENT if locked else self._stands(tally)
            if not locked:
                return LOCK_UNKNOWN
            tally = clear(tally, now, attempt_id)
            await work.keep(holder_ref, ledger.keep(card_ref, tally))
            await work.keep_ended(
                EndedLock(
                    clearing_id=self.randomness.uuid7(),
                    holder_ref=holder_ref,
                    card_ref=card_ref,
                    organisation=ledger.organisation,
                    actor_ref=grant.holder_ref,
                    why=why,
                    at=now,
                )
            )
            await work.tell(
                facts.LockClearedByRa(
                    session_id=grant.session_id,
                    holder_ref=holder_ref,
                    card_ref=card_ref,
                    organisation=ledger.organisation,
                    actor_ref=grant.holder_ref,
                    wrong_in_year=wrong_in_year(tally, now),
                    at=now,
                    why=why.reason,
                )
            )
        return self._stands(tally)

    def _stands(self, tally: Tally) -> Cleared:
        now = self.clock.now()
        return Cleared(entries_left(tally, "", self.policy, now), wrong_in_year(tally, now))

    def _signed_in(self, token: str) -> ProfileGrant:
        grant = self.grants.verify(token, ProfileGrant)
        if grant.purpose != PURPOSE_PROFILE or not any(r.startswith("RA@") for r in grant.roles.split()):
            raise GrantRefused
        return grant


def _is_of(grant: ProfileGrant, organisation: str) -> bool:
    return f"RA@{organisation}" in grant.roles.split()
