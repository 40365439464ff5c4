"""What the vault knew before it was put back to an older copy, out of what was told since.

Pure: facts come in by their number, cards and sessions come out as they must be stored. In doubt a card
keeps two candidates, as an UNKNOWN row of the journal does: a recovery settles it at one wrong try at
most. What was never told nobody knows. Source: architecture §5.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from services.card_gateway.domain.budget import Secret
from services.card_gateway.domain.facts import (
    CardRead,
    Fact,
    SecretReleased,
    SessionAuthorised,
    SessionOutcome,
    SessionStarted,
)
from services.card_gateway.domain.words import OutcomeKind, SecretLabel

MISMATCH = "SECRET_MISMATCH"
"""A card refused the PUK that must have been its own: it stays stopped."""

_BY_REPORT = (OutcomeKind.SUCCESS, OutcomeKind.FAILED, OutcomeKind.UNKNOWN)
"""Outcomes that may say what a script did; the others come from a READ or from time."""

_SETTLED = (SecretLabel.ROTATED, SecretLabel.STATIC)

_LAST = (OutcomeKind.SUCCESS, OutcomeKind.FAILED, OutcomeKind.RESOLVED, OutcomeKind.ABANDONED)


@dataclass(frozen=True)
class Told:
    """One event of ours, read back."""

    number: int
    """Its `relayseq`: the order in which things happened."""
    event_id: str
    fact: Fact


@dataclass(frozen=True)
class Candidate:
    """A PUK that may stand in a card beside the current one."""

    version: int
    kid: str


@dataclass(frozen=True)
class CardRecalled:
    """A card's secret as far as it was told."""

    secret: Secret
    other: Candidate | None = None
    """The second candidate, while it is not known which of two stands."""
    by: str = ""
    """The session whose script came last: only its report says what that script did."""
    recovering: bool = False
    """The last script was a recovery, which may begin with the wrong one of two."""
    may_cost: int = 0
    """Tries that the last script may have spent, as long as nobody told of its end."""

    def believed(self) -> Secret:
        """The secret to store: a loss that nobody told of counts as one."""
        return replace(self.secret, tries=max(0, self.secret.tries - self.may_cost))

    def after(self, fact: Fact) -> "CardRecalled":
        """The card after one more fact about it."""
        if isinstance(fact, SecretReleased):
            return self._released(fact)
        return self._ended(fact) if isinstance(fact, SessionOutcome) else self

    def _released(self, fact: SecretReleased) -> "CardRecalled":
        if fact.next_version == fact.version:
            # A recovery: the candidates stay two, and the one before it is counted as lost.
            secret = replace(self.believed(), version=fact.version, kid=self._kid_of(fact.version))
            return replace(self, secret=secret, by=fact.session_id, recovering=True, may_cost=1)
        # A reset begins only where it is settled which PUK stands.
        secret = replace(
            self.believed() if self.recovering else self.secret,
            version=fact.version,
            kid=self._kid_of(fact.version),
            highest=max(self.secret.highest, fact.next_version),
        )
        return CardRecalled(secret, Candidate(fact.next_version, fact.kid), fact.session_id, may_cost=1)

    def _ended(self, fact: SessionOutcome) -> "CardRecalled":
        if fact.session_id != self.by or fact.kind not in _BY_REPORT:
            return self
        if fact.code == MISMATCH:
            return replace(self, secret=replace(self.believed(), stopped=MISMATCH), may_cost=0)
        free = fact.kind is OutcomeKind.FAILED and not self.recovering
        secret = self.secret if free else self.believed()
        if fact.kind is OutcomeKind.SUCCESS:
            secret = replace(secret, tries=secret.tries_full)
        if fact.label not in _SETTLED:
            return replace(self, secret=secret, may_cost=0)
        secret = replace(secret, version=fact.version, kid=fact.kid)
        return replace(
            self, secret=replace(secret, highest=max(secret.highest, fact.version)), other=None, may_cost=0
        )

    def _kid_of(self, version: int) -> str:
        if self.other is not None and self.other.version == version:
            return self.other.kid
        return self.secret.kid


@dataclass
class Release:
    """One script that left with a secret."""

    event_id: str
    fact: SecretReleased
    result: str = "UNKNOWN"
    """As the budget counts it."""

    @property
    def is_recovery(self) -> bool:
        """True where it only settled."""
        return self.fact.next_version == self.fact.version


@dataclass
class SessionRecalled:
    """What was told of one session."""

    session_id: str
    started: SessionStarted | None = None
    card_ref: str = ""
    authorised: SessionAuthorised | None = None
    releases: list[Release] = field(default_factory=list)
    outcomes: dict[OutcomeKind, SessionOutcome] = field(default_factory=dict)

    @property
    def last_word(self) -> SessionOutcome | None:
        """The word that ended it, if it has ended."""
        return next((self.outcomes[kind] for kind in _LAST if kind in self.outcomes), None)

    def take(self, told: Told) -> None:
        """Take one more fact of this session, in order."""
        fact = told.fact
        if isinstance(fact, SessionStarted):
            self.started = fact
        elif isinstance(fact, CardRead):
            self.card_ref = fact.card_ref or self.card_ref
        elif isinstance(fact, SessionAuthorised):
            self.authorised = fact
        elif isinstance(fact, SecretReleased):
            self._follow_up()
            self.card_ref = fact.card_ref
            self.releases.append(Release(told.event_id, fact))
        else:
            self.outcomes[fact.kind] = fact
            if self.releases and fact.kind in (OutcomeKind.SUCCESS, OutcomeKind.FAILED):
                self.releases[-1].result = fact.kind.value

    def _follow_up(self) -> None:
        """Another script in the same session: the one before it came to nothing, or its end is unknown."""
        if self.releases and OutcomeKind.UNKNOWN not in self.outcomes:
            self.releases[-1].result = "NOT_ATTEMPTED"


def sessions_of(told: Iterable[Told]) -> dict[str, SessionRecalled]:
    """What was told of each session, in the order of their first facts."""
    recalled: dict[str, SessionRecalled] = {}
    for each in told:
        session_id = each.fact.session_id
        recalled.setdefault(session_id, SessionRecalled(session_id)).take(each)
    return recalled


def facts_of_cards(told: Iterable[Told]) -> dict[str, list[Fact]]:
    """What was told of each card's secret, in order."""
    by_card: dict[str, list[Fact]] = {}
    for each in told:
        if isinstance(each.fact, SecretReleased | SessionOutcome) and each.fact.card_ref:
            by_card.setdefault(each.fact.card_ref, []).append(each.fact)
    return by_card


def recall(card: CardRecalled, facts: Iterable[Fact]) -> CardRecalled:
    """The card after all that was told of it."""
    for fact in facts:
        card = card.after(fact)
    return card
