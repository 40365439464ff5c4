"""Short texts that code chooses between; whole pages' texts stand in `templates/`."""

from datetime import date, datetime, timedelta
from math import ceil
from urllib.parse import quote
from zoneinfo import ZoneInfo

from services.web.domain.language import Text, counted, text

SERVICE_NAME = text("Unlock your smartcard")

READER = {
    "UNSPECIFIED": text("We are waiting for the unlock program on your workstation."),
    "CARD": text("We are reading your smartcard. This takes a few seconds. Leave it in the reader."),
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
    ("LOCKED", text("It is locked"), text("You entered a wrong passcode too many times")),
    ("FORGOTTEN", text("I have forgotten my passcode"), text("Your smartcard is not locked yet")),
    (
        "CHANGE",
        text("I want to change my passcode"),
        text("You know the passcode that your smartcard has now"),
    ),
)

REASON_MISSING = text("Select why you need a new passcode")
WAY_MISSING = text("Select what you want to do")
PAIRING_MISSING = text("Enter the 10 characters that the unlock program shows")
PAIRING_UNKNOWN = text("That code does not work. Enter the code that the unlock program shows now")
ADDRESS_SPENT = text(
    "The link from the unlock program was too old. Enter the code that the program shows now"
)
WORDS_NOT_CONFIRMED = text("Confirm that the unlock program on this computer shows these 3 words")
CODE_MISSING = text("Enter the security code from the email")
CODE_MALFORMED = text("Your security code must be %(digits)s digits long")
CODE_SUPERSEDED = text("That is an older code. Enter the code from the newest email")
CODE_DEAD = text("That code no longer works. Ask for another code")

NO_CODE_COMES = {
    "NOT_SENT": text("We have not sent your security code"),
    "BOUNCED": text("Your security code did not reach you"),
}
"""Headings of the code page where there is nothing to wait for or to enter."""

ORGANISATION_MISSING = text("Enter the name or code of your organisation")
ORGANISATION_TOO_LONG = text("The name or code must be 100 characters or fewer")

HOLDER_MISSING = text("Enter a name, a user identifier or a smartcard reference")
HOLDER_TOO_LONG = text("What you enter must be 100 characters or fewer")

OTHER_REASONS = {
    "LOCKED": (
        text("Unlock my smartcard"),
        text("We send a security code to the email address on your profile"),
    ),
    "FORGOTTEN": (
        text("Set a new passcode, because I have forgotten mine"),
        text("We send a security code to the email address on your profile"),
    ),
    "CHANGE": (
        text("Change my passcode, because I know it"),
        text("You enter your current passcode and a new one"),
    ),
}
"""What is offered where the card is not as the holder thought: the choice, and what it takes."""

OTHER_REASONS_IN_PERSON = {
    "LOCKED": (
        text("Unlock the smartcard"),
        text("You vouch for the holder, who then chooses a new passcode"),
    ),
    "FORGOTTEN": (
        text("Set a new passcode"),
        text("You vouch for the holder, who then chooses a new passcode"),
    ),
}
IN_PERSON_REASONS = {
    "LOCKED": text("Their smartcard is locked"),
    "FORGOTTEN": text("They have forgotten their passcode"),
}
IN_PERSON_REASON_MISSING = text("Select why the holder needs a new passcode")
VOUCH_BASES = {
    "KNOWN": text("I know them"),
    "PHOTO_ID": text("I compared them with a document that has their photograph"),
}
BASIS_MISSING = text("Select how you know that it is them")

COLLEAGUE_BASES = {
    "PHONE": text("By phone: I know their voice"),
    "VIDEO": text("In a video call: I see them and know their face"),
    "IN_PERSON": text("They are here with me, and I know them"),
}
COLLEAGUE_BASIS_MISSING = text("Select how you know that it is them")
VOUCH_CODE_MISSING = text("Enter the 10 characters that your colleague reads out")
VOUCH_CODE_UNKNOWN = text(
    "That code does not work. Ask your colleague to read out the code that their page shows now"
)

NUDGES = {
    "NO_EMAIL": text("There is no email address on your profile."),
    "EMAIL_DOMAIN_NOT_ALLOWED": text("We cannot send security codes to the email address on your profile."),
}
"""Why a holder whose card works could not unlock it here. R30, R34."""

NUDGES_OF_ANOTHER = {
    "NO_EMAIL": text("No security code can be mailed: there is no email address on the profile."),
    "EMAIL_DOMAIN_NOT_ALLOWED": text(
        "No security code can be mailed: the domain of the address is not approved."
    ),
}
"""What an RA is told of a holder who could not unlock a card here. R7, R25."""

SET_BY = {
    "import": text("By the directory"),
    "holder": text("By the holder"),
    "ra": text("By a Registration Authority"),
}

