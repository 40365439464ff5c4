"""Short English texts that code chooses between; whole pages' texts stand in `templates/`."""

from datetime import datetime, timedelta
from math import ceil
from urllib.parse import quote
from zoneinfo import ZoneInfo

SERVICE_NAME = "Unlock your smartcard"

READER = {
    "UNSPECIFIED": "We are waiting for the unlock program on your workstation.",
    "CARD": "We are reading your smartcard. This takes a few seconds. Leave it in the reader.",
}
"""What the card page says where nothing is wrong; trouble is told by the catalogue of errors."""

READER_CODES = {
    "SERVICE_DOWN": "PR20002",
    "NO_READER": "NO_READER",
    "NO_CARD": "NO_CARD",
    "TWO_CARDS": "TWO_CARDS",
    "CARD_MUTE": "CARD_MUTE",
    "AGENT_AWAY": "AGENT_AWAY",
}

REASONS = (
    ("LOCKED", "It is locked", "You entered a wrong passcode too many times"),
    ("FORGOTTEN", "I have forgotten my passcode", "Your smartcard is not locked yet"),
    ("CHANGE", "I want to change my passcode", "You know the passcode that your smartcard has now"),
)

REASON_MISSING = "Select why you need a new passcode"
WAY_MISSING = "Select what you want to do"
PAIRING_MISSING = "Enter the 10 characters that the unlock program shows"
PAIRING_UNKNOWN = "That code does not work. Enter the code that the unlock program shows now"
ADDRESS_SPENT = "The link from the unlock program was too old. Enter the code that the program shows now"
WORDS_NOT_CONFIRMED = "Confirm that the unlock program on this computer shows these 3 words"
CODE_MISSING = "Enter the security code from the email"
CODE_MALFORMED = "Your security code must be {digits} digits long"
CODE_SUPERSEDED = "That is an older code. Enter the code from the newest email"
CODE_DEAD = "That code no longer works. Ask for another code"

NO_CODE_COMES = {
    "NOT_SENT": "We have not sent your security code",
    "BOUNCED": "Your security code did not reach you",
}
"""Headings of the code page where there is nothing to wait for or to enter."""

ORGANISATION_MISSING = "Enter the name or code of your organisation"
ORGANISATION_TOO_LONG = "The name or code must be 100 characters or fewer"

HOLDER_MISSING = "Enter a name, a user identifier or a smartcard reference"
HOLDER_TOO_LONG = "What you enter must be 100 characters or fewer"

OTHER_REASONS = {
    "LOCKED": ("Unlock my smartcard", "We send a security code to the email address on your profile"),
    "FORGOTTEN": (
        "Set a new passcode, because I have forgotten mine",
        "We send a security code to the email address on your profile",
    ),
    "CHANGE": ("Change my passcode, because I know it", "You enter your current passcode and a new one"),
}
"""What is offered where the card is not as the holder thought: the choice, and what it takes."""

OTHER_REASONS_IN_PERSON = {
    "LOCKED": ("Unlock the smartcard", "You vouch for the holder, who then chooses a new passcode"),
    "FORGOTTEN": ("Set a new passcode", "You vouch for the holder, who then chooses a new passcode"),
}
IN_PERSON_REASONS = {
    "LOCKED": "Their smartcard is locked",
    "FORGOTTEN": "They have forgotten their passcode",
}
IN_PERSON_REASON_MISSING = "Select why the holder needs a new passcode"
VOUCH_BASES = {
    "KNOWN": "I know them",
    "PHOTO_ID": "I compared them with a document that has their photograph",
}
BASIS_MISSING = "Select how you know that it is them"

NUDGES = {
    "NO_EMAIL": "There is no email address on your profile.",
    "EMAIL_DOMAIN_NOT_ALLOWED": "We cannot send security codes to the email address on your profile.",
}
"""Why a holder whose card works could not unlock it here. R30, R34."""

NUDGES_OF_ANOTHER = {
    "NO_EMAIL": "No security code can be mailed: there is no email address on the profile.",
    "EMAIL_DOMAIN_NOT_ALLOWED": "No security code can be mailed: the domain of the address is not approved.",
}
"""What an RA is told of a holder who could not unlock a card here. R7, R25."""

