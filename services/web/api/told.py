"""What the API answers, each field with its meaning."""

from base64 import urlsafe_b64encode
from datetime import datetime
from enum import Enum
from typing import Any, Literal, Self

from pydantic import BaseModel, Field

from services.web import texts, use_cases
from services.web.api.problems import WhomToAsk
from services.web.api.reason import Reason
from services.web.domain import journey
from services.web.domain.entry import Entry
from services.web.domain.errors import entry_for
from services.web.domain.journey import State, ways
from services.web.domain.questions import QuestionsAsked
from services.web.ports import CodeStatus, ColleaguesAsked, Delivery, Holder, Reader, Refused, SessionView


class Step(Enum):
    """What the holder does next; the pages' own steps, where asking for a code and typing it are one."""

    CARD = "CARD"
    OTHER_REASON = "OTHER_REASON"
    CODE = "CODE"
    PASSCODE = "PASSCODE"  # pragma: allowlist secret
    LAST_TRY = "LAST_TRY"
    WORKING = "WORKING"
    DONE = "DONE"
    UNKNOWN = "UNKNOWN"
    STOPPED = "STOPPED"


_STEPS = {
    journey.CARD: Step.CARD,
    journey.OTHER_REASON: Step.OTHER_REASON,
    journey.ADDRESS: Step.CODE,
    journey.CODE: Step.CODE,
    journey.CHANGE: Step.PASSCODE,
    journey.PASSCODE: Step.PASSCODE,
    journey.LAST_TRY: Step.LAST_TRY,
    journey.WORKING: Step.WORKING,
    journey.DONE: Step.DONE,
    journey.UNKNOWN: Step.UNKNOWN,
}
_ENDED = frozenset({Step.DONE, Step.STOPPED})


def standing(view: SessionView, *, last_try: bool = False) -> journey.Standing:
    """Return where a session stands; what a person has to confirm comes with each request instead."""
    return use_cases.standing(view, code_asked=False, words_confirmed=True, last_try=last_try)


def step_of(view: SessionView) -> Step:
    """Return what the holder does next."""
    return _STEPS.get(journey.place(standing(view)), Step.STOPPED)


class ErrorWords(BaseModel):
    """An error code in plain words."""

    code: str
    title: str
    happened: str
    next_step: str = Field(description="What the holder can do.")
    ask: Literal["RA", "IT", "REPORT"] = Field(description="Who helps where that does not.")
    help: str = Field(description="Path of its page, on the host of this API.")

    @classmethod
    def of(cls, entry: Entry) -> "ErrorWords":
        """Return what the catalogue says."""
        return cls(
            code=entry.code,
            title=entry.title,
            happened=entry.happened,
            next_step=entry.next_step,
            ask=entry.ask.value,
            help=f"/help/errors/{entry.code}",
        )


class Card(BaseModel):
    """The card in the reader, once it was read."""

    last_four: str = Field(description="The end of its identifier, to tell one card from another.")
    tries_left: int | None = Field(description="Tries of the passcode; null where the card did not tell.")
    blocked: bool


class Session(BaseModel):
    """An unlock session, as its holder may see it."""

    session_id: str = Field(description="For the context of the sealed passcode.")
    version: int = Field(description="Grows with each change; `since` of the next look.")
    step: Step = Field(description="What the holder does next; where `DONE`, the card itself confirmed it.")
    ended: bool = Field(description="True where nothing more can come of it: claim a new session.")
    reason: Reason
    deadline: datetime = Field(description="When it ends, whatever happens; UTC.")
    words: list[str] = Field(description="Three words that the unlock program shows too, to be compared.")
    agent_public_key: str = Field(
        description="X25519, base64url without padding: passcodes are sealed to it."
    )
    reader: Reader
    card: Card | None = Field(description="Null until a card was read.")
    offered_reasons: list[Reason] = Field(description="The ways that fit the card; see `OTHER_REASON`.")
    code_needed: bool = Field(description="False for a CHANGE that needs no security code.")
    pin_at_agent: bool = Field(
        description="True where passcodes are typed in the unlock program's own window: ask for none."
    )
    error: ErrorWords | None = Field(
        description="What stands in the way now: of the reader, the last try or the reason, or why it ended."
    )

    @classmethod
    def of(cls, session_id: str, view: SessionView) -> "Session":
        """Return a session as the gateway shows it."""
        step, code = step_of(view), _trouble(view)
        read = view.state not in {State.NEW, State.ATTACHED}
        card = Card(last_four=view.last_four, tries_left=view.tries_left, blocked=view.blocked)
        return cls(
            session_id=session_id,
            version=view.version,
            step=step,
            ended=step in _ENDED,
            reason=Reason(view.reason.value),
            deadline=view.deadline,
            words=list(view.words),
            agent_public_key=urlsafe_b64encode(view.agent_public_key).rstrip(b"=").decode(),
            reader=view.reader,
            card=card if read else None,
            offered_reasons=_offered(view) if read else [],
            code_needed=view.code_needed,
            pin_at_agent=view.pin_at_agent,
            error=ErrorWords.of(entry_for(code)) if code else None,
        )


def _trouble(view: SessionView) -> str:
    """Return the code of what stands in the way now; empty where nothing does."""
    step = step_of(view)
    if step is Step.DONE:
        return ""
    if step is Step.STOPPED:
        return use_cases.end_code(view)
    if step is Step.CARD:
        return texts.READER_CODES.get(view.reader.value, "") or view.code
    if step is Step.UNKNOWN:
        return "OUTCOME_UNKNOWN"
    return view.objection or view.code or ("LAST_TRY" if step is Step.LAST_TRY else "")


