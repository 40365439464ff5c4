"""`check_world`: after any fault, do databases, broker, mails, cards and audit agree? Invariants I1 to I13.

It looks from outside: SQL on the services' databases, the mailbox, and the files in which the virtual
cards keep what a chip keeps.
"""

import json
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

from deploy.local.demo_data import DemoCard
from deploy.local.stack import Stack
from services.card_gateway.card.profiles import piv
from services.card_gateway.master_keys import FileKeyProvider
from services.card_gateway.vault import _bound_to
from tests.faults.armed_stack import ArmedStack
from tests.journeys.person import codes_mailed

SETTLING = 45.0
"""Seconds until the books must balance once everything is back. Source: quality F4 (30 s), and start-up."""

RANK = ["SUCCESS", "FAILED", "RESOLVED", "UNKNOWN", "LOCKED_TO_RA", "REFUSED", "ABANDONED"]
TELLERS = ("identity", "otp", "card_gateway", "notifier")


def rows(stack: Stack, service: str, sql: str, *values: object) -> list[dict[str, Any]]:
    """What a service's SQLite database answers."""
    with closing(sqlite3.connect(f"file:{stack.folder / service}.db?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql, values)]


def check_world(stack: Stack, *, unlocked: Iterable[str] = (), still_blocked: Iterable[str] = ()) -> None:
    """Raise AssertionError, naming the invariant, where the world does not agree with itself.

    `unlocked`, `still_blocked`: demonstration cards by name, as the person saw them end.
    """
    _wait_for_books(stack)
    _events_are_whole(stack)
    _last_words_agree_with_cards(stack, unlocked, still_blocked)
    _codes_are_used_once(stack)
    _no_change_let_a_secret_out(stack)
    for name in (*unlocked, *still_blocked):
        _card_secret_is_known(stack, name)
        assert stack.slots.counters(name)["wrong_puk_tries"] <= 1, f"I4: {name}"


def _wait_for_books(stack: Stack) -> None:
    """I6, I8: every outbox empties, and audit has what was numbered; who was killed last is started again."""
    deadline = time.monotonic() + SETTLING
    while left := _not_settled(stack):
        if isinstance(stack, ArmedStack):
            stack.revive()
        assert time.monotonic() < deadline, f"I6: not settled: {left}"
        time.sleep(0.2)


def _not_settled(stack: Stack) -> dict[str, object]:
    left: dict[str, object] = {}
    stored = {
        row["topic"]: row["n"]
        for row in rows(stack, "audit", "select topic, count(*) n from records group by topic")
    }
    for service in TELLERS:
        if waiting := rows(stack, service, "select count(*) n from outbox")[0]["n"]:
            left[f"{service} outbox"] = waiting
        for row in rows(stack, service, "select topic, relayseq from outbox_position"):
            if row["topic"].endswith(".events.v1") and stored.get(row["topic"], 0) != row["relayseq"]:
                left[row["topic"]] = (stored.get(row["topic"], 0), row["relayseq"])
    return left


def _events_are_whole(stack: Stack) -> None:
    """I6: audit has every number of every topic once, and set nothing aside."""
    numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in rows(stack, "audit", "select source, topic, relayseq from records order by relayseq"):
        numbers[row["source"], row["topic"]].append(row["relayseq"])
    for source, found in numbers.items():
        assert found == list(range(1, len(found) + 1)), f"I6: {source} has gaps or repeats"
    assert rows(stack, "audit", "select * from set_aside") == [], "I6: set aside"


def last_words(stack: Stack) -> dict[str, dict[str, Any]]:
    """Session id → its last word, by rank."""
    words: dict[str, dict[str, Any]] = {}
    for row in rows(stack, "audit", "select * from records where kind is not null"):
        best = words.get(row["session_id"])
        if best is None or RANK.index(row["kind"]) < RANK.index(best["kind"]):
            words[row["session_id"]] = row
    return words


def _last_words_agree_with_cards(stack: Stack, unlocked: Iterable[str], still_blocked: Iterable[str]) -> None:
    """I5: a session that ended has a last word, one of a kind, and it agrees with the card."""
    kinds = Counter(
        (row["session_id"], row["kind"])
        for row in rows(stack, "audit", "select session_id, kind from records where kind is not null")
    )
    assert set(kinds.values()) <= {1}, "I5: an outcome twice"
    words = last_words(stack)
    ended = ("SUCCESS", "FAILED", "RESOLVED", "ABANDONED")
    read = f"select session_id from sessions where state in {ended} and card_ref is not null"
    for row in rows(stack, "card_gateway", read):
        assert row["session_id"] in words, f"I5: no word for {row['session_id']}"
    by_card = defaultdict(set)
    for word in words.values():
        by_card[word["card_ref"]].add(word["kind"])
    for name in unlocked:
        assert by_card[stack.card(name).card_ref] & {"SUCCESS", "RESOLVED"}, f"I5: {name} unlocked, unsaid"
        assert stack.slots.counters(name)["pin_left"] > 0, f"I7: {name} is blocked after a success"
    for name in still_blocked:
        assert "SUCCESS" not in by_card[stack.card(name).card_ref], f"I7: {name} said unlocked"
        assert stack.slots.counters(name)["pin_left"] == 0, f"I5: {name} unlocked, nobody knows"


def _codes_are_used_once(stack: Stack) -> None:
    """I1, I9: at most one right entry a session, and never more than three wrong ones."""
    with_grant = "select session_id, count(*) n from spent_grants group by session_id"
    assert {row["n"] for row in rows(stack, "card_gateway", with_grant)} <= {1}, (
        "I1: a second grant was spent"
    )


def _no_change_let_a_secret_out(stack: Stack) -> None:
    """I2: in a session that is a CHANGE no PUK was sent; the current PIN stands instead of a grant."""
    sql = """select s.session_id from sessions s join resets r on r.session_id = s.session_id
             where s.reason = 'CHANGE'"""
    assert rows(stack, "card_gateway", sql) == [], "I2: a reset in a CHANGE"


def mails_are_repeats(stack: Stack, name: str, most: int) -> None:
    """I11: however often a mail was sent, it carried the same code."""
    codes = codes_mailed(stack, stack.card(name))
    assert len(set(codes)) == 1, f"I11: {len(set(codes))} codes for one session of {name}"
    assert len(codes) <= most, f"I11: {len(codes)} mails"


def _card_secret_is_known(stack: Stack, name: str) -> None:
    """I3: the PUK in the card is known; an admin key stands as it was imported, and was never wrong."""
    card = stack.card(name)
    if card.plan.profile == "PIV":
        _puk_is_known(stack, card)
    else:
        _admin_key_stands(stack, card)


def _admin_key_stands(stack: Stack, card: DemoCard) -> None:
    name = card.name
    state = json.loads((stack.pcsc.cards / f"{name}.card").read_text())
    assert bytes.fromhex(state["admin_key"]) == card.facts.admin_key, f"I3: {name}"
    assert state["wrong_admin_tries"] == 0, f"I4: {name}"


def _puk_is_known(stack: Stack, card: DemoCard) -> None:
    """I3: the PUK in the card is the vault's current, or the next of an open row."""
    name = card.name
    secret = rows(stack, "card_gateway", "select * from secrets where card_ref = ?", card.card_ref)[0]
    open_rows = rows(
        stack,
        "card_gateway",
        "select * from rotations where card_ref = ? and state in ('PREPARED', 'SENT', 'UNKNOWN')",
        card.card_ref,
    )
    known = [(secret["version"], secret["kid"])]
    known += [(row["next_version"], row["next_kid"]) for row in open_rows]
    assert puk_in_card(stack, name) in [_puk(stack, name, *version) for version in known], f"I3: {name}"


def puk_in_card(stack: Stack, name: str) -> bytes:
    """The PUK as the chip holds it."""
    state = json.loads((stack.pcsc.cards / f"{name}.card").read_text())
    return bytes.fromhex(state["puk"])


def pin_in_card(stack: Stack, name: str) -> str:
    """The passcode as the chip holds it."""
    state = json.loads((stack.pcsc.cards / f"{name}.card").read_text())
    return bytes.fromhex(state["pin"]).rstrip(b"\xff").decode()


def _puk(stack: Stack, name: str, version: int, kid: str) -> bytes:
    card = stack.card(name)
    if version == 0:
        return piv.imported_secret(card.facts.puk)
    keys = FileKeyProvider.from_dir(stack.keys.card_master_dir, "k1")
    return piv.encode_puk(keys.mac(kid, _bound_to(card.card_ref, version)))


def sessions_of(stack: Stack, name: str, states: Sequence[str]) -> list[dict[str, Any]]:
    """The card's sessions in some states."""
    marks = ",".join("?" * len(states))
    sql = f"select * from sessions where card_ref = ? and state in ({marks})"
    return rows(stack, "card_gateway", sql, stack.card(name).card_ref, *states)
