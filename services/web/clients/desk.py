"""identity's desk for Registration Authorities, over gRPC."""

from typing import Any

import grpc
from smartcard_unlock.identity.v1 import identity_events_pb2 as told
from smartcard_unlock.identity.v1 import ra_desk_pb2 as desk
from smartcard_unlock.identity.v1 import ra_desk_pb2_grpc

from services.web import ports
from services.web.clients.identity import refused_of
from services.web.clients.wire import instant, named
from services.web.ports import (
    AddressProposal,
    AddressSet,
    CardAct,
    FoundHolder,
    FoundHolders,
    FrozenCard,
    HolderCard,
    HolderChange,
    HolderRecord,
    Refused,
    Waiting,
    Why,
)

REASONS = {name.removeprefix("ACT_REASON_"): number for name, number in told.ActReason.items()}


class GrpcDesk(ports.Desk):
    """The desk."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ra_desk_pb2_grpc.RaDeskServiceStub(channel)

    async def find_holders(self, profile_grant: str, typed: str) -> FoundHolders | Refused:
        """Find holders of the RA's organisations."""
        request = desk.FindHoldersRequest(profile_grant=profile_grant, query=typed)
        response = await self._stub.FindHolders(request)
        if response.HasField("refused"):
            return refused_of(response.refused)
        found = (FoundHolder(h.holder_ref, h.name, h.holder_id, h.organisation) for h in response.found)
        return FoundHolders(tuple(found), response.more)

    async def holder(self, profile_grant: str, holder_ref: str) -> HolderRecord | Refused:
        """Show a holder of the RA's organisations."""
        request = desk.GetHolderRequest(profile_grant=profile_grant, holder_ref=holder_ref)
        response = await self._stub.GetHolder(request)
        match response.WhichOneof("verdict"):
            case "holder":
                return _record(response.holder)
            case "refused":
                return refused_of(response.refused)
        return Refused(response.refused_code or "INTERNAL")

    async def changes(self, profile_grant: str, holder_ref: str) -> tuple[HolderChange, ...] | Refused:
        """List what was changed of a holder."""
        request = desk.ListHolderChangesRequest(profile_grant=profile_grant, holder_ref=holder_ref)
        response = await self._stub.ListHolderChanges(request)
        return _refusal(response) or tuple(map(_change, response.changes))

    async def allow_records(self, profile_grant: str, holder_ref: str, card_ref: str) -> str | Refused:
        """Allow the RA to read what is recorded of a holder's card."""
        request = desk.AllowCardRecordsRequest(
            profile_grant=profile_grant, holder_ref=holder_ref, card_ref=card_ref
        )
        response = await self._stub.AllowCardRecords(request)
        return _refusal(response) or response.records_grant

    async def waiting(self, profile_grant: str) -> Waiting | Refused:
        """List what waits for an RA."""
        response = await self._stub.ListWaiting(desk.ListWaitingRequest(profile_grant=profile_grant))
        if response.HasField("refused"):
            return refused_of(response.refused)
        frozen = (
            FrozenCard(c.holder_ref, c.holder_name, c.card_ref, instant(c.frozen_at)) for c in response.frozen
        )
        return Waiting(tuple(map(_proposal, response.addresses)), tuple(frozen))

    async def set_address(
        self, profile_grant: str, holder_ref: str, address: str, why: Why
    ) -> AddressSet | Refused:
        """Set a holder's address."""
        request = desk.SetHolderAddressRequest(
            profile_grant=profile_grant, holder_ref=holder_ref, address=address, **_why(why)
        )
        response = await self._stub.SetHolderAddress(request)
        return _refusal(response) or AddressSet(response.waits)

    async def confirm_address(
        self, profile_grant: str, holder_ref: str, proposal_id: str, attempt_id: str
    ) -> Refused | None:
        """Confirm the address that a colleague proposed."""
        request = desk.ConfirmHolderAddressRequest(
            profile_grant=profile_grant,
            holder_ref=holder_ref,
            proposal_id=proposal_id,
            attempt_id=attempt_id,
        )
        return _refusal(await self._stub.ConfirmHolderAddress(request))

    async def decline_address(
        self, profile_grant: str, holder_ref: str, proposal_id: str, why: Why
    ) -> Refused | None:
        """Decline an address that waits."""
        request = desk.DeclineHolderAddressRequest(
            profile_grant=profile_grant, holder_ref=holder_ref, proposal_id=proposal_id, **_why(why)
        )
        return _refusal(await self._stub.DeclineHolderAddress(request))

    async def act_on_card(
        self, profile_grant: str, act: CardAct, holder_ref: str, card_ref: str, why: Why
    ) -> Refused | None:
        """Freeze a holder's card, lift its freeze or end a lock of answers."""
        said = {"profile_grant": profile_grant, "holder_ref": holder_ref, "card_ref": card_ref} | _why(why)
        if act is CardAct.FREEZE:
            return _refusal(await self._stub.FreezeHolderCard(desk.FreezeHolderCardRequest(**said)))
        if act is CardAct.CLEAR_ANSWERS:
            return _refusal(await self._stub.ClearAnswersLock(desk.ClearAnswersLockRequest(**said)))
        return _refusal(await self._stub.LiftFreeze(desk.LiftFreezeRequest(**said)))


def _why(why: Why) -> dict[str, Any]:
    return {
        "reason": REASONS.get(why.reason, told.ACT_REASON_UNSPECIFIED),
        "note": why.note,
        "attempt_id": why.attempt_id,
    }


def _refusal(response: Any) -> Refused | None:
    if response.HasField("refused"):
        return refused_of(response.refused)
    return Refused(response.refused_code) if response.refused_code else None


def _reason(number: int) -> str:
    reason = named(told.ActReason, number, "ACT_REASON_")
    return "" if reason == "UNSPECIFIED" else reason


def _proposal(proposal: desk.AddressProposal) -> AddressProposal:
    return AddressProposal(
        proposal_id=proposal.proposal_id,
        holder_ref=proposal.holder_ref,
        holder_name=proposal.holder_name,
        address=proposal.address,
        proposed_by=proposal.proposed_by,
        proposed_by_oneself=proposal.proposed_by_oneself,
        reason=_reason(proposal.reason),
        note=proposal.note,
        proposed_at=instant(proposal.proposed_at),
        expires_at=instant(proposal.expires_at),
    )


def _change(change: desk.HolderChange) -> HolderChange:
    return HolderChange(
        at=instant(change.at),
        kind=change.kind,
        by=change.by,
        actor_name=change.actor_name,
        card_ref=change.card_ref,
        reason=_reason(change.reason),
        note=change.note,
    )


def _record(record: desk.HolderRecord) -> HolderRecord:
    return HolderRecord(
        holder_ref=record.holder_ref,
        name=record.name,
        holder_id=record.holder_id,
        organisation=record.organisation,
        status=record.status,
        oneself=record.oneself,
        masked_address=record.masked_address,
        mail_code=record.mail_code,
        address_set_by=record.address_set_by,
        address_set_at=instant(record.address_set_at) if record.HasField("address_set_at") else None,
        cards=tuple(map(_card, record.cards)),
        addresses_left=record.addresses_left,
        proposal=_proposal(record.proposal) if record.HasField("proposal") else None,
    )


def _card(card: desk.HolderCard) -> HolderCard:
    expires = instant(card.certificate_expires_at) if card.HasField("certificate_expires_at") else None
    locked = instant(card.answers_locked_at) if card.HasField("answers_locked_at") else None
    return HolderCard(card.card_ref, card.status, expires, locked)
