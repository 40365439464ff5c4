import email
import re
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.identity.domain.questions import MOST_FAILURES
from services.notifier.domain.delivery import Contents, Delivery, Template
from services.notifier.letters import TemplateLetters
from services.notifier.mime import mail_of
from services.notifier.ports import Letter, Refused
from tests.unit.notifier.deliveries import CODE, NOON

LETTERS = TemplateLetters(ZoneInfo("Europe/London"))
TO = "test-holder-0001@example.org"
DIGITS = "40718263"
SAID = Contents(DIGITS, "4F2A", "Example Hospital")
NOTICE = replace(CODE, template=Template.WAS_THIS_YOU, sealed_code=None)
EVERY = [replace(CODE, template=template) for template in Template]


def test_R50_the_code_stands_in_both_parts_and_not_in_the_subject() -> None:
    letter = LETTERS.write(CODE, TO, SAID)

    assert re.search(rf"^    {DIGITS}$", letter.text, re.MULTILINE)
    assert DIGITS in letter.html
    assert DIGITS not in letter.subject


def test_R49_the_mail_says_until_when_the_code_is_valid() -> None:
    letter = LETTERS.write(CODE, TO, SAID)

    assert "valid until 12:15 (15 minutes)" in letter.text
    assert "12:15" in letter.html
    assert "(15 minutes)" in letter.html


def test_the_mail_says_when_where_and_for_which_card_the_code_was_asked() -> None:
    letter = LETTERS.write(CODE, TO, SAID)

    asked = "somebody asked on 21 November 2026 at 12:00 to unlock your smartcard ending in 4F2A, in a reader"
    for text in (letter.text, re.sub(r"</?strong>", "", letter.html)):
        assert f"{asked} at Example Hospital. If it is you" in text.replace("Somebody", "somebody")


def test_R58_the_code_of_a_registration_says_what_it_is_for() -> None:
    letter = LETTERS.write(replace(CODE, reason="SIGN_IN"), TO, SAID)

    assert letter.subject == "Your security code to register"
    for text in (letter.text, re.sub(r"</?strong>", "", letter.html)):
        assert "to register security questions with your smartcard ending in 4F2A" in text
        assert "Nothing is registered until the code is used." in text


def test_what_is_not_known_is_not_said() -> None:
    letter = LETTERS.write(CODE, TO, Contents(DIGITS))

    assert "at 12:00 to unlock your smartcard. If it is you" in letter.text


def test_the_time_is_local_to_the_reader() -> None:
    summer = NOON.replace(month=7)

    letter = LETTERS.write(replace(CODE, made_at=summer, expires_at=summer + timedelta(minutes=10)), TO, SAID)

    assert "valid until 13:10 (10 minutes)" in letter.text


def test_both_mails_say_that_nobody_asks_for_the_code() -> None:
    for letter in (LETTERS.write(CODE, TO, SAID), LETTERS.write(NOTICE, TO, Contents())):
        assert "Nobody will ever ask you for" in letter.text
        assert "Nobody will ever ask you for" in letter.html


def test_S10_the_code_mail_says_where_to_type_the_code_and_when_never() -> None:
    letter = LETTERS.write(CODE, TO, SAID)

    for text in (letter.text, letter.html):
        assert "that you opened yourself, on the computer where your smartcard is" in text
        assert "never because somebody asked you to" in text


def test_R64_the_notice_says_when_and_whom_to_tell() -> None:
    letter = LETTERS.write(NOTICE, TO, Contents())

    assert "21 November 2026 at 12:00" in letter.text
    assert "21 November 2026 at 12:00" in letter.html
    assert "Registration Authority" in letter.text
    assert "was this you?" in letter.subject


@pytest.mark.parametrize("delivery", EVERY, ids=lambda each: each.template)
def test_S10_no_mail_has_a_link(delivery: Delivery) -> None:
    letter = LETTERS.write(delivery, TO, SAID)

    visible = re.sub(
        r"(?s)<head>.*?</head>|<!--.*?-->|xmlns[:\w]*=\"[^\"]*\"|<!DOCTYPE[^>]*>", "", letter.html
    )
    assert "http" not in letter.text + visible
    assert "<a " not in visible
    assert "<form" not in visible


def test_values_are_escaped_in_html_only() -> None:
    letter = LETTERS.write(CODE, TO, Contents("<b>1&2</b>", "<b>", "<b>"))

    assert "<b>1" not in letter.html
    assert "&lt;b&gt;1&amp;2" in letter.html
    assert "<b>1&2</b>" in letter.text


@pytest.mark.parametrize("contents", [SAID, replace(SAID, freeze_token="t" * 22)])
def test_nothing_of_the_templates_language_is_left(contents: Contents) -> None:
    for letter in (LETTERS.write(each, TO, contents) for each in EVERY):
        assert "{{" not in letter.text + letter.html
        assert "{%" not in letter.text + letter.html


