"""What we write is CloudEvents, and what we read is what the SDK reads: it judges both."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.formats.base import Format
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.cloud_events import CONTENT_TYPE, Received, Unreadable, headers_of, received

AT = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
ROW = {
    "ce_id": "0195573c-0000-7000-8000-000000000001",
    "ce_type": "smartcard_unlock.otp.v1.CodeEntered",
    "source": "otp",
    "key": "0195573c-0000-7000-8000-0000000000aa",
    "time": AT,
    "relayseq": 17,
    "traceparent": "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01",
}


class AsItIs(Format):
    """Data that is bytes already."""

    def read_data(self, data: str | bytes, datacontenttype: str | None) -> Any:
        return data

    def write_data(self, data: Any, datacontenttype: str | None) -> bytes:
        return bytes(data)

    def get_content_type(self) -> str:
        return CONTENT_TYPE

    def read(self, event_factory: Any, data: str | bytes) -> Any:
        raise AssertionError("binary mode only")

    def write(self, event: Any) -> bytes:
        raise AssertionError("binary mode only")


def by_the_sdk(headers: dict[str, bytes]) -> Received | None:
    """What the SDK reads, at the same place; None where it refuses, or makes up what is not there."""
    if "id" not in (names := {name.lower().removeprefix("ce_") for name in headers}) or "time" not in names:
        return None
    try:
        event = from_binary(KafkaMessage(headers, None, b"body"), AsItIs(), CloudEvent).get_attributes()
        return Received(
            event["id"], event["type"], event["source"], event.get("subject", ""), event["time"],
            int(event.get("relayseq", "0")), event.get("traceparent", ""), "topic", 1, 2, b"body",
        )  # fmt: skip
    except Exception:
        return None


def by_us(headers: dict[str, bytes]) -> Received | None:
    try:
        return received("topic", 1, 2, list(headers.items()), b"body")
    except Unreadable:
        return None


@pytest.mark.parametrize("traceparent", [ROW["traceparent"], ""])
@pytest.mark.parametrize("at", [AT, AT.replace(microsecond=0), AT.astimezone(timezone(timedelta(hours=1)))])
def test_our_headers_are_those_the_sdk_writes(traceparent: str, at: datetime) -> None:
    row = ROW | {"traceparent": traceparent, "time": at}
    attributes = {
        "id": row["ce_id"], "type": row["ce_type"], "source": row["source"], "subject": row["key"],
        "time": at, "specversion": "1.0", "datacontenttype": CONTENT_TYPE, "relayseq": "17",
    } | ({"traceparent": traceparent} if traceparent else {})  # fmt: skip

    written = to_binary(CloudEvent(attributes, b""), AsItIs()).headers

    assert headers_of(row) == list(written.items())


NAMES = st.sampled_from([name for name, _ in headers_of(ROW)])
VALUES = st.one_of(
    st.sampled_from([
        b"", b"x", b"\xff", b"0.3", b"1.0", b"2026-11-21", b"2026-11-21T12:00:00", b"2026-11-21T12:00:00Z",
        b"2026-11-21T12:00:00.5+01:00", b"yesterday", b"-1", b"17 ", "ü".encode(),
    ]),
    st.text(max_size=8).map(str.encode),
)  # fmt: skip
STRANGE = st.sampled_from(
    ["ce_later", "ce_not-a-name", "ce_", "ce_data", "ce_dataschema", "CE_LATER", "other", "Content-Type"]
)


@given(
    gone=st.lists(NAMES, max_size=2),
    changed=st.dictionaries(NAMES, VALUES, max_size=2),
    added=st.dictionaries(STRANGE, VALUES, max_size=2),
)
def test_F25_what_the_sdk_reads_or_refuses_we_read_or_refuse(
    gone: list[str], changed: dict[str, bytes], added: dict[str, bytes]
) -> None:
    headers = dict(headers_of(ROW)) | changed | added
    for name in gone:
        headers.pop(name, None)

    assert by_us(headers) == by_the_sdk(headers)


@pytest.mark.parametrize(("header", "length"), [("ce_id", 37), ("ce_type", 129), ("ce_subject", 65)])
def test_S42_no_attribute_is_longer_than_its_column(header: str, length: int) -> None:
    assert by_us(dict(headers_of(ROW)) | {header: b"x" * length}) is None
