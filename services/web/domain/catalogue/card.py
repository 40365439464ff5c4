"""What a smartcard may be refused for, and what it may refuse."""

from services.web.domain.entry import RA_UNLOCKS, Entry, ask_ra

ENTRIES: tuple[Entry, ...] = (
    ask_ra(
        "UNSUPPORTED_CARD",
        "This kind of smartcard cannot be unlocked here",
        "We do not know this kind of smartcard. We did not try any passcode on it.",
        "Check that you put in the right smartcard. If you did, your Registration Authority (smartcard team)"
        " can unlock it.",
    ),
    ask_ra(
        "PIN_IS_GLOBAL",
        "The passcode of this smartcard cannot be set here",
        "Your smartcard shares one passcode among several uses. It can be set only where the smartcard was"
        " issued. We did not try any passcode on it.",
        RA_UNLOCKS,
    ),
    ask_ra(
        "CARD_UNKNOWN",
        "We do not know this smartcard",
        "The smartcard is of a kind we know, but no organisation that uses this service issued it.",
        "Check that you put in the right smartcard. If you did, ask your Registration Authority"
        " (smartcard team).",
    ),
    ask_ra(
        "ERR1009",
        "We cannot get the unlock key of your smartcard",
        "We hold no unlock key (SOPIN) for your smartcard. Older software calls this"
        " ‘Failed to obtain SOPIN for user’.",
        RA_UNLOCKS,
    ),
    ask_ra(
        "CARD_NOT_GENUINE",
        "The smartcard could not prove that it is genuine",
        "Every smartcard holds a key that only it can use. This one did not use it as it should.",
        "Take the smartcard to your Registration Authority (smartcard team). Do not try this card again.",
    ),
    ask_ra(
        "BUDGET_SPENT",
        "Your smartcard cannot take another try",
        "A smartcard only allows a few tries before it stops working for good. We stopped to protect yours.",
        RA_UNLOCKS,
    ),
    ask_ra(
        "SECRET_MISMATCH",
        "The unlock key we hold does not fit your smartcard",
        "Your smartcard refused our unlock key. We stopped to protect your smartcard.",
        RA_UNLOCKS,
    ),
    ask_ra(
        "CARD_REFUSED",
        "The smartcard refused to be unlocked",
        "Your smartcard gave an answer that we did not expect. Your passcode was not changed.",
        "Start again. If it happens again, contact your Registration Authority (smartcard team).",
    ),
    ask_ra(
        "PUK_BLOCKED",
        "Your smartcard cannot be unlocked by anyone here",
        "The unlock key of your smartcard was refused too many times, so your smartcard does not take it"
        " any more.",
        "Contact your Registration Authority (smartcard team). You need a new smartcard.",
    ),
    ask_ra(
        "PIN_REFUSED_BY_CARD",
        "Your smartcard does not accept that passcode",
        "Some smartcards have rules of their own, for example against a passcode you used before."
        " Your passcode was not changed.",
        "Choose a different passcode. You do not need a new security code.",
    ),
)
