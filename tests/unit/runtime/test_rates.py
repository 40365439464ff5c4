"""How often one network may call: a burst, then a rate; whoever is refused is told when to come."""

import heapq
from random import Random

import pytest

from services.runtime import rates
from services.runtime.grpc_server import address_of
from services.runtime.rates import LONGEST_HINT, Rates


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_a_rate() -> None:
    seconds = Seconds()
    limit = Rates(burst=3, per_second=2, now=seconds)
    assert [limit.take("192.0.2.1") for _ in range(3)] == [0, 0, 0]
    assert limit.take("192.0.2.1") > 0
    seconds.now = 0.5
    assert limit.take("192.0.2.1") == 0
    assert limit.take("192.0.2.1") > 0
    seconds.now = 60
    assert [bool(limit.take("192.0.2.1")) for _ in range(4)] == [False, False, False, True]


def test_a_network_that_floods_takes_nothing_from_another() -> None:
    limit = Rates(burst=1, per_second=1, now=Seconds())
    for _ in range(1_000):
        limit.take("192.0.2.1")

    assert limit.take("198.51.100.7") == 0


def test_those_who_are_refused_get_a_turn_each_and_none_waits_longer_than_a_minute() -> None:
    limit = Rates(burst=1, per_second=1, now=Seconds())
    hints = [limit.take("192.0.2.1") for _ in range(200)]

    assert hints[:5] == [0, 1, 2, 3, 4]
    assert max(hints) == LONGEST_HINT


def test_memory_is_bounded() -> None:
    limit = Rates(burst=1, per_second=1, now=Seconds())
    for number in range(rates.SOURCES + 100):
        limit.take(str(number))

    assert len(limit._buckets) == rates.SOURCES


def test_F26_2000_workstations_behind_one_address_come_back_with_few_calls_in_vain() -> None:
    """Each comes at its hint and up to half as much later, as agents do."""
    seconds, random = Seconds(), Random(26)
    limit = Rates(burst=1_000, per_second=20, now=seconds)
    coming = [(random.uniform(0, 0.5), number) for number in range(2_000)]
    heapq.heapify(coming)
    calls = 0
    while coming:
        seconds.now, number = heapq.heappop(coming)
        calls += 1
        wait = limit.take("192.0.2.1")
        if wait:
            heapq.heappush(coming, (seconds.now + wait * (1 + random.random() / 2), number))

    in_vain = calls - 2_000 - 1_000  # a thousand must be told once to come later
    assert in_vain <= 0.02 * 2_000
    assert seconds.now <= 90


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.1:50000", "192.0.2.1"),
        ("ipv6:%5B2001:db8::1%5D:50000", "2001:db8::1"),
        ("ipv6:[2001:db8::1]:50000", "2001:db8::1"),
        ("unix:", ""),
    ],
)
def test_S54_grpcs_words_for_the_other_side_are_an_address(peer: str, address: str) -> None:
    assert address_of(peer) == address
