"""How many may talk to a listener for mails at once: in all, from one network, and for how long.

Counted as a connection is taken, before its first word: whoever says nothing takes a place like any other.
"""

import asyncio
from collections import Counter
from typing import Any

from aiosmtpd.smtp import SMTP

from services.runtime.sources import source_of

MOST_CONNECTIONS = 50

MOST_OF_A_NETWORK = 20
"""Fewer than all, so that no one network shuts out the others. Whoever is refused brings its report later."""

IDLE_SECONDS = 60.0
"""From one command to the end of the next; RFC 5321, 4.5.3.2.7, would wait five minutes for a person."""

LONGEST_SECONDS = 300.0
"""For a whole conversation, whatever is said in it, and whether or not the other side reads our answers."""

FULL = b"421 4.3.2 too many connections\r\n"


class Room:
    """Who is connected now, by network."""

    def __init__(self) -> None:
        self._inside: dict[asyncio.Transport, str] = {}
        self._of_network: Counter[str] = Counter()

    def enter(self, transport: asyncio.Transport) -> bool:
        """Take a place; False where there is none."""
        network = source_of((transport.get_extra_info("peername") or ("",))[0], "", 0)
        if len(self._inside) >= MOST_CONNECTIONS or self._of_network[network] >= MOST_OF_A_NETWORK:
            return False
        self._inside[transport] = network
        self._of_network[network] += 1
        return True

    def leave(self, transport: asyncio.Transport) -> None:
        """Give the place back."""
        network = self._inside.pop(transport)
        self._of_network[network] -= 1
        if not self._of_network[network]:
            del self._of_network[network]

    def hang_up(self) -> None:
        """End every conversation at once."""
        for transport in list(self._inside):
            transport.abort()


class Conversation(SMTP):
    """One connection: begun only where there is room, ended in any case."""

    def __init__(self, room: Room, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, timeout=IDLE_SECONDS, **options)
        self._room = room
        self._connected: asyncio.Transport | None = None
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; TLS comes by here a second time, within its first connection."""
        if self._connected is None:
            if not self._room.enter(transport):
                transport.write(FULL)
                transport.close()
                return
            self._connected = transport
            self._end = self.loop.call_later(LONGEST_SECONDS, transport.abort)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """End; one that was not let in never began."""
        if self._connected is None or self._end is None:
            return
        self._end.cancel()
        self._room.leave(self._connected)
        super().connection_lost(error)
