"""Offers: the address token and the typed code by which a page finds a waiting agent.

Both are derived from session and round, so that a repeated answer shows the same ones and the
database keeps digests only.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from services.card_gateway.domain import pairing as pairings
from services.card_gateway.domain.pairing import Pairing
from services.card_gateway.domain.session import Session
from services.card_gateway.ports import Outside, Work
from services.card_gateway.use_cases import commits
from services.runtime import spoken_codes
from services.runtime.randomness import digest_of, text_token


def token_of(outside: Outside, digest: bytes | None, purpose: str, *parts: str) -> str:
    """The token that was made of these parts and is stored as `digest`; empty where it was another.

    It may have been made before the master key was rotated, or by a replica that had not yet learnt of that.
    """
    made = (text_token(outside.vault.derive(kid, purpose, *parts)) for kid in outside.vault.kids)
    return next((token for token in made if digest_of(token) == digest), "")


def new_token(outside: Outside, purpose: str, *parts: str) -> str:
    """A token that need not be kept: whoever has its parts and the key makes it again."""
    return text_token(outside.vault.derive(outside.vault.newest_kid, purpose, *parts))


@dataclass(frozen=True)
class Offer:
    """What the agent opens, and what it shows."""

    token: str = field(repr=False)
    code: str = field(repr=False)
    ends_at: datetime


def offer_of(outside: Outside, session: Session) -> Offer | None:
    """The offer that is good now; None once the session is claimed, or where its key is gone."""
    if session.pairing_ends_at is None or session.pairing_kid not in outside.vault.kids:
        return None
    kid, where = session.pairing_kid, (session.session_id, str(session.pairing_round))
    token = text_token(outside.vault.derive(kid, "page-address", *where))
    code = spoken_codes.code_of(outside.vault.derive(kid, "pairing-code", *where))
    return Offer(token, code, session.pairing_ends_at)


async def add_offer(outside: Outside, work: Work, session: Session) -> None:
    """Store the digests of the session's present offer."""
    offer = offer_of(outside, session)
    if offer is not None:
        stored = Pairing(digest_of(offer.token), digest_of(offer.code), session.session_id, offer.ends_at)
        await work.add_pairing(stored)


def next_round(outside: Outside, session: Session, now: datetime) -> Session:
    """The session with an offer that begins now; the last one keeps its own end."""
    return replace(
        session,
        pairing_round=session.pairing_round + 1,
        pairing_kid=outside.vault.newest_kid,
        pairing_ends_at=now + pairings.LIFETIME,
    )


def is_due(outside: Outside, session: Session, now: datetime) -> bool:
    """True when the offer would end during a poll, or was made with a key that is gone.

    Not with one that is merely no longer the newest: replicas learn of a new key one after another.
    """
    if session.pairing_ends_at is None:
        return False
    ends_soon = session.pairing_ends_at - now < pairings.RENEW_WITHIN
    return ends_soon or session.pairing_kid not in outside.vault.kids


async def renew(outside: Outside, session_id: str) -> Session | None:
    """Make the next offer. Not on a journey's path: nobody has claimed the session."""
    async with outside.books.begin(commits.RENEW_PAIRING) as work:
        session = await work.lock_session(session_id)
        now = outside.clock.now()
        if session is None or not is_due(outside, session, now):
            return session
        renewed = await work.store(session, next_round(outside, session, now))
        await add_offer(outside, work, renewed)
        return renewed
