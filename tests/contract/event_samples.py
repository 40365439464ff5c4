"""Writes docs/samples/events: `python -m tests.contract.event_samples`.

One message of every event, and of an outcome one of each kind, as today's code tells them. All in it is made
up. A sample that changed is kept in `earlier`, since a topic may still hold such a message: it must be read.
"""

from collections.abc import Iterator

from google.protobuf.json_format import MessageToDict

from deploy.events.samples import FOLDER, Sample
from services.runtime.cloud_events import headers_of
from services.runtime.outbox import Event
from tests.contract.event_facts import told

TRACEPARENT = "00-000000000000000000000000000000a1-00000000000000b2-01"


def sample(number: int, name: str, source: str, event: Event) -> Sample:
    row = {
        "ce_id": f"0197c1a0-0000-7000-8000-{number:012d}",
        "ce_type": event.message.DESCRIPTOR.full_name,
        "source": source,
        "key": event.key,
        "time": event.occurred_at,
        "relayseq": number,
        "traceparent": TRACEPARENT,
    }
    return Sample(
        name=name,
        topic=event.topic,
        key=event.key,
        headers={header: raw.decode() for header, raw in headers_of(row)},
        value=MessageToDict(event.message, preserving_proto_field_name=True),
        raw=event.message.SerializeToString(deterministic=True),
    )


def made_today() -> Iterator[Sample]:
    """Every sample as the code of today makes it."""
    for number, (name, source, event) in enumerate(told(), start=1):
        yield sample(number, name, source, event)


def write() -> None:
    earlier = FOLDER / "earlier"
    earlier.mkdir(parents=True, exist_ok=True)
    for each in made_today():
        path = FOLDER / f"{each.name}.json"
        if path.exists() and path.read_text() != each.as_json():
            path.rename(earlier / f"{each.name}-{len(list(earlier.glob(f'{each.name}-*')))}.json")
        path.write_text(each.as_json())


if __name__ == "__main__":
    write()