def test_the_html_loads_nothing_from_elsewhere() -> None:
    html = LETTERS.write(CODE, TO, SAID).html

    assert not re.search(r"(src|href)\s*=|url\(|@import", html)


def letter_to(recipient: str, subject: str = "Subject") -> Letter:
    return Letter("id-1", NOON, recipient, subject, "text", "<p>text</p>")


def read(letter: Letter) -> EmailMessage:
    """The mail, as a mail program reads it."""
    return email.message_from_bytes(mail_of(letter, "no-reply@example.org"), EmailMessage, policy=SMTP)


def contents(mail: EmailMessage) -> list[str]:
    return [part.get_content() for part in mail.iter_parts()]


def test_I11_the_same_letter_is_the_same_mail() -> None:
    once, again = (mail_of(LETTERS.write(CODE, TO, SAID), "no-reply@example.org") for _ in range(2))

    assert once == again
    assert f"\r\nMessage-ID: <{CODE.message_id}@example.org>\r\n".encode() in once


def test_a_mail_says_that_a_machine_wrote_it_and_has_text_first() -> None:
    mail = read(letter_to(TO))

    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "en-GB"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_a_mail_program_reads_what_was_written() -> None:
    letter = LETTERS.write(CODE, TO, SAID)
    mail = read(letter)

    assert not mail.defects
    assert mail["To"] == TO
    assert mail["From"] == "Smartcard unlock <no-reply@example.org>"
    assert mail["Subject"] == letter.subject
    assert mail["Date"].datetime == letter.date
    assert [text.splitlines() for text in contents(mail)] == [
        letter.text.splitlines(),
        letter.html.splitlines(),
    ]


SHOWN = st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"])


@given(line=st.text(SHOWN, min_size=1), lines=st.integers(1, 3))
@example(line=".", lines=2)
@example(line="ends with a blank ", lines=2)
@example(line="From = --=_smartcard-unlock--", lines=3)
@example(line="é" * 400, lines=1)
def test_any_text_arrives_as_it_was_written_in_short_lines(line: str, lines: int) -> None:
    letter = replace(letter_to(TO), text="\n".join([line] * lines), html="\r\n".join([line] * lines))

    assert [part.splitlines() for part in contents(read(letter))] == [[line] * lines] * 2
    assert max(map(len, mail_of(letter, "no-reply@example.org").splitlines())) <= 78


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Zs"]), min_size=1))
def test_any_subject_arrives_as_it_was_written(subject: str) -> None:
    assert read(letter_to(TO, subject))["Subject"] == subject


@pytest.mark.parametrize(
    "recipient",
    [
        "a@example.org\r\nBcc: b@example.org",
        "a@example.org, b@example.org",
        "a@example.org\nX: y",
        "",
        "no-at-sign",
        "ä@example.org",
        "<a@example.org>",
    ],
)
def test_S11_an_address_cannot_add_a_header_or_a_recipient(recipient: str) -> None:
    with pytest.raises(Refused):
        mail_of(letter_to(recipient), "no-reply@example.org")


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_S11_neither_subject_nor_message_id_can_add_a_header(end: str) -> None:
    bad = f"x{end}Bcc: b@example.org"
    for letter in (letter_to(TO, bad), replace(letter_to(TO), message_id=bad)):
        with pytest.raises(Refused):
            mail_of(letter, "no-reply@example.org")


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("LOCKED", "Your smartcard was unlocked"),
        ("FORGOTTEN", "Your smartcard was unlocked"),
        ("CHANGE", "The passcode of your smartcard was changed"),
    ],
)
def test_R64_the_mail_says_what_was_done(reason: str, said: str) -> None:
    letter = LETTERS.write(replace(NOTICE, reason=reason), TO, Contents())

    assert letter.subject == f"{said}: was this you?"
    assert said.lower() in letter.text.lower()
    assert said in letter.html


@pytest.mark.parametrize(
    ("which", "said"),
    [("OLD", "security codes do not come here any more"), ("NEW", "security codes come to this address")],
)
def test_R64_both_addresses_are_told_of_a_change_and_neither_of_the_other(which: str, said: str) -> None:
    letter = LETTERS.write(replace(NOTICE, template=Template.ADDRESS_CHANGED, reason=which), TO, Contents())

    assert letter.subject == "Your email address was changed: was this you?"
    for text in (letter.text, letter.html):
        assert said in text
        assert "on 21 November 2026 at 12:00" in re.sub(r"<[^>]+>", "", text)
        assert "@" not in text.replace("@media", "")


FREEZE_LETTERS = TemplateLetters(ZoneInfo("Europe/London"), "https://unlock.example.org")
PAGE = "https://unlock.example.org/freeze/" + "t" * 22


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (Template.WAS_THIS_YOU, "LOCKED"),
        (Template.ADDRESS_CHANGED, "OLD"),
        (Template.ADDRESS_CHANGED, "NEW"),
        (Template.REGISTERED, ""),
        (Template.ANSWERS_LOCKED, ""),
    ],
)
def test_R64_the_mail_names_the_page_that_freezes_the_card(template: Template, reason: str) -> None:
    notice = replace(NOTICE, template=template, reason=reason)
    letter = FREEZE_LETTERS.write(notice, TO, Contents(freeze_token="t" * 22))

    assert f"\n{PAGE}\n" in letter.text
    assert PAGE in letter.html
    assert PAGE not in letter.subject


