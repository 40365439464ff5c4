"""The RA's desk, gRPC to use cases and back: translation only."""

from typing import Any

from smartcard_unlock.identity.v1 import identity_events_pb2 as told
from smartcard_unlock.identity.v1 import ra_desk_pb2 as desk
from smartcard_unlock.identity.v1 import ra_desk_pb2_grpc

from services.identity.domain.acts import ActReason, Change, Why
from services.identity.domain.desk import FoundHolder, RegistryCard
from services.identity.servicer import refused_message
from services.identity.use_cases import Refused
from services.identity.use_cases.desk import Desk, ShownHolder
from services.identity.use_cases.desk_acts import DeskActs
from services.runtime.errors import invalid
from services.runtime.timestamps import timestamp_of


class RaDeskServicer(ra_desk_pb2_grpc.RaDeskServiceServicer):
    """RaDeskService. GrantRefused becomes a status in the server."""

    def __init__(self, lookups: Desk, acts: DeskActs) -> None:
        self._lookups = lookups
        self._acts = acts

    async def FindHolders(  # noqa: N802
        self, request: desk.FindHoldersRequest, context: Any
    ) -> desk.FindHoldersResponse:
        """Find holders of the RA's organisations."""
        answer = await self._lookups.find(request.profile_grant, request.query)
        if isinstance(answer, Refused):
            return desk.FindHoldersResponse(refused=refused_message(answer))
        return desk.FindHoldersResponse(found=map(_found, answer.found), more=answer.more)

    async def GetHolder(  # noqa: N802
        self, request: desk.GetHolderRequest, context: Any
    ) -> desk.GetHolderResponse:
        """Show one holder."""
        answer = await self._lookups.show(request.profile_grant, request.holder_ref)
        if isinstance(answer, Refused):
            return desk.GetHolderResponse(refused=refused_message(answer))
        if isinstance(answer, str):
            return desk.GetHolderResponse(refused_code=answer)
        return desk.GetHolderResponse(holder=_record(answer))

    async def ListHolderChanges(  # noqa: N802
        self, request: desk.ListHolderChangesRequest, context: Any
    ) -> desk.ListHolderChangesResponse:
        """List what was changed of a holder."""
        answer = await self._lookups.changes(request.profile_grant, request.holder_ref)
        if isinstance(answer, Refused):
            return desk.ListHolderChangesResponse(refused=refused_message(answer))
        if isinstance(answer, str):
            return desk.ListHolderChangesResponse(refused_code=answer)
        return desk.ListHolderChangesResponse(changes=map(_change, answer))

    async def AllowCardRecords(  # noqa: N802
        self, request: desk.AllowCardRecordsRequest, context: Any
    ) -> desk.AllowCardRecordsResponse:
        """Allow an RA to read what is recorded of a card."""
        answer = await self._lookups.allow_records(
            request.profile_grant, request.holder_ref, request.card_ref
        )
        if isinstance(answer, Refused):
            return desk.AllowCardRecordsResponse(refused=refused_message(answer))
        if isinstance(answer, str):
            return desk.AllowCardRecordsResponse(refused_code=answer)
        return desk.AllowCardRecordsResponse(records_grant=answer.records_grant)

    async def SetHolderAddress(  # noqa: N802
        self, request: desk.SetHolderAddressRequest, context: Any
    ) -> desk.SetHolderAddressResponse:
        """Set a holder's address."""
        answer = await self._acts.set_address(
            request.profile_grant, request.holder_ref, request.address, _why(request), request.attempt_id
        )
        return desk.SetHolderAddressResponse(**_answer(answer))

    async def FreezeHolderCard(  # noqa: N802
        self, request: desk.FreezeHolderCardRequest, context: Any
    ) -> desk.FreezeHolderCardResponse:
        """Freeze a card."""
        answer = await self._acts.freeze(
            request.profile_grant, request.holder_ref, request.card_ref, _why(request), request.attempt_id
        )
        return desk.FreezeHolderCardResponse(**_answer(answer))

    async def LiftFreeze(  # noqa: N802
        self, request: desk.LiftFreezeRequest, context: Any
    ) -> desk.LiftFreezeResponse:
        """Lift a freeze."""
        answer = await self._acts.lift_freeze(
            request.profile_grant, request.holder_ref, request.card_ref, _why(request), request.attempt_id
        )
        return desk.LiftFreezeResponse(**_answer(answer))

    async def ClearAnswersLock(  # noqa: N802
        self, request: desk.ClearAnswersLockRequest, context: Any
    ) -> desk.ClearAnswersLockResponse:
        """End the lock of wrong answers."""
        answer = await self._acts.clear_answers_lock(
            request.profile_grant, request.holder_ref, request.card_ref, _why(request), request.attempt_id
        )
        return desk.ClearAnswersLockResponse(**_answer(answer))


def _why(request: Any) -> Why:
    """Return the reason of an act's request. Raises ServiceError for one without an attempt."""
    if not request.attempt_id:
        raise invalid()
    named = {number: name.removeprefix("ACT_REASON_") for name, number in told.ActReason.items()}
    reason = named.get(request.reason, "")
    return Why(ActReason(reason) if reason in ActReason.__members__ else None, request.note)


def _answer(answer: Refused | str) -> dict[str, Any]:
    return {"refused_code": answer} if isinstance(answer, str) else {"refused": refused_message(answer)}


def _change(change: Change) -> desk.HolderChange:
    return desk.HolderChange(
        at=timestamp_of(change.at),
        kind=change.kind.value,
        by=change.by,
        actor_name=change.actor_name,
        card_ref=change.card_ref,
        reason=told.ActReason.Value(f"ACT_REASON_{change.reason or 'UNSPECIFIED'}"),
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
    )


def _card(card: RegistryCard) -> desk.HolderCard:
    expires, locked = card.certificate_expires_at, card.answers_locked_at
    return desk.HolderCard(
        card_ref=card.card_ref,
        status=card.status.value,
        certificate_expires_at=timestamp_of(expires) if expires else None,
        answers_locked_at=timestamp_of(locked) if locked else None,
    )
