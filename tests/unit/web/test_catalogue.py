"""Every code that a page may meet has its sentences, and the document says the same."""

import re
from pathlib import Path

import pytest

from services.web import texts
from services.web.domain.errors import CATALOGUE, as_markdown, entry_for

ROOT = Path(__file__).parents[3]
WEB_CONTRACTS = (
    "identity/v1/identity",
    "identity/v1/registration",
    "otp/v1/otp",
    "card_gateway/v1/card_gateway",
    "notifier/v1/notifier_events",
)
NOT_FOR_PAGES = {"RA_IN_PERSON", "CARD_READ", "HOLDER_UNKNOWN", "NOT_SENT", "HOLDER_VERIFIED", "SIGN_IN"}
"""Words of the contracts that are states or answers to others."""


def codes_of(contract: str) -> set[str]:
    """Return the codes that the comments of a contract name."""
    text = (ROOT / f"proto/smartcard_unlock/{contract}.proto").read_text()
    comments = " ".join(re.findall(r"//(.*)", text))
    return set(re.findall(r"\b[A-Z]{2,}(?:_[A-Z0-9]+)+\b", comments)) - NOT_FOR_PAGES


@pytest.mark.parametrize("contract", WEB_CONTRACTS)
def test_every_code_of_the_contracts_has_its_sentences(contract: str) -> None:
    assert codes_of(contract) - set(CATALOGUE) == set()


@pytest.mark.parametrize("code", ["ERR1009", "PR20002"])
def test_R11_R12_the_old_codes_keep_their_meaning(code: str) -> None:
    assert code in CATALOGUE


def test_R13_every_reader_state_in_trouble_has_a_code_of_the_catalogue() -> None:
    assert set(texts.READER_CODES.values()) <= set(CATALOGUE)


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: entry.code)
def test_every_entry_says_what_happened_and_what_to_do(entry: object) -> None:
    told = entry_for(entry.code)  # type: ignore[attr-defined]

    assert re.fullmatch(r"[A-Z][A-Z0-9_]+", told.code)
    assert told.title[0].isupper() or told.title[0] == "‘"
    assert not told.title.endswith(".")
    assert told.happened.endswith(".")
    assert told.next_step.endswith(".")


def test_a_code_of_tomorrow_is_shown_under_its_own_name() -> None:
    assert entry_for("SOMETHING_NEW").code == "SOMETHING_NEW"


def test_R13_the_document_is_the_catalogue() -> None:
    assert (ROOT / "docs/errors.md").read_text() == as_markdown()
