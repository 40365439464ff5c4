"""The four processes that pages ask, as one small world a test can steer.

It keeps the rules that pages rely on: a session is claimed once, an attempt is answered once,
three wrong entries lock. It knows nothing of cards or keys.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from services.runtime import errors
from services.web.domain.journey import Reason, State
from services.web.domain.questions import (
    Answer,
    AnswersJudged,
    AnswersRefused,
    AnswersVerdict,
    Confirmed,
    Offered,
    Question,
    QuestionsAsked,
)
from services.web.ports import (
    AddressProposal,
    AddressSet,
    Adoption,
    ApprovedDomain,
    ApprovedDomains,
    Asked,
    CardAct,
    CardRecords,
    Claimed,
    Cleared,
    CodeStatus,
    ColleaguesAsked,
    ContactRefused,
    Delivery,
    FoundAuthorities,
    FoundHolder,
    FoundHolders,
    Holder,
    HolderCard,
    HolderChange,
    HolderRecord,
    Locks,
    Person,
    Profile,
    Reader,
    Receipt,
    Redemption,
    Refused,
    RegistrationAuthority,
    SavedTime,
    Savings,
    SavingsGroup,
    SessionView,
    SignedIn,
    Stage,
    Verdict,
    Waiting,
    Why,
    WordGiven,
)

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
SIGNED_IN_FOR = timedelta(minutes=10)
DEADLINE = NOW + timedelta(minutes=45)
ADDRESS_TOKEN = "A" * 43
PAIRING_CODE = "K7QM2XWD4C"
RIGHT_CODE = "41963075"
WRONG_CODE = "00000000"
SESSION_ID = "01930000-0000-7000-8000-00000000000a"
CLAIM = "claim-of-the-test"
AGENT_KEY = bytes(range(32))
RA = RegistrationAuthority("Test Trust", "01632 960 001", "smartcards@example.org", "Weekdays, 9 to 5", "T01")

Peer = errors.ServiceError
QUESTIONS = tuple(Question(f"QUESTION_{number}", f"Question number {number}?") for number in range(1, 21))
HOLDER_REF = "ab" * 16
HOLDER = HolderRecord(
    holder_ref=HOLDER_REF,
    name="Test Holder Two",
    holder_id="test-holder-0002",
    organisation="T01",
    status="ACTIVE",
    oneself=False,
    masked_address="",
    mail_code="NO_EMAIL",
    address_set_by="",
    address_set_at=None,
    addresses_left=50,
    cards=(HolderCard("c2" * 16, "ACTIVE", NOW + timedelta(days=400)), HolderCard("d3" * 16, "LOST")),
)
ASKED = ColleaguesAsked("K7QM2-XWD4C", NOW + timedelta(minutes=15), 0, 2)
"""By whoever has a blocked card and no mail; nobody has vouched yet."""
PROPOSAL = AddressProposal(
    proposal_id="0197c19f-0000-7000-8000-0000000000cc",
    holder_ref=HOLDER_REF,
    holder_name="Test Holder Two",
    address="test-holder-0002@example.org",
    proposed_by="Test Colleague",
    proposed_by_oneself=False,
    reason="NO_ADDRESS",
    note="Request 7",
    proposed_at=NOW,
    expires_at=NOW + timedelta(hours=24),
)
CLEARED = Cleared(entries_left=3, wrong_in_year=3)
RA_PROFILE = Profile(
    "Test Registrar", "test-holder-0009@example.org", "", "", ("RA@T01",), RA
)  # fmt: skip


@dataclass
class World:
    """What the fake processes answer; a test changes it between requests."""

    view: SessionView = field(
        default_factory=lambda: SessionView(
            version=1,
            state=State.ATTACHED,
            code="",
            reader=Reader.NO_CARD,
            words=("amber", "kettle", "orbit"),
            agent_public_key=AGENT_KEY,
            deadline=DEADLINE,
            reason=Reason.LOCKED,
            last_four="4F2A",
            card_grant="card-grant",
        )
    )
    refused_holder: Refused | None = None
    refused_code: Refused | None = None
    refused_start: Refused | None = None
    refused_reset: Refused | None = None
    refused_reason: Refused | None = None
    refused_sign_in: Refused | None = None
    refused_proof: Refused | None = None
    refused_contact: ContactRefused | None = None
    refused_freeze: Refused | None = None
    profile: Profile = field(
        default_factory=lambda: Profile(
            "Test Holder One", "test-holder-0001@example.org", "+447700900123", "", (), RA
        )
    )
    record: HolderRecord = HOLDER
    ra_at_start: str = ""
    """The ProfileGrant that the newest session was begun with."""
    refused_person: Refused | None = None
    refused_vouch: Refused | None = None
    asked_colleagues: ColleaguesAsked | Refused = ASKED
    refused_asker: Refused | None = None
    refused_word: Refused | None = None
    refused_desk: Refused | None = None
    refused_act: Refused | None = None
    refused_records: Refused | None = None
    card_records: CardRecords = field(default_factory=lambda: CardRecords(()))
    address_set: AddressSet = field(default_factory=AddressSet)
    waiting: Waiting = field(default_factory=Waiting)
    locks: Locks = field(default_factory=Locks)
    cleared: Cleared | Refused = CLEARED
    changes: tuple[HolderChange, ...] = ()
    found_holders: FoundHolders = field(
        default_factory=lambda: FoundHolders(
            (FoundHolder(HOLDER_REF, "Test Holder Two", "test-holder-0002", "T01"),)
        )
    )
    profile_grant: str = "profile-grant"
    nudge: str = ""
    masked_address: str = "t…1@example.org"
    approved: ApprovedDomains = field(
        default_factory=lambda: ApprovedDomains((ApprovedDomain("example.org", True),))
    )
    found: FoundAuthorities = field(default_factory=lambda: FoundAuthorities((RA,)))
    refused_authorise: Refused | None = None
    status: CodeStatus | None = None
    entries_left: int = 3
    digits: int = 8
    asked: Asked | None = None
    """Where the newest code was asked for."""
    asked_first: bool = False
    """The holder has security questions to answer in this session."""
    tries_left: int = 3
    registered_at: datetime | None = None
    acts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What each attempt of an RA did."""
    refused_answers: AnswersRefused | None = None
    refused_email: Refused | None = None
    refused_complete: Refused | None = None
    registration_status: CodeStatus | None = None
    failure: dict[str, Exception] = field(default_factory=dict)
    """Call name to the error it raises."""
    calls: list[tuple[str, object]] = field(default_factory=list)
    attempts: dict[str, object] = field(default_factory=dict)
    stopped: bool = False
    receipt: Receipt | None = None
    pause: float = 0
    """Seconds that each look at a session or a holder takes."""

    async def newer_than(self, since: int, wait: int) -> None:
        """Wait as the gateway's long poll does, in steps a test does not notice."""
        for _ in range(wait * 50):
            if self.view.version > since or self.stopped:
                return
            await asyncio.sleep(0.02)

    async def slowly(self) -> None:
        await asyncio.sleep(self.pause)

    def called(self, name: str, what: object = None) -> None:
        self.calls.append((name, what))
        if name in self.failure:
            raise self.failure[name]

    def spent(self, attempt_id: str, *act: str) -> Refused | None:
        """Refuse an attempt that did another act before, as identity does."""
        return None if self.acts.setdefault(attempt_id, act) == act else Refused("ATTEMPT_SPENT")

    def change(self, **changes: object) -> None:
        self.view = replace(self.view, version=self.view.version + 1, **changes)  # type: ignore[arg-type]

    def colleague_vouches(self) -> None:
        """One more word; enough of them earn the grant, and the code is good for nothing more."""
        asked = self.asked_colleagues
        assert isinstance(asked, ColleaguesAsked)
        asked = replace(asked, words_given=asked.words_given + 1)
        if asked.words_given >= asked.words_needed:
            asked = replace(asked, code="", unlock_grant="unlock-grant-of-colleagues")
            self.refused_holder, self.nudge = None, "NO_EMAIL"
        self.asked_colleagues = asked

    def resets(self) -> list[tuple[str, bytes]]:
        """Attempt and sealed passcode of each reset that was asked for."""
        return [what for name, what in self.calls if name == "reset_pin" and isinstance(what, tuple)]

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