ADDRESS_REASONS = (
    ("NO_ADDRESS", text("There was no address")),
    ("ADDRESS_WRONG", text("The address was wrong or is not approved")),
    ("MAILBOX_CLOSED", text("The holder cannot read that mailbox")),
    ("OTHER", text("Another reason")),
)
DECLINE_REASONS = (
    ("ADDRESS_WRONG", text("The address is not the holder’s, or has a mistake in it")),
    ("MISUSE_SUSPECTED", text("Somebody else may have asked for it")),
    ("OTHER", text("Another reason")),
)
FREEZE_REASONS = (
    ("CARD_LOST", text("It is lost or was stolen")),
    ("MISUSE_SUSPECTED", text("Somebody else may use it")),
    ("OTHER", text("Another reason")),
)
LIFT_REASONS = (
    ("CARD_FOUND", text("The holder has it again")),
    ("HOLDER_CONFIRMED", text("The holder confirmed that it was their own doing")),
    ("FROZEN_IN_ERROR", text("It was frozen by mistake")),
    ("OTHER", text("Another reason")),
)
ANSWERS_REASONS = (
    ("HOLDER_CHECKED", text("I know or have checked that it was the holder who answered")),
    ("OTHER", text("Another reason")),
)
CLEAR_REASONS = (
    ("MISTYPED", text("The holder mistyped, or used the code of an older email")),
    ("HOLDER_SAFE", text("Somebody else tried; the holder has the smartcard, and the mailbox is safe")),
    ("OTHER", text("Another reason")),
)
"""Why an RA acts, in the words of the pages. R25, R48."""

ACT_REASONS = dict(
    (*DECLINE_REASONS, *ADDRESS_REASONS, *FREEZE_REASONS, *LIFT_REASONS, *ANSWERS_REASONS, *CLEAR_REASONS)
)

ADDRESS_SET = text("The email address is set")
ADDRESS_SET_TOLD = text(
    "It counts at once. The holder can unlock a locked smartcard now, by a security code that is mailed to"
    " it. We tell the address that was there before, the new one and the mailbox of your team."
)
ADDRESS_WAITS = text("The email address waits for a colleague")
ADDRESS_WAITS_TOLD = text(
    "It counts once another Registration Authority of your organisation has confirmed it at this desk, within"
    " 24 hours. We tell the mailbox of your team, but ask a colleague all the same. Until then the holder"
    " cannot unlock a smartcard by it, and is told to ask you."
)
ADDRESS_DECLINED = text("The email address is declined")
ADDRESS_DECLINED_TOLD = text("It does not count. The address that was there before stays as it is.")
CARD_FROZEN = text("The smartcard is frozen")
CARD_FROZEN_TOLD = text(
    "Nobody can unlock it or sign in here with it. We tell the holder by email, if we can."
)
FREEZE_LIFTED = text("The freeze is lifted")
FREEZE_LIFTED_TOLD = text(
    "The smartcard can be unlocked again. Links to freeze it in older emails do not work any more."
    " We tell the holder by email, if we can."
)

LOCK_ENDED = text("The lock is ended")
ANSWERS_CLEARED = text("The lock is ended")
ANSWERS_CLEARED_TOLD = text(
    "The holder has 3 more attempts to answer their security questions. If they do not remember the answers,"
    " unlock the smartcard in person: they can then register other questions in My profile."
)

CHANGES = {
    "ADDRESS_SET": text("Email address set"),
    "ADDRESS_PROPOSED": text("Email address proposed"),
    "ADDRESS_DECLINED": text("Proposed email address declined"),
    "CARD_FROZEN": text("Smartcard frozen"),
    "FREEZE_LIFTED": text("Freeze of a smartcard lifted"),
    "ANSWERS_CLEARED": text("Lock of wrong answers to security questions ended"),
    "LOCK_ENDED": text("Lock of security codes ended"),
    "OTHER": text("Another change, that a newer version of this service made"),
}

RECORDS: dict[str, str] = {
    "SUCCESS LOCKED": text("The smartcard was unlocked"),
    "SUCCESS FORGOTTEN": text("A new passcode was set"),
    "SUCCESS CHANGE": text("The passcode was changed"),
    "SUCCESS SIGN_IN": text("The holder signed in with the smartcard"),
    "FAILED": text("No new passcode was set"),
    "FAILED SIGN_IN": text("A sign-in with the smartcard failed"),
    "UNKNOWN": text("We could not see whether the smartcard took the new passcode"),
    "RESOLVED": text("We looked again: the smartcard was still locked"),
    "RESOLVED SUCCESS": text("We looked again: the smartcard had been unlocked"),
    "LOCKED_TO_RA": text("Security codes were locked"),
    "REFUSED": text("The smartcard could not be unlocked here"),
    "REFUSED SIGN_IN": text("The holder could not sign in here"),
    "ABANDONED": text("The time ran out with nothing done"),
    "CARD_FROZEN": text("The smartcard was frozen"),
    "FREEZE_LIFTED": text("The freeze was lifted"),
    "LOCK_CLEARED_BY_RA": text("The lock of security codes was ended"),
    "HOLDER_REGISTERED": text("The holder registered security questions"),
    "ANSWERS_LOCK_CLEARED": text("The lock of security questions was ended"),
    "VOUCHED_IN_PERSON": text("The holder was vouched for in person"),
    "COLLEAGUE_VOUCHED": text("A colleague vouched for the holder from afar"),
}
"""What the audit records of a card say, by kind and reason, or by kind. D1."""

