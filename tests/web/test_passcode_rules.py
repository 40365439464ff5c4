"""The page refuses exactly the passcodes that the agent refuses, for the same reason. R52, S51."""

import random
from datetime import date, timedelta

import pytest
from playwright.sync_api import Page

from services.card_gateway.card.pin_policy import change_weakness, weakness
from services.web import texts

pytestmark = pytest.mark.browser

JUDGE = """async candidates => {
  const { weakness } = await import("/src/passcode_rules.mjs");
  return candidates.map(weakness);
}"""


JUDGE_CHANGE = """async pairs => {
  const { changeWeakness } = await import("/src/passcode_rules.mjs");
  return pairs.map(([current, next]) => changeWeakness(current, next));
}"""


def candidates() -> list[str]:
    """Every six-digit date and run, edges, and 60,000 others of every length."""
    chance = random.Random(20261121)
    others = [
        str(chance.randrange(10**size)).zfill(size) for size in (5, 6, 6, 6, 7, 8, 8, 9) for _ in range(7500)
    ]
    days = [date(1999, 12, 1) + timedelta(days=number) for number in range(1200)]
    formats = ("%d%m%y", "%m%d%y", "%y%m%d", "%m%Y", "%Y%m", "%d%m%Y", "%m%d%Y", "%Y%m%d")
    dates = [day.strftime(form) for day in days for form in formats]
    runs = ["".join(str((start + step * at) % 10) for at in range(size))
            for start in range(10) for step in range(10) for size in (6, 7, 8)]  # fmt: skip
    doubled = [
        first + second
        for first in ("123", "321", "159", "7", "42")
        for second in ("123", "321", "456", "7777")
    ]
    edges = [
        "",
        " ",
        "12 456",
        "１２３４５６",
        "12345a",
        "000000",
        "29022000",
        "30022000",
        "18991231",
        "21000101",
    ]
    return others + dates + runs + doubled + edges + ["131313", "102030", "147258", "11223344", "1234512"]


def test_R52_page_and_agent_refuse_the_same_passcodes(page: Page, origin: str) -> None:
    page.goto(origin)
    typed = candidates()
    in_page = page.evaluate(JUDGE, typed)

    found = [weak.value if (weak := weakness(pin)) else None for pin in typed]
    assert [
        (pin, ours, theirs) for pin, ours, theirs in zip(typed, in_page, found, strict=True) if ours != theirs
    ] == []
    assert set(filter(None, in_page)) <= set(texts.PASSCODE_REFUSED)
    assert {"LENGTH", "NOT_DIGITS", "REPEAT", "SEQUENCE", "DATE", "COMMON", None} == set(in_page)


def test_R52_page_and_agent_refuse_the_same_changes(page: Page, origin: str) -> None:
    page.goto(origin)
    typed = ["", "123", "1234", "12345678", "123456789", "12345a", "１２３４５６", " 123456", "739162"]
    pairs = [[current, new] for current in typed for new in ("739162", "860247")]
    found = [weak.value if (weak := change_weakness(*pair)) else None for pair in pairs]

    assert page.evaluate(JUDGE_CHANGE, pairs) == found
    assert set(filter(None, found)) == {"CURRENT_FORM", "SAME"} <= set(texts.PASSCODE_REFUSED)
