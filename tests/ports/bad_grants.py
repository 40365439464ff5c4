"""What a caller learns whose grant, claim or token is none: the same bytes, whoever exists.

Made from the contracts: each RPC in a service's table of callers is called, so that a new one is too. S1, S2.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message

OTHER_PROOFS = ("claim", "agent_token")
"""What proves a caller's right and is no grant."""
ATTEMPT = "00000000-0000-7000-8000-00000000abcd"
RIGHT_FORM: Mapping[str, Any] = {
    "attempt_id": ATTEMPT,
    "typed": "12345678",
    "code": "12345678",
    "sealed_pin": bytes(60),
    "sealed_current_pin": bytes(60),
    "session_id": ATTEMPT,
    "reason": 1,
    "route": 1,
    "basis": 1,
}
"""Fields whose form is judged before anybody's right is."""


def methods_of(access: Iterable[str]) -> list[MethodDescriptor]:
    """The RPCs of a table of callers."""
    found = []
    for path in access:
        service, _, name = path.strip("/").partition("/")
        found.append(Default().FindServiceByName(service).methods_by_name[name])
    return found


def proofs_of(method: MethodDescriptor) -> list[str]:
    """The fields of its request that prove the caller's right to what it asks."""
    names = [field.name for field in method.input_type.fields]
    return [name for name in names if name.endswith("_grant") or name in OTHER_PROOFS]


async def all_learned(
    channel: grpc.aio.Channel,
    method: MethodDescriptor,
    proof: str,
    right: Mapping[str, Any],
    bad: Iterable[str],
) -> set[tuple[object, ...]]:
    """All that a caller learns of the RPC with each of the bad proofs in the place of a good one."""
    kind = message_factory.GetMessageClass(method.input_type)
    known = {**RIGHT_FORM, **right}
    fields = {field.name: known[field.name] for field in method.input_type.fields if field.name in known}
    return {await _learned(channel, method, kind(**(fields | {proof: token}))) for token in bad}


async def _learned(
    channel: grpc.aio.Channel, method: MethodDescriptor, request: Message
) -> tuple[object, ...]:
    answer = message_factory.GetMessageClass(method.output_type)
    path = f"/{method.containing_service.full_name}/{method.name}"
    call = channel.unary_unary(
        path, request_serializer=type(request).SerializeToString, response_deserializer=answer.FromString
    )
    try:
        return ("answered", (await call(request)).SerializeToString())
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details(), *sorted(error.trailing_metadata() or (), key=str)