SET_BY = {
    "import": "By the directory",
    "holder": "By the holder",
    "ra": "By a Registration Authority",
}

ADDRESS_REASONS = (
    ("NO_ADDRESS", "There was no address"),
    ("ADDRESS_WRONG", "The address was wrong or is not approved"),
    ("MAILBOX_CLOSED", "The holder cannot read that mailbox"),
    ("OTHER", "Another reason"),
)
DECLINE_REASONS = (
    ("ADDRESS_WRONG", "The address is not the holder’s, or has a mistake in it"),
    ("MISUSE_SUSPECTED", "Somebody else may have asked for it"),
    ("OTHER", "Another reason"),
)
FREEZE_REASONS = (
    ("CARD_LOST", "It is lost or was stolen"),
    ("MISUSE_SUSPECTED", "Somebody else may use it"),
    ("OTHER", "Another reason"),
)
LIFT_REASONS = (
    ("CARD_FOUND", "The holder has it again"),
    ("HOLDER_CONFIRMED", "The holder confirmed that it was their own doing"),
    ("FROZEN_IN_ERROR", "It was frozen by mistake"),
    ("OTHER", "Another reason"),
)
ANSWERS_REASONS = (
    ("HOLDER_CHECKED", "I know or have checked that it was the holder who answered"),
    ("OTHER", "Another reason"),
)
CLEAR_REASONS = (
    ("MISTYPED", "The holder mistyped, or used the code of an older email"),
    ("HOLDER_SAFE", "Somebody else tried; the holder has the smartcard, and the mailbox is safe"),
    ("OTHER", "Another reason"),
)
"""Why an RA acts, in the words of the pages. R25, R48."""

ACT_REASONS = dict(
    (*DECLINE_REASONS, *ADDRESS_REASONS, *FREEZE_REASONS, *LIFT_REASONS, *ANSWERS_REASONS, *CLEAR_REASONS)
)

ADDRESS_SET = "The email address is set"
ADDRESS_SET_TOLD = (
    "It counts at once. The holder can unlock a locked smartcard now, by a security code that is mailed to"
    " it. We tell the address that was there before, the new one and the mailbox of your team."
)
ADDRESS_WAITS = "The email address waits for a colleague"
ADDRESS_WAITS_TOLD = (
    "It counts once another Registration Authority of your organisation has confirmed it at this desk, within"
    " 24 hours. Ask a colleague to do so. Until then the holder cannot unlock a smartcard by it, and is told"
    " to ask you."
)
ADDRESS_DECLINED = "The email address is declined"
ADDRESS_DECLINED_TOLD = "It does not count. The address that was there before stays as it is."
CARD_FROZEN = "The smartcard is frozen"
CARD_FROZEN_TOLD = "Nobody can unlock it or sign in here with it. We tell the holder by email, if we can."
FREEZE_LIFTED = "The freeze is lifted"
FREEZE_LIFTED_TOLD = (
    "The smartcard can be unlocked again. Links to freeze it in older emails do not work any more."
    " We tell the holder by email, if we can."
)

LOCK_ENDED = "The lock is ended"
ANSWERS_CLEARED = "The lock is ended"
ANSWERS_CLEARED_TOLD = (
    "The holder has 3 more attempts to answer their security questions. If they do not remember the answers,"
    " unlock the smartcard in person: they can then register other questions in My profile."
)

CHANGES = {
    "ADDRESS_SET": "Email address set",
    "ADDRESS_PROPOSED": "Email address proposed",
    "ADDRESS_DECLINED": "Proposed email address declined",
    "CARD_FROZEN": "Smartcard frozen",
    "FREEZE_LIFTED": "Freeze of a smartcard lifted",
    "ANSWERS_CLEARED": "Lock of wrong answers to security questions ended",
    "LOCK_ENDED": "Lock of security codes ended",
    "OTHER": "Another change, that a newer version of this service made",
}