def code_status(delivery: Delivery = Delivery.QUEUED, **changes: object) -> CodeStatus:
    status = CodeStatus(
        delivery=delivery,
        delivery_reason="",
        expires_at=NOW + timedelta(minutes=15),
        entries_left=3,
        resends_left=2,
        next_code_at=NOW,
        live=True,
    )
    return replace(status, **changes)  # type: ignore[arg-type]


class FakeGateway:
    def __init__(self, world: World) -> None:
        self._world = world

    async def start_session(
        self,
        *,
        address_token: str,
        pairing_code: str,
        reason: Reason,
        attempt_id: str,
        client_address: str,
        profile_grant: str = "",
    ) -> Claimed | Refused:
        world = self._world
        world.called("start_session", {"reason": reason, "client": client_address, "code": pairing_code})
        world.ra_at_start = profile_grant
        if attempt_id in world.attempts:
            return world.attempts[attempt_id]  # type: ignore[return-value]
        if world.refused_start:
            return world.refused_start
        if address_token != ADDRESS_TOKEN and pairing_code != PAIRING_CODE:
            return Refused("PAIRING_UNKNOWN")
        needed = reason not in (Reason.CHANGE, Reason.SIGN_IN)
        world.change(reason=reason, code_needed=needed, in_person=bool(profile_grant))
        claimed = Claimed(SESSION_ID, CLAIM, DEADLINE)
        world.attempts[attempt_id] = claimed
        return claimed

    async def get_session(self, session_id: str, claim: str, *, since: int = 0, wait: int = 0) -> SessionView:
        self._world.called("get_session", since)
        if (session_id, claim) != (SESSION_ID, CLAIM):
            raise errors.not_found("SESSION_UNKNOWN")
        await self._world.slowly()
        await self._world.newer_than(since, wait)
        return self._world.view

    async def authorise(
        self, session_id: str, claim: str, *, unlock_grant: str, holder_grant: str, attempt_id: str
    ) -> Refused | None:
        self._world.called("authorise", unlock_grant)
        if self._world.refused_authorise:
            return self._world.refused_authorise
        self._world.change(state=State.AUTHORISED)
        return None

    async def change_reason(
        self, session_id: str, claim: str, *, reason: Reason, attempt_id: str
    ) -> Refused | None:
        self._world.called("change_reason", reason)
        if self._world.refused_reason:
            return self._world.refused_reason
        needed = reason is not Reason.CHANGE
        self._world.change(reason=reason, objection="", code="", code_needed=needed)
        return None

    async def reset_pin(
        self,
        session_id: str,
        claim: str,
        *,
        sealed_pin: bytes,
        holder_grant: str,
        attempt_id: str,
        sealed_current_pin: bytes = b"",
        spend_last_try: bool = False,
    ) -> Refused | None:
        if sealed_current_pin:
            self._world.called("change_pin", (sealed_current_pin, spend_last_try))
        self._world.called("reset_pin", (attempt_id, sealed_pin))
        if self._world.refused_reset:
            return self._world.refused_reset
        self._world.change(state=State.PROVING, code="")
        return None

    async def prove_holder(
        self,
        session_id: str,
        claim: str,
        *,
        sealed_current_pin: bytes,
        attempt_id: str,
        spend_last_try: bool = False,
    ) -> Refused | None:
        self._world.called("prove_holder", (attempt_id, sealed_current_pin, spend_last_try))
        if self._world.refused_proof:
            return self._world.refused_proof
        self._world.change(state=State.PROVING, code="")
        return None


