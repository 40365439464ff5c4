"""Codes that people read out and type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime import spoken_codes


@given(st.binary(min_size=8, max_size=32))
def test_S13_a_code_is_ten_characters_that_read_back(mac: bytes) -> None:
    code = spoken_codes.code_of(mac)

    assert len(code) == spoken_codes.CODE_LENGTH
    assert spoken_codes.typed(spoken_codes.shown(code)) == code


def test_S13_a_code_carries_50_bits() -> None:
    assert len(spoken_codes.ALPHABET) ** spoken_codes.CODE_LENGTH == 2**50
    assert spoken_codes.code_of(bytes(8)) == "0000000000"
    assert spoken_codes.code_of(b"\xff" * 8) == "ZZZZZZZZZZ"


@pytest.mark.parametrize("text", ["oil01-lOI01", " OIL01LOI01 ", "oi l01-lo i01"])
def test_look_alikes_mean_the_same(text: str) -> None:
    assert spoken_codes.typed(text) == "0110110101"


@pytest.mark.parametrize("text", ["", "ABC", "ABCD-EFGH", "ABCDE-FGHJ!", "ABCDE-FGHJKM", "ÄBCDE-FGHJK"])
def test_what_is_no_code_is_none(text: str) -> None:
    assert spoken_codes.typed(text) is None
