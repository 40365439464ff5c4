"""Every answer a card may give to a reset, and what it means for the holder and for the PUK."""

import pytest

from services.card_gateway.card.profiles import piv
from services.card_gateway.card.profiles.piv import order_candidates
from services.card_gateway.card.script import Answer, End, Report
from services.card_gateway.card.verdict import Holder, PukState
from tests.unit.card_gateway.card.one_card import CURRENT, NEW_PIN, NEXT, OLD_PIN, STRANGE, one_card, padded

SAME_CARD = (Answer("select", 0x9000), Answer("chuid", 0x9000))


def reset(*sws: int, end: End = End.COMPLETED, in_flight: str = "") -> Report:
    names = ("unblock", "rotate")
    answers = (Answer(name, sw) for name, sw in zip(names, sws, strict=False))
    return Report((*SAME_CARD, *answers), end, in_flight)


def recovery(*sws: int, end: End = End.COMPLETED, in_flight: str = "", blocked: bool = False) -> Report:
    names = ("unblock-current", "unblock-next") if blocked else ("unblock-next", "unblock-current")
    answers = (Answer(name, sw) for name, sw in zip(names, sws, strict=False))
    return Report((*SAME_CARD, *answers), end, in_flight)


@pytest.mark.parametrize(
    ("sw", "holder", "code", "puk", "wrong"),
    [
        (0x63C2, Holder.FAILED, "SECRET_MISMATCH", PukState.NEITHER, 1),
        (0x63C0, Holder.FAILED, "SECRET_MISMATCH", PukState.NEITHER, 1),
        (0x6983, Holder.FAILED, "PUK_BLOCKED", PukState.UNKNOWN, 0),
        (0x6A80, Holder.PIN_REFUSED, "PIN_REFUSED_BY_CARD", PukState.CURRENT, 0),
        (0x6982, Holder.FAILED, "CARD_REFUSED", PukState.CURRENT, 0),
        (0x6985, Holder.FAILED, "CARD_REFUSED", PukState.CURRENT, 0),
        (0x6D00, Holder.FAILED, "CARD_REFUSED", PukState.CURRENT, 0),
        (0x6F00, Holder.UNKNOWN, "OUTCOME_UNKNOWN", PukState.CURRENT, 1),
        (0x6581, Holder.UNKNOWN, "OUTCOME_UNKNOWN", PukState.CURRENT, 1),
        (0x6400, Holder.UNKNOWN, "OUTCOME_UNKNOWN", PukState.CURRENT, 1),
        (0x6C10, Holder.UNKNOWN, "OUTCOME_UNKNOWN", PukState.CURRENT, 1),
        (0x6281, Holder.UNKNOWN, "OUTCOME_UNKNOWN", PukState.CURRENT, 1),
    ],
)
def test_F18_a_reset_the_card_did_not_accept(
    sw: int, holder: Holder, code: str, puk: PukState, wrong: int
) -> None:
    verdict = piv.judge_reset(reset(sw, end=End.STOPPED))

    assert (verdict.holder, verdict.code, verdict.puk) == (holder, code, puk)
    assert verdict.wrong_puk_tries == wrong


@pytest.mark.parametrize(
    ("sw", "puk"),
    [
        (0x9000, PukState.NEXT),
        (0x6A80, PukState.CURRENT),
        (0x6982, PukState.CURRENT),
        (0x6D00, PukState.CURRENT),
        (0x6A81, PukState.CURRENT),
        (0x63C2, PukState.UNKNOWN),
        (0x6F00, PukState.UNKNOWN),
        (0x6581, PukState.UNKNOWN),
        (0x6400, PukState.UNKNOWN),
    ],
)
def test_a_reset_is_a_success_for_the_holder_whatever_became_of_the_puk(sw: int, puk: PukState) -> None:
    verdict = piv.judge_reset(reset(0x9000, sw))

    assert (verdict.holder, verdict.code, verdict.puk) == (Holder.SUCCESS, "", puk)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (End.CARD_GONE, "CARD_REMOVED"),
        (End.CARD_CHANGED, "CARD_CHANGED"),
        (End.REFUSED, "SCRIPT_REFUSED"),
        (End.TIMED_OUT, "TIMED_OUT"),
        (End.DECLINED, "DECLINED"),
        (End.READER_BUSY, "READER_BUSY"),
        (End.INTERRUPTED, "INTERRUPTED"),
        (End.NOT_RUN, "INTERRUPTED"),
        (End.PIN_REFUSED, "PIN_REFUSED"),
        (End.STOPPED, "CARD_REFUSED"),
    ],
)
def test_before_the_first_secret_nothing_was_attempted(end: End, code: str) -> None:
    verdict = piv.judge_reset(Report((), end, in_flight="select" if end is End.CARD_GONE else ""))

    assert (verdict.holder, verdict.code, verdict.puk) == (Holder.NOT_ATTEMPTED, code, PukState.CURRENT)


def test_I7_no_answer_to_the_reset_is_never_a_success() -> None:
    verdict = piv.judge_reset(reset(end=End.CARD_GONE, in_flight="unblock"))

    assert (verdict.holder, verdict.puk) == (Holder.UNKNOWN, PukState.CURRENT)


