"""F21: today's code writes the kept samples byte for byte, and reads all of them, those of yesterday too."""

import importlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from unittest.mock import AsyncMock

import pytest
from google.protobuf import symbol_database
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message as ProtoMessage

from deploy.events.contract import events
from deploy.events.samples import FOLDER, Sample, samples
from services.audit import consumer as audit
from services.audit.domain.record import Message, Origin, Record
from services.audit.events import sequenced_in
from services.card_gateway.events import event_of, fact_of
from services.notifier.consumer import CodeConsumer, OutcomeConsumer, ProfileConsumer
from services.otp.consumer import DeliveryConsumer
from services.runtime.cloud_events import received
from tests.contract.event_samples import made_today

KEPT = samples()
EVERY = [*KEPT, *samples(FOLDER / "earlier")]
TODAY = {each.name: each for each in made_today()}
of_each = pytest.mark.parametrize("sample", EVERY, ids=lambda each: each.name)

FIELD_OF_TOMORROW = b"\x80\x7d\x2a"
"""Field 2000, varint, 42."""

WORD_OF_TOMORROW = 99


def headers(sample: Sample) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in sample.headers.items()]


def event_in(sample: Sample, raw: bytes) -> Any:
    return received(sample.topic, 0, 0, headers(sample), raw)


def message_in(sample: Sample, raw: bytes) -> ProtoMessage:
    owner = sample.event.split(".")[1]
    importlib.import_module(
        f"smartcard_unlock.{owner}.v1.{owner}{'' if owner == 'common' else '_events'}_pb2"
    )
    found: type[ProtoMessage] = symbol_database.Default().GetSymbol(sample.event)
    return found.FromString(raw)


async def audit_reads(sample: Sample, raw: bytes) -> list[str]:
    message = Message(Origin(sample.topic, 0, 0), tuple(headers(sample)), sample.key.encode(), raw)
    record = audit.read(message)
    assert isinstance(record, Record), record
    assert record.body == raw
    return ["record"]


def calls(use_cases: AsyncMock) -> list[str]:
    return [call[0] for call in use_cases.method_calls]


async def otp_reads(sample: Sample, raw: bytes) -> list[str]:
    codes = AsyncMock()
    await DeliveryConsumer(codes).handle(event_in(sample, raw))
    return calls(codes)


async def notifier_reads(sample: Sample, raw: bytes) -> list[str]:
    deliveries = AsyncMock()
    for consumer in (CodeConsumer, OutcomeConsumer, ProfileConsumer):
        await consumer(deliveries).handle(event_in(sample, raw))
    return calls(deliveries)


async def rebuild_reads(sample: Sample, raw: bytes) -> list[str]:
    record = sequenced_in(event_in(sample, raw).parse(type(message_in(sample, raw))))
    return [record.source]


async def holds_the_log_to_it(sample: Sample, raw: bytes) -> list[str]:
    return [MessageToDict(message_in(sample, raw))["note"].partition("\n")[0]]


Reads = Callable[[Sample, bytes], Awaitable[list[str]]]
READERS: dict[str, Reads] = {
    "audit": audit_reads,
    "otp": otp_reads,
    "notifier": notifier_reads,
    "analytics": rebuild_reads,
    "audit's own rebuild": rebuild_reads,
    "anybody who wants to hold the log to it": holds_the_log_to_it,
}
TAKEN: dict[str, dict[str, list[str]]] = {
    "CodeIssued": {"notifier": ["take_code"]},
    "SessionOutcome.SUCCESS": {"notifier": ["take_notice"]},
    "SessionOutcome.RESOLVED": {"notifier": ["take_notice"]},
    "ContactChanged": {"notifier": ["take_address_change"]},
    "CardFrozen": {"notifier": ["take_notice"]},
    "FreezeLifted": {"notifier": ["take_notice"]},
    "HolderRegistered": {"notifier": ["take_notice"]},
    "HolderRegistered-0": {"notifier": []},
    "QuestionsAnswered.LOCKED": {"notifier": ["take_notice"]},
    "AddressProposed": {"notifier": ["take_notice"]},
    "ColleagueVouched": {"notifier": ["take_notice"]},
    "DeliveryChanged.SENT": {"otp": ["delivery_changed"]},
    "DeliveryChanged.BOUNCED": {"otp": ["delivery_changed"]},
}
"""What a consumer makes of a sample, where it makes anything of it."""


def readers_of(sample: Sample) -> dict[str, Reads]:
    event = next(each for each in events() if each.type.full_name == sample.event)
    return {name: READERS[name] for name in event.consumers(sample.topic)}


@pytest.mark.parametrize("sample", KEPT, ids=lambda each: each.name)
def test_F21_todays_code_writes_the_kept_bytes(sample: Sample) -> None:
    assert sample == TODAY.get(sample.name), "run: python -m tests.contract.event_samples"


def test_every_sample_of_today_is_kept() -> None:
    assert [each.name for each in KEPT] == sorted(TODAY)


@of_each
def test_F21_the_kept_bytes_are_what_the_sample_says_in_words(sample: Sample) -> None:
    assert MessageToDict(message_in(sample, sample.raw), preserving_proto_field_name=True) == sample.value


@of_each
async def test_F21_every_consumer_reads_the_kept_bytes(sample: Sample) -> None:
    taken = {name: await reads(sample, sample.raw) for name, reads in readers_of(sample).items()}

    assert taken
    for name in ("otp", "notifier"):
        if name in taken:
            made = TAKEN.get(sample.name) or TAKEN.get(sample.name.partition("-")[0], {})
            assert taken[name] == made.get(name, [])


@pytest.mark.parametrize(
    "sample",
    [each for each in EVERY if each.headers["ce_source"] == "card_gateway"],
    ids=lambda each: each.name,
)
def test_F21_the_gateway_reads_back_what_it_told(sample: Sample) -> None:
    again = event_of(fact_of(event_in(sample, sample.raw)))

    assert again.message.SerializeToString(deterministic=True) == sample.raw


@of_each
async def test_F21_a_field_of_tomorrow_changes_nothing(sample: Sample) -> None:
    for reads in readers_of(sample).values():
        assert await reads(sample, sample.raw + FIELD_OF_TOMORROW) == await reads(sample, sample.raw)


@of_each
async def test_F21_a_word_of_tomorrow_is_no_dead_letter_and_is_recorded(sample: Sample) -> None:
    for raw in with_words_of_tomorrow(sample):
        for reads in readers_of(sample).values():
            assert isinstance(await reads(sample, raw), list)


def test_words_of_tomorrow_stand_in_every_enum_of_an_outcome() -> None:
    outcome = next(each for each in KEPT if each.name == "SessionOutcome.SUCCESS")

    assert len(list(with_words_of_tomorrow(outcome))) == 5


def with_words_of_tomorrow(sample: Sample) -> Iterator[bytes]:
    """The sample with an enum's value that nobody knows yet, one field at a time."""
    message = message_in(sample, sample.raw)
    for path in enum_fields(message.DESCRIPTOR):
        changed = message_in(sample, sample.raw)
        holder: Any = changed
        for name in path[:-1]:
            holder = getattr(holder, name)
        setattr(holder, path[-1], WORD_OF_TOMORROW)
        yield changed.SerializeToString()


def enum_fields(descriptor: Any) -> Iterator[tuple[str, ...]]:
    for field in descriptor.fields:
        if field.type == FieldDescriptor.TYPE_ENUM:
            yield (field.name,)
        elif field.message_type is not None:
            yield from ((field.name, *rest) for rest in enum_fields(field.message_type))
