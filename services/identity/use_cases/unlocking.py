"""What others' word for a holder gives: the grant that unlocks one card in one session, once."""

from datetime import datetime

from services.identity.use_cases import GRANT_LIFE, SHORTEST_GRANT
from services.runtime.grants import CardGrant, GrantRefused, UnlockGrant


def unlock_grant(
    card: CardGrant, grant_id: str, holder_ref: str, actor: tuple[str, str], now: datetime
) -> UnlockGrant:
    """Return it, by `actor` (kind and reference); it ends with the card's own grant at the latest.

    Raises GrantRefused where that is too soon.
    """
    expires_at = min(now + GRANT_LIFE, card.expires_at)
    if expires_at - now < SHORTEST_GRANT:
        raise GrantRefused
    actor_kind, actor_ref = actor
    return UnlockGrant(
        session_id=card.session_id,
        card_ref=card.card_ref,
        reason=card.reason,
        route=card.route,
        agent_key_thumbprint=card.agent_key_thumbprint,
        jti=grant_id,
        issued_at=now,
        expires_at=expires_at,
        purpose=card.purpose,
        holder_ref=holder_ref,
        actor_kind=actor_kind,
        actor_ref=actor_ref,
    )
