"""The hours saved on the pages: three figures, plots that need nobody else's server, CSV and JSON."""

import csv
import io
from dataclasses import replace

from services.web.pages.saved_hours import plots
from services.web.ports import SavingsGroup
from tests.fakes.web_peers import SAVINGS
from tests.unit.web.conftest import Visitor


async def test_R59_gross_net_and_RA_minutes_are_three_figures(visitor: Visitor) -> None:
    page = await visitor.open("/saved-hours")

    for figure in ('id="saved-hours">0.7<', 'id="net-hours">0.6<', 'id="ra-minutes">20<'):
        assert figure in page.text


async def test_R61_adoption_and_hours_to_be_had_stand_by_organisation(visitor: Visitor) -> None:
    page = await visitor.open("/saved-hours")

    assert "1 (0.3 %)" in page.text
    assert "Hours to be had </span>133.0<" in page.text


async def test_plots_are_drawn_by_us_and_say_their_numbers_in_words_too(visitor: Visitor) -> None:
    page = await visitor.open("/saved-hours")

    assert page.text.count("<rect ") == 2 + 2 + 3
    assert '<rect width="300" height="16"/></svg>7</td>' in page.text
    assert "http://" not in page.text.replace("http://www.w3.org", "")


async def test_R20_every_figure_is_a_row_of_the_csv_and_none_is_a_formula(visitor: Visitor) -> None:
    answer = await visitor.open("/saved-hours/csv")

    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["figure", "of", "value"]
    assert ["gross minutes", "", "40"] in rows
    assert ["net minutes", "", "34"] in rows
    assert ["RA minutes", "", "20"] in rows
    assert ["unlocks that saved a visit by month", "2026-11", "1"] in rows
    assert ["minutes to be had", "X26", "7980"] in rows
    assert ["ended", "REFUSED NO_EMAIL", "1"] in rows
    assert ["unlocked by organisation", "'=X26", "2"] in rows
    assert answer.headers["content-disposition"] == 'attachment; filename="saved-hours.csv"'


async def test_R29_the_json_has_the_same_and_both_published_figures(visitor: Visitor) -> None:
    found = (await visitor.open("/saved-hours/json")).json()

    assert found["saved"]["saved_minutes"] == 40
    assert found["by_route"][1] == {"value": "SELF", "unlocked": 2, "unlocks": 2, "repeats": 0}
    assert len(found["published"]) == 2


def test_the_organisations_with_the_most_are_drawn() -> None:
    many = tuple(SavingsGroup(f"O{number:03}", number, number, 0) for number in range(100))

    drawn = {plot.id: plot for plot in plots(replace(SAVINGS, by_organisation=many))}
    assert [bar.name for bar in drawn["organisations"].bars][:2] == ["O099", "O098"]
    assert len(drawn["organisations"].bars) == 24


def test_nothing_is_drawn_of_nothing() -> None:
    assert plots(replace(SAVINGS, by_month=(), by_organisation=(), stages=())) == []
