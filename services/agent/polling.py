"""One long poll of the gateway, given up as soon as there is news that it must hear first."""

import asyncio
from typing import Any

from services.agent.facts import Facts
from services.agent.ports import Gateway, Idle, Order, Over, Session
from services.agent.watch import Watch

POLL_SECONDS = 25
"""How long the gateway may wait before it says that there is nothing. Source: architecture section 3."""


async def poll(
    gateway: Gateway,
    watch: Watch,
    session: Session,
    facts: Facts,
    *news: asyncio.Event,
    seconds: int = POLL_SECONDS,
    card_left: bool = False,
) -> Order | Idle | Over | None:
    """Ask for something to do, telling `facts`; None when the readers changed or any of `news` is set.

    `seconds`: how long the gateway may wait; with 0 it says at once how the session stands.
    `card_left`: the card that proved its holder may have been out since.

    Raises what `Gateway.next_step` raises.
    """
    asked = asyncio.ensure_future(gateway.next_step(session, facts, seconds, card_left=card_left))
    others: list[asyncio.Future[Any]] = [
        asyncio.ensure_future(watch.differs(facts)),
        *(asyncio.ensure_future(event.wait()) for event in news),
    ]
    try:
        await asyncio.wait([asked, *others], return_when=asyncio.FIRST_COMPLETED)
        return asked.result() if asked.done() else None
    finally:
        for one in others:
            one.cancel()
        if not asked.done():
            asked.cancel()
            # Its end is told to nobody: in place of a cancellation it would let whoever is stopped go on.
            await asyncio.gather(asked, return_exceptions=True)
