"""How large a request may be, field by field: one rule for every message, and its exceptions as data.

No text holds U+0000: no database column of ours can (PostgreSQL manual, 8.3), and nobody types it.
"""

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

MAX_TEXT = 2_048
"""Characters of a string."""

MAX_GRANT = 8_192
"""Characters of a grant; a ProfileGrant of 200 roles is the longest."""

MAX_BYTES = 8_192
"""Bytes of a bytes field; an answer of a card is the longest."""

MAX_REPEATED = 64
"""Entries of a repeated field; the steps of a script are the most."""

EXCEPTIONS: dict[str, int] = {
    "smartcard_unlock.otp.v1.RedeemCodeRequest.typed": 32,
    "smartcard_unlock.identity.v1.FindRARequest.query": 100,
    "smartcard_unlock.identity.v1.FindHoldersRequest.query": 100,
    "smartcard_unlock.identity.v1.SetHolderAddressRequest.address": 320,
    "smartcard_unlock.identity.v1.SetHolderAddressRequest.attempt_id": 36,
    "smartcard_unlock.identity.v1.FreezeHolderCardRequest.attempt_id": 36,
    "smartcard_unlock.identity.v1.LiftFreezeRequest.attempt_id": 36,
    "smartcard_unlock.identity.v1.ClearAnswersLockRequest.attempt_id": 36,
    "smartcard_unlock.identity.v1.AnswerQuestionsRequest.attempt_id": 36,
    "smartcard_unlock.identity.v1.Answer.question": 32,
    "smartcard_unlock.identity.v1.Answer.text": 400,
    "smartcard_unlock.identity.v1.ConfirmEmailRequest.address": 320,
    "smartcard_unlock.otp.v1.RedeemRegistrationCodeRequest.typed": 32,
    "smartcard_unlock.otp.v1.RedeemRegistrationCodeRequest.client_address": 64,
    "smartcard_unlock.otp.v1.IssueRegistrationCodeRequest.client_address": 64,
    "smartcard_unlock.otp.v1.RedeemCodeRequest.client_address": 64,
    "smartcard_unlock.otp.v1.IssueCodeRequest.client_address": 64,
    "smartcard_unlock.otp.v1.CodeParticulars.card_last_four": 8,
    "smartcard_unlock.otp.v1.CodeParticulars.site": 80,
    "smartcard_unlock.identity.v1.ListApprovedDomainsRequest.organisation": 16,
    "smartcard_unlock.card_gateway.v1.ResetPinRequest.sealed_pin": 256,
    "smartcard_unlock.card_gateway.v1.Reader.name": 128,
    "smartcard_unlock.card_gateway.v1.AttachRequest.agent_public_key": 32,
    "smartcard_unlock.card_gateway.v1.StartSessionRequest.pairing_code": 32,
    "smartcard_unlock.card_gateway.v1.StartSessionRequest.address_token": 64,
}
"""Full field name to its own limit. Source: the comments in the contracts."""


def within_limits(message: Message) -> bool:
    """Tell whether every field of a message, at any depth, is within its limit."""
    return all(_field_within(field, value) for field, value in message.ListFields())


def _field_within(field: FieldDescriptor, value: object) -> bool:
    if field.is_repeated:
        values = list(value)  # type: ignore[call-overload]
        return len(values) <= MAX_REPEATED and all(_value_within(field, each) for each in values)
    return _value_within(field, value)


def _value_within(field: FieldDescriptor, value: object) -> bool:
    if isinstance(value, Message):
        return within_limits(value)
    if isinstance(value, str):
        usual = MAX_GRANT if field.name.endswith("_grant") else MAX_TEXT
        return "\x00" not in value and len(value) <= EXCEPTIONS.get(field.full_name, usual)
    if isinstance(value, bytes):
        return len(value) <= EXCEPTIONS.get(field.full_name, MAX_BYTES)
    return True
