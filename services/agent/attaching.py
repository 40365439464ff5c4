"""How this workstation is offered: a session with a fresh key, asked for as one attempt until answered."""

from services.agent.ports import Gateway, GatewayAway, Pairing, Session
from services.agent.sealing import new_private_key, public_key_of
from services.agent.watch import Watch
from services.runtime import logs
from services.runtime.errors import ATTEMPT_OVER
from services.runtime.randomness import Randomness

log = logs.logger("attaching")


class Attaching:
    """Asks for one session after another. A lost answer leaves no offer: the same attempt gets the same."""

    def __init__(self, gateway: Gateway, watch: Watch, randomness: Randomness) -> None:
        self._gateway, self._watch, self._randomness = gateway, watch, randomness
        self._attempt: tuple[bytes, str] | None = None
        """Private key and id of one that is not answered yet."""

    async def attach(self) -> tuple[Session, Pairing]:
        """Offer this workstation. Raises GatewayAway: asked again, it is the same attempt."""
        private_key, attempt_id = self._attempt or (new_private_key(), self._randomness.uuid7())
        self._attempt = private_key, attempt_id
        public_key = public_key_of(private_key)
        try:
            offer = await self._gateway.attach(public_key, self._watch.facts, attempt_id)
        except GatewayAway as away:
            if away.code == ATTEMPT_OVER:
                self._attempt = None
            raise
        self._attempt = None
        session_id, token, pairing = offer
        log.info("attached", session_id=session_id)
        return Session(session_id, token, private_key, public_key), pairing