RECORDS = {
    "SUCCESS LOCKED": "The smartcard was unlocked",
    "SUCCESS FORGOTTEN": "A new passcode was set",
    "SUCCESS CHANGE": "The passcode was changed",
    "SUCCESS SIGN_IN": "The holder signed in with the smartcard",
    "FAILED": "No new passcode was set",
    "FAILED SIGN_IN": "A sign-in with the smartcard failed",
    "UNKNOWN": "We could not see whether the smartcard took the new passcode",
    "RESOLVED": "We looked again: the smartcard was still locked",
    "RESOLVED SUCCESS": "We looked again: the smartcard had been unlocked",
    "LOCKED_TO_RA": "Security codes were locked",
    "REFUSED": "The smartcard could not be unlocked here",
    "REFUSED SIGN_IN": "The holder could not sign in here",
    "ABANDONED": "The time ran out with nothing done",
    "CARD_FROZEN": "The smartcard was frozen",
    "FREEZE_LIFTED": "The freeze was lifted",
    "LOCK_CLEARED_BY_RA": "The lock of security codes was ended",
    "HOLDER_REGISTERED": "The holder registered security questions",
    "ANSWERS_LOCK_CLEARED": "The lock of security questions was ended",
    "VOUCHED_IN_PERSON": "The holder was vouched for in person",
}
"""What the audit records of a card say, by kind and reason, or by kind. D1."""

RECORD_BY = {
    "HOLDER": "By the holder",
    "RA": "By a Registration Authority",
    "SYSTEM": "By this service",
}

RECORD_WHY = ACT_REASONS | {
    "KNOWN": "The Registration Authority knows them",
    "PHOTO_ID": "They were compared with a document that has their photograph",
}

CAME_TO = {
    "LOCKED": "The holder’s smartcard was locked.",
    "FORGOTTEN": "The holder had forgotten the passcode.",
    "CHANGE": "The holder wanted another passcode.",
}
"""Why a session was begun, beside an outcome that does not say so itself."""

ACT_REFUSED = {
    "REASON_MISSING": "Select why",
    "NOTE_MISSING": "Write what the other reason is",
    "NOTE_TOO_LONG": "The note must be 300 characters or fewer",
    "EMAIL_MISSING": "Enter the holder’s work email address",
}

CARD_STATUS = {
    "ACTIVE": "In use",
    "LOST": "Reported lost",
    "REPLACED": "Replaced by another one",
    "REVOKED": "Cancelled",
    "FROZEN": "Frozen: nobody can unlock it or sign in here with it",
}

CONTACT_REFUSED = {
    "": "",
    "EMAIL_MISSING": "Enter your work email address",
    "EMAIL_MALFORMED": "Enter an email address in the correct format, like name@example.com",
    "EMAIL_DOMAIN_NOT_ALLOWED": "Enter a work email address that is approved, like one that ends in nhs.net",
    "MOBILE_MALFORMED": "Enter a UK mobile number, like 07700 900000, or one with a country code, like +44",
}
"""Why contact details as typed cannot stand. R33, R40."""

CHANGE_UNKNOWN_TITLE = "We could not see whether your passcode was changed"
CHANGE_UNKNOWN = (
    "Your smartcard has either the passcode you had or the new one, and it does not tell which. Enter the one"
    " you think it has now, and the one you want. A wrong one uses up a try."
)
PASSCODE_AGAIN_TITLE = "We could not confirm your new passcode"
PASSCODE_AGAIN = "We checked your smartcard and could not see the new passcode. Choose your passcode again."

PASSCODE_REFUSED = {
    "MISSING": "Enter a new passcode",
    "LENGTH": "Your passcode must be 6, 7 or 8 digits long",
    "NOT_DIGITS": "Your passcode must only have digits, 0 to 9",
    "REPEAT": "Choose a passcode that does not repeat the same digits, like 111111 or 121212",
    "SEQUENCE": "Choose a passcode that does not count up or down, like 123456",
    "DATE": "Choose a passcode that is not a date, like a birthday",
    "COMMON": "Choose a passcode that is harder to guess; this one is used by many people",
    "DIFFERENT": "The two passcodes are not the same. Enter the same passcode twice",
    "CURRENT_MISSING": "Enter your current passcode",
    "CURRENT_FORM": "Your current passcode must be 4 to 8 digits, 0 to 9",
    "SAME": "Choose a passcode that is not your current passcode",
    "NOT_SEALED": "Your browser could not protect your passcode. Reload the page, or use another browser",
}
"""Why a passcode is refused, by the names that the page's module and the agent use. R51."""

