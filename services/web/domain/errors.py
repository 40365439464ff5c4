"""The catalogue of error codes: what happened, what to do, whom to ask. R10 to R13.

A code is stable and is what people quote; the sentences may be improved at any time.
"""

from dataclasses import dataclass
from enum import Enum


class Ask(Enum):
    """Who can help when the next step does not."""

    RA = "RA"
    IT = "IT"
    REPORT = "REPORT"


@dataclass(frozen=True)
class Entry:
    """One error in plain words."""

    code: str
    title: str
    happened: str
    next_step: str
    ask: Ask


def _ra(code: str, title: str, happened: str, next_step: str) -> Entry:
    return Entry(code, title, happened, next_step, Ask.RA)


def _it(code: str, title: str, happened: str, next_step: str) -> Entry:
    return Entry(code, title, happened, next_step, Ask.IT)


def _ours(code: str, title: str, happened: str, next_step: str) -> Entry:
    return Entry(code, title, happened, next_step, Ask.REPORT)


_ASK_RA = "Contact your Registration Authority (smartcard team). They can unlock your smartcard for you."
_NOTHING_CHANGED = "Nothing was changed on your smartcard."
_START_AGAIN = "Start again. Your smartcard stays as it is until you finish."

_READER = (
    _it(
        "PR20002",
        "Your workstation cannot reach the smartcard reader",
        "The reader service of your workstation is not running. Older software calls this"
        " ‘Port redirection service is unavailable’.",
        "Unplug the reader and plug it in again. If that does not help, restart the workstation.",
    ),
    _it(
        "NO_READER",
        "No smartcard reader is connected",
        "The unlock program runs on your workstation, but it cannot see a smartcard reader.",
        "Plug in a smartcard reader. The page goes on by itself.",
    ),
    _it(
        "NO_CARD",
        "There is no smartcard in the reader",
        "The reader is connected and empty.",
        "Put your smartcard into the reader. The page goes on by itself.",
    ),
    _it(
        "TWO_CARDS",
        "There is more than one smartcard",
        "We can only unlock a smartcard when it is the only one in the readers of your workstation.",
        "Take out every other smartcard. The page goes on by itself.",
    ),
    _it(
        "CARD_MUTE",
        "The smartcard does not answer",
        "There is a smartcard in the reader, but it does not answer. It may be the wrong way round.",
        "Take the smartcard out, turn it so that the chip goes in first and faces up, and put it in again.",
    ),
    _it(
        "AGENT_AWAY",
        "The unlock program on your workstation does not answer",
        "This page has lost touch with the unlock program on your workstation.",
        "Check that the program is still open and that your workstation is online. The page goes on by itself"
        " when the program is back.",
    ),
    _it(
        "READER_BUSY",
        "Another program is using your smartcard",
        f"Another program on your workstation kept hold of the smartcard. {_NOTHING_CHANGED}",
        "Close other programs that use your smartcard, then try again.",
    ),
    _it(
        "CARD_REMOVED",
        "The smartcard was taken out",
        f"The smartcard left the reader before we could start. {_NOTHING_CHANGED}",
        "Put the smartcard back, leave it in the reader, and try again.",
    ),
    _it(
        "CARD_CHANGED",
        "A different smartcard is in the reader",
        f"The smartcard in the reader is not the one you started with. {_NOTHING_CHANGED}",
        "Put your own smartcard back and try again.",
    ),
)

