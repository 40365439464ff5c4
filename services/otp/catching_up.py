"""`catch-up` of otp: counters, locks and clearings as they were told since the copy, and no code of it lives.

A code that lived in the copy may have been used since: all of them are dead, and their holders ask anew.
Clearings count again, but their rows in `ended_locks` hold notes that nobody told: those stay as in the copy.
"""

from smartcard_unlock.common.v1 import common_pb2 as common
from smartcard_unlock.otp.v1 import otp_events_pb2 as told
from smartcard_unlock.otp.v1 import otp_pb2 as otp
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.otp.domain.code import State
from services.otp.domain.facts import CodeEntered, LockClearedByRa, Verdict
from services.otp.domain.recollection import cleared_again, entered_again
from services.otp.events import EVENTS, event_of
from services.otp.storage import SqlWork
from services.otp.tables import codes, outbox, outbox_position
from services.runtime.catching_up import Books
from services.runtime.cloud_events import Received, Unreadable
from services.runtime.randomness import Randomness
from services.runtime.timestamps import instant_of

BOOKS = (Books(outbox, outbox_position, EVENTS),)
"""The sealed codes' topic has no rights to read for otp: whoever hears a code twice knows it by its id."""

_ENDED = update(codes).where(codes.c.state == State.LIVE.value).values(state=State.USED.value)


class Recalling:
    """Does again what otp told."""

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness
        self._codes_ended = False

    async def again(self, connection: AsyncConnection, event: Received) -> bool:
        """Do one event again. Raises Unreadable."""
        if not self._codes_ended:
            await connection.execute(_ENDED)
            self._codes_ended = True
        work = SqlWork(connection, event_of, self._randomness)
        if event.ce_type == told.CodeEntered.DESCRIPTOR.full_name:
            return await _entered(work, event)
        if event.ce_type == told.LockClearedByRa.DESCRIPTOR.full_name:
            return await _cleared(work, event)
        if event.ce_type == common.SessionOutcome.DESCRIPTOR.full_name:
            outcome = event.parse(common.SessionOutcome)
            kind = common.OutcomeKind.Name(outcome.kind).removeprefix("OUTCOME_KIND_")
            return await work.first_outcome(outcome.session_id, kind, instant_of(outcome.occurred_at))
        return False


async def _entered(work: SqlWork, event: Received) -> bool:
    message = event.parse(told.CodeEntered)
    fact = CodeEntered(
        code_id=message.code_id,
        session_id=message.session_id,
        verdict=_verdict(message.verdict),
        entries_left=message.entries_left,
        at=instant_of(message.occurred_at),
        holder_ref=message.holder_ref,
        card_ref=message.card_ref,
    )
    if not fact.holder_ref or not fact.card_ref:
        raise Unreadable("card_ref")  # told by a version that did not say whose entry it was
    known = await work.lock_known(fact.holder_ref)
    ledger = known or await work.lock(fact.holder_ref, "")
    after = entered_again(ledger, fact, event.ce_id)
    await work.keep(fact.holder_ref, after)
    return after != ledger


async def _cleared(work: SqlWork, event: Received) -> bool:
    message = event.parse(told.LockClearedByRa)
    ledger = await work.lock(message.holder_ref, message.organisation)
    fact = LockClearedByRa(
        session_id=message.session_id,
        holder_ref=message.holder_ref,
        card_ref=message.card_ref,
        organisation=message.organisation,
        actor_ref=message.actor.ref,
        wrong_in_year=message.wrong_in_year,
        at=instant_of(message.occurred_at),
    )
    await work.keep(message.holder_ref, cleared_again(ledger, fact))
    return True


def _verdict(value: "otp.RedeemVerdict.ValueType") -> Verdict:
    try:
        return Verdict(otp.RedeemVerdict.Name(value).removeprefix("REDEEM_VERDICT_"))
    except ValueError:
        raise Unreadable("verdict") from None
