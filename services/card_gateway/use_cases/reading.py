"""What a READ report makes of a session: a card of ours, a refusal, another try, or the truth at last."""

from dataclasses import replace
from datetime import datetime, timedelta

from services.card_gateway.card import profiles
from services.card_gateway.card.facts import CardFacts, Unsupported
from services.card_gateway.card.proof import Purpose, challenge_digest
from services.card_gateway.card.script import Report
from services.card_gateway.domain import session as sessions
from services.card_gateway.domain import settling
from services.card_gateway.domain import step as steps
from services.card_gateway.domain.session import Card, Session
from services.card_gateway.domain.step import Step
from services.card_gateway.domain.words import OutcomeKind, Reason, State
from services.card_gateway.ports import Outside, RegisteredCard, Work
from services.card_gateway.use_cases import commits, making, reports
from services.card_gateway.use_cases.closing import Closing
from services.card_gateway.use_cases.signing_in import UNSUPPORTED, can_sign_in
from services.card_gateway.use_cases.up_to_date import VAULT_BEHIND


class Reading:
    """ReportStep for READ."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._closing = Closing(outside)

    async def report(self, session_id: str, step: Step, report: Report) -> None:
        """Judge what was read. A second report of a step changes nothing."""
        async with self._outside.books.begin(commits.REPORT_READ) as work:
            session = await reports.taken(work, session_id, step)
            if session is None:
                return
            now = self._outside.clock.now()
            if session.is_over(now) or session.state not in (State.ATTACHED, State.UNKNOWN):
                return
            if not self._outside.freshness.is_current:
                # Nothing is settled by an old copy, nor anybody sent for a code that could not be used.
                await self._read_again(work, session, VAULT_BEHIND, now, steps.OTHER_CARD_AGAIN_AFTER)
                return
            facts = profiles.parse_read(report)
            if session.state is State.UNKNOWN:
                await self._settle(work, session, step, facts, now)
            else:
                await self._take(work, session, step, facts, now)

    async def _take(
        self, work: Work, session: Session, step: Step, facts: CardFacts | Unsupported, now: datetime
    ) -> None:
        """ATTACHED: the card of this session, or why not."""
        if isinstance(facts, Unsupported) and not facts.about_card:
            await self._read_again(work, session, facts.code, now, steps.READ_AGAIN_AFTER)
            return
        card, code = await self._recognise(work, session, step, facts)
        blocked = isinstance(facts, CardFacts) and facts.pin_blocked
        await work.tell(sessions.card_seen(session, card.card_ref if card else "", blocked, now))
        if card is None or isinstance(facts, Unsupported):
            await self._closing.end(work, session, session, State.FAILED, code, now)
            return
        # The signature is as fresh as its nonce: it tells nothing of a reset that was sent after that.
        # A card that proves nothing in a READ settles nothing that another session left open.
        if profiles.BY_KIND[card.profile].PROVES_IN_READ:
            await self._closing.settle_others(work, card.card_ref, step, blocked, now)
        taken = sessions.take_card(session, self._card_of(card, facts))
        if taken.reason is Reason.SIGN_IN and not blocked and not can_sign_in(card):
            await self._closing.end(work, session, taken, State.FAILED, UNSUPPORTED, now)
            return
        code = await self._why_not(work, card, facts, now)
        if code and not taken.needs_secret:
            await work.store(session, sessions.without_reset(taken, code))
        elif code:
            await self._closing.end(work, session, taken, State.FAILED, code, now)
        else:
            await work.store(session, taken)

    async def _recognise(
        self, work: Work, session: Session, step: Step, facts: CardFacts | Unsupported
    ) -> tuple[RegisteredCard | None, str]:
        """The card of ours, if it is one, else why not."""
        if isinstance(facts, Unsupported):
            return None, facts.code
        card = await work.card_by_guid(facts.guid)
        if card is None:
            return None, "CARD_UNKNOWN"
        # Whoever copied an identifier must not appear in the books of its owner.
        genuine = self._is_genuine(session, step, card, facts)
        return (card, "") if genuine else (None, "CARD_NOT_GENUINE")

    async def _why_not(self, work: Work, card: RegisteredCard, facts: CardFacts, now: datetime) -> str:
        """Why no reset of this card can be begun; empty when one can."""
        secret = await work.lock_secret(card.card_ref)
        if secret is None:
            return "ERR1009"
        await work.store_secret(secret.counted(facts.puk_tries_left))
        if facts.puk_tries_left is not None and facts.puk_tries_left < self._outside.budget.floor:
            return "BUDGET_SPENT"
        within = await making.within_budget(self._outside, work, card.card_ref, card.profile, now)
        return "" if within else "BUDGET_SPENT"

    def _is_genuine(self, session: Session, step: Step, card: RegisteredCard, facts: CardFacts) -> bool:
        """True where the card signed our challenge with the key that was pinned at import.

        An admin-key card is taken at its word until its reset: an answer that let it prove itself now
        would let whoever holds it set its PIN before anybody was let through.
        """
        profile = profiles.BY_KIND[card.profile]
        if facts.kind != profile.KIND or not profile.PROVES_IN_READ:
            return facts.kind == profile.KIND
        if facts.signature is None or facts.algorithm is None:
            return False
        digest = challenge_digest(
            Purpose.READ, self._outside.gateway_name, session.session_id, step.nonce, session.agent_public_key
        )
        return self._outside.proofs.verify(card.key_9e, facts.algorithm, digest, facts.signature)

    async def _settle(
        self, work: Work, session: Session, step: Step, facts: CardFacts | Unsupported, now: datetime
    ) -> None:
        """UNKNOWN: what the card says now, if it is the same card."""
        card = session.knows_card()
        if isinstance(facts, Unsupported):
            await self._read_again(work, session, session.code, now, steps.READ_AGAIN_AFTER)
            return
        registered = await work.card(card.card_ref)
        same = registered is not None and facts.guid == registered.guid
        if not same or registered is None or not self._is_genuine(session, step, registered, facts):
            await self._read_again(work, session, "CARD_CHANGED", now, steps.OTHER_CARD_AGAIN_AFTER)
            return
        secret = await work.lock_secret(card.card_ref)
        if secret is not None:
            await work.store_secret(secret.counted(facts.puk_tries_left))
        settled = settling.read_again(session, facts.pin_blocked, facts.pin_tries_left, now)
        if settled.resolved_success and secret is not None and card.profile in profiles.ADMIN_KEY:
            # Unblocked, so our answer had been taken for right, and the key's tries are full again.
            await work.store_secret(replace(secret, tries=secret.tries_full))
        await self._closing.told(work, session, settled, OutcomeKind.RESOLVED, now)

    async def _read_again(
        self, work: Work, session: Session, code: str, now: datetime, pause: timedelta
    ) -> None:
        await work.put_step(making.read_step(self._outside, session, now, pause))
        await work.store(session, replace(session, code=code))

    def _card_of(self, card: RegisteredCard, facts: CardFacts) -> Card:
        return Card(
            card_ref=card.card_ref,
            profile=card.profile,
            guid=card.guid,
            chuid_hash=facts.chuid_hash,
            algorithm=facts.algorithm,
            pin_tries_left=facts.pin_tries_left,
            pin_blocked=facts.pin_blocked,
            blocked_now=facts.pin_blocked,
            certificate_expires_at=self._earlier_end(card, facts),
        )

    def _earlier_end(self, card: RegisteredCard, facts: CardFacts) -> datetime:
        """The earlier end of 9A: the card's own, or the registry's. R5."""
        if facts.cert_9a_der is None:
            return card.expires_at
        try:
            return min(card.expires_at, self._outside.proofs.expires_at(facts.cert_9a_der))
        except ValueError:
            return card.expires_at
