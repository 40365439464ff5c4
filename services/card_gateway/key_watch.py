"""Rotation of master keys while the process runs: looks where they are, again and again.

Kubernetes changes the files of a mounted secret all at once, by a symbolic link, and tells nobody.
"""

import asyncio

from services.card_gateway.key_uses import key_uses, missing
from services.card_gateway.master_keys import KeysAway
from services.card_gateway.vault import MasterVault
from services.runtime import logs
from services.runtime.clock import Clock
from services.runtime.database import Database, TransientDatabaseError

EVERY = 5.0
"""Seconds between two looks."""

log = logs.logger("master_keys")


class KeyWatch:
    """Keeps a vault's keys current, and says which are missing."""

    def __init__(self, vault: MasterVault, database: Database, clock: Clock) -> None:
        self._vault = vault
        self._database = database
        self._clock = clock
        self._judged: tuple[object, ...] = ()
        self._refused = ""

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.turn()
            await asyncio.sleep(EVERY)

    async def turn(self) -> None:
        """Look once. What cannot be taken is told once, and all stays as it was."""
        before = self._vault.kids, self._vault.newest_kid
        try:
            await self._vault.reread(self._clock.now())
            self._refused = ""
        except (ValueError, OSError, KeysAway) as error:
            self._refuse(f"{type(error).__name__}: {error}")
        after = self._vault.kids, self._vault.newest_kid
        if before != after:
            log.info("master_keys_changed", kids=self._vault.kids, newest_kid=self._vault.newest_kid)
        if self._judged != (after, self._vault.removed):
            await self._judge()

    def _refuse(self, why: str) -> None:
        if why != self._refused:
            log.error("master_keys_refused", why=why)
        self._refused = why

    async def _judge(self) -> None:
        """Say which keys rows need and cannot have; forget those that were removed and that none needs."""
        try:
            uses = await key_uses(self._database)
        except TransientDatabaseError:
            return
        removed = self._vault.removed
        for kid, used in missing(uses, set(self._vault.kids) - removed).items():
            log.error("master_key_missing", kid=kid, used=str(used))
        for kid in removed - uses.keys():
            self._vault.forget(kid)
            log.info("master_key_forgotten", kid=kid)
        self._judged = ((self._vault.kids, self._vault.newest_kid), self._vault.removed)
