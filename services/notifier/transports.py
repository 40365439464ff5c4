"""Several mail services behind one another: the next takes over only what the one before surely did not take.

A service that may have taken a letter keeps it: its own repeat is the same mail, another's would be a second.
"""

import time
from collections.abc import Mapping
from datetime import timedelta

from services.notifier.ports import Letter, Mail, MaybeTaken, Unreachable
from services.runtime import logs

AWAY_SECONDS = 60.0
"""For so long a service that could not be reached is tried last."""

log = logs.logger("transports")


class Transports:
    """Mail services by name, in the order of preference; keeps the port Post."""

    def __init__(self, services: Mapping[str, Mail]) -> None:
        self._services = dict(services)
        self._away: dict[str, float] = {}

    async def send(self, letter: Letter, within: timedelta, held_by: str) -> str:
        """Return the name of the service that has taken it. Raises Refused, Unreachable, MaybeTaken."""
        names = [held_by] if held_by else self._order()
        for name in names:
            try:
                await self._services[name].send(letter, within / len(names), again=bool(held_by))
            except MaybeTaken:
                self._note_away(name)
                raise MaybeTaken(name) from None
            except (Unreachable, KeyError):
                # KeyError: the service that may have it is not in the settings any more.
                self._note_away(name)
            else:
                self._away.pop(name, None)
                return name
        raise Unreachable

    async def close(self) -> None:
        """Give up the connections that are kept."""
        for service in self._services.values():
            await service.close()

    def _order(self) -> list[str]:
        """The order of preference, with those last that were away lately."""
        lately = time.monotonic() - AWAY_SECONDS
        return sorted(self._services, key=lambda name: self._away.get(name, lately) > lately)

    def _note_away(self, name: str) -> None:
        if name not in self._away:
            log.warning("transport_away", transport=name)
        self._away[name] = time.monotonic()