class FakeIdentity:
    def __init__(self, world: World) -> None:
        self._world = world

    async def resolve_holder(self, card_grant: str) -> Holder | Refused | QuestionsAsked:
        self._world.called("resolve_holder", card_grant)
        await self._world.slowly()
        if self._world.asked_first and not self._world.refused_holder:
            return QuestionsAsked(QUESTIONS[:4], self._world.tries_left)
        masked = self._world.masked_address
        return self._world.refused_holder or Holder("holder-grant", masked, RA, self._world.nudge)

    async def no_mailbox(self, card_grant: str) -> Refused:
        self._world.called("no_mailbox", card_grant)
        return self._world.refused_holder or Refused("NO_MAILBOX_ACCESS", RA)

    async def find_ra(self, typed: str) -> FoundAuthorities:
        self._world.called("find_ra", typed)
        return self._world.found

    async def approved_domains(self, organisation: str) -> ApprovedDomains:
        self._world.called("approved_domains", organisation)
        return self._world.approved

    async def sign_in(self, card_grant: str) -> SignedIn | Refused:
        self._world.called("sign_in", card_grant)
        return self._world.refused_sign_in or SignedIn(self._world.profile_grant, NOW + SIGNED_IN_FOR)

    async def profile(self, profile_grant: str) -> Profile | Refused:
        self._world.called("profile", profile_grant)
        return self._world.refused_holder or self._world.profile

    async def freeze_card(self, token: str) -> RegistrationAuthority | Refused:
        self._world.called("freeze_card", token)
        return self._world.refused_freeze or RA

    async def update_contact(
        self, profile_grant: str, address: str, mobile: str
    ) -> Profile | Refused | ContactRefused:
        self._world.called("update_contact", (profile_grant, address, mobile))
        if self._world.refused_holder or self._world.refused_contact:
            return self._world.refused_holder or self._world.refused_contact  # type: ignore[return-value]
        self._world.profile = replace(self._world.profile, address=address, mobile=mobile)
        return self._world.profile


