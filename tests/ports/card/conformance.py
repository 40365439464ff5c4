"""What a PIV card answers, as data: runs against any card in any reader that is made as `Chapter` says.

Each line is an APDU in hex and the status words that are allowed, by pattern: `63CX` is any count, `61XX`
any length. `{pin}`, `{puk}`, `{new}`, `{bad}` are 8-byte references in hex. Source: answers of three PIV
applications, seen in traces (design `cards.md`, 1.1 to 1.8); where they differ, each is allowed.

The chapters spend tries and change references: only for cards made for tests.
"""

from dataclasses import dataclass

PIN, PUK, NEW, BAD = "739154", "40718263", "860247", "11111119"

SELECT = ("00A4040009A0000003080000100000", "9000 61XX")
FULL = ("00A404000BA00000030800001000010000", "9000 61XX")
RID = ("00A4040005A00000030800", "9000 61XX")
ABSENT = ("00A4040009A0000003974254465900", "6A82 6D00 6999")
TRIES = "00200080"
CLEAR = ("0020FF80", "9000")
VERIFIED = (TRIES, "9000")
COUNTED = (TRIES, "63CX")
BLOCKED = (TRIES, "6983")
CHALLENGE = "00112233445566778899AABBCCDDEEFF" * 2


@dataclass(frozen=True)
class Chapter:
    """One fresh card and what is sent to it, in order."""

    name: str
    lines: tuple[tuple[str, str], ...]
    blocked: bool = False


def verify(reference: str) -> str:
    return "0020008008{" + reference + "}"


def reset(puk: str, pin: str) -> str:
    return "002C008010{" + puk + "}{" + pin + "}"


def change(p2: str, old: str, new: str) -> str:
    return f"002400{p2}10" + "{" + old + "}{" + new + "}"


CHAPTERS = (
    Chapter("select by full, short and RID form", (FULL, SELECT, RID)),
    Chapter("nothing is answered before a select", (("00200080", "6985 6986 6A82 6D00"),)),
    Chapter("another application is refused and spends nothing", (SELECT, COUNTED, ABSENT, SELECT, COUNTED)),
    Chapter("a new select keeps the verified PIN", (SELECT, (verify("pin"), "9000"), SELECT, VERIFIED)),
    Chapter(
        "objects are read with the PIN blocked",
        (
            SELECT,
            BLOCKED,
            ("00CB3FFF055C035FC10200", "9000 61XX"),
            ("00CB3FFF055C035FC10500", "9000 61XX"),
            ("00CB3FFF055C035FC10100", "9000 61XX"),
            ("00CB3FFF055C035FC10D00", "6A82"),
        ),
        blocked=True,
    ),
    Chapter(
        "a long answer comes in frames, and not once more",
        (SELECT, ("00CB3FFF055C035FC10500", "61XX"), ("00C0000000", "9000"), ("00C0000000", "6985")),
    ),
    Chapter(
        "a small Le gives so many bytes and says that there is more",
        (SELECT, ("00CB3FFF055C035FC1050A", "61XX")),
    ),
    Chapter(
        "the question for tries is answered 9000 once verified, until cleared",
        (SELECT, COUNTED, (verify("pin"), "9000"), VERIFIED, CLEAR, COUNTED),
    ),
    Chapter(
        "a wrong PIN spends a try, a wrong length none",
        (
            SELECT,
            (verify("bad"), "63CX"),
            ("0020008006313131313131", "6A80"),
            ("0020008009313131313131FFFFFF", "6A80"),
            ("00200000", "6A88"),
            ("00200081", "6A88"),
            (verify("pin"), "9000"),
        ),
    ),
    Chapter(
        "a wrong PIN ends the verified state",
        (SELECT, (verify("pin"), "9000"), (verify("bad"), "63CX"), COUNTED),
    ),
    Chapter(
        "a blocked PIN refuses the right one too, also when changed",
        (SELECT, BLOCKED, (verify("pin"), "6983"), (change("80", "pin", "new"), "6983"), BLOCKED),
        blocked=True,
    ),
    Chapter(
        "the PUK sets a new PIN on a blocked card and leaves it not verified",
        (
            SELECT,
            (reset("puk", "new"), "9000"),
            COUNTED,
            (verify("pin"), "63CX"),
            (verify("new"), "9000"),
        ),
        blocked=True,
    ),
    Chapter(
        "the PUK sets a new PIN on a card that is not blocked",
        (SELECT, (verify("pin"), "9000"), (reset("puk", "new"), "9000"), COUNTED, (verify("new"), "9000")),
    ),
    Chapter(
        "a malformed reset costs no try of the PUK",
        (
            SELECT,
            ("002C00800F" + "31" * 15, "6A80"),
            ("002C0080", "6A80"),
            ("002C018010{puk}{new}", "6A86"),
            ("002C008110{puk}{new}", "6A88"),
            ("802C008010{puk}{new}", "6E00"),
            ("002C008010{puk}313131FFFFFFFFFF", "6A80"),
            ("002C008010{puk}FFFFFFFFFFFFFFFF", "6A80"),
            ("002C008010{puk}41424344454647FF", "6A80"),
            ("002C008010{puk}313131FF313131FF", "6A80"),
            (verify("pin"), "9000"),
            (reset("bad", "new"), "63CX"),
            (reset("puk", "new"), "9000"),
        ),
    ),
    Chapter(
        "the PUK's tries are one counter for reset and change",
        (
            SELECT,
            (reset("bad", "new"), "63C2"),
            (change("81", "bad", "new"), "63C1"),
            (reset("puk", "new"), "9000"),
            (change("81", "bad", "new"), "63C2"),
        ),
    ),
    Chapter(
        "three wrong PUKs end it, for the right one too",
        (
            SELECT,
            (reset("bad", "new"), "63C2"),
            (reset("bad", "new"), "63C1"),
            (reset("bad", "new"), "63C0 6983"),
            (reset("bad", "new"), "6983"),
            (reset("puk", "new"), "6983"),
            (change("81", "puk", "new"), "6983"),
        ),
    ),
    Chapter(
        "a changed PUK is the PUK at once",
        (
            SELECT,
            (change("81", "puk", "bad"), "9000"),
            (reset("puk", "new"), "63CX"),
            (reset("bad", "new"), "9000"),
        ),
    ),
    Chapter(
        "a wrong PUK is refused right after a good one (PivApplet 67)",
        (SELECT, (reset("puk", "new"), "9000"), (reset("bad", "pin"), "63C2"), (verify("new"), "9000")),
    ),
    Chapter(
        "the card authentication key signs with the PIN blocked, and no other does",
        (
            SELECT,
            (f"0087119E267C2482008120{CHALLENGE}00", "9000"),
            (f"0087119A267C2482008120{CHALLENGE}00", "6982"),
            (f"0087079E267C2482008120{CHALLENGE}00", "6A80 6A86 6F00"),
        ),
        blocked=True,
    ),
    Chapter(
        "a chain that another command broke is refused at its end",
        (SELECT, ("1087079E047C820106", "9000"), CLEAR, ("0087079E040000000000", "6984")),
    ),
)
