"""Looks for secrets where none may be: in every file that a stack wrote and in every Kafka record."""

import asyncio
import base64
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from aiokafka import AIOKafkaConsumer

ADDRESSES = "identity.db"
"""A holder's address may stand in identity's database, and nowhere else."""


def forms(secret: str) -> dict[str, bytes]:
    """How one value could be written: plain, hex, UTF-16, base64 at each of its three alignments."""
    raw = secret.encode()
    found = {"plain": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode()}
    found["utf-16"] = secret.encode("utf-16-le")
    for shift in range(3):
        # The ends of a base64 text depend on its neighbours: only the middle is sure.
        text = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        found[f"base64 at {shift}"] = text[(0, 2, 3)[shift] : -1]
    return found


def search(secrets: Mapping[str, str], places: Iterable[tuple[str, bytes]]) -> list[str]:
    """`name of the secret (form) in place` for every hit; never the secret itself."""
    wanted = [
        (name, form, needle) for name, secret in secrets.items() for form, needle in forms(secret).items()
    ]
    return [
        f"{name} ({form}) in {place}"
        for place, content in places
        for name, form, needle in wanted
        if needle in content and not _allowed(name, place)
    ]


def files_under(folder: Path, *, but: Iterable[str] = ("mails", "keys")) -> Iterator[tuple[str, bytes]]:
    """Every file below, by its name from there; `but`: the mailbox itself and the keys.

    Kafka's index files hold offsets and times only, in gigabytes of preallocated zeros.
    """
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and name.parts[0] not in but and path.suffix not in {".index", ".timeindex"}:
            yield str(name), path.read_bytes()


def records_on(bootstrap: str) -> list[tuple[str, bytes]]:
    """Every record of every topic, decompressed: key, headers and value."""
    return asyncio.run(_records(bootstrap))


async def _records(bootstrap: str) -> list[tuple[str, bytes]]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    try:
        topics = [topic for topic in await consumer.topics() if not topic.startswith("_")]
        consumer.subscribe(topics)
        found: list[tuple[str, bytes]] = []
        while batches := await consumer.getmany(timeout_ms=1500):
            for partition, records in batches.items():
                for record in records:
                    headers = b" ".join(name.encode() + b"=" + value for name, value in record.headers)
                    content = b" ".join((record.key or b"", headers, record.value or b""))
                    found.append((f"{partition.topic}@{record.offset}", content))
        return found
    finally:
        await consumer.stop()


def _allowed(name: str, place: str) -> bool:
    return name.endswith("address") and place.startswith(ADDRESSES)