def test_R64_the_ra_team_is_told_which_card_was_frozen() -> None:
    alert = replace(NOTICE, template=Template.CARD_FROZEN, card_ref="c1" * 16)
    letter = FREEZE_LETTERS.write(alert, "ra@example.org", Contents())

    for text in (letter.text, letter.html):
        assert "c1" * 16 in text
        assert "21 November 2026 at 12:00" in text


@pytest.mark.parametrize("which", ["OLD_BY_RA", "NEW_BY_RA"])
def test_R25_the_mail_of_an_address_that_an_ra_set_says_so(which: str) -> None:
    letter = LETTERS.write(replace(NOTICE, template=Template.ADDRESS_CHANGED, reason=which), TO, Contents())

    assert letter.subject.endswith("by your Registration Authority: did you ask for this?")
    for text in (letter.text, re.sub(r"<[^>]+>", "", letter.html)):
        assert "at 12:00 by your Registration Authority." in text
        assert "If you did not ask for it" in text
        assert "knows its passcode" not in text
        assert ("do not come here any more" in text) is (which == "OLD_BY_RA")


def test_R25_the_ra_team_is_told_whose_address_was_set_and_where_to_look() -> None:
    notice = replace(NOTICE, template=Template.ADDRESS_SET_BY_RA)
    letter = LETTERS.write(notice, "ra@example.org", Contents())

    for text in (letter.text, letter.html):
        assert NOTICE.holder_ref in text
        assert "Registration Authority desk" in text


def test_the_ra_team_is_told_which_card_colleagues_let_through_and_what_to_do() -> None:
    notice = replace(NOTICE, template=Template.LET_THROUGH, card_ref="c1" * 16)
    letter = LETTERS.write(notice, "ra@example.org", Contents())

    for text in (letter.text, letter.html):
        assert NOTICE.holder_ref in text
        assert "c1" * 16 in text
        assert "two colleagues vouched" in text


@pytest.mark.parametrize(
    ("reason", "said"),
    [("FROZEN", "froze your smartcard"), ("LIFTED", "lifted the freeze of your smartcard")],
)
def test_R64_the_holder_is_told_what_an_ra_did_with_the_card(reason: str, said: str) -> None:
    letter = LETTERS.write(replace(NOTICE, template=Template.CARD_STOPPED, reason=reason), TO, Contents())

    for text in (letter.text, letter.html):
        assert said in text
    assert ("released" in letter.subject) is (reason == "LIFTED")


def said_by(letter: Letter) -> tuple[str, str]:
    """The words of both parts, each on one line."""
    parts = (letter.text, re.sub(r"(?s)<style.*?</style>|<[^>]+>", "", letter.html))
    return tuple(" ".join(part.replace("’", "'").split()) for part in parts)  # type: ignore[return-value]


def test_R41_R64_a_holder_hears_that_they_registered_and_what_to_do_if_they_did_not() -> None:
    letter = LETTERS.write(replace(NOTICE, template=Template.REGISTERED), TO, Contents())

    assert letter.subject == "Security questions were registered for your smartcard: was this you?"
    for words in said_by(letter):
        assert "registered on your smartcard profile on 21 November 2026 at 12:00." in words
        assert "knows its passcode and can read this mailbox" in words
        assert "Tell your Registration Authority (RA) at once" in words
        assert "Change the password of this mailbox too." in words


def test_R48_R64_a_holder_hears_that_wrong_answers_locked_their_card_and_who_can_help() -> None:
    letter = LETTERS.write(replace(NOTICE, template=Template.ANSWERS_LOCKED), TO, Contents())

    assert letter.subject.endswith(f"answered wrongly {MOST_FAILURES} times: was this you?")
    for words in said_by(letter):
        assert f"wrongly {MOST_FAILURES} times in a row, the last time on 21 November 2026 at 12:00." in words
        assert "If this was you, contact your Registration Authority" in words
        assert "If it was not you, somebody else has your smartcard. Tell your Registration" in words


def test_R25_the_ra_team_hears_of_an_address_that_waits_until_when_and_where_it_is_confirmed() -> None:
    waits = replace(NOTICE, template=Template.ADDRESS_WAITS, expires_at=NOON.replace(month=7, day=3))
    letter = LETTERS.write(waits, "ra@example.org", Contents())

    assert letter.subject == "An email address waits for a second Registration Authority"
    for words in said_by(letter):
        assert "On 21 November 2026 at 12:00 a member of your team proposed" in words
        assert "possible until 13:00 on 3 July 2026; after that it has to be proposed again" in words
        assert f"The holder's reference is {NOTICE.holder_ref}." in words
        assert "If nobody in your team did this, decline the address there" in words