class FakeRegistration:
    """identity where security questions are asked: right answers are `right`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def questions(self, profile_grant: str) -> Offered | Refused:
        self._world.called("questions", profile_grant)
        return self._world.refused_holder or Offered(QUESTIONS, 4, self._world.registered_at)

    async def set_answers(
        self, profile_grant: str, answers: Sequence[Answer]
    ) -> AnswersRefused | Refused | None:
        self._world.called("set_answers", tuple((each.question, each.text) for each in answers))
        return self._world.refused_holder or self._world.refused_answers

    async def confirm_email(self, profile_grant: str, address: str) -> Confirmed | Refused:
        self._world.called("confirm_email", address)
        return self._world.refused_email or Confirmed("registration-grant", "t…1@example.org")

    async def complete(self, mailbox_grant: str) -> Refused | None:
        self._world.called("complete", mailbox_grant)
        return self._world.refused_complete

    async def answer(
        self, card_grant: str, answers: Sequence[Answer], attempt_id: str
    ) -> AnswersJudged | Refused:
        world = self._world
        world.called("answer", tuple((each.question, each.text) for each in answers))
        if attempt_id not in world.attempts:
            world.attempts[attempt_id] = self._judge([each.text.strip() for each in answers])
        return world.attempts[attempt_id]  # type: ignore[return-value]

    def _judge(self, typed: list[str]) -> AnswersJudged | Refused:
        world = self._world
        if typed == ["right"] * 4:
            world.asked_first = False
            return AnswersJudged(AnswersVerdict.RIGHT, 3)
        if not all(typed):
            return AnswersJudged(AnswersVerdict.INCOMPLETE, world.tries_left)
        world.tries_left -= 1
        if world.tries_left == 0:
            return Refused("ANSWERS_LOCKED", RA)
        return AnswersJudged(AnswersVerdict.WRONG, world.tries_left)


class FakeOtp:
    def __init__(self, world: World) -> None:
        self._world = world

    async def issue_code(self, grant: str, attempt_id: str, asked: Asked) -> CodeStatus | Refused:
        world = self._world
        world.asked = asked
        world.called("issue_code", attempt_id)
        if world.refused_code:
            return world.refused_code
        world.status = code_status(digits=world.digits)
        return world.status

    async def code_status(self, grant: str) -> CodeStatus | None:
        self._world.called("code_status")
        return self._world.status

    async def redeem_code(self, grant: str, typed: str, attempt_id: str, client_address: str) -> Redemption:
        world = self._world
        world.called("redeem_code", (attempt_id, typed))
        entry = f"{attempt_id} {typed}"
        if entry not in world.attempts:
            world.attempts[entry] = self._judge(typed)
        return world.attempts[entry]  # type: ignore[return-value]

    async def locks(self, profile_grant: str, holder_ref: str) -> Locks:
        self._world.called("locks", (profile_grant, holder_ref))
        return self._world.locks

    async def end_lock(
        self, profile_grant: str, holder_ref: str, card_ref: str, why: Why
    ) -> Cleared | Refused:
        self._world.called("end_lock", (profile_grant, holder_ref, card_ref, why.reason, why.note))
        return self._world.cleared

    def _judge(self, typed: str) -> Redemption:
        world = self._world
        if typed == RIGHT_CODE:
            return Redemption(Verdict.RIGHT, world.entries_left, "unlock-grant")
        if len(typed) != world.digits:
            return Redemption(Verdict.MALFORMED, world.entries_left)
        world.entries_left -= 1
        if world.status:
            world.status = replace(world.status, entries_left=world.entries_left)
        if world.entries_left == 0:
            return Redemption(Verdict.LOCKED_TO_RA, 0)
        return Redemption(Verdict.WRONG, world.entries_left)


class FakeRegistrationCodes(FakeOtp):
    """otp for codes of a registration: its own code, and its own grants."""

    async def issue_code(self, grant: str, attempt_id: str, asked: Asked) -> CodeStatus | Refused:
        world = self._world
        world.called("issue_registration_code", grant)
        if world.refused_code:
            return world.refused_code
        world.registration_status = code_status()
        return world.registration_status

    async def code_status(self, grant: str) -> CodeStatus | None:
        self._world.called("registration_code_status", grant)
        return self._world.registration_status

    async def redeem_code(self, grant: str, typed: str, attempt_id: str, client_address: str) -> Redemption:
        entry = await super().redeem_code(grant, typed, attempt_id, client_address)
        if self._world.registration_status:
            left = replace(self._world.registration_status, entries_left=entry.entries_left)
            self._world.registration_status = left
        return replace(entry, grant="mailbox-grant" if entry.grant else "")


SAVINGS = Savings(
    saved=SavedTime(2, 0, 20, 40, "0.7", 6, (("SUCCESS", "", 2), ("REFUSED", "NO_EMAIL", 1))),
    net_minutes=34,
    ra_minutes=20,
    by_month=(SavingsGroup("2026-10", 1, 1, 0), SavingsGroup("2026-11", 2, 1, 0)),
    by_organisation=(SavingsGroup("=X26", 2, 1, 0), SavingsGroup("Y01", 1, 1, 0)),
    by_reason=(SavingsGroup("LOCKED", 3, 2, 0),),
    by_route=(SavingsGroup("RA_IN_PERSON", 1, 0, 0), SavingsGroup("SELF", 2, 2, 0)),
    adoption=(Adoption("X26", 400, 1, "0.3", 7980), Adoption("Y01", 0, 1, "", 0)),
    stages=(Stage("Session started", 7), Stage("Smartcard read", 5), Stage("Smartcard unlocked", 3)),
)


class FakeAudit:
    def __init__(self, world: World) -> None:
        self._world = world

    async def savings(self) -> Savings:
        self._world.called("savings")
        return SAVINGS

    async def receipt(self, session_id: str) -> Receipt | None:
        self._world.called("receipt", session_id)
        return self._world.receipt

    async def card_records(self, records_grant: str, older: str) -> CardRecords:
        self._world.called("card_records", (records_grant, older))
        return self._world.card_records

    async def card_receipt(self, records_grant: str, event_id: str) -> Receipt | None:
        self._world.called("card_receipt", (records_grant, event_id))
        return self._world.receipt


class FakeInPerson:
    def __init__(self, world: World) -> None:
        self._world = world

    async def person(self, profile_grant: str, card_grant: str) -> Person | Refused:
        self._world.called("person", (profile_grant, card_grant))
        return self._world.refused_person or Person("Test Holder Two", "T01")

    async def vouch(self, profile_grant: str, card_grant: str, basis: str) -> str | Refused:
        self._world.called("vouch", (profile_grant, card_grant, basis))
        return self._world.refused_vouch or "unlock-grant-of-ra"


class FakeColleagues:
    """identity where colleagues vouch: the code is the one that the holder's page shows."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def ask(self, card_grant: str) -> ColleaguesAsked | Refused:
        self._world.called("ask_colleagues", card_grant)
        return self._world.asked_colleagues

    async def asker(self, profile_grant: str, code: str) -> Person | Refused:
        self._world.called("asker", (profile_grant, code))
        return self._refused(code) or Person("Test Holder Two", "T01")

    async def vouch(self, profile_grant: str, code: str, basis: str) -> WordGiven | Refused:
        world = self._world
        world.called("vouch_for_colleague", (profile_grant, code, basis))
        if refused := self._refused(code) or world.refused_word:
            return refused
        world.colleague_vouches()
        asked = world.asked_colleagues
        assert isinstance(asked, ColleaguesAsked)
        return WordGiven(asked.words_given, asked.words_needed)

    def _refused(self, code: str) -> Refused | None:
        asked, shown = self._world.asked_colleagues, ""
        if isinstance(asked, ColleaguesAsked):
            shown = asked.code.replace("-", "")
        unknown = None if code == shown else Refused("VOUCH_CODE_UNKNOWN", RA)
        return self._world.refused_asker or unknown