_CARD = (
    _ra(
        "UNSUPPORTED_CARD",
        "This kind of smartcard cannot be unlocked here",
        "We do not know this kind of smartcard. We did not try any passcode on it.",
        "Check that you put in the right smartcard. If you did, your Registration Authority (smartcard team)"
        " can unlock it.",
    ),
    _ra(
        "CARD_UNKNOWN",
        "We do not know this smartcard",
        "The smartcard is of a kind we know, but no organisation that uses this service issued it.",
        "Check that you put in the right smartcard. If you did, ask your Registration Authority"
        " (smartcard team).",
    ),
    _ra(
        "ERR1009",
        "We cannot get the unlock key of your smartcard",
        "We hold no unlock key (SOPIN) for your smartcard. Older software calls this"
        " ‘Failed to obtain SOPIN for user’.",
        _ASK_RA,
    ),
    _ra(
        "CARD_NOT_GENUINE",
        "The smartcard could not prove that it is genuine",
        "Every smartcard holds a key that only it can use. This one did not use it as it should.",
        "Take the smartcard to your Registration Authority (smartcard team). Do not try this card again.",
    ),
    _ra(
        "BUDGET_SPENT",
        "Your smartcard cannot take another try",
        "A smartcard only allows a few tries before it stops working for good. We stopped to protect yours.",
        _ASK_RA,
    ),
    _ra(
        "SECRET_MISMATCH",
        "The unlock key we hold does not fit your smartcard",
        "Your smartcard refused our unlock key. We stopped to protect your smartcard.",
        _ASK_RA,
    ),
    _ra(
        "CARD_REFUSED",
        "The smartcard refused to be unlocked",
        "Your smartcard gave an answer that we did not expect. Your passcode was not changed.",
        "Start again. If it happens again, contact your Registration Authority (smartcard team).",
    ),
    _ra(
        "PIN_REFUSED_BY_CARD",
        "Your smartcard does not accept that passcode",
        "Some smartcards have rules of their own, for example against a passcode you used before."
        " Your passcode was not changed.",
        "Choose a different passcode. You do not need a new security code.",
    ),
)

_HOLDER = (
    _ra(
        "CARD_NOT_ACTIVE",
        "This smartcard is no longer in use",
        "The smartcard was reported lost, was replaced or has been cancelled, so it cannot be unlocked.",
        "Use your newer smartcard if you have one. If not, contact your Registration Authority"
        " (smartcard team).",
    ),
    _ra(
        "CARD_FROZEN",
        "This smartcard has been frozen",
        "The holder or a Registration Authority (smartcard team) froze this smartcard to keep it safe.",
        "Contact your Registration Authority (smartcard team). Only they can lift it.",
    ),
    _ra(
        "CERTIFICATE_EXPIRED",
        "Your smartcard needs to be renewed",
        "The certificates on your smartcard have expired. An expired smartcard cannot be unlocked.",
        "Contact your Registration Authority (smartcard team) to have your smartcard renewed.",
    ),
    _ra(
        "NO_EMAIL",
        "There is no email address on your profile",
        "We need to send a security code to an email address on your Care Identity profile."
        " This shows that it is you who unlocks the smartcard.",
        "Contact your Registration Authority (smartcard team). They can add your email address, and you can"
        " then unlock your smartcard here, or they can unlock it for you.",
    ),
    _ra(
        "EMAIL_DOMAIN_NOT_ALLOWED",
        "We cannot send a code to the email address on your profile",
        "We only send security codes to approved work email addresses. The one on your profile is not.",
        "Contact your Registration Authority (smartcard team). They can add a work email address to your"
        " profile, or unlock your smartcard for you.",
    ),
    _ra(
        "NO_MAILBOX_ACCESS",
        "You cannot read the mailbox on your profile",
        "We need to send a security code to the email address on your profile."
        " This shows that it is you who unlocks the smartcard. We cannot send it anywhere else.",
        "Contact your Registration Authority (smartcard team). They can change the address,"
        " or unlock your smartcard for you.",
    ),
)

