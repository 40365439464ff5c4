"""Security questions: which there are, what makes an answer good, and how often it may be wrong.

The old service's registration, off by default. Pure: no hash, no clock, no database. R41, R48, R57.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

QUESTIONS: Mapping[str, str] = {
    "FIRST_SCHOOL": "What was the name of your first school?",
    "FIRST_TEACHER": "What was the surname of the first teacher you remember?",
    "FIRST_STREET": "What was the name of the first street you lived in?",
    "FIRST_PET": "What was the name of your first pet?",
    "FIRST_JOB": "In which town was your first job?",
    "FIRST_CAR": "What was the make and model of the first car you drove?",
    "FIRST_CONCERT": "Who played at the first concert you went to?",
    "FIRST_FILM": "What was the first film you saw at a cinema?",
    "FIRST_FLIGHT": "Where did your first flight take you?",
    "FIRST_HOLIDAY": "Where was the first holiday you remember?",
    "SCHOOL_FRIEND": "What was the first name of your best friend at primary school?",
    "CHILDHOOD_BOOK": "Which book did you read most often as a child?",
    "CHILDHOOD_DISH": "Which dish did you like most as a child?",
    "CHILDHOOD_GAME": "Which game did you play most often as a child?",
    "CHILDHOOD_TOY": "What did you call your favourite toy?",
    "CHILDHOOD_WISH": "What did you want to become when you were ten?",
    "GRANDPARENTS_TOWN": "In which town did one pair of your grandparents live?",
    "PARENTS_MET": "In which town did your parents meet?",
    "SCHOOL_SUBJECT": "Which school subject did you like least?",
    "FAVOURITE_PLACE": "Which place would you go back to first?",
}
"""Twenty, by stable codes. Source: S1, "from a choice of 20"."""

TO_CHOOSE = 4
"""Source: S1, "set 4 security questions"."""

SHORTEST = 3
"""Letters and digits of an answer, normalised."""

LONGEST = 100
"""Characters of an answer as typed."""

MOST_FAILURES = 3
"""In a row, of one holder with one card. Source: S1, "3 failed attempts" (R48)."""

WAITS_FOR = timedelta(minutes=30)
"""So long answers wait for the code that completes the registration."""


@dataclass(frozen=True)
class Answer:
    """One answer as typed."""

    question: str
    text: str = field(repr=False)


@dataclass(frozen=True)
class Trouble:
    """Why one answer will not do."""

    question: str
    code: str


@dataclass(frozen=True)
class Registration:
    """What a holder chose and answered: complete, or waiting for its code."""

    questions: tuple[str, ...]
    """In the order of `QUESTIONS`."""
    answers_hash: str = field(repr=False)
    session_id: str
    """In which it was set."""
    at: datetime


@dataclass(frozen=True)
class Tries:
    """Failures in a row of one holder with one card."""

    wrong: int = 0
    locked_at: datetime | None = None

    @property
    def left(self) -> int:
        """Failures that remain; 0: only the RA can help."""
        return 0 if self.locked_at is not None else MOST_FAILURES - self.wrong


@dataclass(frozen=True)
class Attempt:
    """One judged attempt, so that its repeat gets the same answer."""

    session_id: str
    attempt_id: str
    holder_ref: str
    card_ref: str
    right: bool
    tries_left: int
    at: datetime


def normalised(text: str) -> str:
    """Return an answer without what people type differently each time: case, blanks, punctuation, width.

    NFKC before and after the folding of case (Unicode Standard, 3.13); all that is no letter, mark or digit
    parts words, and words are parted by one blank.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = (letter if unicodedata.category(letter)[0] in "LMN" else " " for letter in folded)
    return " ".join("".join(kept).split())


def chosen(answers: Sequence[Answer]) -> tuple[str, ...] | None:
    """Return the questions in their order; None unless they are exactly four different ones of ours."""
    asked = {answer.question for answer in answers}
    if len(answers) != TO_CHOOSE or len(asked) != TO_CHOOSE or not asked <= QUESTIONS.keys():
        return None
    return tuple(code for code in QUESTIONS if code in asked)


def troubles_with(answers: Sequence[Answer]) -> list[Trouble]:
    """Return what is wrong with single answers."""
    judged = ((answer.question, _trouble_with(answer.text)) for answer in answers)
    return [Trouble(question, code) for question, code in judged if code]


def all_the_same(answers: Sequence[Answer]) -> bool:
    """Tell whether one word answers all of them: then they are one question."""
    return len({normalised(answer.text) for answer in answers}) == 1


def is_complete(answers: Sequence[Answer], questions: Sequence[str]) -> bool:
    """Tell whether each of these questions has one answer that could be one."""
    named = sorted(answer.question for answer in answers)
    return named == sorted(questions) and all(normalised(answer.text) for answer in answers)


def secret_of(answers: Sequence[Answer]) -> str:
    """Return all four answers as the one text that is hashed: nobody can try them one by one.

    Each is bound to its question; a normalised answer holds neither `=` nor a line's end.
    """
    said = {answer.question: normalised(answer.text) for answer in answers}
    return "\n".join(f"{code}={said[code]}" for code in QUESTIONS if code in said)


def after(tries: Tries, *, right: bool, now: datetime) -> Tries:
    """Return the tries after one attempt: the third failure in a row locks, right answers end the row."""
    if right:
        return Tries()
    wrong = tries.wrong + 1
    return Tries(wrong, now if wrong >= MOST_FAILURES else None)


def _trouble_with(text: str) -> str:
    if not text.strip():
        return "ANSWER_MISSING"
    if len(text) > LONGEST:
        return "ANSWER_TOO_LONG"
    return "ANSWER_TOO_SHORT" if len(normalised(text).replace(" ", "")) < SHORTEST else ""
