"""The loop that sums what has ended, months and days: one process at a time."""

import asyncio

from services.audit.events import SOURCE
from services.audit.log_storage import AWAY
from services.audit.roll_ups import RollUps
from services.runtime import logs
from services.runtime.database import Database
from services.runtime.lease import Lease, NotLeader

LOOK_EVERY = 30.0
"""Seconds between two looks for a span that has ended and has no roll-up which stands."""

log = logs.logger("audit.roll_ups")


class Rolling:
    """Sums for as long as it runs."""

    def __init__(self, database: Database, roll_ups: RollUps) -> None:
        self._database = database
        self._roll_ups = roll_ups

    async def run(self) -> None:
        """Sum until cancelled; outlive every outage of the database, and every defect of its own.

        It runs beside what signs the log, which must not end for a report's sake.
        """
        while True:
            try:
                async with Lease(self._database, f"{SOURCE}.roll_ups"):
                    await self._lead()
            except NotLeader:
                pass
            except AWAY as error:
                log.warning("roll_ups_wait", cause=type(error).__name__)
            except Exception as error:
                log.error("roll_ups_fail", cause=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY)

    async def _lead(self) -> None:
        while True:
            for span in await self._roll_ups.roll_up():
                log.info("span_summed", span=span)
            await asyncio.sleep(LOOK_EVERY)
