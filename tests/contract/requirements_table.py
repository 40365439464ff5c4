"""Writes docs/requirements.md: `python -m tests.contract.requirements_table`.

Which test proves a row stands in the test's own name; what is still open is said here.
"""

import re
from collections import defaultdict
from pathlib import Path

from tests.contract.sentences import sentence_rows

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "requirements.md"

DUTIES = {
    "R1": "The holder unlocks the card unaided, in a real browser, from blocked to working",
    "R2": "Three reasons: LOCKED, FORGOTTEN, CHANGE; the reason is in the audit record",
    "R3": "The holder's address is on the domain allow list; exact or subdomain, IDN-safe, any case",
    "R4": "The code must be typed back; it is on no screen and in no log",
    "R5": "The card's certificates have not expired, judged before any code is sent",
    "R6": "No valid address: the page says why one is needed and who the RA is",
    "R7": "The RA adds an address to a user whose card is locked; the user can then unlock",
    "R8": "An expired certificate: the RA must renew the card; the page says renewed",
    "R9": "The earlier date of card and registry counts, by server time",
    "R10": "A wrongly set up workstation or network gets an error of its own",
    "R11": "ERR1009: no unlock secret for this card",
    "R12": "PR20002: the reader service of the workstation is not available",
    "R13": "Every error has a stable code and a help page; never a stack trace or a blank page",
    "R14": "A way to report a different problem, with a correlation id to quote",
    "R15": "Holders with a valid address are enrolled automatically",
    "R16": "An import makes a holder eligible at once",
    "R17": "No security questions to remember",
    "R18": "No visit in person",
    "R19": "No private network: public HTTPS is enough",
    "R20": "50,000 to 60,000 cards a month, 20 minutes each: 16,666.7 h and 20,000.0 h",
    "R21": "20 minutes is a setting",
    "R22": "Counted: last word SUCCESS or RESOLVED(SUCCESS), LOCKED or FORGOTTEN, route SELF; repeats apart",
    "R23": "Handouts: the address to give to new holders",
    "R24": "Typing the address into any Chrome or Edge browser gives access at once",
    "R25": "The RA adds an address: usable at once, recorded, told",
    "R26": "The address must be on the approved list on every path",
    "R27": "Old bookmarks: a redirect from the old address",
    "R28": "Old bookmarks: a recipe for a local redirect",
    "R29": "Both published baselines are named in the report",
    "R30": "A nudge to add an address while the card works",
    "R31": "A holder can check, add or change the address only while the card is unlocked",
    "R32": "My profile, Contact details, Modify, Update",
    "R33": "The same allow list on every path; a public page of the approved domains",
    "R34": "A nudge on the profile and the start page",
    "R35": "No access to the mailbox: the RA",
    "R36": "The RA unlocks the card in person",
    "R37": "Finding one's RA without login",
    "R38": "Guidance for three audiences",
    "R39": "The address must be approved when an RA edits it",
    "R40": "A mobile number is kept as well",
    "R41": "Old registration: 4 security questions of 20",
    "R42": "Old registration: confirm or overwrite the address",
    "R43": "Codes are valid for 15 minutes, those of a registration too",
    "R44": "A hint to look in the junk mail folder, and a resend with limits",
    "R45": "Inserting the card is detected; each state of the reader has its own message",
    "R46": "Old bookmarks are redirected for good",
    "R47": "Environments known not to work are named",
    "R48": "Three failed attempts: contact your RA team; per holder and card",
    "R49": "The code is refused at 15:00 exactly",
    "R50": "The code is a one-time security code and never a card PIN",
    "R51": "Single use; weak passcodes refused with the reason",
    "R52": "Enter the code, then choose the passcode, typed twice",
    "R53": "Success is shown only after the card answered 9000",
    "R54": "An environment check names what is missing",
    "R55": "Guidance to pass on",
    "R56": "The address can be changed only with an unlocked card in the reader",
    "R57": "Old registration: answers kept as hashes only",
    "R58": "Old registration: a code completes it, and never unlocks a card",
    "R59": "Gross hours, net hours and RA minutes are three figures",
    "R60": "I cannot read this mailbox: why, and whom to ask",
    "R61": "Adoption, and the hours still to be had",
    "R62": "Pages carry the date of their last edit",
    "R63": "A card lost, replaced or revoked, or of someone who left, is refused before any code",
    "R64": "The holder learns of every unlock and change of address, and can stop a thief",
    "D1": "The audit stream has one record per outcome; none lost, none twice",
    "D2": "Web front end through a gateway, operations on Kubernetes, analytics on audit events",
}

OPEN: dict[str, str] = {}
"""Rows with tests that do not yet prove all of it: what is missing."""


def rows_with_tests() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for path in (ROOT / "tests").rglob("test_*.py"):
        for test in re.findall(r"def (test_\w+)", path.read_text()):
            for row in re.findall(r"(?<=_)(R\d+|D[12])(?=_)", test):
                found[row].add(test)
    return found


def proof_of(row: str, tests: set[str]) -> str:
    named = ", ".join(f"`{test}`" for test in sorted(tests))
    if not named:
        return "not yet"
    return f"not yet: {OPEN[row]}; so far {named}" if row in OPEN else named


def table() -> str:
    tests = rows_with_tests()
    rows = [f"| {row} | {duty} | {proof_of(row, tests.get(row, set()))} |" for row, duty in DUTIES.items()]
    return "\n".join([
        "# Requirements and their tests",
        "",
        "Where each duty comes from: the leaflet of the old service and the page of its replacement.",
        "A row counts as done when the tests that bear its name pass on real parts. Written by",
        "`python -m tests.contract.requirements_table` from the names of the tests; a test keeps it current.",
        "",
        "| row | duty | proven by |",
        "|---|---|---|",
        *rows,
        "",
        "## The two documents, sentence by sentence",
        "",
        "S1 is the leaflet of the old service, S2 the page of its replacement: every sentence, step and",
        "heading, in their order, each by a few words of our own. Its rows above say which tests prove it;",
        "where it asks for nothing, or is not done to the letter, the reason stands beside it.",
        "",
        "| sentence | what it is about | rows | reason |",
        "|---|---|---|---|",
        *sentence_rows(),
        "",
    ])  # fmt: skip


if __name__ == "__main__":
    TABLE.write_text(table())
