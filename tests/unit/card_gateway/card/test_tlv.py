import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.card_gateway.card.tlv import Malformed, encode, find, parse


@given(st.binary(max_size=700))
def test_what_is_encoded_is_found(value: bytes) -> None:
    assert find(encode(0x53, encode(0x5FC102, value)), 0x53, 0x5FC102) == value


@given(st.binary(max_size=64))
def test_S55_random_bytes_are_parsed_or_refused_and_nothing_else(data: bytes) -> None:
    try:
        elements = parse(data)
    except Malformed:
        return
    assert sum(len(value) for _, value in elements) <= len(data)


@pytest.mark.parametrize("data", ["53", "5305AA", "5380", "53840000000100", "5F", "5FFFFFFF01", "5382FF"])
def test_a_cut_element_is_malformed(data: str) -> None:
    with pytest.raises(Malformed):
        parse(bytes.fromhex(data))


def test_padding_after_the_last_element_is_nothing() -> None:
    assert parse(bytes.fromhex("530101FFFF0000")) == [(0x53, b"\x01")]


def test_a_tag_that_is_not_there_is_none() -> None:
    assert find(encode(0x53, b""), 0x53, 0x70, 0x71) is None
