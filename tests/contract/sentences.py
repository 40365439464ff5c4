"""Every sentence, step and heading of the two source documents, in their order, and what became of it.

S1 is the leaflet of the old service, S2 the page of its replacement. A sentence is named by a few words of
our own; it asks for rows of the table, or it asks for nothing and says why.
"""

from typing import NamedTuple


class Sentence(NamedTuple):
    words: str
    """What it is about."""

    rows: str = ""
    """The duties it is the source of, with a blank between them."""

    reason: str = ""
    """Why it asks for nothing, or why what it asks is not done to the letter."""


_HEADING = "a heading: what stands below it counts"
_LEAD = "leads into the list below it, whose every point is a sentence here"
_ELSEWHERE = "the way to another program's page: here My profile is a page of our own"

S1 = [
    Sentence("title: registering, and unlocking one's own card", reason=_HEADING),
    Sentence("heading: to register", reason=_HEADING),
    Sentence("an address of an approved provider is needed; three are named", "R3 R33"),
    Sentence("a lead to the steps", reason=_LEAD),
    Sentence("step 1: sign in to the portal with the card", "R31", "the portal itself is not ours"),
    Sentence("step 2: launch the identity service", reason=_ELSEWHERE),
    Sentence("step 3: choose My profile", "R32"),
    Sentence("step 4: see that address and mobile number are there", "R31 R40"),
    Sentence("step 4: else add them under Modify", "R32 R40"),
    Sentence("step 5: go down the page", reason="where the link stands on another program's page"),
    Sentence("step 5: Register, under Self Service", "R41"),
    Sentence("step 6: follow the instructions", "R41"),
    Sentence("step 6: the passcode, then 4 questions of 20", "R41 R57"),
    Sentence("step 7: confirm the address, or overwrite it", "R42"),
    Sentence("step 8: a registration code by mail, for 15 minutes; look in the junk folder", "R43 R44 R58"),
    Sentence("step 9: entering the code completes it", "R58"),
    Sentence("heading: to unlock by the portal", reason=_HEADING),
    Sentence("step 1: insert the locked card", "R45"),
    Sentence("step 2: the address of the old service", "R46"),
    Sentence("step 2: not with Chrome", "R24 R54", "S2 wins: Chrome and Edge are what it is made for"),
    Sentence("step 3: answer the questions; three failures lead to the RA", "R48"),
    Sentence("step 4: a code by mail, for 15 minutes", "R49"),
    Sentence("step 4: the code is a temporary passcode", "R50", "settled: a one-time code, never a passcode"),
    Sentence("step 5: enter the code when asked", "R51 R52"),
    Sentence("step 6: then reset the passcode", "R52"),
    Sentence("step 7: the card is unlocked and ready", "R53"),
    Sentence("step 7: a confirmation appears", "R53"),
    Sentence("one version of Java does not go with three of a browser", "R47"),
    Sentence("do not try with those", "R54"),
    Sentence("pass this on to other holders", "R55"),
]