STAGES = {
    "Session started": text("Session started"),
    "Smartcard read": text("Smartcard read"),
    "Security code asked for": text("Security code asked for"),
    "Allowed to reset": text("Allowed to reset"),
    "Smartcard unlocked": text("Smartcard unlocked"),
}
"""How far sessions came, by the names that the audit gives."""

RECORD_BY = {
    "HOLDER": text("By the holder"),
    "RA": text("By a Registration Authority"),
    "SYSTEM": text("By this service"),
    "COLLEAGUES": text("By colleagues of the holder"),
}

RECORD_WHY = ACT_REASONS | {
    "KNOWN": text("The Registration Authority knows them"),
    "PHOTO_ID": text("They were compared with a document that has their photograph"),
    "PHONE": text("The colleague knows their voice"),
    "VIDEO": text("The colleague saw them in a video call"),
    "IN_PERSON": text("The colleague stood beside them"),
}

CAME_TO = {
    "LOCKED": text("The holder’s smartcard was locked."),
    "FORGOTTEN": text("The holder had forgotten the passcode."),
    "CHANGE": text("The holder wanted another passcode."),
}
"""Why a session was begun, beside an outcome that does not say so itself."""

ACT_REFUSED = {
    "REASON_MISSING": text("Select why"),
    "NOTE_MISSING": text("Write what the other reason is"),
    "NOTE_TOO_LONG": text("The note must be 300 characters or fewer"),
    "EMAIL_MISSING": text("Enter the holder’s work email address"),
}

CARD_STATUS = {
    "ACTIVE": text("In use"),
    "LOST": text("Reported lost"),
    "REPLACED": text("Replaced by another one"),
    "REVOKED": text("Cancelled"),
    "FROZEN": text("Frozen: nobody can unlock it or sign in here with it"),
}

CONTACT_REFUSED = {
    "": "",
    "EMAIL_MISSING": text("Enter your work email address"),
    "EMAIL_MALFORMED": text("Enter an email address in the correct format, like name@example.com"),
    "EMAIL_DOMAIN_NOT_ALLOWED": text(
        "Enter a work email address that is approved, like one that ends in nhs.net"
    ),
    "MOBILE_MALFORMED": text(
        "Enter a UK mobile number, like 07700 900000, or one with a country code, like +44"
    ),
}
"""Why contact details as typed cannot stand. R33, R40."""

CHANGE_UNKNOWN_TITLE = text("We could not see whether your passcode was changed")
CHANGE_UNKNOWN = text(
    "Your smartcard has either the passcode you had or the new one, and it does not tell which. Enter the one"
    " you think it has now, and the one you want. A wrong one uses up a try."
)
PASSCODE_AGAIN_TITLE = text("We could not confirm your new passcode")
PASSCODE_AGAIN = text(
    "We checked your smartcard and could not see the new passcode. Choose your passcode again."
)

PASSCODE_REFUSED = {
    "MISSING": text("Enter a new passcode"),
    "LENGTH": text("Your passcode must be 6, 7 or 8 digits long"),
    "NOT_DIGITS": text("Your passcode must only have digits, 0 to 9"),
    "REPEAT": text("Choose a passcode that does not repeat the same digits, like 111111 or 121212"),
    "SEQUENCE": text("Choose a passcode that does not count up or down, like 123456"),
    "DATE": text("Choose a passcode that is not a date, like a birthday"),
    "COMMON": text("Choose a passcode that is harder to guess; this one is used by many people"),
    "DIFFERENT": text("The two passcodes are not the same. Enter the same passcode twice"),
    "CURRENT_MISSING": text("Enter your current passcode"),
    "CURRENT_FORM": text("Your current passcode must be 4 to 8 digits, 0 to 9"),
    "SAME": text("Choose a passcode that is not your current passcode"),
    "NOT_SEALED": text(
        "Your browser could not protect your passcode. Reload the page, or use another browser"
    ),
}
"""Why a passcode is refused, by the names that the page's module and the agent use. R51."""

SIGN_IN_REFUSED = {
    "CURRENT_MISSING": text("Enter your passcode"),
    "CURRENT_FORM": text("Your passcode must be 4 to 8 digits, 0 to 9"),
    "NOT_SEALED": PASSCODE_REFUSED["NOT_SEALED"],
}


