"""The RA's desk, gRPC to use cases and back: translation only."""

from typing import Any

from smartcard_unlock.identity.v1 import identity_events_pb2 as told
from smartcard_unlock.identity.v1 import ra_desk_pb2 as desk
from smartcard_unlock.identity.v1 import ra_desk_pb2_grpc

from services.identity.domain.acts import ActReason, Change, Why
from services.identity.domain.desk import FoundHolder, RegistryCard
from services.identity.domain.proposal import FrozenByHolder, WaitingAddress
from services.identity.servicer import refused_message
from services.identity.use_cases import Refused
from services.identity.use_cases.acting import ADDRESS_WAITS, Errand
from services.identity.use_cases.desk import Desk, ShownHolder
from services.identity.use_cases.desk_acts import DeskActs
from services.identity.use_cases.second_ra import SecondRa
from services.runtime.errors import invalid
from services.runtime.timestamps import timestamp_of


class RaDeskServicer(ra_desk_pb2_grpc.RaDeskServiceServicer):
    """RaDeskService. GrantRefused becomes a status in the server."""

    def __init__(self, lookups: Desk, acts: DeskActs, second: SecondRa) -> None:
        self._lookups = lookups
        self._acts = acts
        self._second = second

    async def FindHolders(  # noqa: N802
        self, request: desk.FindHoldersRequest, context: Any
    ) -> desk.FindHoldersResponse:
        """Find holders of the RA's organisations."""
        answer = await self._lookups.find(request.profile_grant, request.query)
        if isinstance(answer, Refused):
            return desk.FindHoldersResponse(**_no(answer))
        return desk.FindHoldersResponse(found=map(_found, answer.found), more=answer.more)

    async def GetHolder(  # noqa: N802
        self, request: desk.GetHolderRequest, context: Any
    ) -> desk.GetHolderResponse:
        """Show one holder."""
        answer = await self._lookups.show(request.profile_grant, request.holder_ref)
        if isinstance(answer, Refused | str):
            return desk.GetHolderResponse(**_no(answer))
        return desk.GetHolderResponse(holder=_record(answer))

    async def ListHolderChanges(  # noqa: N802
        self, request: desk.ListHolderChangesRequest, context: Any
    ) -> desk.ListHolderChangesResponse:
        """List what was changed of a holder."""
        answer = await self._lookups.changes(request.profile_grant, request.holder_ref)
        if isinstance(answer, Refused | str):
            return desk.ListHolderChangesResponse(**_no(answer))
        return desk.ListHolderChangesResponse(changes=map(_change, answer))

    async def AllowCardRecords(  # noqa: N802
        self, request: desk.AllowCardRecordsRequest, context: Any
    ) -> desk.AllowCardRecordsResponse:
        """Allow an RA to read what is recorded of a card."""
        answer = await self._lookups.allow_records(
            request.profile_grant, request.holder_ref, request.card_ref
        )
        if isinstance(answer, Refused | str):
            return desk.AllowCardRecordsResponse(**_no(answer))
        return desk.AllowCardRecordsResponse(records_grant=answer.records_grant)

    async def ListWaiting(  # noqa: N802
        self, request: desk.ListWaitingRequest, context: Any
    ) -> desk.ListWaitingResponse:
        """List what waits for an RA."""
        answer = await self._lookups.waiting(request.profile_grant)
        if isinstance(answer, Refused):
            return desk.ListWaitingResponse(**_no(answer))
        addresses = (_proposal(each, answer.asked_by) for each in answer.addresses)
        return desk.ListWaitingResponse(addresses=addresses, frozen=map(_frozen, answer.frozen))

    async def SetHolderAddress(  # noqa: N802
        self, request: desk.SetHolderAddressRequest, context: Any
    ) -> desk.SetHolderAddressResponse:
        """Set a holder's address, or let it wait."""
        answer = await self._acts.set_address(_errand(request), request.address)
        if answer == ADDRESS_WAITS:
            return desk.SetHolderAddressResponse(waits=True)
        return desk.SetHolderAddressResponse(**_no(answer))

    async def ConfirmHolderAddress(  # noqa: N802
        self, request: desk.ConfirmHolderAddressRequest, context: Any
    ) -> desk.ConfirmHolderAddressResponse:
        """Confirm a colleague's address."""
        answer = await self._second.confirm(_errand(request), request.proposal_id)
        return desk.ConfirmHolderAddressResponse(**_no(answer))

    async def DeclineHolderAddress(  # noqa: N802
        self, request: desk.DeclineHolderAddressRequest, context: Any
    ) -> desk.DeclineHolderAddressResponse:
        """Decline an address that waits."""
        answer = await self._second.decline(_errand(request), request.proposal_id)
        return desk.DeclineHolderAddressResponse(**_no(answer))

    async def FreezeHolderCard(  # noqa: N802
        self, request: desk.FreezeHolderCardRequest, context: Any
    ) -> desk.FreezeHolderCardResponse:
        """Freeze a card."""
        answer = await self._acts.freeze(_errand(request), request.card_ref)
        return desk.FreezeHolderCardResponse(**_no(answer))

    async def LiftFreeze(  # noqa: N802
        self, request: desk.LiftFreezeRequest, context: Any
    ) -> desk.LiftFreezeResponse:
        """Lift a freeze."""
        answer = await self._acts.lift_freeze(_errand(request), request.card_ref)
        return desk.LiftFreezeResponse(**_no(answer))

    async def ClearAnswersLock(  # noqa: N802
        self, request: desk.ClearAnswersLockRequest, context: Any
    ) -> desk.ClearAnswersLockResponse:
        """End the lock of wrong answers."""
        answer = await self._acts.clear_answers_lock(_errand(request), request.card_ref)
        return desk.ClearAnswersLockResponse(**_no(answer))


