"""What a vault recalls of what was told: the right version, or both candidates, and never a wrong one."""

from dataclasses import replace

import pytest

from services.card_gateway.domain.budget import Budget, Secret, Spent
from services.card_gateway.domain.facts import SWEEPER, CardRead, Fact, SecretReleased, SessionOutcome
from services.card_gateway.domain.recollection import (
    Candidate,
    CardRecalled,
    Told,
    recall,
    sessions_of,
)
from services.card_gateway.domain.words import OutcomeKind, Reason, Route, SecretLabel
from services.runtime.catching_up import missing
from tests.fakes.clock import NOON

CARD = "c1" * 16
COPY = CardRecalled(Secret(CARD, 0, "k1", 0, b"sealed", "k1", tries=3, tries_full=3))
SUCCESS, FAILED = OutcomeKind.SUCCESS, OutcomeKind.FAILED
UNKNOWN, ABANDONED = OutcomeKind.UNKNOWN, OutcomeKind.ABANDONED
ROTATED, STATIC, UNSETTLED = SecretLabel.ROTATED, SecretLabel.STATIC, SecretLabel.UNSETTLED


def left(session: str, version: int, next_version: int, kid: str = "k2") -> SecretReleased:
    return SecretReleased(session, CARD, version, next_version, kid, NOON)


def ended(
    session: str, kind: OutcomeKind, label: SecretLabel, version: int, kid: str = "k2", code: str = ""
) -> SessionOutcome:
    return SessionOutcome(
        session, kind, code, Reason.LOCKED, Route.SELF, CARD, "", "", SWEEPER, NOON, NOON, False, version,
        kid, label, 0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "version", "kid", "other", "tries"),
    [
        ((left("a", 0, 1), ended("a", SUCCESS, ROTATED, 1)), 1, "k2", None, 3),
        ((left("a", 0, 1), ended("a", FAILED, STATIC, 0, "k1")), 0, "k1", None, 3),
        ((left("a", 0, 1),), 0, "k1", 1, 2),
        ((left("a", 0, 1), ended("a", UNKNOWN, UNSETTLED, 0, "k1")), 0, "k1", 1, 2),
        ((left("a", 0, 1), ended("a", SUCCESS, UNSETTLED, 0, "k1")), 0, "k1", 1, 3),
        # A second reset begins only where the first one is settled, said or not.
        ((left("a", 0, 1), left("b", 1, 2)), 1, "k2", 2, 2),
        ((left("a", 0, 1), left("a", 0, 2)), 0, "k1", 2, 2),
        # A recovery rotates nothing: the candidates stay two until its end is told.
        ((left("a", 0, 1), left("b", 0, 0, "k1")), 0, "k1", 1, 1),
        ((left("a", 0, 1), left("b", 0, 0, "k1"), ended("b", SUCCESS, STATIC, 1)), 1, "k2", None, 3),
        ((left("a", 0, 1), left("b", 0, 0, "k1"), ended("b", FAILED, STATIC, 0, "k1")), 0, "k1", None, 1),
    ],
)
def test_I3_what_was_told_in_order(
    facts: tuple[Fact, ...], version: int, kid: str, other: int | None, tries: int
) -> None:
    card = recall(COPY, facts)
    stored = card.believed()

    assert (stored.version, stored.kid, stored.tries) == (version, kid, tries)
    assert card.other == (None if other is None else Candidate(other, "k2"))
    assert stored.highest == max(fact.next_version for fact in facts if isinstance(fact, SecretReleased))


def test_I3_the_late_word_of_another_session_settles_nothing() -> None:
    """Its label is as old as its own script: a second script has left since."""
    facts = (left("a", 0, 1), left("b", 0, 2), ended("a", ABANDONED, STATIC, 0, "k1"))
    late = ended("a", FAILED, STATIC, 0, "k1")

    assert recall(COPY, facts).other == Candidate(2, "k2")
    assert recall(COPY, (*facts, late)).other == Candidate(2, "k2")


def test_a_card_that_refused_its_puk_stays_stopped() -> None:
    facts = (left("a", 0, 1), ended("a", FAILED, UNSETTLED, 0, "k1", code="SECRET_MISMATCH"))
    stored = recall(COPY, facts).believed()

    assert (stored.stopped, stored.tries) == ("SECRET_MISMATCH", 2)
    assert not Budget().allows(stored, Spent(failed=0))


def test_the_end_of_a_script_that_the_copy_was_in_the_middle_of_is_taken() -> None:
    secret = replace(COPY.secret, highest=1)
    copy = CardRecalled(secret, Candidate(1, "k2"), by="a", may_cost=1)

    assert recall(copy, [ended("a", SUCCESS, ROTATED, 1)]).believed() == replace(secret, version=1, kid="k2")
    assert recall(copy, [ended("b", SUCCESS, ROTATED, 1)]).other == Candidate(1, "k2")


def test_I4_losses_that_nobody_told_of_leave_no_tries_below_none() -> None:
    facts = (left("a", 0, 1), *(left(str(number), 0, 0) for number in range(9)))

    assert recall(COPY, facts).believed().tries == 0


def test_the_budget_counts_what_was_told_of_each_script() -> None:
    facts: tuple[Fact, ...] = (
        CardRead("a", CARD, True, NOON), left("a", 0, 1), left("a", 0, 2), ended("a", SUCCESS, ROTATED, 2),
        left("b", 2, 3), left("c", 2, 2), ended("c", FAILED, STATIC, 2),
    )  # fmt: skip
    recalled = sessions_of(Told(number, f"e{number}", fact) for number, fact in enumerate(facts))

    results = [[each.result for each in recalled[name].releases] for name in ("a", "b", "c")]
    assert results == [["NOT_ATTEMPTED", "SUCCESS"], ["UNKNOWN"], ["FAILED"]]
    assert [each.is_recovery for each in recalled["c"].releases] == [True]
    assert recalled["a"].last_word == facts[3]
    assert recalled["b"].last_word is None


def test_missing_numbers_are_told_as_runs() -> None:
    assert missing([], after=7) == []
    assert missing([1, 2, 8, 9], after=7) == []
    assert missing([9, 10, 14, 12], after=7) == [(8, 8), (11, 11), (13, 13)]
