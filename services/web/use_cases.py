"""The steps of an unlock, as pages and the JSON API take them: whom to ask, in which order, what ends it.

What differs stays outside: how a session is remembered (a browser's cookie, a front end's token), and
how an answer is shown.
"""

from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.web.domain import entries
from services.web.domain.journey import Reason, Standing, State
from services.web.domain.questions import Answer, AnswersJudged, QuestionsAsked
from services.web.ports import (
    Asked,
    CodeStatus,
    ColleaguesAsked,
    Holder,
    Peers,
    Redemption,
    Refused,
    RegistrationAuthority,
    SessionView,
    Verdict,
)

MOST_SEALED_BYTES = 256
"""Source: the contract of ResetPin."""
CODE_OF: Mapping[Verdict, str] = {
    Verdict.WRONG: "CODE_WRONG",
    Verdict.SUPERSEDED: "CODE_SUPERSEDED",
    Verdict.DEAD: "CODE_DEAD",
    Verdict.LOCKED_TO_RA: "LOCKED_TO_RA",
    Verdict.MALFORMED: "CODE_MALFORMED",
}
"""What the catalogue says of an entry that was not right."""


class Stop(Exception):
    """The way ends here, with an error code: whom to ask, and from when waiting helps."""

    def __init__(
        self,
        code: str,
        ra: RegistrationAuthority | None = None,
        *,
        status: int = 200,
        retry_at: datetime | None = None,
        can_ask_colleagues: bool = False,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.ra = ra
        self.status = status
        """Of the page; the JSON API has its own, by code."""
        self.retry_at = retry_at
        self.can_ask_colleagues = can_ask_colleagues


class QuestionsFirst(Stop):
    """The holder's security questions have to be answered first. R48."""

    def __init__(self, asked: QuestionsAsked) -> None:
        super().__init__("QUESTIONS_UNANSWERED")
        self.asked = asked


@dataclass(frozen=True)
class Passcodes:
    """What the agent is to open, each sealed to its key; the current passcode for a CHANGE only.

    Neither where the agent asks for them itself.
    """

    new: bytes = field(repr=False)
    current: bytes = field(repr=False)

    @property
    def are_sealed(self) -> bool:
        """True where there is any."""
        return bool(self.new or self.current)

    def fit(self, view: SessionView) -> bool:
        """True where a reset in this session has all it needs, and nothing it does not."""
        if view.pin_at_agent:
            return not self.are_sealed
        return bool(self.new) and bool(self.current) is (view.reason is Reason.CHANGE)


def sealed_bytes(text: str) -> bytes:
    """Return what was sealed; nothing for what no front end that follows the contract sends."""
    if not entries.BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        return b""
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return raw if len(raw) <= MOST_SEALED_BYTES else b""


def standing(
    view: SessionView,
    *,
    code_asked: bool,
    words_confirmed: bool,
    last_try: bool,
    colleagues_asked: bool = False,
) -> Standing:
    """Return all that decides which step a session is at: what the gateway says, and what the person said."""
    spends_tries = view.reason in (Reason.CHANGE, Reason.SIGN_IN) and view.tries_left == 1
    return Standing(
        state=view.state,
        resolved_success=view.resolved_success,
        objection=view.objection,
        code_needed=view.code_needed,
        code_asked=code_asked,
        colleagues_asked=colleagues_asked,
        signs_in=view.reason is Reason.SIGN_IN,
        in_person=view.in_person,
        words_confirmed=words_confirmed,
        last_try_ahead=spends_tries and not last_try,
    )


def end_code(view: SessionView) -> str:
    """Return why a session ended without success."""
    return "SESSION_ABANDONED" if view.state is State.ABANDONED else view.code or "NOT_UNLOCKED"


async def resolve(peers: Peers, view: SessionView) -> Holder:
    """Return the holder, judged anew: a card that was frozen a second ago stops here."""
    answer = await peers.identity.resolve_holder(view.card_grant)
    if isinstance(answer, QuestionsAsked):
        raise QuestionsFirst(answer)
    if isinstance(answer, Refused):
        may_ask = answer.can_ask_colleagues
        raise Stop(answer.code, answer.registration_authority, can_ask_colleagues=may_ask)
    return answer


async def questions_of(peers: Peers, view: SessionView) -> QuestionsAsked | None:
    """Return the questions that come first; None where this session has none to answer."""
    try:
        await resolve(peers, view)
    except QuestionsFirst as first:
        return first.asked
    return None


async def answer_questions(
    peers: Peers, view: SessionView, answers: Sequence[Answer], attempt_id: str
) -> AnswersJudged:
    """Have four answers judged; the third failure in a row stops here, with whom to ask."""
    judged = await peers.registration.answer(view.card_grant, answers, attempt_id)
    if isinstance(judged, Refused):
        raise Stop(judged.code, judged.registration_authority)
    return judged


async def ask_for_code(peers: Peers, holder: Holder, attempt_id: str, asked: Asked) -> CodeStatus:
    """Have a code sent, the first or another one."""
    answer = await peers.otp.issue_code(holder.grant, attempt_id, asked)
    if isinstance(answer, Refused):
        raise Stop(answer.code, holder.registration_authority, retry_at=answer.retry_at)
    return answer


async def newest_code(peers: Peers, holder: Holder) -> CodeStatus | None:
    """Tell how the newest code stands; None where none was asked for."""
    status = await peers.otp.code_status(holder.grant)
    if status and status.entries_left == 0:
        raise Stop("LOCKED_TO_RA", holder.registration_authority)
    return status


async def enter_code(
    peers: Peers,
    session: tuple[str, str],
    holder: Holder,
    typed: str,
    attempt_id: str,
    client_address: str,
) -> Redemption:
    """Have one entry judged; the grant of a right one is handed on at once.

    `session`: its id and the claim to it. Until the gateway has answered, the attempt stays the same and
    may be repeated.
    """
    entry = await peers.otp.redeem_code(holder.grant, typed, attempt_id, client_address)
    if entry.verdict is Verdict.RIGHT:
        await authorise(peers, session, holder, entry.grant, attempt_id)
    return entry


async def authorise(
    peers: Peers, session: tuple[str, str], holder: Holder, unlock_grant: str, attempt_id: str
) -> None:
    """Spend the grant that a code, colleagues or an RA's word earned; the session opens to a new passcode.

    `session`: its id and the claim to it. Raises Stop, with the holder's RA, where it stays shut.
    """
    refused = await peers.gateway.authorise(
        *session, unlock_grant=unlock_grant, holder_grant=holder.grant, attempt_id=attempt_id
    )
    if refused:
        raise Stop(refused.code, holder.registration_authority)


async def ask_colleagues(peers: Peers, view: SessionView) -> ColleaguesAsked:
    """Ask colleagues to vouch for the holder, or tell how it stands with them; judged anew."""
    answer = await peers.colleagues.ask(view.card_grant)
    if isinstance(answer, Refused):
        raise Stop(answer.code, answer.registration_authority)
    return answer


async def go_on_by_colleagues(
    peers: Peers, session: tuple[str, str], view: SessionView, attempt_id: str
) -> Holder | None:
    """Hand the grant on that enough colleagues have earned; None while they are not enough.

    `session`: its id and the claim to it.
    """
    asked = await ask_colleagues(peers, view)
    if not asked.unlock_grant:
        return None
    holder = await resolve(peers, view)
    await authorise(peers, session, holder, asked.unlock_grant, attempt_id)
    return holder


async def reset(
    peers: Peers,
    session: tuple[str, str],
    view: SessionView,
    passcodes: Passcodes,
    attempt_id: str,
    *,
    last_try: bool,
) -> None:
    """Pass the sealed passcodes on to the agent, or have it ask for them itself.

    `session`: its id and the claim to it. `last_try`: the person wants to spend the card's last one.
    """
    holder = await resolve(peers, view)
    refused = await peers.gateway.reset_pin(
        *session,
        sealed_pin=passcodes.new,
        holder_grant=holder.grant,
        attempt_id=attempt_id,
        sealed_current_pin=passcodes.current,
        spend_last_try=last_try,
    )
    if refused:
        raise Stop(refused.code, holder.registration_authority)
