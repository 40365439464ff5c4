"""What a holder's tally was before the database was put back to an older copy, out of what was told since.

Pure. What nobody told, such as a cool-off's end, is left out: the tally is as strict as before, or stricter.
"""

from dataclasses import replace

from services.otp.domain.facts import CodeEntered, LockClearedByRa, Verdict
from services.otp.domain.tally import Ledger, WrongEntry, clear, repeated

_WRONG = (Verdict.WRONG, Verdict.LOCKED_TO_RA)


def entered_again(ledger: Ledger, fact: CodeEntered, event_id: str) -> Ledger:
    """Return the ledger with a wrong entry that was told; `event_id` stands for its attempt."""
    tally = ledger.tally(fact.card_ref)
    if fact.verdict not in _WRONG or repeated(tally, fact.session_id, event_id):
        return ledger
    entry = WrongEntry(fact.at, fact.session_id, event_id, fact.entries_left)
    locked_at = fact.at if fact.entries_left <= 0 else None
    return ledger.keep(fact.card_ref, replace(tally, wrong=(*tally.wrong, entry), locked_at=locked_at))


def cleared_again(ledger: Ledger, fact: LockClearedByRa) -> Ledger:
    """Return the ledger with a lock ended as an RA ended it."""
    return ledger.keep(fact.card_ref, clear(ledger.tally(fact.card_ref), fact.at))
