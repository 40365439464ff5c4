"""Organisations are found as people type them, with bounded work."""

import time

import pytest

from services.identity.domain.names import words_of
from services.identity.name_index import NameIndex

NAMES = {
    "X26": "Example Hospital",
    "X27": "St Mary's Example Hospital",
    "RXA": "Łódź & Zürich Teaching Hospitals NHS Foundation Trust",
    "B81": "Example Road Surgery",
    "C10": "North Moorland Community Clinic",
    "C11": "South Moorland Community Clinic",
}


async def first_for(typed: str) -> str:
    found = await NameIndex(NAMES.items()).search(typed, 10)
    return found[0] if found else ""


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("example hospital", "X26"),
        ("  EXAMPLE   hospital ", "X26"),
        ("Exmaple Hospitl", "X26"),
        ("hospital example", "X26"),
        ("saint marys", "X27"),
        ("St. Mary’s", "X27"),
        ("lodz zurich", "RXA"),
        ("Zuerich teaching hospital", "RXA"),
        ("clinic moorland north", "C10"),
        ("moorl north", "C10"),
        ("b81", "B81"),
        ("x 26", "X26"),
        ("RX", "RXA"),
    ],
)
async def test_R37_forgives_typing_errors_accents_and_the_order_of_words(typed: str, code: str) -> None:
    assert await first_for(typed) == code


@pytest.mark.parametrize(
    "typed", ["", "   ", "-", "x", "qqqqqqqqqqqq", "%", "'; drop table", "\N{PILE OF POO}"]
)
async def test_R37_what_comes_near_nothing_finds_nothing(typed: str) -> None:
    assert await first_for(typed) == ""


async def test_R37_no_more_than_asked_for_come_back() -> None:
    index = NameIndex((f"A{number:04}", f"Clinic Number{number}") for number in range(500))

    assert len(await index.search("clinic", 10)) == 10


async def test_R37_a_hundred_thousand_organisations_are_searched_in_bounded_time() -> None:
    """Generous by far, for a machine under load: a look at every name would take seconds."""
    index = NameIndex(
        (f"A{number:06}", f"Place{number % 9973} Street{number % 89} Medical Practice")
        for number in range(100_000)
    )
    began = time.process_time()

    assert "A000017" in await index.search("medical practise stret17 plaace17", 10)
    await index.search("medical practice street road clinic centre health surgery", 10)
    await index.search("m" * 100, 10)

    assert time.process_time() - began < 1.0


def test_a_name_is_brought_into_one_form() -> None:
    assert words_of("Ærøskøbing – Saint John’s (Straße)") == ("aeroskobing", "st", "johns", "strasse")
