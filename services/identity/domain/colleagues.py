"""Two colleagues vouch from afar for a holder who has no usable mail: for whom, who may, and how often.

The policy REMOTE_VOUCH, off by default (ADR 0024). Pure: rows and the time come in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from services.identity.domain.desk import organisations_of
from services.identity.domain.eligibility import Refusal, card_refusal
from services.identity.domain.holder import HeldCard, OwnProfile

WORDS_NEEDED = 2
"""Of two different holders: one insider alone lets nobody through."""

CODE_LIFETIME = timedelta(minutes=30)
"""From a code's making to its refusal; never beyond the session. Time to reach two people at night."""

WORDS_PER_DAY = 3
"""That one colleague may give in 24 hours."""

WRONG_CODES_PER_DAY = 10
"""That one colleague may type in 24 hours, of 50 bits each."""

TIMES_PER_CARD = 2
CARD_WINDOW = timedelta(days=30)
"""A card is let through by colleagues so often in that time; then the RA has to see to its mail."""

REASONS = frozenset({"LOCKED", "FORGOTTEN"})
"""Whoever knows their passcode needs nobody's word."""

FOR_WANT_OF_MAIL = frozenset({Refusal.NO_EMAIL, Refusal.EMAIL_DOMAIN_NOT_ALLOWED})
"""Refusals in whose place colleagues may vouch. Whoever has a usable address uses it."""


class Basis(Enum):
    """How a colleague knows that it is the holder who asks."""

    PHONE = "PHONE"
    """They know the voice."""
    VIDEO = "VIDEO"
    """They see the person."""
    IN_PERSON = "IN_PERSON"
    """They stand beside the person."""


@dataclass(frozen=True)
class Request:
    """One session whose holder asks colleagues; the code itself is kept nowhere."""

    session_id: str
    grant_id: str
    """The one `jti` of every UnlockGrant of this session: asked for often, it is spent once."""
    card_ref: str
    holder_ref: str
    code_digest: bytes = field(repr=False)
    """Keyed: the database alone reveals no code."""
    expires_at: datetime
    """First instant at which the code is refused."""
    completed_at: datetime | None = None
    """When enough had vouched first, by a word that was told as the last one needed."""

    def is_open(self, now: datetime) -> bool:
        """Tell whether its code is good."""
        return now < self.expires_at


@dataclass(frozen=True)
class Word:
    """What one colleague said in one session; by random references only."""

    session_id: str
    colleague_ref: str
    colleague_card_ref: str
    """The card by which they had signed in: the word counts while that card is good."""
    basis: Basis
    at: datetime


def may_ask(reason: str, route: str, refusal: Refusal | None) -> bool:
    """Tell whether colleagues may vouch where a holder is refused so."""
    return route == "SELF" and reason in REASONS and refusal in FOR_WANT_OF_MAIL


def may_be_spoken_for(known: OwnProfile | None) -> bool:
    """Tell whether colleagues may vouch for a holder: not for an RA, whose card acts for an organisation."""
    return known is not None and not organisations_of(known.roles)


def is_colleague(person: HeldCard | None, holder: HeldCard, now: datetime) -> bool:
    """Tell whether somebody may vouch for a holder now, by the card they signed in with.

    Never for oneself; of the holder's organisation; on a card that is in use, not frozen, not expired.
    """
    return (
        person is not None
        and person.holder_ref != holder.holder_ref
        and person.organisation == holder.organisation
        and card_refusal(person, person.certificate_expires_at or now, now) is None
    )


def that_count(
    words: Iterable[Word], cards: Mapping[str, HeldCard | None], holder: HeldCard, now: datetime
) -> list[Word]:
    """Return the words of those who are colleagues of the holder still, in the order of their giving."""
    good = [
        word
        for word in words
        if (person := cards.get(word.colleague_card_ref)) is not None
        and person.holder_ref == word.colleague_ref
        and is_colleague(person, holder, now)
    ]
    return sorted(good, key=lambda word: (word.at, word.colleague_ref))


def are_enough(words: list[Word]) -> bool:
    """Tell whether words that count are as many as are needed."""
    return len(words) >= WORDS_NEEDED


def let_through(request: Request, words: list[Word]) -> bool:
    """Tell whether words that count let the card through.

    Words that became enough by a lifted freeze wait for one that is told as the last one needed, and counts.
    """
    return request.completed_at is not None and are_enough(words)


def still_missing(request: Request, words: list[Word]) -> int:
    """Return how many more words are needed."""
    return 0 if let_through(request, words) else max(1, WORDS_NEEDED - len(words))


def completing(words: list[Word]) -> Word:
    """Return the word that made words enough: the record names whose it is."""
    return words[-1]