SIGN_IN_STOPPED = {
    "DECLINED": text(
        "The unlock program asked whether you want to sign in, and got no yes in time. Enter your"
        " passcode again if you want to go on."
    ),
    "PROOF_TIMED_OUT": text(
        "The smartcard did not answer in time. Leave it in the reader and enter your passcode again."
    ),
    "PIN_REFUSED": text(
        "What you entered cannot be a passcode, or it did not arrive as your browser sent it. Your"
        " smartcard did not see it. Enter your passcode again."
    ),
}
"""What a stopped sign-in says of codes whose own words are of a new passcode."""


def tries(count: int) -> Text:
    """Return a number of tries in words."""
    return counted("%(num)s try", "%(num)s tries", count)


ANSWERS_REFUSED = {
    "QUESTIONS_NOT_FOUR": text("Choose 4 different questions"),
    "ANSWERS_ALL_SAME": text("Give each question its own answer"),
    "ANSWER_MISSING": text("Enter an answer"),
    "ANSWER_TOO_SHORT": text("Enter an answer of at least 3 letters or digits"),
    "ANSWER_TOO_LONG": text("Enter an answer of at most 100 characters"),
}
"""Why questions and answers cannot be registered, at their field. R41."""


def answers_refused(code: str, tries_left: int) -> str:
    """Return the sentence for answers that were not right; empty where none were given."""
    if code == "ANSWERS_WRONG":
        return text(
            "At least one answer is not the one you registered. You have %(tries)s left",
            tries=tries(tries_left),
        )
    return text("Answer all 4 questions") if code else ""


def colleagues_vouched(given: int, needed: int) -> Text:
    """Return how many colleagues have vouched."""
    return counted(
        "%(num)s of %(needed)s colleagues has vouched for you.",
        "%(num)s of %(needed)s colleagues have vouched for you.",
        given,
        needed=needed,
    )


def wrong_code(entries_left: int) -> Text:
    """Return the sentence for a wrong code."""
    return text("That is not the code we sent. You have %(tries)s left", tries=tries(entries_left))


def wrong_codes(count: int) -> Text:
    """Return a number of wrong security codes in words."""
    return counted("%(num)s wrong security code", "%(num)s wrong security codes", count)


def lock_ended(entries_left: int, wrong_in_year: int) -> Text:
    """Return what an RA is told who ended a lock. The year's count stays. R48."""
    return counted(
        "The holder can unlock the smartcard again: they start again and ask for a new code, with"
        " %(tries)s. %(num)s wrong security code of the last 365 days still counts.",
        "The holder can unlock the smartcard again: they start again and ask for a new code, with"
        " %(tries)s. %(num)s wrong security codes of the last 365 days still count.",
        wrong_in_year,
        tries=tries(entries_left),
    )


def minutes(span: timedelta) -> Text:
    """Return a span in words, rounded up to whole minutes."""
    count = max(1, ceil(span.total_seconds() / 60))
    return counted("%(num)s minute", "%(num)s minutes", count)


MONTHS = (
    text("January"),
    text("February"),
    text("March"),
    text("April"),
    text("May"),
    text("June"),
    text("July"),
    text("August"),
    text("September"),
    text("October"),
    text("November"),
    text("December"),
)


def clock(instant: datetime, zone: ZoneInfo) -> str:
    """Return the time of day to the minute, by the clocks of a zone."""
    return f"{instant.astimezone(zone):%H:%M}"


def day(instant: date) -> Text:
    """Return a date, or an instant's, as in a letter."""
    month = MONTHS[instant.month - 1]
    return text("%(day)s %(month)s %(year)s", day=instant.day, month=month, year=instant.year)


def minute(instant: datetime, zone: ZoneInfo) -> Text:
    """Return an instant to the minute, by the clocks of a zone, as in a letter."""
    return text("%(day)s, %(time)s", day=day(instant.astimezone(zone)), time=clock(instant, zone))


def record(kind: str, reason: str, *, resolved_success: bool) -> str:
    """Return what an audit record of a card says; the kind itself where only a newer service knows it."""
    more = "SUCCESS" if resolved_success else reason
    return RECORDS.get(f"{kind} {more}") or RECORDS.get(kind, kind)


def seconds(span: timedelta) -> Text:
    """Return a span in words, rounded up to whole seconds."""
    count = max(1, ceil(span.total_seconds()))
    return counted("%(num)s second", "%(num)s seconds", count)


def report_link(url: str, reference: str) -> str:
    """Return the configured address for reports, with the reference to quote in it. R14."""
    joint = "&" if "?" in url else "?"
    name = "subject" if url.startswith("mailto:") else "reference"
    return f"{url}{joint}{name}={quote(reference)}"
