"""The holder of the card, and the security code: asked for, on its way, typed."""

from fastapi import APIRouter

from services.web import use_cases
from services.web.api.asked import CodeEntry, CodeRequest, NoMailbox
from services.web.api.caller import Caller, OfSession
from services.web.api.gate import JudgedRoute
from services.web.api.problems import Refusal
from services.web.api.refusals import IN_SESSION, WITH_BODY, refusals
from services.web.api.told import Code, HolderFacts, NoMailboxTaken, Session, Step
from services.web.domain import entries
from services.web.ports import Asked, Holder, SessionView, Verdict
from services.web.use_cases import Stop

router = APIRouter(route_class=JudgedRoute, tags=["holder and code"])


@router.get("/session/holder", responses=refusals(*IN_SESSION))
async def get_holder(caller: OfSession) -> HolderFacts:
    """Tell where a code would go, masked, and who the holder's Registration Authority is.

    Open once a card was read that fits. The holder is judged anew each time: a refusal names the Registration
    Authority, and what the RA mends counts at once. Who cannot read mail there: `no-mailbox-reports`.
    """
    view = await caller.view_at(Step.CODE, Step.PASSCODE, Step.LAST_TRY)
    return HolderFacts.of(await use_cases.resolve(caller.peers, view))


@router.post("/session/code-requests", status_code=202, responses=refusals(429, *IN_SESSION, *WITH_BODY))
async def ask_for_code(caller: OfSession, asked: CodeRequest) -> Code:
    """Have a code sent by mail, the first or another one; an older code then works no more.

    At most 3 in a session, a minute apart.
    """
    view, holder = await _before_code(caller)
    if not asked.words_match:
        raise Stop("WORDS_NOT_CONFIRMED")
    site = caller.house.sites.site_of(caller.client_address)
    where = Asked(caller.client_address, view.last_four, site)
    return Code.of(await use_cases.ask_for_code(caller.peers, holder, asked.attempt_id, where))


@router.post("/session/no-mailbox-reports", responses=refusals(*IN_SESSION, *WITH_BODY))
async def report_no_mailbox(caller: OfSession, asked: NoMailbox) -> NoMailboxTaken:
    """Take the holder's word that they cannot read mail there, and tell whom to ask.

    Open where `step` is `CODE`. It is written down once as the session's refusal, however often it is said.
    """
    del asked  # said twice is said once, whatever the attempt
    view = await caller.view_at(Step.CODE)
    refused = await caller.peers.identity.no_mailbox(view.card_grant)
    if refused.code != "NO_MAILBOX_ACCESS":
        raise Stop(refused.code, refused.registration_authority)
    return NoMailboxTaken.of(refused)


@router.get("/session/code", responses=refusals(404, *IN_SESSION))
async def get_code(caller: OfSession) -> Code:
    """Tell how the newest code stands: on its way, sent, or why not. Look every 2 seconds, not more often."""
    _, holder = await _before_code(caller)
    status = await use_cases.newest_code(caller.peers, holder)
    if status is None:
        raise Stop("CODE_NOT_ASKED")
    return Code.of(status)


@router.post("/session/code-entries", responses=refusals(*IN_SESSION, *WITH_BODY))
async def enter_code(caller: OfSession, asked: CodeEntry) -> Session:
    """Have one entry judged; a right one opens the way to a new passcode.

    A wrong one is refused with `CODE_WRONG` and `entries_left`; the third with `LOCKED_TO_RA`. The same
    attempt with other digits is an entry of its own.
    """
    _, holder = await _before_code(caller)
    typed = entries.one_time_code(asked.code)
    if typed is None:
        raise Stop("CODE_MALFORMED")
    entry = await use_cases.enter_code(
        caller.peers, caller.held, holder, typed, asked.attempt_id, caller.client_address
    )
    if entry.verdict is not Verdict.RIGHT:
        code, left = use_cases.CODE_OF[entry.verdict], entry.entries_left
        raise Refusal(code, holder.registration_authority, entries_left=left)
    return Session.of(caller.session_id, await caller.view())


async def _before_code(caller: Caller) -> tuple[SessionView, Holder]:
    view = await caller.view_at(Step.CODE)
    return view, await use_cases.resolve(caller.peers, view)
