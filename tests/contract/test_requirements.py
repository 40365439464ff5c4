"""docs/requirements.md is true: every row is there, and the tests it names are those that bear its name."""

from tests.contract.requirements_table import DUTIES, OPEN, TABLE, rows_with_tests, table


def test_every_requirement_has_one_row() -> None:
    assert DUTIES.keys() == {f"R{number}" for number in range(1, 65)} | {"D1", "D2"}


def test_the_page_is_current() -> None:
    assert TABLE.read_text() == table(), "run: python -m tests.contract.requirements_table"


def test_no_test_claims_a_row_that_does_not_exist() -> None:
    assert rows_with_tests().keys() <= DUTIES.keys()


def test_what_is_open_is_a_row() -> None:
    assert OPEN.keys() <= DUTIES.keys()
