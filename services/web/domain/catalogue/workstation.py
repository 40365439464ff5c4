"""The reader, its service and the unlock program."""

from services.web.domain.entry import NOTHING_CHANGED, Entry, ask_it

ENTRIES: tuple[Entry, ...] = (
    ask_it(
        "PR20002",
        "Your workstation cannot reach the smartcard reader",
        "The reader service of your workstation is not running. Older software calls this"
        " ‘Port redirection service is unavailable’.",
        "Unplug the reader and plug it in again. If that does not help, restart the workstation.",
    ),
    ask_it(
        "NO_READER",
        "No smartcard reader is connected",
        "The unlock program runs on your workstation, but it cannot see a smartcard reader.",
        "Plug in a smartcard reader. The page goes on by itself.",
    ),
    ask_it(
        "NO_CARD",
        "There is no smartcard in the reader",
        "The reader is connected and empty.",
        "Put your smartcard into the reader. The page goes on by itself.",
    ),
    ask_it(
        "TWO_CARDS",
        "There is more than one smartcard",
        "We can only unlock a smartcard when it is the only one in the readers of your workstation.",
        "Take out every other smartcard. The page goes on by itself.",
    ),
    ask_it(
        "CARD_MUTE",
        "The smartcard does not answer",
        "There is a smartcard in the reader, but it does not answer. It may be the wrong way round.",
        "Take the smartcard out, turn it so that the chip goes in first and faces up, and put it in again.",
    ),
    ask_it(
        "AGENT_AWAY",
        "The unlock program on your workstation does not answer",
        "This page has lost touch with the unlock program on your workstation.",
        "Check that the program is still open and that your workstation is online. The page goes on by itself"
        " when the program is back.",
    ),
    ask_it(
        "READER_BUSY",
        "Another program is using your smartcard",
        f"Another program on your workstation kept hold of the smartcard. {NOTHING_CHANGED}",
        "Close other programs that use your smartcard, then try again.",
    ),
    ask_it(
        "CARD_REMOVED",
        "The smartcard was taken out",
        f"The smartcard left the reader before we could start. {NOTHING_CHANGED}",
        "Put the smartcard back, leave it in the reader, and try again.",
    ),
    ask_it(
        "CARD_CHANGED",
        "A different smartcard is in the reader",
        f"The smartcard in the reader is not the one you started with. {NOTHING_CHANGED}",
        "Put your own smartcard back and try again.",
    ),
)
