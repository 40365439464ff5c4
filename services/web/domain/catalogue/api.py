"""Errors that only the program of another front end can meet."""

from services.web.domain.entry import NOTHING_CHANGED, Entry, report

_FRONT_END = "If you used another website or program to unlock your smartcard, tell the people who run it."

ENTRIES: tuple[Entry, ...] = (
    report(
        "REQUEST_INVALID",
        "Something in that request is missing, unknown or malformed",
        f"The website or program you use sent us what we could not read. {NOTHING_CHANGED}",
        _FRONT_END,
    ),
    report(
        "MEDIA_TYPE_UNSUPPORTED",
        "That request was not JSON",
        f"The interface for programs takes application/json in UTF-8, uncompressed. {NOTHING_CHANGED}",
        _FRONT_END,
    ),
    report(
        "NOT_ACCEPTABLE",
        "We cannot answer in the form that was asked for",
        "The interface for programs answers in JSON only.",
        _FRONT_END,
    ),
    report(
        "ORIGIN_NOT_ALLOWED",
        "That website may not use this service",
        "A website that is not on our list asked your browser to use this service.",
        "Start from the address that your organisation gave you.",
    ),
    report(
        "WORDS_NOT_CONFIRMED",
        "The 3 words were not confirmed",
        "Before a code is sent or a passcode is set, you have to compare the 3 words with those that the"
        " unlock program on your workstation shows.",
        "Compare the words. If they are different, or somebody sent you here, do not go on.",
    ),
    report(
        "PASSCODES_UNFIT",
        "The passcodes that were sent do not fit this unlock",
        "To change a passcode, the current one and the new one are sent, each sealed. To unlock a smartcard,"
        " only the new one is. Where the session says pin_at_agent, none is: the unlock program asks for it."
        f" {NOTHING_CHANGED}",
        _FRONT_END,
    ),
    report(
        "COLLEAGUES_MISSING",
        "Not enough colleagues have vouched yet",
        "Two colleagues have to vouch for the holder before the smartcard can be unlocked this way.",
        "Wait until they have, or read the code out to somebody else.",
    ),
    report(
        "CODE_NOT_ASKED",
        "No security code was asked for yet",
        "There is no code whose way to your mailbox we could tell you of.",
        "Ask for a security code first.",
    ),
    report(
        "RECEIPT_NOT_READY",
        "Your receipt is not ready yet",
        "The audit log takes a few seconds to take up an unlock and to sign it.",
        "Ask again in a few seconds. Your smartcard is not waiting for it: you can use it now.",
    ),
)
