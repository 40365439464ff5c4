"""The ledger: which offsets of each partition were stored, and where one is missing.

Kafka's offsets of a partition have no holes as long as nobody produces in transactions, and
nobody does. A hole in the ledger therefore is a message that was acknowledged and not stored.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from services.audit.domain.record import Origin


@dataclass(frozen=True)
class Run:
    """Offsets of one partition that were stored together, both ends included."""

    topic: str
    partition: int
    first: int
    last: int


def runs(origins: Iterable[Origin]) -> list[Run]:
    """Return the fewest runs that hold exactly these offsets."""
    found: list[Run] = []
    for at in sorted(set(origins), key=lambda origin: (origin.topic, origin.partition, origin.offset)):
        previous = found[-1] if found else None
        if previous and (previous.topic, previous.partition, previous.last + 1) == (
            at.topic,
            at.partition,
            at.offset,
        ):
            found[-1] = Run(at.topic, at.partition, previous.first, at.offset)
        else:
            found.append(Run(at.topic, at.partition, at.offset, at.offset))
    return found


def missing(wanted: Iterable[Run], held: Iterable[Run]) -> list[Run]:
    """Return what of the wanted runs is not held."""
    by_partition: dict[tuple[str, int], list[Run]] = {}
    for run in sorted(held, key=lambda run: run.first):
        by_partition.setdefault((run.topic, run.partition), []).append(run)
    return [hole for run in wanted for hole in _holes(run, by_partition.get((run.topic, run.partition), []))]


def _holes(wanted: Run, held: Iterable[Run]) -> list[Run]:
    """Return the parts of one run that are not in `held`, which is in order of `first`."""
    holes = []
    due = wanted.first
    for run in held:
        if run.first > wanted.last:
            break
        if run.first > due:
            holes.append(Run(wanted.topic, wanted.partition, due, run.first - 1))
        due = max(due, run.last + 1)
    if due <= wanted.last:
        holes.append(Run(wanted.topic, wanted.partition, due, wanted.last))
    return holes