def _errand(request: Any) -> Errand:
    """Return what an act's request asks. Raises ServiceError for one without an attempt."""
    if not request.attempt_id:
        raise invalid()
    return Errand(request.profile_grant, request.holder_ref, _why(request), request.attempt_id)


def _why(request: Any) -> Why:
    """Return the reason; None for none, for an act that asks for none, and for one of a newer version."""
    if "reason" not in request.DESCRIPTOR.fields_by_name:
        return Why(None)
    named = {number: name.removeprefix("ACT_REASON_") for name, number in told.ActReason.items()}
    reason = named.get(request.reason, "")
    return Why(ActReason(reason) if reason in ActReason.__members__ else None, request.note)


def _no(answer: Refused | str) -> dict[str, Any]:
    """Return why not, as every answer of the desk names it; an empty code: it was done."""
    return {"refused_code": answer} if isinstance(answer, str) else {"refused": refused_message(answer)}


def _reason(name: str) -> "told.ActReason.ValueType":
    """Return a reason that is kept; unspecified for none, and for one that only a newer version knows."""
    known = f"ACT_REASON_{name}" in told.ActReason.keys()  # noqa: SIM118 - an enum of the wire is no mapping
    return told.ActReason.Value(f"ACT_REASON_{name}" if known else "ACT_REASON_UNSPECIFIED")


def _proposal(waiting: WaitingAddress, asked_by: str) -> desk.AddressProposal:
    proposal = waiting.proposal
    return desk.AddressProposal(
        proposal_id=proposal.proposal_id,
        holder_ref=proposal.holder_ref,
        holder_name=waiting.holder_name,
        address=proposal.address,
        proposed_by=waiting.proposed_by,
        proposed_by_oneself=proposal.actor_ref == asked_by,
        reason=_reason(proposal.why.reason.value if proposal.why.reason else ""),
        note=proposal.why.note,
        proposed_at=timestamp_of(proposal.at),
        expires_at=timestamp_of(proposal.expires_at),
    )


def _frozen(card: FrozenByHolder) -> desk.FrozenCard:
    return desk.FrozenCard(
        holder_ref=card.holder_ref,
        holder_name=card.holder_name,
        card_ref=card.card_ref,
        frozen_at=timestamp_of(card.at),
    )


def _change(change: Change) -> desk.HolderChange:
    return desk.HolderChange(
        at=timestamp_of(change.at),
        kind=change.kind.value,
        by=change.by,
        actor_name=change.actor_name,
        card_ref=change.card_ref,
        reason=_reason(change.reason),
        note=change.note,
    )


def _found(holder: FoundHolder) -> desk.FoundHolder:
    return desk.FoundHolder(
        holder_ref=holder.holder_ref,
        name=holder.name,
        holder_id=holder.holder_id,
        organisation=holder.organisation,
    )


def _record(shown: ShownHolder) -> desk.HolderRecord:
    record, address = shown.record, shown.record.address
    return desk.HolderRecord(
        holder_ref=record.holder_ref,
        name=record.name,
        holder_id=record.holder_id,
        organisation=record.organisation,
        status=record.status.value,
        oneself=shown.oneself,
        masked_address=shown.masked_address,
        mail_code=shown.mail_code,
        address_set_by=address.set_by if address else "",
        address_set_at=timestamp_of(address.set_at) if address else None,
        cards=map(_card, record.cards),
        addresses_left=shown.addresses_left,
        proposal=_proposal(shown.waiting, shown.asked_by) if shown.waiting else None,
    )


def _card(card: RegistryCard) -> desk.HolderCard:
    expires, locked = card.certificate_expires_at, card.answers_locked_at
    return desk.HolderCard(
        card_ref=card.card_ref,
        status=card.status.value,
        certificate_expires_at=timestamp_of(expires) if expires else None,
        answers_locked_at=timestamp_of(locked) if locked else None,
    )
