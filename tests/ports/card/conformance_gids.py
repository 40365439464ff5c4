"""What a GIDS card answers, as data; the same form as `conformance`, for cards with an admin key.

`{right}` is the answer to the card's last challenge as its admin key makes it, `{wrong}` one of another
key; `{pin}`, `{new}`, `{bad}` are PINs in hex as they are typed. Source: GidsApplet (design `cards.md`, 3).
"""

from tests.ports.card.conformance import Chapter

SELECT = ("00A4040009A0000003974254465900", "9000")
TRIES = "00200080"
COUNTED = (TRIES, "63CX")
BLOCKED = (TRIES, "6983")
STATUS = ("00CB3FFF045C027F7100", "9000")
CARD_ID = ("00CBA012045C02DF2000", "9000")
KEY = ("0022C1A403830180", "9000")
MUTUAL = ("00870000147C128110" + "A5" * 16 + "00", "9000")
EXTERNAL = ("00870000047C02810000", "9000")
RIGHT, WRONG = "{right}", "{wrong}"


def verify(pin: str) -> str:
    return "0020008006{" + pin + "}"


def set_pin(pin: str) -> str:
    return "002C028006{" + pin + "}"


CHAPTERS = (
    Chapter("a GIDS card is not PIV", (("00A4040009A0000003080000100000", "6A82 6D00 6999"), SELECT)),
    Chapter("nothing is answered before a select", ((TRIES, "6985 6986 6A82 6D00"),)),
    Chapter("card id and tries are read with it blocked", (SELECT, BLOCKED, CARD_ID, STATUS), blocked=True),
    Chapter(
        "a verified PIN does not hide its tries",
        (SELECT, (verify("pin"), "9000"), COUNTED, STATUS, (verify("bad"), "63C2"), (verify("pin"), "9000")),
    ),
    Chapter(
        "three wrong PINs block it",
        (SELECT, (verify("bad"), "63C2"), (verify("bad"), "63C1"), (verify("bad"), "63C0 6983"), BLOCKED),
    ),
    Chapter("there is no PUK", (SELECT, ("00CB3FFF045C027F7300", "6A88"), ("00200081", "6A88"))),
    Chapter("no PIN is set without the admin", (SELECT, (set_pin("new"), "6982"), BLOCKED), blocked=True),
    *(
        Chapter(
            f"the admin sets a PIN on a {state} card, once, by {name} authentication",
            (
                SELECT,
                KEY,
                ask,
                (RIGHT, "9000"),
                (set_pin("new"), "9000"),
                (set_pin("pin"), "6982"),
                (verify("pin"), "63C2"),
                (verify("new"), "9000"),
            ),
            blocked=state == "blocked",
        )
        for state in ("blocked", "working")
        for name, ask in (("mutual", MUTUAL), ("external", EXTERNAL))
    ),
    Chapter("a wrong answer ends the challenge", (SELECT, KEY, MUTUAL, (WRONG, "6982"), (RIGHT, "6985"))),
    Chapter(
        "six wrong answers do not end the key",
        (SELECT, KEY, *((MUTUAL, (WRONG, "6982")) * 6), MUTUAL, (RIGHT, "9000")),
    ),
    Chapter("a challenge outlives other commands", (SELECT, KEY, MUTUAL, CARD_ID, STATUS, (RIGHT, "9000"))),
    Chapter("a challenge does not outlive a select", (SELECT, KEY, MUTUAL, SELECT, KEY, (RIGHT, "6985"))),
    Chapter(
        "an admin is one until a select",
        (SELECT, KEY, MUTUAL, (RIGHT, "9000"), SELECT, (set_pin("new"), "6982")),
    ),
    Chapter("an answer is good once", (SELECT, KEY, MUTUAL, (RIGHT, "9000"), (RIGHT, "6985"))),
    Chapter(
        "a PIN of a length that no card has is refused",
        (
            SELECT,
            KEY,
            MUTUAL,
            (RIGHT, "9000"),
            ("002C028003313233", "6700"),
            ("002C0280", "6700"),
            (set_pin("new"), "9000"),
        ),
    ),
    Chapter("other references are not found", (SELECT, ("002C0281", "6A88"), ("002C0080", "6A86"))),
)
