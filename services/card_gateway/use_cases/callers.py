"""Who calls: a page by its claim, an agent by its token. The same answer for all who may not."""

import hmac

from services.card_gateway.domain.session import Session
from services.runtime.errors import ServiceError, unauthenticated
from services.runtime.randomness import digest_of

SESSION_UNKNOWN = "SESSION_UNKNOWN"
"""No such session, or not the caller's: nobody learns which."""


def refused() -> ServiceError:
    """The one answer to a caller with no or a wrong token."""
    return unauthenticated(SESSION_UNKNOWN)


def for_page(session: Session | None, claim: str) -> Session:
    """The session, for the page that claimed it."""
    if session is None or session.claim_digest is None or not _same(session.claim_digest, claim):
        raise refused()
    return session


def for_agent(session: Session | None, agent_token: str) -> Session:
    """The session, for the agent that offered it."""
    if session is None or not _same(session.agent_token_digest, agent_token):
        raise refused()
    return session


def _same(digest: bytes, token: str) -> bool:
    return hmac.compare_digest(digest, digest_of(token))