_CODE = (
    _ra(
        "LOCKED_TO_RA",
        "Only your Registration Authority can unlock this smartcard now",
        "A wrong security code was entered too many times.",
        _ASK_RA,
    ),
    _ours(
        "CODE_WRONG",
        "That is not the code we sent",
        "The code you entered is not the newest code we sent you.",
        "Check the email and enter the 8 digits again.",
    ),
    _ours(
        "CODE_SUPERSEDED",
        "That is an older code",
        "You asked for another code, so the older one does not work any more. You have not lost a try.",
        "Enter the code from the newest email.",
    ),
    _ours(
        "CODE_DEAD",
        "That code no longer works",
        "A code works once, and for 15 minutes.",
        "Ask for another code.",
    ),
    _ours(
        "CODE_MALFORMED",
        "That is not a security code",
        "A security code is 8 digits long. You have not lost a try.",
        "Enter the 8 digits from the email.",
    ),
    _ours(
        "RESEND_TOO_SOON",
        "It is too soon to ask for another code",
        "We wait a minute between codes, so that the first email has time to arrive.",
        "Check your junk mail folder, wait a minute, then ask again.",
    ),
    _ra(
        "NO_MORE_CODES",
        "We cannot send you another code",
        "You have asked for as many codes as we may send for one unlock.",
        "Start again later, or contact your Registration Authority (smartcard team).",
    ),
    _ra(
        "MAIL_LIMIT",
        "We have sent too many emails to this address today",
        "There is a daily limit on the emails we send to one address.",
        "Try again tomorrow, or contact your Registration Authority (smartcard team).",
    ),
    _ra(
        "ADDRESS_CHANGED",
        "Your email address was changed",
        "The email address on your profile changed after you asked for the code, so we did not send it.",
        "Ask for another code. If you did not expect the change, contact your Registration Authority"
        " (smartcard team).",
    ),
    _ra(
        "MAIL_REFUSED",
        "Your mailbox did not accept the email",
        "We tried to send the code, but the mail service said no. The mailbox may be full or closed.",
        "Check that your mailbox works. If it does not, contact your Registration Authority"
        " (smartcard team).",
    ),
    _ours(
        "MAIL_UNREACHABLE",
        "We could not send the email",
        "The mail service could not be reached in time, so the code was not sent.",
        "Ask for another code in a few minutes.",
    ),
    _ours(
        "EXPIRED",
        "The code could not be sent in time",
        "The mail service was away until after the code had ended, so the code was not sent.",
        "Ask for another code.",
    ),
)

_SESSION = (
    _it(
        "PAIRING_UNKNOWN",
        "That code from your workstation does not work",
        "A code from the unlock program works once, and for 2 minutes.",
        "Enter the code that the unlock program shows now.",
    ),
    _it(
        "TOO_MANY_GUESSES",
        "Too many codes were tried",
        "Too many wrong workstation codes came from your network in a short time.",
        "Wait a few minutes, then try again.",
    ),
    _it(
        "OPENED_FROM_ELSEWHERE",
        "This link did not come from your workstation",
        "Another website sent you here. Only the unlock program on your own workstation may do that.",
        "Do not go on with that link. Start again from the start page.",
    ),
    _ours(
        "DECLINED",
        "You answered ‘no’ on your workstation",
        f"The unlock program asked you whether to change the passcode. {_NOTHING_CHANGED}",
        "If you did not mean to answer ‘no’, choose your passcode again.",
    ),
    _ours(
        "PROOF_TIMED_OUT",
        "The smartcard took too long",
        f"The smartcard did not prove itself in time. {_NOTHING_CHANGED}",
        "Leave the smartcard in the reader and choose your passcode again.",
    ),
    _ours(
        "OUTCOME_UNKNOWN",
        "We do not know yet whether your passcode was changed",
        "The connection to your smartcard was lost while it was changing the passcode.",
        "Put the smartcard back into the reader and leave it there. The page finds out by itself.",
    ),
    _ours(
        "NOT_UNLOCKED",
        "Your smartcard was not unlocked",
        "We checked your smartcard. The new passcode was not set.",
        _START_AGAIN,
    ),
    _ours(
        "SESSION_ABANDONED",
        "Your time ran out",
        f"You have 45 minutes to unlock a smartcard. {_NOTHING_CHANGED}",
        _START_AGAIN,
    ),
    _ours(
        "SESSION_EXPIRED",
        "You need to start again",
        "This page belongs to an unlock that has ended or that we do not know.",
        _START_AGAIN,
    ),
    _ours(
        "SESSION_ENDED",
        "This unlock has ended",
        "What you asked for came after the unlock had ended.",
        _START_AGAIN,
    ),
    _ours(
        "WRONG_STATE",
        "That step is not open now",
        "The unlock has moved on, for example in another tab.",
        "Go back to the start page. If an unlock is under way, it goes on from where it is.",
    ),
    _ours(
        "NOT_AUTHORISED",
        "You need to enter a security code first",
        "A passcode can only be changed after a security code was accepted.",
        _START_AGAIN,
    ),
    _ours(
        "GRANT_REFUSED",
        "We could not confirm a step you took",
        f"One part of this service did not accept what another part said. {_NOTHING_CHANGED}",
        "Try the step again. If it happens again, start again.",
    ),
    _ours(
        "GRANT_SPENT",
        "That security code was already used",
        "A security code unlocks a smartcard once.",
        _START_AGAIN,
    ),
)

