"""Security questions as the pages see them. R41, R48."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


@dataclass(frozen=True)
class Question:
    """One security question."""

    code: str
    text: str


LONGEST_ANSWER = 200
"""Characters that are passed on; identity, which takes 100 at a registration, says what is too long."""


@dataclass(frozen=True)
class Answer:
    """One answer as typed."""

    question: str
    text: str = field(repr=False)

    @classmethod
    def typed(cls, question: str, text: str) -> "Answer":
        """Return an answer, cut to what is passed on."""
        return cls(question, text[:LONGEST_ANSWER])


@dataclass(frozen=True)
class QuestionsAsked:
    """A holder's questions come before a code is mailed."""

    questions: tuple[Question, ...]
    tries_left: int


@dataclass(frozen=True)
class Offered:
    """The questions to choose from, and since when the holder is registered; None where they are not."""

    questions: tuple[Question, ...]
    to_choose: int
    registered_at: datetime | None


@dataclass(frozen=True)
class AnswersRefused:
    """Why answers are not kept; `troubles`: the code beside each question whose answer will not do."""

    code: str
    troubles: Mapping[str, str]


@dataclass(frozen=True)
class Confirmed:
    """A code of a registration may be mailed."""

    grant: str = field(repr=False)
    masked_address: str = field(repr=False)


class AnswersVerdict(Enum):
    """What identity says of four answers."""

    RIGHT = "RIGHT"
    WRONG = "WRONG"
    INCOMPLETE = "INCOMPLETE"


@dataclass(frozen=True)
class AnswersJudged:
    """The verdict, and the failures that remain."""

    verdict: AnswersVerdict
    tries_left: int
