"""Virtual cards and scripts for the agent's tests. Synthetic people only."""

import secrets
import time

from smartcard import scard

from deploy.local.pcsc import READERS, OwnPcscd
from deploy.local.virtual_card import personalise
from services.agent.holding import CannotHold, Hold
from services.card_gateway.card.facts import CardFacts
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.proof import Algorithm, Purpose, challenge_digest
from services.card_gateway.card.runner import Fill
from services.card_gateway.card.script import Report, Script

OLD_PIN, NEW_PIN = "927461", "583920"
NEXT_PUK = b"40718293"
DIGEST = challenge_digest(Purpose.READ, "test", "session", bytes(32), bytes(32))
FILL = Fill(pin=NEW_PIN, digest=DIGEST)


def new_card(pcsc: OwnPcscd, **wishes: object) -> str:
    """Return the name of a fresh card, blocked unless told otherwise."""
    name = f"card-{secrets.token_hex(4)}"
    personalise(pcsc.cards, name, **{"pin": OLD_PIN, "puk": "13572468", **wishes})
    return name


def cards_seen() -> int:
    """Return how many cards the service knows of: it looks into its readers every 0.4 s."""
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    unaware = [(reader, scard.SCARD_STATE_UNAWARE) for reader in READERS]
    _, states = scard.SCardGetStatusChange(context, 0, unaware)
    scard.SCardReleaseContext(context)
    return sum(bool(state & scard.SCARD_STATE_PRESENT) for _, state, _ in states)


def reset_of(read: Report) -> Script:
    """Return the reset of the card that was just read."""
    facts = piv.parse_read(read)
    assert isinstance(facts, CardFacts)
    return piv.reset_script(facts.chuid_hash, b"13572468", NEXT_PUK)


def proof_of(read: Report) -> Script:
    """Return the proof of the card that was just read."""
    facts = piv.parse_read(read)
    assert isinstance(facts, CardFacts)
    return piv.prove_script(facts.chuid_hash, facts.algorithm or Algorithm.P256)


def take(hold: Hold) -> None:
    """Take the card; one just put in is seen by the service within half a second."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return hold.take()
        except CannotHold as cannot:
            if cannot.rule != "CARD_REMOVED" or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
