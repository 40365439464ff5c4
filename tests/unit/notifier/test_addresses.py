"""What notifier asks identity for: the kind of a letter decides who may get it and what goes with it."""

from dataclasses import replace
from unittest.mock import AsyncMock

import pytest
from smartcard_unlock.identity.v1 import identity_pb2

from services.notifier.addresses import IdentityAddresses
from services.notifier.domain.delivery import Template
from tests.unit.notifier.deliveries import CODE

ANSWER = identity_pb2.GetDeliveryAddressResponse(address="holder@example.org", freeze_token="t" * 22)
TO_THE_TEAM = {"CARD_FROZEN": "CARD_FROZEN"} | dict.fromkeys(
    ("ADDRESS_SET_BY_RA", "ADDRESS_WAITS", "LET_THROUGH"), "RA_TEAM"
)
ASKS_WAS_THIS_YOU = {"WAS_THIS_YOU": "UNLOCKED", "REGISTERED": "UNLOCKED", "ANSWERS_LOCKED": "UNLOCKED"}
KINDS = TO_THE_TEAM | ASKS_WAS_THIS_YOU | {"ADDRESS_CHANGED": "ADDRESS_CHANGED"}


@pytest.mark.parametrize("template", Template)
async def test_R25_R64_each_letter_asks_for_its_mailbox_by_version_card_and_kind(template: Template) -> None:
    identity = AsyncMock()
    identity.GetDeliveryAddress.return_value = ANSWER
    found = await IdentityAddresses(identity).address_of(replace(CODE, template=template, card_ref="c" * 32))

    (asked,) = identity.GetDeliveryAddress.await_args.args
    kind = identity_pb2.MessageKind.Name(asked.kind).removeprefix("MESSAGE_KIND_")
    assert kind == KINDS.get(template.name, "UNSPECIFIED")
    assert (asked.holder_ref, asked.address_version, asked.card_ref) == (CODE.holder_ref, 3, "c" * 32)
    assert found == (ANSWER.address, ANSWER.freeze_token)
