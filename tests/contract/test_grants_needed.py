"""Every RPC asks for a proof of the caller's right, or is known to need none. S1, S2.

Those that ask are each called with bad ones, by the tables of callers: `tests/ports/bad_grants.py`.
"""

from importlib import import_module
from pathlib import Path

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import Default

from tests.ports.bad_grants import proofs_of

GENERATED = Path(__file__).parents[2] / "proto/generated"
NEEDS_NONE = {
    "AgentService.Attach": "makes a session of its own, limited by network",
    "IdentityService.FindRA": "public, tells of no holder",
    "IdentityService.ListApprovedDomains": "public, tells of no holder",
    "IdentityService.FreezeCard": "the token of a mail, which can only freeze",
    "IdentityService.GetDeliveryAddress": "the notifier's certificate",
    "AuditService.GetSavedTime": "sums, which name nobody",
    "AuditService.GetSavings": "sums, which name nobody",
    "AuditService.ListSessionRecords": "records name nobody; the session is held to its claim by the gateway",
    "AuditService.GetReceipt": "likewise",
}


def every_method() -> list[MethodDescriptor]:
    paths = sorted(path.relative_to(GENERATED).with_suffix("") for path in GENERATED.rglob("*_pb2.py"))
    files = [import_module(".".join(path.parts)).DESCRIPTOR for path in paths]
    services = [service for file in files for service in file.services_by_name.values()]
    return [method for service in services for method in service.methods]


def test_S1_S2_every_rpc_asks_for_a_proof_or_is_known_to_need_none() -> None:
    methods = {f"{each.containing_service.name}.{each.name}": each for each in every_method()}
    without = {name for name, method in methods.items() if not proofs_of(method)}

    assert without == set(NEEDS_NONE)
    assert Default().FindServiceByName("smartcard_unlock.audit.v1.AuditService") is not None
