"""Instants on the wire: protobuf's Timestamp and Python's aware datetime."""

from datetime import UTC, datetime
from typing import overload

from google.protobuf.timestamp_pb2 import Timestamp


@overload
def timestamp_of(instant: datetime) -> Timestamp: ...


@overload
def timestamp_of(instant: None) -> None: ...


def timestamp_of(instant: datetime | None) -> Timestamp | None:
    """Return an aware instant as a Timestamp; None, which leaves a field unset, for None."""
    if instant is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(instant.astimezone(UTC))
    return stamp


def instant_of(stamp: Timestamp) -> datetime:
    """Return a Timestamp as an aware UTC instant, to the microsecond."""
    return stamp.ToDatetime(UTC)
