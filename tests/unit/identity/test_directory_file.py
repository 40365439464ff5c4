"""The directory's file: what a line is, and what is no file of ours."""

import re
from io import BytesIO
from pathlib import Path

import pytest

import services.identity
from services.identity.directory import LONGEST_LINE, Holder, Organisation
from services.identity.directory_file import Unreadable, form_of, lines_of
from services.identity.import_command import REASONS


def taken(content: bytes, kind: str = "") -> list[object]:
    """Return each line's record, or why it is none; nothing for empty ones."""
    read, lines = form_of(lines_of(BytesIO(content)), kind)
    found: list[object] = []
    for line in lines:
        if line.strip() and not line.startswith("#"):
            try:
                found.append(read(line))
            except ValueError as error:
                found.append(str(error))
    return found


@pytest.mark.parametrize("delimiter", [b",", b";", b"\t"])
def test_csv_is_read_by_its_header_in_any_order_and_with_any_delimiter(delimiter: bytes) -> None:
    header = delimiter.join([b"name", b"Organisation", b" id "])
    row = delimiter.join([b"Test One", b"X26", b"test-holder-1"])

    [holder] = taken(b"\xef\xbb\xbf\r\n" + header + b"\r\n" + row + b"\r\n", "holder")

    assert holder == Holder(kind="holder", id="test-holder-1", organisation="X26", name="Test One")


def test_a_dotted_column_goes_into_the_field_before_its_dot() -> None:
    [found] = taken(b"kind,code,name,registration_authority.email\norganisation,X26,Clinic,ra@example.org\n")

    assert isinstance(found, Organisation)
    assert found.registration_authority.email == "ra@example.org"


@pytest.mark.parametrize(
    "header", [b"id,organisation,name", b"kind,id,id", b"kind,email,email.x", b'"kind,id'], ids=repr
)
def test_a_header_that_cannot_be_read_is_refused(header: bytes) -> None:
    with pytest.raises(Unreadable):
        taken(header + b"\nholder,1,2,3\n")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b'holder,"1,X26,Test', "LINE_NOT_CSV"),
        (b"holder,1,X26", "WRONG_COLUMNS"),
        (b"holder,1,X26,\xff", "LINE_NOT_UTF8"),
        (b"holder,1,X26," + b"x" * LONGEST_LINE * 3, "LINE_TOO_LONG"),
        (b"person,1,X26,Test", "KIND_UNKNOWN"),
        (b"holder,1,x 26,Test", "FIELD_WRONG organisation"),
        (b"card,1,X26,Test", "FIELD_WRONG card_ref"),
    ],
)
def test_a_bad_line_spoils_itself_alone(row: bytes, reason: str) -> None:
    good = b"holder,2,X26,Test Two\n"

    first, second = taken(b"kind,id,organisation,name\n" + row + b"\n" + good)

    assert first == reason
    assert isinstance(second, Holder)


def test_an_empty_file_has_no_records() -> None:
    assert taken(b"\n# nothing\n") == []


def test_every_reason_of_the_code_has_its_words() -> None:
    folder = Path(services.identity.__file__).parent
    said = "".join(
        (folder / f"{name}.py").read_text() for name in ("directory", "directory_file", "import_plan")
    )
    reasons = set(
        re.findall(r'"((?:CARD|DOMAIN|EMAIL|FIELD|HOLDER|KIND|LINE|ORGANISATION|WRONG)_[A-Z0-9_]+)\b', said)
    )

    assert len(reasons) > 12
    assert reasons <= REASONS.keys()
