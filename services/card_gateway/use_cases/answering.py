"""The reset of an admin-key card: the vault answers its challenge once, and its own answer is its proof.

What differs from a PUK: nothing is rotated, so there is no journal row; the count of wrong answers is not
to be read from the card, so a loss is written down before each answer and taken back when it was right.
"""

from dataclasses import replace
from datetime import datetime

from services.card_gateway.card import profiles
from services.card_gateway.card.script import Report
from services.card_gateway.card.verdict import Holder, PukState, Verdict
from services.card_gateway.domain import budget
from services.card_gateway.domain import session as sessions
from services.card_gateway.domain.budget import Secret
from services.card_gateway.domain.facts import SecretReleased
from services.card_gateway.domain.session import Card, Session
from services.card_gateway.domain.step import Step
from services.card_gateway.ports import Authorisation, CardProof, NotReleased, Outside, View, Work
from services.card_gateway.use_cases.orders import Order, empty_order

NOT_GENUINE = Verdict(Holder.FAILED, "CARD_NOT_GENUINE", PukState.CURRENT, wrong_puk_tries=1)
"""It took our answer and could not give its own: whatever it says of a PIN is worth nothing."""
UNPROVEN = Verdict(Holder.UNKNOWN, "OUTCOME_UNKNOWN", PukState.CURRENT)
"""Its answer was lost, such as with a killed agent: the next READ tells."""


class Answering:
    """Fetching and reporting the RESET of an admin-key card."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def send(self, work: Work, session: Session, step: Step, now: datetime) -> Step:
        """Write down, before an answer leaves, that it leaves and that it may be taken for wrong."""
        card = session.knows_card()
        secret = await work.lock_secret(card.card_ref)
        if secret is None:
            raise sessions.WrongState
        sent = replace(step, sent_at=now, tries_before=secret.tries)
        await work.store_secret(secret.expecting(loss=1))
        await work.put_step(sent)
        await work.begin_reset(sent, card.card_ref, now)
        await work.tell(
            SecretReleased(session.session_id, card.card_ref, secret.version, secret.version, secret.kid, now)
        )
        return sent

    async def order(self, view: View, session: Session, step: Step) -> Order:
        """The step with the vault's answer in it; past its time without."""
        card, now = session.knows_card(), self._outside.clock.now()
        secret = await view.secret(card.card_ref)
        if secret is None or session.authority is None or step.sent_at is None:
            raise sessions.WrongState
        authorisation = Authorisation(
            session.session_id, card.card_ref, session.authority.holder_ref, step.rotation_id,
            step.sent_at, step.begin_before, card.profile,
        )  # fmt: skip
        proof = CardProof(session.session_id, card.card_ref, step.created_at)
        try:
            answer = self._outside.vault.answer(authorisation, proof, secret, step.nonce, now)
        except NotReleased as kept:
            if kept.code != "TOO_LATE":
                raise
            return empty_order(step, now)
        profile = profiles.ADMIN_KEY[card.profile]
        return Order(step, profile.answer_script(card.chuid_hash, answer), now)

    async def judge(self, view: View, card: Card, step: Step, report: Report) -> Verdict:
        """What the report means; a SUCCESS of a card that did not prove itself is none."""
        profile = profiles.ADMIN_KEY[card.profile]
        verdict, answer = profile.judge_reset(report), profile.proof_in(report)
        secret = await view.secret(card.card_ref)
        if secret is None or verdict.puk is not PukState.CURRENT or not profile.took_answer(report):
            return verdict
        if not answer:
            return UNPROVEN if verdict.holder is Holder.SUCCESS else verdict
        if not self._outside.vault.is_proof(card.profile, secret, step.nonce, answer):
            return NOT_GENUINE
        return verdict

    async def settle(self, work: Work, card: Card, step: Step, verdict: Verdict, report: Report) -> Secret:
        """Write down how many tries the key has, as far as is known."""
        secret = await work.lock_secret(card.card_ref)
        if secret is None:
            raise sessions.WrongState
        if verdict.puk is PukState.NEITHER:
            secret = replace(secret, stopped="SECRET_MISMATCH")
        # A card that takes our answer for right forgets the wrong ones before it.
        taken = profiles.ADMIN_KEY[card.profile].took_answer(report) and verdict is not NOT_GENUINE
        tries = secret.tries_full if taken else step.tries_before - verdict.wrong_puk_tries
        if verdict.puk_tries_left is not None:
            tries = verdict.puk_tries_left
        tries = budget.overtaken(tries, secret, await work.sent_since(step, card.card_ref))
        secret = replace(secret, tries=tries)
        await work.store_secret(secret)
        return secret
