"""What audit does: keep every message that arrives, and answer what the records say."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from services.audit.domain.history import CardAsked, CardPage, Mark
from services.audit.domain.ledger import runs
from services.audit.domain.log import NotReady, Receipt
from services.audit.domain.record import Message, Record, SetAside, SetAsideCause
from services.audit.domain.saved_time import Period, SavedTime
from services.audit.domain.savings import Savings
from services.audit.ports import (
    Batch,
    CardRecords,
    GrantReader,
    Reading,
    Receipts,
    Reports,
    SavingsReports,
    Store,
    StoreBusy,
    StoredRecord,
    Unstorable,
)
from services.runtime import logs
from services.runtime.clock import Clock
from services.runtime.grants import PURPOSE_RECORDS, GrantRefused, RecordsGrant

MOST_SET_ASIDE = 10
"""Messages set aside in an hour; with more, the fault is not in the messages. Source: architecture §4."""

LONGEST_PAUSE = 5.0
"""Seconds between two tries of a store that is away."""

log = logs.logger("audit")

Sleep = Callable[[float], Awaitable[None]]


class KeepRecords:
    """Stores batches, each in one transaction, trying for as long as it takes."""

    def __init__(self, store: Store, read: Reading, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self._store = store
        self._read = read
        self._clock = clock
        self._sleep = sleep

    async def keep(self, messages: Sequence[Message]) -> None:
        """Return when every message is durable; raises nothing but cancellation."""
        pause = 0.1
        while True:
            try:
                return await self._keep_all([self._read(message) for message in messages], messages)
            except StoreBusy:
                log.warning("store_waits", messages=len(messages))
            except Exception as error:
                # A defect: the message must not be lost for it, and somebody must see it.
                log.error("store_fails", messages=len(messages), cause=type(error).__name__)
            await self._sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _keep_all(self, read: Sequence[Record | SetAside], messages: Sequence[Message]) -> None:
        try:
            await self._store.store(_batch(read, messages))
        except Unstorable:
            if len(messages) == 1:
                return await self._store.store(_batch([_unreadable(messages[0])], messages))
            middle = len(messages) // 2
            await self._keep_all(read[:middle], messages[:middle])
            await self._keep_all(read[middle:], messages[middle:])

    async def calm(self) -> None:
        """Return once no more than ten messages were set aside in the last hour."""
        while await self._too_many_set_aside():
            log.error("too_many_set_aside", limit_an_hour=MOST_SET_ASIDE)
            await self._sleep(LONGEST_PAUSE)

    async def _too_many_set_aside(self) -> bool:
        try:
            return await self._store.set_aside_since(self._clock.now() - timedelta(hours=1)) > MOST_SET_ASIDE
        except StoreBusy:
            return False


class ReadRecords:
    """Answers from the records; changes nothing."""

    def __init__(
        self, reports: Reports, receipts: Receipts, savings: SavingsReports, minutes_each: int
    ) -> None:
        self._reports = reports
        self._savings = savings
        self._receipts = receipts
        self._minutes_each = minutes_each

    async def saved_time(self, period: Period) -> SavedTime:
        """Sum the time saved (R20, R21, R22, R29)."""
        return SavedTime(await self._savings.counted(period), self._minutes_each)

    async def session_records(self, session_id: str) -> Sequence[StoredRecord]:
        """Return the outcomes of one session in the order they happened."""
        return await self._reports.session_records(session_id)

    async def savings(self, period: Period) -> Savings:
        """Sum the time saved in groups (R59, R61)."""
        return await self._savings.savings(period, self._minutes_each)

    async def receipt(self, session_id: str) -> Receipt | NotReady:
        """Return the receipt of a session's last word, or how far it has come."""
        return await self._receipts.receipt(session_id)


class ReadCards:
    """Answers an RA whom identity lets read the records of one card."""

    def __init__(self, records: CardRecords, grants: GrantReader) -> None:
        self._records = records
        self._grants = grants

    async def page(self, token: str, page_token: str) -> CardPage:
        """Return the page of the card that the grant names. Raises GrantRefused or BadToken."""
        asked = self._asked(token)
        return await self._records.page(asked, Mark.of_token(page_token) if page_token else None)

    async def receipt(self, token: str, ce_id: str) -> Receipt | NotReady:
        """Return the receipt of a record of the card that the grant names. Raises GrantRefused."""
        return await self._records.receipt(self._asked(token), ce_id)

    def _asked(self, token: str) -> CardAsked:
        grant = self._grants.verify(token, RecordsGrant)
        if grant.purpose != PURPOSE_RECORDS:
            raise GrantRefused
        return CardAsked(grant.card_ref, grant.holder_ref, grant.organisation)


def _batch(read: Sequence[Record | SetAside], messages: Sequence[Message]) -> Batch:
    return Batch(
        records=tuple(item for item in read if isinstance(item, Record)),
        set_aside=tuple(item for item in read if isinstance(item, SetAside)),
        runs=tuple(runs(message.origin for message in messages)),
    )


def _unreadable(message: Message) -> SetAside:
    return SetAside(message, SetAsideCause.UNREADABLE)