class Claimed(BaseModel):
    """A session that is the caller's now, and the token that says so."""

    session_token: str = Field(
        description="Opaque: `Authorization: Bearer <session_token>`. It is the session: whoever has it can"
        " go on with it. Keep it in memory, never in an address, a log or a store that outlives the session."
    )
    session: Session


class HolderFacts(BaseModel):
    """The holder of the card, who may go on now."""

    masked_address: str = Field(description="Where a code goes; empty where there is no address.")
    registration_authority: WhomToAsk
    nudge: ErrorWords | None = Field(
        description="Why no code could be sent, where none is needed this time: say so while the card works."
    )

    @classmethod
    def of(cls, holder: Holder) -> "HolderFacts":
        """Return what identity tells of a holder."""
        return cls(
            masked_address=holder.masked_address,
            registration_authority=WhomToAsk.of(holder.registration_authority),
            nudge=ErrorWords.of(entry_for(holder.nudge)) if holder.nudge else None,
        )


class OneQuestion(BaseModel):
    """A security question."""

    code: str
    text: str = Field(description="Its words, to be shown.")


class Questions(BaseModel):
    """The security questions that the holder answers before a code."""

    questions: list[OneQuestion] = Field(description="Four, in a fixed order; none where all is answered.")
    tries_left: int = Field(description="Failures that remain; 0 where nothing is asked.")

    @classmethod
    def of(cls, asked: QuestionsAsked | None) -> "Questions":
        """Return what identity asks."""
        listed = asked.questions if asked else ()
        questions = [OneQuestion(code=each.code, text=each.text) for each in listed]
        return cls(questions=questions, tries_left=asked.tries_left if asked else 0)


class NoMailboxTaken(BaseModel):
    """The holder's word was written down. It closes nothing: a code that comes after all may be typed."""

    error: ErrorWords = Field(description="`NO_MAILBOX_ACCESS`: what the holder can do.")
    registration_authority: WhomToAsk | None

    @classmethod
    def of(cls, refused: Refused) -> "NoMailboxTaken":
        """Return whom to ask."""
        known = refused.registration_authority
        error = ErrorWords.of(entry_for(refused.code))
        return cls(error=error, registration_authority=WhomToAsk.of(known) if known else None)


class Colleagues(BaseModel):
    """How it stands with the colleagues who were asked to vouch for the holder."""

    expires_at: datetime = Field(description="From when the code that they enter is refused; UTC.")
    words_given: int = Field(description="Colleagues who have vouched.")
    words_needed: int
    enough: bool = Field(description="True where the holder can go on: `POST /session/colleague-words`.")

    @classmethod
    def of(cls, asked: ColleaguesAsked) -> Self:
        """Return what identity tells, without the code."""
        return cls(**_words(asked))


class ColleaguesCode(Colleagues):
    """The same, with the code that the holder reads out."""

    code: str = Field(
        description="10 characters in two halves, such as `K7QM2-XWD4C`; empty where words are `enough`.",
        repr=False,
    )

    @classmethod
    def with_code(cls, asked: ColleaguesAsked) -> Self:
        """Return what identity tells."""
        return cls(code=asked.code, **_words(asked))


def _words(asked: ColleaguesAsked) -> dict[str, Any]:
    return {
        "expires_at": asked.expires_at,
        "words_given": asked.words_given,
        "words_needed": asked.words_needed,
        "enough": bool(asked.unlock_grant),
    }


class Code(BaseModel):
    """How the newest security code stands."""

    delivery: Delivery = Field(
        description="SENT: the mail service took it. DELIVERED: it says that the mailbox has it. NOT_SENT and"
        " BOUNCED: it will not arrive; `error` says why."
    )
    delayed: bool = Field(
        description="True while QUEUED after the mail service did not take it at first, or after 20 s of"
        " nothing."
    )
    error: ErrorWords | None = Field(description="Why it will not arrive.")
    live: bool = Field(description="True while the code can be entered.")
    expires_at: datetime = Field(description="From when it is refused; UTC.")
    digits: int = Field(description="Of a code in this deployment.")
    entries_left: int
    resends_left: int
    next_code_at: datetime = Field(description="From when another one may be asked for; UTC.")

    @classmethod
    def of(cls, status: CodeStatus) -> "Code":
        """Return what otp tells of a code."""
        lost = status.delivery_reason or _LOST.get(status.delivery, "")
        return cls(
            delivery=status.delivery,
            delayed=status.delivery is Delivery.QUEUED and bool(status.delivery_reason),
            error=ErrorWords.of(entry_for(lost)) if status.delivery in _LOST else None,
            live=status.live,
            expires_at=status.expires_at,
            digits=status.digits,
            entries_left=status.entries_left,
            resends_left=status.resends_left,
            next_code_at=status.next_code_at,
        )


_LOST = {Delivery.NOT_SENT: "MAIL_UNREACHABLE", Delivery.BOUNCED: "MAIL_RETURNED"}
"""Mails that will not arrive, and what is said of them where nobody told why."""


class Receipt(BaseModel):
    """Proof that the unlock stands in the audit log, which names nobody."""

    place: int = Field(description="Of the record in the log, counted from 1.")
    size: int = Field(description="Records that the signed head covers.")
    text: str = Field(
        description="A file of its own (C2SP tlog-proof), to be checked offline with the log's public key."
    )


def _offered(view: SessionView) -> list[Reason]:
    return [Reason(each.value) for each in ways(view.objection, blocked=view.blocked)]