class FakeDesk:
    def __init__(self, world: World) -> None:
        self._world = world

    async def find_holders(self, profile_grant: str, typed: str) -> FoundHolders | Refused:
        self._world.called("find_holders", (profile_grant, typed))
        return self._world.refused_desk or self._world.found_holders

    async def holder(self, profile_grant: str, holder_ref: str) -> HolderRecord | Refused:
        self._world.called("holder", (profile_grant, holder_ref))
        return self._world.refused_desk or self._world.record

    async def changes(self, profile_grant: str, holder_ref: str) -> tuple[HolderChange, ...] | Refused:
        self._world.called("changes", (profile_grant, holder_ref))
        return self._world.refused_desk or self._world.changes

    async def allow_records(self, profile_grant: str, holder_ref: str, card_ref: str) -> str | Refused:
        self._world.called("allow_records", (profile_grant, holder_ref, card_ref))
        return self._world.refused_records or "records-grant"

    async def waiting(self, profile_grant: str) -> Waiting | Refused:
        self._world.called("waiting", profile_grant)
        return self._world.refused_desk or self._world.waiting

    async def set_address(
        self, profile_grant: str, holder_ref: str, address: str, why: Why
    ) -> AddressSet | Refused:
        self._world.called("set_address", (holder_ref, address, why.reason, why.note))
        spent = self._world.spent(why.attempt_id, "set_address", address)
        return self._world.refused_act or spent or self._world.address_set

    async def confirm_address(
        self, profile_grant: str, holder_ref: str, proposal_id: str, attempt_id: str
    ) -> Refused | None:
        self._world.called("confirm_address", (profile_grant, holder_ref, proposal_id))
        return self._world.refused_act or self._world.spent(attempt_id, "confirm_address", holder_ref)

    async def decline_address(
        self, profile_grant: str, holder_ref: str, proposal_id: str, why: Why
    ) -> Refused | None:
        self._world.called("decline_address", (holder_ref, proposal_id, why.reason, why.note))
        return self._world.refused_act or self._world.spent(why.attempt_id, "decline_address", holder_ref)

    async def act_on_card(
        self, profile_grant: str, act: CardAct, holder_ref: str, card_ref: str, why: Why
    ) -> Refused | None:
        self._world.called("act_on_card", (act, holder_ref, card_ref, why.reason, why.note))
        return self._world.refused_act or self._world.spent(why.attempt_id, act.name, card_ref)