SIGN_IN_REFUSED = {
    "CURRENT_MISSING": "Enter your passcode",
    "CURRENT_FORM": "Your passcode must be 4 to 8 digits, 0 to 9",
    "NOT_SEALED": PASSCODE_REFUSED["NOT_SEALED"],
}


SIGN_IN_STOPPED = {
    "DECLINED": "The unlock program asked whether you want to sign in, and got no yes in time. Enter your"
    " passcode again if you want to go on.",
    "PROOF_TIMED_OUT": "The smartcard did not answer in time. Leave it in the reader and enter your passcode"
    " again.",
    "PIN_REFUSED": "What you entered cannot be a passcode, or it did not arrive as your browser sent it. Your"
    " smartcard did not see it. Enter your passcode again.",
}
"""What a stopped sign-in says of codes whose own words are of a new passcode."""


def tries(count: int) -> str:
    """Return a number of tries in words."""
    return "1 try" if count == 1 else f"{count} tries"


ANSWERS_REFUSED = {
    "QUESTIONS_NOT_FOUR": "Choose 4 different questions",
    "ANSWERS_ALL_SAME": "Give each question its own answer",
    "ANSWER_MISSING": "Enter an answer",
    "ANSWER_TOO_SHORT": "Enter an answer of at least 3 letters or digits",
    "ANSWER_TOO_LONG": "Enter an answer of at most 100 characters",
}
"""Why questions and answers cannot be registered, at their field. R41."""


def answers_refused(code: str, tries_left: int) -> str:
    """Return the sentence for answers that were not right; empty where none were given."""
    if code == "ANSWERS_WRONG":
        return f"At least one answer is not the one you registered. You have {tries(tries_left)} left"
    return "Answer all 4 questions" if code else ""


def wrong_code(entries_left: int) -> str:
    """Return the sentence for a wrong code."""
    return f"That is not the code we sent. You have {tries(entries_left)} left"


def wrong_codes(count: int) -> str:
    """Return a number of wrong security codes in words."""
    return "1 wrong security code" if count == 1 else f"{count} wrong security codes"


def lock_ended(entries_left: int, wrong_in_year: int) -> str:
    """Return what an RA is told who ended a lock. The year's count stays. R48."""
    return (
        "The holder can unlock the smartcard again: they start again and ask for a new code, with"
        f" {tries(entries_left)}. {wrong_codes(wrong_in_year)} of the last 365 days still"
        f" {'counts' if wrong_in_year == 1 else 'count'}."
    )


def minutes(span: timedelta) -> str:
    """Return a span in words, rounded up to whole minutes."""
    count = max(1, ceil(span.total_seconds() / 60))
    return "1 minute" if count == 1 else f"{count} minutes"


def day(instant: datetime) -> str:
    """Return an instant's date, as in a letter."""
    return f"{instant.day} {instant:%B %Y}"


def minute(instant: datetime, zone: ZoneInfo) -> str:
    """Return an instant to the minute, by the clocks of a zone, as in a letter."""
    there = instant.astimezone(zone)
    return f"{day(there)}, {there:%H:%M}"


def record(kind: str, reason: str, *, resolved_success: bool) -> str:
    """Return what an audit record of a card says; the kind itself where only a newer service knows it."""
    more = "SUCCESS" if resolved_success else reason
    return RECORDS.get(f"{kind} {more}") or RECORDS.get(kind, kind)


def seconds(span: timedelta) -> str:
    """Return a span in words, rounded up to whole seconds."""
    count = max(1, ceil(span.total_seconds()))
    return "1 second" if count == 1 else f"{count} seconds"


def report_link(url: str, reference: str) -> str:
    """Return the configured address for reports, with the reference to quote in it. R14."""
    joint = "&" if "?" in url else "?"
    name = "subject" if url.startswith("mailto:") else "reference"
    return f"{url}{joint}{name}={quote(reference)}"
