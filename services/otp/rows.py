"""Rows to domain objects and back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from services.otp.domain.code import Bearer, Code, Delivery, State, Use
from services.otp.domain.ended_lock import ClearReason, EndedLock, Why
from services.otp.domain.tally import Ledger, Tally, WrongEntry


def code_of(row: Row[Any]) -> Code:
    """Return a row of `codes` as a code."""
    bearer = Bearer(row.session_id, row.holder_ref, row.card_ref, row.purpose, row.address_version)
    use = None
    if row.use_jti is not None:
        use = Use(row.use_attempt_id, row.use_jti, row.use_issued_at, row.use_expires_at)
    return Code(
        code_id=row.code_id,
        bearer=bearer,
        digest=row.digest,
        issued_at=row.issued_at,
        expires_at=row.expires_at,
        attempt_id=row.attempt_id,
        state=State(row.state),
        use=use,
        delivery=Delivery(row.delivery),
        delivery_reason=row.delivery_reason,
        organisation=row.organisation,
        network_ref=row.network_ref,
        key_id=row.key_id,
    )


def row_of(code: Code) -> dict[str, Any]:
    """Return a new code as a row of `codes`."""
    bearer = code.bearer
    return {
        "code_id": code.code_id,
        "session_id": bearer.session_id,
        "holder_ref": bearer.holder_ref,
        "card_ref": bearer.card_ref,
        "purpose": bearer.purpose,
        "address_version": bearer.address_version,
        "digest": code.digest,
        "issued_at": code.issued_at,
        "expires_at": code.expires_at,
        "attempt_id": code.attempt_id,
        "delivery": code.delivery.value,
        "delivery_reason": code.delivery_reason,
        "organisation": code.organisation,
        "network_ref": code.network_ref,
        "key_id": code.key_id,
        **state_of(code),
    }


def state_of(code: Code) -> dict[str, Any]:
    """Return the columns that say what became of a code."""
    use = code.use
    return {
        "state": code.state.value,
        "use_attempt_id": use and use.attempt_id,
        "use_jti": use and use.jti,
        "use_issued_at": use and use.issued_at,
        "use_expires_at": use and use.expires_at,
    }


def ledger_of(cards: Mapping[str, Any], organisation: str = "") -> Ledger:
    """Return the columns `cards` and `organisation` as a ledger."""
    return Ledger({card_ref: _tally_of(tally) for card_ref, tally in cards.items()}, organisation)


def row_of_ledger(ledger: Ledger) -> dict[str, Any]:
    """Return a ledger as the column `cards`."""
    return {card_ref: _row_of_tally(tally) for card_ref, tally in ledger.cards.items()}


def _tally_of(stored: Mapping[str, Any]) -> Tally:
    wrong = tuple(
        WrongEntry(
            at=_instant(entry["at"]),
            session_id=entry["session"],
            attempt_id=entry["attempt"],
            entries_left=entry["left"],
            digits_ref=entry.get("digits", ""),  # rows of the version before have none
        )
        for entry in stored["wrong"]
    )
    locked, cleared, cooled = (
        None if stored[name] is None else _instant(stored[name])
        for name in ("locked_at", "cleared_at", "cooled_at")
    )
    # `.get`: rows of the version before have none.
    return Tally(wrong, locked, cleared, cooled, stored.get("clearing", ""))


def _row_of_tally(tally: Tally) -> dict[str, Any]:
    return {
        "wrong": [_row_of_wrong(entry) for entry in tally.wrong],
        "locked_at": tally.locked_at and tally.locked_at.isoformat(),
        "cleared_at": tally.cleared_at and tally.cleared_at.isoformat(),
        "cooled_at": tally.cooled_at and tally.cooled_at.isoformat(),
        "clearing": tally.clearing,
    }


def _row_of_wrong(entry: WrongEntry) -> dict[str, Any]:
    return {
        "at": entry.at.isoformat(),
        "session": entry.session_id,
        "attempt": entry.attempt_id,
        "left": entry.entries_left,
        "digits": entry.digits_ref,
    }


def ended_of(row: Row[Any]) -> EndedLock:
    """Return a row of `ended_locks`."""
    known = dict(row._mapping)
    return EndedLock(why=Why(ClearReason(known.pop("reason")), known.pop("note")), **known)


def row_of_ended(ended: EndedLock) -> dict[str, Any]:
    """Return a lock that was ended as a row."""
    row = {name: value for name, value in vars(ended).items() if name != "why"}
    reason = ended.why.reason.value if ended.why.reason else ""
    return row | {"reason": reason, "note": ended.why.note.strip()}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
