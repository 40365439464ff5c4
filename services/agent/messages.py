"""The window's sentences: one for each code, plain, with what to do. Codes are stable."""

from services.agent.ports import Question

PROBLEMS = {
    "READER_SERVICE_DOWN": "The smartcard reader service does not answer (PR20002). Restart the computer, "
    "or ask IT to start the smartcard service. This window goes on by itself.",
    "NO_READER": "There is no smartcard reader. Plug one in.",
    "NO_CARD": "There is no card in the reader. Insert the card.",
    "TWO_CARDS": "There are two cards. Leave only the one that you want to unlock.",
    "CARD_MUTE": "The card does not answer. Take it out and put it in the other way round, chip first.",
    "CONTACTLESS": "The card lies on a reader without contacts. Put it into a slot, chip first: a passcode "
    "does not go through the air.",
    "CARD_REMOVED": "The card was taken out. Insert it again.",
    "CARD_GONE": "The card was taken out before it was done. Insert it again and leave it in.",
    "CARD_CHANGED": "This is another card than before. Insert the first card again.",
    "READER_BUSY": "Another program is using your card. Close other programs that use the smartcard.",
    "RESET_BY_OTHER": "Another program interrupted the card. Close other programs that use the smartcard.",
    "TIMED_OUT": "The card took too long to answer. Take it out, insert it again.",
    "STOPPED": "The card refused. Read in the browser what to do.",
    "TRIES_NOT_TOLD": "The card did not say how many tries are left. Take it out and insert it again.",
    "PIN_TRIES_SPENT": "Too many wrong passcodes. Take the card out and insert it again.",
    "LAST_TRY": "One try is left, so the passcode was not tried. Read in the browser what to do.",
    "DECLINED": "You did not say yes here, so nothing was changed.",
    "SEALED_PIN_REFUSED": "This computer takes passcodes in this window only, and the service takes them on "
    "its page. Tell IT.",
    "PROVE_AGAIN": "The card must be checked once more. Go on in the browser.",
    "TOO_LATE": "That took too long. Go on in the browser.",
    "GATEWAY_AWAY": "The unlock service cannot be reached. This window tries again by itself.",
    "GATEWAY_BUSY": "Many computers ask the unlock service at once. This window tries again by itself.",
    "PROXY_REFUSED": "Your network's proxy does not let this program reach the unlock service. Tell IT.",
    "PROXY_WANTS_LOGIN": "Your network's proxy asks this program for a login. Tell IT.",
    "AGENT_CERTIFICATE_MISSING": "The unlock service takes enrolled computers only, and this one is not. "
    "Tell IT.",
    "AGENT_CERTIFICATE_EXPIRED": "This computer's certificate for the unlock service has expired. Tell IT.",
    "AGENT_CERTIFICATE_REFUSED": "The unlock service does not accept this computer's certificate. Tell IT.",
    "STATE_FOLDER_NOT_WRITABLE": "This program cannot write into its folder, and does nothing that it cannot "
    "write down. Free some space on the disk, or tell IT.",
    "SESSION_LOST": "This session is not known any more. A new one begins.",
    "PAGE_ADDRESS_REFUSED": "The service gave an address that this computer does not trust. Tell IT.",
}
WORKING_ON_IT = "Working. Leave the card in."
OTHER = "Something went wrong. Quote this code to IT."

WARNINGS = {
    "CARD_LAST_TRY": "This card has one try left: one more wrong passcode locks it. If you are not sure of "
    "your passcode, do not try. Open the page and choose “I have forgotten my passcode”.",
}

PASSCODE_REFUSED = {
    "MISSING": "Type a new passcode.",
    "LENGTH": "The passcode must be 6, 7 or 8 digits long.",
    "NOT_DIGITS": "The passcode must only have digits, 0 to 9.",
    "REPEAT": "Choose a passcode that does not repeat the same digits, like 111111 or 121212.",
    "SEQUENCE": "Choose a passcode that does not count up or down, like 123456.",
    "DATE": "Choose a passcode that is not a date, like a birthday.",
    "COMMON": "Choose a passcode that is harder to guess: this one is used by many people.",
    "DIFFERENT": "The two are not the same. Type the new passcode twice.",
    "CURRENT_MISSING": "Type the passcode that the card has now.",
    "CURRENT_FORM": "The current passcode must be 4 to 8 digits, 0 to 9. It was not tried.",
    "SAME": "Choose a passcode that is not the current one.",
}
"""Why a typed passcode is refused; codes of `card.pin_policy` and `typed`. R51."""
ABOUT_CURRENT = frozenset({"CURRENT_MISSING", "CURRENT_FORM"})

OUTCOMES = {
    "SUCCESS": "Done: the card works, with the new passcode.",
    "SIGNED_IN": "Done: the card said who you are. Go on in the browser. Take the card out to sign out.",
    "SIGNED_OUT": "You are signed out: the card was taken out, or the time is over. To sign in again, put it "
    "in and begin from the start.",
    "FAILED": "The card was not unlocked. Read in the browser what to do.",
    "UNKNOWN": "It is not known yet whether the card took the passcode. Leave the card in the reader.",
    "RESOLVED": "It is known now how it ended. Read it in the browser.",
    "ABANDONED": "The session ended without an unlock.",
}
WORKING = {
    "READ": "Reading the card. Leave it in.",
    "PROVE": "Checking the card. Leave it in.",
    "RESET": "Setting the new passcode. Leave the card in.",
    "RECOVER": "Setting the new passcode. Leave the card in.",
    "CHANGE": "Changing the passcode. Leave the card in.",
    "PROVE_HOLDER": "Checking the passcode. Leave the card in.",
}


def problem(code: str) -> str:
    """Return the line for a problem."""
    return f"{PROBLEMS.get(code, OTHER)} [{code}]"


def warning(code: str) -> str:
    """Return the line for a warning; empty where there is none."""
    return f"{WARNINGS.get(code, OTHER)} [{code}]" if code else ""


def outcome(word: str, code: str) -> str:
    """Return the line for a session's end."""
    return OUTCOMES.get(word, OTHER) + (f" [{code}]" if code else "")


def question(asked_of: Question, words: tuple[str, str, str]) -> str:
    """Return what the person is asked before a passcode is set, or used to sign in."""
    letters = (letter for letter in asked_of.last_four[:8] if letter.isascii() and letter.isalnum())
    card = f"card …{''.join(letters)}"
    asked = f"Sign in with {card}?" if asked_of.signs_in else f"New passcode for {card}?"
    if asked_of.last_try:
        asked += " This is the last try: a wrong current passcode locks the card."
    return f"{asked} Words: {' '.join(words)}."


def printable(text: str) -> str:
    """Return text as a window may show it: without escape sequences of the gateway's or a reader's."""
    return "".join(letter for letter in text if letter.isprintable())
