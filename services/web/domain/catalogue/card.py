"""What a smartcard may be refused for, and what it may refuse."""

from services.web.domain.entry import RA_UNLOCKS, Entry, ask_ra, report

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
    report(
        "CARD_LOCKED",
        "Your smartcard is locked",
        "A wrong passcode was entered too many times, so your smartcard does not take any passcode now, not"
        " even the right one.",
        "Choose to unlock it: we send a security code to the email address on your profile.",
    ),
    report(
        "CARD_NOT_LOCKED",
        "Your smartcard is not locked",
        "We read your smartcard, and it still takes a passcode.",
        "If you know your passcode, you can use it or change it. If you have forgotten it, set a new one.",
    ),
    ask_ra(
        "UNBLOCKS_ONLY_BLOCKED",
        "Your smartcard can only get a new passcode once it is locked",
        "This kind of smartcard does not take a new passcode from us while it still takes the old one.",
        "If you remember your passcode, choose to change it. If not, contact your Registration Authority"
        " (smartcard team).",
    ),
    ask_ra(
        "CHANGE_UNSUPPORTED",
        "You cannot change the passcode of this kind of smartcard here",
        "We can set a new passcode on this kind of smartcard, but not by means of the one it has.",
        "If you have forgotten your passcode or your smartcard is locked, choose that. If not, contact your"
        " Registration Authority (smartcard team).",
    ),
    ask_ra(
        "SIGN_IN_UNSUPPORTED",
        "You cannot sign in with this smartcard",
        "We do not hold the key by which this smartcard could show who you are. We did not try any passcode"
        " on it.",
        "Contact your Registration Authority (smartcard team). They can change your contact details for you.",
    ),
    report(
        "CURRENT_PIN_WRONG",
        "That is not the passcode your smartcard has now",
        "Your smartcard refused the passcode you entered as the one it has now. Nothing was changed, and one"
        " try is used up.",
        "Enter your current passcode again. If you do not know it, set a new one with a security code.",
    ),
    report(
        "LAST_TRY",
        "Your smartcard has only one try left",
        "One more wrong passcode would lock your smartcard, so the unlock program did not try it."
        " Nothing was changed on your smartcard.",
        "If you are sure of your passcode, say so and enter it. If not, set a new one with a security code.",
    ),
    report(
        "TRIES_NOT_TOLD",
        "Your smartcard did not say how many tries are left",
        "We do not send a passcode to a smartcard that may be about to lock. Another program may be using it."
        " Nothing was changed on your smartcard.",
        "Close other programs that use the smartcard, take it out, put it in again, and try again.",
    ),
    report(
        "PIN_TRIES_SPENT",
        "Too many wrong passcodes",
        "The unlock program sends no more than 3 wrong passcodes before the smartcard is taken out.",
        "Take your smartcard out, put it in again, and try again. If you do not know your passcode, set a"
        " new one with a security code.",
    ),
    ask_ra(
        "PIN_REFUSED_BY_CARD",
        "Your smartcard does not accept that passcode",
        "Some smartcards have rules of their own, for example against a passcode you used before."
        " Your passcode was not changed.",
        "Choose a different passcode. You do not need a new security code.",
    ),
)