@pytest.mark.parametrize(
    ("report", "holder", "code", "puk", "wrong"),
    [
        (recovery(0x9000), Holder.SUCCESS, "", PukState.NEXT, 0),
        (recovery(0x63C2, 0x9000), Holder.SUCCESS, "", PukState.CURRENT, 0),
        (recovery(0x9000, blocked=True), Holder.SUCCESS, "", PukState.CURRENT, 0),
        (recovery(0x63C2, 0x63C1), Holder.FAILED, "SECRET_MISMATCH", PukState.NEITHER, 2),
        (recovery(0x63C1, end=End.STOPPED), Holder.FAILED, "BUDGET_SPENT", PukState.CURRENT, 1),
        (recovery(0x63C2, end=End.CARD_GONE), Holder.NOT_ATTEMPTED, "CARD_REMOVED", PukState.CURRENT, 1),
        (recovery(0x6983, end=End.STOPPED), Holder.FAILED, "PUK_BLOCKED", PukState.UNKNOWN, 0),
        (recovery(0x6A80, end=End.STOPPED), Holder.PIN_REFUSED, "PIN_REFUSED_BY_CARD", PukState.UNKNOWN, 0),
        (
            recovery(0x63C2, 0x6A80, end=End.STOPPED),
            Holder.PIN_REFUSED,
            "PIN_REFUSED_BY_CARD",
            PukState.CURRENT,
            1,
        ),
        (recovery(0x6F00, end=End.STOPPED), Holder.UNKNOWN, "OUTCOME_UNKNOWN", PukState.UNKNOWN, 1),
        (recovery(end=End.CARD_GONE), Holder.NOT_ATTEMPTED, "CARD_REMOVED", PukState.UNKNOWN, 0),
    ],
)
def test_a_recovery_is_judged_by_what_its_two_candidates_were_answered(
    report: Report, holder: Holder, code: str, puk: PukState, wrong: int
) -> None:
    verdict = piv.judge_recover(report)

    assert (verdict.holder, verdict.code, verdict.puk) == (holder, code, puk)
    assert verdict.wrong_puk_tries == wrong


def test_a_candidate_without_an_answer_is_named_and_the_next_recovery_begins_with_the_other() -> None:
    first = piv.judge_recover(recovery(end=End.CARD_GONE, in_flight="unblock-next"))
    again = order_candidates(CURRENT, NEXT, pin_blocked=False, lost=first.lost)

    assert (first.holder, first.puk, first.lost) == (Holder.UNKNOWN, PukState.UNKNOWN, PukState.NEXT)
    assert (again.first, again.first_puk) == (PukState.CURRENT, CURRENT)


def test_a_candidate_that_failed_without_a_verdict_is_lost_and_one_that_was_refused_is_not() -> None:
    failed = piv.judge_recover(recovery(0x6F00, end=End.STOPPED))
    refused = piv.judge_recover(recovery(0x6A80, end=End.STOPPED))

    assert (failed.lost, refused.lost) == (PukState.NEXT, None)


def test_a_second_candidate_without_an_answer_is_the_puk_by_elimination() -> None:
    verdict = piv.judge_recover(recovery(0x63C2, end=End.CARD_GONE, in_flight="unblock-current"))

    assert (verdict.holder, verdict.puk) == (Holder.UNKNOWN, PukState.CURRENT)
    assert verdict.puk_tries_left == 1


def test_a_pin_still_blocked_says_that_the_puk_was_not_changed() -> None:
    assert order_candidates(CURRENT, NEXT, pin_blocked=True).first is PukState.CURRENT
    assert order_candidates(CURRENT, NEXT, pin_blocked=False).first is PukState.NEXT


def test_a_wrong_vault_is_found_with_one_try_and_not_tried_again() -> None:
    card = one_card(puk=STRANGE)
    verdict = card.reset()

    assert (verdict.code, verdict.puk, verdict.puk_tries_left) == ("SECRET_MISMATCH", PukState.NEITHER, 2)
    assert card.eeprom.wrong_puk_tries == 1
    assert card.eeprom.pin == padded(OLD_PIN)


@pytest.mark.parametrize("kind", ["status", "status_after"])
@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize("sw", [0x6F00, 0x6581, 0x6400])
def test_F18_a_card_that_says_failure_may_have_acted_or_not_and_the_verdict_allows_for_both(
    kind: str, at: int, sw: int
) -> None:
    card = one_card()
    card.arm(kind, at, sw)
    verdict = card.reset()

    assert card.puk_is(verdict)
    assert (verdict.holder is Holder.SUCCESS) == (at > 2)
    if verdict.holder is Holder.NOT_ATTEMPTED:
        assert card.eeprom.pin == padded(OLD_PIN)


def test_a_pin_the_card_refuses_by_its_own_history_leaves_everything_as_it_was() -> None:
    card = one_card(pin_history=3)
    assert card.reset(pin=NEW_PIN).holder is Holder.SUCCESS
    verdict = card.reset(NEXT, CURRENT, pin=OLD_PIN)

    assert verdict.holder is Holder.PIN_REFUSED
    assert card.eeprom.puk == NEXT
    assert card.eeprom.puk_left == 3


@pytest.mark.parametrize("sw", [0x6982, 0x6D00])
def test_a_card_whose_puk_may_not_be_changed_is_unlocked_and_keeps_it(sw: int) -> None:
    card = one_card(change_puk=sw)
    verdict = card.reset()

    assert (verdict.holder, verdict.puk) == (Holder.SUCCESS, PukState.CURRENT)
    assert card.puk_is(verdict)
