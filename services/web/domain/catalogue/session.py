"""What can end or interrupt an unlock session."""

from services.web.domain.entry import NOTHING_CHANGED, START_AGAIN, Entry, ask_it, report

ENTRIES: tuple[Entry, ...] = (
    ask_it(
        "PAIRING_UNKNOWN",
        "That code from your workstation does not work",
        "A code from the unlock program works once, and for 2 minutes.",
        "Enter the code that the unlock program shows now.",
    ),
    ask_it(
        "TOO_MANY_GUESSES",
        "Too many codes were tried",
        "Too many wrong workstation codes came from your network in a short time.",
        "Wait a few minutes, then try again.",
    ),
    ask_it(
        "OPENED_FROM_ELSEWHERE",
        "This link did not come from your workstation",
        "Another website sent you here. Only the unlock program on your own workstation may do that.",
        "Do not go on with that link. Start again from the start page.",
    ),
    report(
        "DECLINED",
        "You did not agree on your workstation",
        f"The unlock program asked you about the new passcode, and got no yes in time. {NOTHING_CHANGED}",
        "If you want to go on, choose your passcode again.",
    ),
    report(
        "PROOF_TIMED_OUT",
        "The smartcard took too long",
        f"The smartcard did not prove itself in time. {NOTHING_CHANGED}",
        "Leave the smartcard in the reader and choose your passcode again.",
    ),
    report(
        "PIN_REFUSED",
        "The unlock program did not accept that passcode",
        f"The passcode is too easy to guess, or it did not arrive as your browser sent it. {NOTHING_CHANGED}",
        "Choose a different passcode. You do not need a new security code.",
    ),
    report(
        "SCRIPT_REFUSED",
        "The unlock program refused to go on",
        "The unlock program on your workstation only does what it knows to be safe. It did not accept what"
        f" this service asked of it. {NOTHING_CHANGED}",
        "Check that your workstation has the newest unlock program, then choose your passcode again.",
    ),
    ask_it(
        "SEALED_PIN_REFUSED",
        "Your workstation takes passcodes only in the unlock program’s window",
        "This service asks for passcodes on its pages, and the unlock program on your workstation is set up"
        f" not to take them from there. {NOTHING_CHANGED}",
        "Ask IT to compare PIN_ENTRY of the program and of the service.",
    ),
    report(
        "TIMED_OUT",
        "Your workstation took too long",
        "The smartcard or the unlock program did not answer in time.",
        "Leave the smartcard in the reader and try again.",
    ),
    report(
        "INTERRUPTED",
        "The unlock program was interrupted",
        "The unlock program on your workstation stopped and started again.",
        "Leave the smartcard in the reader and try again.",
    ),
    report(
        "STILL_BLOCKED",
        "Your smartcard is still locked",
        "We checked your smartcard. The new passcode was not set.",
        START_AGAIN,
    ),
    report(
        "OUTCOME_UNKNOWN",
        "We do not know yet whether your passcode was changed",
        "The connection to your smartcard was lost while it was changing the passcode.",
        "Put the smartcard back into the reader and leave it there. The page finds out by itself.",
    ),
    report(
        "NOT_UNLOCKED",
        "Your smartcard was not unlocked",
        "We checked your smartcard. The new passcode was not set.",
        START_AGAIN,
    ),
    report(
        "SESSION_ABANDONED",
        "Your time ran out",
        f"You have 45 minutes to unlock a smartcard. {NOTHING_CHANGED}",
        START_AGAIN,
    ),
    report(
        "SESSION_EXPIRED",
        "You need to start again",
        "This page belongs to an unlock that has ended or that we do not know.",
        START_AGAIN,
    ),
    report(
        "SESSION_ENDED",
        "This unlock has ended",
        "What you asked for came after the unlock had ended.",
        START_AGAIN,
    ),
    report(
        "WRONG_STATE",
        "That step is not open now",
        "The unlock has moved on, for example in another tab.",
        "Go back to the start page. If an unlock is under way, it goes on from where it is.",
    ),
    report(
        "NOT_AUTHORISED",
        "You need to enter a security code first",
        "A passcode can only be changed after a security code was accepted.",
        START_AGAIN,
    ),
    report(
        "GRANT_REFUSED",
        "We could not confirm a step you took",
        f"One part of this service did not accept what another part said. {NOTHING_CHANGED}",
        "Try the step again. If it happens again, start again.",
    ),
    report(
        "GRANT_SPENT",
        "That security code was already used",
        "A security code unlocks a smartcard once.",
        START_AGAIN,
    ),
)
