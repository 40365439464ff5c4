"""Steps: what an agent is to do with the card, and for how long it may begin. No secrets in here."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

READ_AGAIN_AFTER = timedelta(seconds=1)
"""Pause before a card is read again, so that a reader that fails at once cannot make a storm."""

OTHER_CARD_AGAIN_AFTER = timedelta(seconds=5)
"""Pause where it is no use yet: another card is in the reader, or the vault is behind."""

PROVE_BEGINS_WITHIN = timedelta(seconds=120)
"""From the page's wish to the agent's question; later the person has gone."""

PIN_TYPED_WITHIN = timedelta(minutes=4)
"""Instead, where the question asks for passcodes as well: each may have to be typed again."""

PROVE_ANSWERED_WITHIN = timedelta(minutes=5)
"""From the wish to the signature: the person reads three words and answers one question."""

RESET_BEGINS_WITHIN = timedelta(seconds=10)
"""From the proof to the reset, on the same card handle. Source: architecture §3, 9."""

ANSWER_BEGINS_WITHIN = timedelta(seconds=3)
"""From an admin-key card's challenge to its answer, while the card is held. Source: architecture §5."""

RESET_REPORTED_WITHIN = timedelta(seconds=70)
"""From the proof to the report: 10 s to begin, 20 s a script, two lost answers. Then UNKNOWN."""


class StepKind(Enum):
    """What a step is for."""

    READ = "READ"
    PROVE = "PROVE"
    RESET = "RESET"
    RECOVER = "RECOVER"
    CHANGE = "CHANGE"
    PROVE_HOLDER = "PROVE_HOLDER"


RESETS = (StepKind.RESET, StepKind.RECOVER)
SET_PIN = (*RESETS, StepKind.CHANGE)
"""Steps that follow a proof and set a PIN."""
ASKED_FIRST = (StepKind.PROVE, StepKind.PROVE_HOLDER)
"""Steps that wait for the person's yes on the workstation."""


@dataclass(frozen=True)
class Step:
    """One thing to do, as a row: any replica hands it out."""

    step_id: str
    session_id: str
    kind: StepKind
    nonce: bytes
    """Makes the card's answer fresh. RESET of an admin-key card: our challenge, then the card's."""
    created_at: datetime
    not_before: datetime
    """First instant at which it is handed out."""
    begin_before: datetime
    """First instant at which the agent must not begin any more."""
    sealed_pin: bytes = field(default=b"", repr=False)
    sealed_current_pin: bytes = field(default=b"", repr=False)
    """CHANGE and the PROVE before it; PROVE_HOLDER."""
    pin_attempt_id: str = ""
    last_try: bool = False
    """Likewise: the person wants to spend the last try."""
    rotation_id: str = ""
    tries_before: int = 0
    """RESET, RECOVER: the believed tries before the send."""
    sent_at: datetime | None = None
    """When a step that sets a PIN was first fetched, durable before the secret leaves."""
