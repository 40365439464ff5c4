"""A second RA confirms the address that a colleague proposed, or declines it. R7, R25.

Only with the policy SECOND_RA=required is there anything to confirm; what waits when it is switched off can
still be.
"""

from dataclasses import replace
from functools import partial

from services.identity.domain.acts import ActKind
from services.identity.domain.desk import ROLE
from services.identity.domain.facts import AddressProposalEnded
from services.identity.domain.proposal import Ending, Proposal
from services.identity.use_cases import Parts, Refused
from services.identity.use_cases.acting import RA_DAILY_LIMIT, Case, Errand, acting

OWN_PROPOSAL = "OWN_PROPOSAL"
PROPOSAL_GONE = "PROPOSAL_GONE"
"""It ended, the holder's address is another one than it was proposed over, or its proposer is no RA now."""


class SecondRa:
    """ConfirmHolderAddress and DeclineHolderAddress; each answers with a code where it is refused."""

    def __init__(self, parts: Parts, addresses_per_day: int) -> None:
        self._parts = parts
        self._per_day = addresses_per_day

    async def confirm(self, errand: Errand, proposal_id: str) -> Refused | str:
        """Let a colleague's address stand; empty where it does. Raises GrantRefused."""

        async def act(case: Case) -> str:
            proposal = await _shown(case, proposal_id)
            if proposal is None:
                return PROPOSAL_GONE
            if proposal.actor_ref == case.ra.holder_ref:
                return OWN_PROPOSAL
            if f"{ROLE}{case.record.organisation}" not in await case.work.roles_of(proposal.actor_ref):
                return PROPOSAL_GONE
            if trouble := await case.trouble_with(proposal.address):
                return trouble.value
            if await case.is_over_limit(self._per_day):
                return RA_DAILY_LIMIT
            await _end(case, proposal, Ending.CONFIRMED)
            confirmed = replace(case, why=replace(proposal.why, note=""))
            await confirmed.let_stand(self._parts.randomness.uuid7(), proposal.address)
            return ""

        kind, stands = ActKind.ADDRESS_SET, partial(_is_ended, proposal_id=proposal_id)
        return await acting(self._parts, errand, kind, act, stands=stands, needs_reason=False)

    async def decline(self, errand: Errand, proposal_id: str) -> Refused | str:
        """Decline an address, also one's own; empty where it is declined. Raises GrantRefused."""

        async def act(case: Case) -> str:
            proposal = await _shown(case, proposal_id)
            if proposal is None:
                return PROPOSAL_GONE
            await _end(case, proposal, Ending.DECLINED)
            await case.keep(self._parts.randomness.uuid7(), ActKind.ADDRESS_DECLINED)
            return ""

        stands = partial(_is_ended, proposal_id=proposal_id)
        return await acting(self._parts, errand, ActKind.ADDRESS_DECLINED, act, stands=stands)


async def _shown(case: Case, proposal_id: str) -> Proposal | None:
    """Return the proposal that the RA was shown, while it waits."""
    waiting = await case.work.waiting_address(case.record.holder_ref, case.now)
    return waiting.proposal if waiting and waiting.proposal.proposal_id == proposal_id else None


async def _is_ended(case: Case, proposal_id: str) -> bool:
    return await _shown(case, proposal_id) is None


async def _end(case: Case, proposal: Proposal, ending: Ending) -> None:
    await case.work.end_proposal(proposal.holder_ref)
    why = case.why.reason if ending is Ending.DECLINED else None
    organisation, actor = case.record.organisation, case.ra.holder_ref
    await case.work.tell(AddressProposalEnded(proposal, organisation, ending, actor, case.now, why))
