"""What callers send: each field with its form; a field that is not here is refused by its name."""

from math import ceil
from typing import Annotated, Any, Self

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from services.web.api.reason import Reason
from services.web.domain import entries
from services.web.use_cases import MOST_SEALED_BYTES

LONGEST_WAIT = 20
"""Seconds. Source: the contract of GetSession."""

AttemptId = Annotated[
    str,
    Field(
        pattern=f"^{entries.UUID.pattern}$",
        description="A random UUID in small letters, new for each thing the holder does and the same when it"
        " is sent again: the same attempt is done once and gets the same answer.",
        examples=["01930000-0000-7000-8000-00000000000b"],
    ),
]
WordsMatch = Annotated[
    StrictBool,
    Field(
        description="True where the holder said that the unlock program on their computer shows these three"
        " words. Ask each time; never fill it in for them."
    ),
]
Sealed = Annotated[
    str,
    Field(
        pattern="^([A-Za-z0-9_-]{4})*[A-Za-z0-9_-]{2,4}$",
        max_length=ceil(MOST_SEALED_BYTES * 4 / 3),
        repr=False,
    ),
]
"""base64url without padding, of at least one byte."""


def _may_be_left_out(schema: dict[str, Any]) -> None:
    """Take the default out of the document: a field that is left out has no value, not an empty one."""
    del schema["default"]


class Asked(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    attempt_id: AttemptId


class Claim(Asked):
    """Which workstation the holder sits at, and why they came. Exactly one of code and token."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["pairing_code"]}, {"required": ["address_token"]}]}
    )

    reason: Reason
    pairing_code: str = Field(
        "",
        json_schema_extra=_may_be_left_out,
        pattern="^[ -]*([A-Za-z0-9][ -]*){10}$",
        max_length=40,
        repr=False,
        description="The 10 characters that the unlock program shows; spaces and hyphens do not matter.",
        examples=["K7QM2 XWD4C"],
    )
    address_token: str = Field(
        "",
        json_schema_extra=_may_be_left_out,
        pattern=f"^{entries.ADDRESS_TOKEN.pattern}$",
        repr=False,
        description="The last part of the one-time address that the unlock program opens.",
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if bool(self.pairing_code) is bool(self.address_token):
            raise ValueError("Exactly one of pairing_code and address_token")
        return self


class OtherReason(Asked):
    """Why the holder goes on, where the card is not as they thought: one of `offered_reasons`."""

    reason: Reason


class NoMailbox(Asked):
    """The holder says that they cannot read mail at the masked address."""


class CodeRequest(Asked):
    """The holder wants a code."""

    words_match: WordsMatch


class CodeEntry(Asked):
    """What the holder typed."""

    code: str = Field(
        min_length=1,
        max_length=40,
        repr=False,
        description="The digits of the newest mail; spaces and hyphens do not matter.",
        examples=["4196 3075"],
    )


class ColleagueRequest(Asked):
    """The holder wants a code to read out to colleagues."""

    words_match: WordsMatch


class ColleagueWords(Asked):
    """The holder goes on by the words of colleagues."""


class OneAnswer(BaseModel):
    """One security question and its answer."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    question: str = Field(pattern="^[A-Z][A-Z0-9_]{1,31}$", description="Its `code`.")
    text: str = Field(max_length=200, repr=False, description="As the holder types it.")


class QuestionAnswers(Asked):
    """What the holder answers."""

    answers: list[OneAnswer] = Field(min_length=1, max_length=4)


class NewPasscode(Asked):
    """The passcode that the holder chose, and for a CHANGE the current one, sealed to the agent's key.

    Each is `base64url(enc || ciphertext)` without padding: HPKE (RFC 9180) base mode, DHKEM(X25519,
    HKDF-SHA256), HKDF-SHA256, AES-256-GCM, to `agent_public_key`; plaintext: the digits in ASCII. `info` of
    the new one: `smartcard-unlock/pin/v1|<session_id>|<attempt_id>`; of the current one:
    `smartcard-unlock/current-pin/v1|<session_id>|<attempt_id>`.
    """

    words_match: WordsMatch
    sealed: Sealed = Field(
        "",
        json_schema_extra=_may_be_left_out,
        description="The new passcode; left out where the session says `pin_at_agent`, and only there.",
    )
    sealed_current: Sealed = Field(
        "",
        json_schema_extra=_may_be_left_out,
        description="The current passcode: for reason CHANGE, and for no other.",
    )
    spend_last_try: StrictBool = Field(
        False, description="True where the holder was told that a wrong current passcode locks the card."
    )


Since = Annotated[
    int,
    Query(ge=0, lt=2**63, description="The `version` that the caller has; 0 answers at once."),
]
Wait = Annotated[
    int,
    Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait at most for a version newer than `since`."),
]
