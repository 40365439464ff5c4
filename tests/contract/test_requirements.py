"""docs/requirements.md is true: every row and sentence is there, and the tests it names bear its name."""

from tests.contract.requirements_table import DUTIES, OPEN, TABLE, rows_with_tests, table
from tests.contract.sentences import FROM_ELSEWHERE, S1, S2, sentences


def test_every_requirement_has_one_row() -> None:
    assert DUTIES.keys() == {f"R{number}" for number in range(1, 65)} | {"D1", "D2"}


def test_the_page_is_current() -> None:
    assert TABLE.read_text() == table(), "run: python -m tests.contract.requirements_table"


def test_no_test_claims_a_row_that_does_not_exist() -> None:
    assert rows_with_tests().keys() <= DUTIES.keys()


def test_what_is_open_is_a_row() -> None:
    assert OPEN.keys() <= DUTIES.keys()


def test_every_sentence_of_both_documents_is_there() -> None:
    # Counted in the documents: a step with two sentences is two, a picture is none.
    assert (len(S1), len(S2)) == (30, 65)


def test_a_sentence_has_rows_or_says_why_not() -> None:
    silent = [number for number, each in sentences().items() if not each.rows and not each.reason]

    assert silent == []


def test_the_rows_of_the_sentences_are_those_of_the_table_none_more_and_none_less() -> None:
    named = {row for each in sentences().values() for row in each.rows.split()}

    assert named == DUTIES.keys() - FROM_ELSEWHERE