S2 = [
    Sentence("skip to the main content", reason="a link of the page's frame; our pages have it too"),
    Sentence("title", reason=_HEADING),
    Sentence("staff unlock their own cards without registering or their RA", "R1 R17"),
    Sentence("button: use it", "R24"),
    Sentence("heading: who can use it", reason=_HEADING),
    Sentence("a holder can use it if", reason=_LEAD),
    Sentence("the card is locked, the passcode forgotten or to be changed", "R2"),
    Sentence("an address on the allow list is on the profile", "R3"),
    Sentence("they can read that mailbox", "R4"),
    Sentence("the card's certificates have not expired", "R5 R9"),
    Sentence("no valid address, or no access to it: the RA", "R6 R35 R60"),
    Sentence("an RA can add an address for a locked card, unlocked remotely then", "R7 R25"),
    Sentence("certificates expired: the RA", "R5 R8"),
    Sentence("a workstation or network set up wrongly may give an error", "R10"),
    Sentence("examples of it", reason=_LEAD),
    Sentence("example: ERR1009", "R11"),
    Sentence("example: PR20002", "R12"),
    Sentence("such an error, or a blank page: the troubleshooting page", "R13"),
    Sentence("a different problem: where to report it", "R14"),
    Sentence("heading: benefits of the application", reason=_HEADING),
    Sentence("who has a valid address is enrolled automatically", "R15 R16"),
    Sentence("when it was launched", reason="history of a service that is not ours"),
    Sentence("the service before it needed a registration, which cost work and money", "R17 R59"),
    Sentence("users no longer need to", reason=_LEAD),
    Sentence("set up and remember answers", "R17"),
    Sentence("go to an RA in person", "R18"),
    Sentence("be on the private network", "R19"),
    Sentence("heading: benefits to the NHS", reason=_HEADING),
    Sentence("if everyone eligible used it: over 16,000 hours a month", "R20 R61"),
    Sentence("50,000 to 60,000 cards a month in person, 20 minutes each", "R20 R21 R22"),
    Sentence("heading: guidance for RAs", "R38"),
    Sentence("heading: tell new holders", reason=_HEADING),
    Sentence("give new holders this address", "R23"),
    Sentence("typed into Chrome or Edge it opens at once", "R24"),
    Sentence("heading: adding an address to a profile", reason=_HEADING),
    Sentence("without a valid address they cannot use it", "R6"),
    Sentence("add their address, and save time for both", "R7 R25", "on our RA page, not in another program"),
    Sentence("the address added must be on the allow list", "R26 R39"),
    Sentence("heading: guidance for IT teams", "R38"),
    Sentence("some have the old service bookmarked", "R46"),
    Sentence("a local redirect to the new one helps", "R28"),
    Sentence("redirect from", "R27"),
    Sentence("redirect to", "R27"),
    Sentence("heading: guidance for holders", "R38"),
    Sentence("heading: have an address on the profile", reason=_HEADING),
    Sentence("locked cards cost about 10,000 hours a month", "R29"),
    Sentence("with an address, the card can be unlocked remotely and time is saved", "R30 R34"),
    Sentence("only an unlocked card lets its holder check or add an address", "R31 R56"),
    Sentence("to check or add it", reason=_LEAD),
    Sentence("go to the portal and its identity service", reason=_ELSEWHERE),
    Sentence("choose My profile", "R32"),
    Sentence("choose Modify under Contact details", "R32"),
    Sentence("enter the address and update", "R31 R32"),
    Sentence("the address must be on the list of approved domains", "R26 R33"),
    Sentence("heading: locked, with an address", reason=_HEADING),
    Sentence("use it now", "R1"),
    Sentence("heading: locked, without an address", reason=_HEADING),
    Sentence("then it cannot be used", "R6"),
    Sentence("since a security code goes to the address", "R4 R6 R50"),
    Sentence("the RA unlocks the card then", "R36"),
    Sentence("how to find one's RA", "R37"),
    Sentence("heading: certificates expired", reason=_HEADING),
    Sentence("then it cannot be used", "R5"),
    Sentence("the RA renews the card", "R8"),
    Sentence("the date of the last edit", "R62"),
]

DOCUMENTS = {"S1": S1, "S2": S2}

FROM_ELSEWHERE = {"R63", "R64", "D1", "D2"}
"""Rows that no sentence asks for: a review of the design, and the design."""


def sentences() -> dict[str, Sentence]:
    """Every sentence by its number, such as `S1.3`."""
    return {
        f"{document}.{number}": sentence
        for document, listed in DOCUMENTS.items()
        for number, sentence in enumerate(listed, 1)
    }


def sentence_rows() -> list[str]:
    """The rows of the page's second table."""
    return [
        f"| {number} | {each.words} | {', '.join(each.rows.split()) or '–'} | {each.reason} |"
        for number, each in sentences().items()
    ]
