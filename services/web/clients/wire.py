"""What the four translations share: times, names of enums, whom to ask."""

from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from smartcard_unlock.common.v1 import common_pb2

from services.web.ports import RegistrationAuthority


def instant(stamp: Timestamp) -> datetime:
    """Return a time of the wire, aware, UTC."""
    return stamp.ToDatetime(tzinfo=UTC)


def authority(message: common_pb2.RegistrationAuthority) -> RegistrationAuthority:
    """Return whom to ask."""
    return RegistrationAuthority(
        message.name, message.telephone, message.email, message.opening_hours, message.organisation
    )


def named(kind: Any, number: int, prefix: str) -> str:
    """Return an enum's name without its prefix; empty for a value that only a newer process knows."""
    try:
        return str(kind.Name(number)).removeprefix(prefix)
    except ValueError:
        return ""