_TECHNICAL = (
    _ours(
        "SERVICE_UNAVAILABLE",
        "Part of this service is not available",
        "We could not do what you asked. Nothing was lost, and no try was used up without telling you.",
        "Wait a minute, then try again.",
    ),
    _ours(
        "DEADLINE_EXCEEDED",
        "Part of this service took too long",
        "We stopped waiting after 5 seconds. Nothing was lost.",
        "Wait a minute, then try again.",
    ),
    _ours(
        "INTERNAL",
        "Something went wrong on our side",
        "This is our mistake, not yours.",
        "Try again. If it happens again, report the problem and quote the reference.",
    ),
    _ours(
        "PAGE_NOT_FOUND",
        "Page not found",
        "There is no page at this address.",
        "If you typed the address, check it. If not, go to the start page.",
    ),
    _ours(
        "METHOD_NOT_ALLOWED",
        "This page cannot be used that way",
        "The browser asked for something that this page does not do.",
        "Go to the start page.",
    ),
    _ours(
        "REQUEST_REFUSED",
        "We could not accept that form",
        "The form was too old, was sent twice from different tabs, or did not come from this website.",
        "Go back to the start page. If an unlock is under way, it goes on from where it is.",
    ),
    _ours(
        "REQUEST_TOO_LARGE",
        "That was too much to send",
        "The browser sent more than this website accepts.",
        "Go back and try again with less text.",
    ),
)

_BROWSER = (
    _it(
        "JAVASCRIPT_OFF",
        "JavaScript is off",
        "Your new passcode is sealed in your browser before it is sent. That needs JavaScript.",
        "Turn on JavaScript for this website, or use another browser, and load the page again.",
    ),
    _it(
        "BROWSER_TOO_OLD",
        "Your browser is too old",
        "Your new passcode is sealed in your browser before it is sent. Your browser lacks what"
        " that needs (X25519).",
        "Update Chrome or Edge to version 133 or later.",
    ),
    _it(
        "BROWSER_NOT_SECURE",
        "The connection to this website is not secure",
        "Your browser only seals a passcode on a secure connection (https).",
        "Check that the address begins with https. If it does, your network may be changing the connection.",
    ),
    _it(
        "COOKIES_OFF",
        "Cookies are off",
        "We keep your place in a cookie that ends with your unlock. Your browser does not keep it.",
        "Allow cookies for this website and load the page again.",
    ),
    _ours(
        "PASSCODE_WEAK",
        "That passcode is too easy to guess",
        "A passcode is 6 to 8 digits, with no run such as 123456, no repeat such as 121212, no date"
        " and none of the most used.",
        "Choose a different passcode.",
    ),
)

GROUPS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    ("The reader and the workstation", _READER),
    ("Your smartcard", _CARD),
    ("You and your profile", _HOLDER),
    ("The security code", _CODE),
    ("Your unlock", _SESSION),
    ("This service", _TECHNICAL),
    ("Your browser", _BROWSER),
)

CATALOGUE: dict[str, Entry] = {entry.code: entry for _, entries in GROUPS for entry in entries}


def entry_for(code: str) -> Entry:
    """Return the entry of a code; an unknown code reads as INTERNAL under its own name."""
    known = CATALOGUE.get(code)
    if known:
        return known
    internal = CATALOGUE["INTERNAL"]
    return Entry(code, internal.title, internal.happened, internal.next_step, internal.ask)
