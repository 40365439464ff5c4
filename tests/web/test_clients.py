"""What pages ask crosses real mTLS gRPC and comes back in the pages' own words; nothing hangs over 5 s."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from smartcard_unlock.audit.v1 import audit_pb2, audit_pb2_grpc
from smartcard_unlock.card_gateway.v1 import card_gateway_pb2, card_gateway_pb2_grpc
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.identity.v1 import (
    colleagues_pb2,
    colleagues_pb2_grpc,
    identity_events_pb2,
    identity_pb2,
    identity_pb2_grpc,
    ra_desk_pb2,
    ra_desk_pb2_grpc,
    registration_pb2,
    registration_pb2_grpc,
)
from smartcard_unlock.otp.v1 import (
    otp_pb2,
    otp_pb2_grpc,
    registration_codes_pb2,
    registration_codes_pb2_grpc,
)

from deploy.local.keys import Keys
from services.runtime import errors
from services.runtime.grpc_client import connect
from services.runtime.grpc_server import build_server
from services.runtime.grpc_tls import TlsFiles
from services.web.clients import GrpcAudit, GrpcDesk, GrpcGateway, GrpcIdentity, GrpcOtp
from services.web.domain.journey import Reason, State
from services.web.ports import (
    AddressSet,
    Adoption,
    Asked,
    CardAct,
    Claimed,
    Cleared,
    Delivery,
    EndedLock,
    FoundHolder,
    FoundHolders,
    FrozenCard,
    Holder,
    HolderCard,
    HolderRecord,
    Lock,
    LockCause,
    Reader,
    Receipt,
    Refused,
    RegistrationAuthority,
    SavingsGroup,
    Stage,
    Verdict,
    Waiting,
    Why,
)

INSTANT = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
STAMP = Timestamp(seconds=int(INSTANT.timestamp()))
PROCESS = "otp"
"""One certificate for all four: which name a server shows is the runtime's own test."""


class Answers:
    """A servicer of all four services: it answers what the test put there, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: Message | Exception | float = 0.0
        self.asked: Any = None
        self.seconds_left = 0.0
        """What the client said that it would wait, less what the call took."""

    async def answered(self, request: Message, context: Any) -> Message:
        self.asked, self.seconds_left = request, context.time_remaining()
        if isinstance(self.answer, float):
            await asyncio.sleep(self.answer)
            raise AssertionError("the client waited too long")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def __getattr__(self, name: str) -> Any:
        if name[0].isupper():
            return self.answered
        raise AttributeError(name)


REGISTRATIONS: list[tuple[Any, Any]] = [
    (card_gateway_pb2_grpc.add_SessionServiceServicer_to_server, card_gateway_pb2.DESCRIPTOR),
    (identity_pb2_grpc.add_IdentityServiceServicer_to_server, identity_pb2.DESCRIPTOR),
    (ra_desk_pb2_grpc.add_RaDeskServiceServicer_to_server, ra_desk_pb2.DESCRIPTOR),
    (colleagues_pb2_grpc.add_ColleagueServiceServicer_to_server, colleagues_pb2.DESCRIPTOR),
    (otp_pb2_grpc.add_OtpServiceServicer_to_server, otp_pb2.DESCRIPTOR),
    (registration_pb2_grpc.add_RegistrationServiceServicer_to_server, registration_pb2.DESCRIPTOR),
    (
        registration_codes_pb2_grpc.add_RegistrationCodeServiceServicer_to_server,
        registration_codes_pb2.DESCRIPTOR,
    ),
    (audit_pb2_grpc.add_AuditServiceServicer_to_server, audit_pb2.DESCRIPTOR),
]
ACCESS = {
    f"/{service.full_name}/{method.name}": frozenset({"web"})
    for _, contract in REGISTRATIONS
    for service in contract.services_by_name.values()
    for method in service.methods
}


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
async def channel(keys: Keys, answers: Answers) -> AsyncIterator[Any]:
    server = build_server(
        PROCESS, [(add, answers) for add, _ in REGISTRATIONS], ACCESS, tls_of(keys, PROCESS), "127.0.0.1:0"
    )
    await server.start()
    channel = connect(PROCESS, f"127.0.0.1:{server.port}", tls_of(keys, "web"))
    yield channel
    await channel.close()
    await server.stop(0)


def tls_of(keys: Keys, process: str) -> TlsFiles:
    files = keys.tls(process)
    return TlsFiles(*(Path(files[name]) for name in ("TLS_CA_FILE", "TLS_CERT_FILE", "TLS_KEY_FILE")))


async def start(gateway: GrpcGateway, *, token: str = "", code: str = "") -> Claimed | Refused:
    return await gateway.start_session(
        address_token=token,
        pairing_code=code,
        reason=Reason.FORGOTTEN,
        attempt_id="a",
        client_address="192.0.2.1",
    )


async def test_a_session_is_claimed_by_address_or_by_code(channel: Any, answers: Answers) -> None:
    answers.answer = card_gateway_pb2.StartSessionResponse(
        claimed=card_gateway_pb2.SessionClaimed(session_id="s", claim="c", deadline=STAMP)
    )
    gateway = GrpcGateway(channel)

    assert await start(gateway, token="t") == Claimed("s", "c", INSTANT)
    assert answers.asked.WhichOneof("pairing") == "address_token"
    assert (answers.asked.reason, answers.asked.route) == (common_pb2.REASON_FORGOTTEN, common_pb2.ROUTE_SELF)
    await start(gateway, code="K7QM2XWD4C")
    assert answers.asked.pairing_code == "K7QM2XWD4C"


async def test_a_refused_claim_is_an_answer(channel: Any, answers: Answers) -> None:
    answers.answer = card_gateway_pb2.StartSessionResponse(refused_code="PAIRING_UNKNOWN")

    assert await start(GrpcGateway(channel), token="t") == Refused("PAIRING_UNKNOWN")


@pytest.mark.parametrize("state", State)
async def test_every_state_of_a_session_is_known(channel: Any, answers: Answers, state: State) -> None:
    answers.answer = card_gateway_pb2.GetSessionResponse(
        version=7,
        state=card_gateway_pb2.SessionState.Value(f"SESSION_STATE_{state.value}"),
        reader=card_gateway_pb2.READER_STATE_TWO_CARDS,
        words=["a", "b", "c"],
        agent_public_key=bytes(32),
        deadline=STAMP,
        reason=common_pb2.REASON_LOCKED,
        card=card_gateway_pb2.CardFacts(last_four="4F2A"),
        card_grant="grant",
    )
    view = await GrpcGateway(channel).get_session("s", "c", since=3)

    assert (view.state, view.reader, view.version, view.words) == (
        state,
        Reader.TWO_CARDS,
        7,
        ("a", "b", "c"),
    )
    assert (view.last_four, view.card_grant, view.deadline) == ("4F2A", "grant", INSTANT)
    assert answers.asked.since == 3


async def test_a_state_from_a_newer_gateway_is_an_error_and_no_success(
    channel: Any, answers: Answers
) -> None:
    newer = card_gateway_pb2.GetSessionResponse()
    newer.MergeFromString(b"\x10\x63")  # field 2, value 99
    answers.answer = newer

    with pytest.raises(errors.ServiceError):
        await GrpcGateway(channel).get_session("s", "c")


def test_the_contract_names_no_state_that_pages_do_not_know() -> None:
    names = {name.removeprefix("SESSION_STATE_") for name in dict(card_gateway_pb2.SessionState.items())}
    readers = {name.removeprefix("READER_STATE_") for name in dict(card_gateway_pb2.ReaderState.items())}
    verdicts = {name.removeprefix("REDEEM_VERDICT_") for name in dict(otp_pb2.RedeemVerdict.items())}

    assert names - {"UNSPECIFIED"} == set(State.__members__)
    assert readers == set(Reader.__members__)
    assert verdicts - {"UNSPECIFIED"} == set(Verdict.__members__)


async def test_grants_go_on_and_refusals_come_back(channel: Any, answers: Answers) -> None:
    gateway = GrpcGateway(channel)
    answers.answer = card_gateway_pb2.AuthoriseResponse()
    granted = await gateway.authorise("s", "c", unlock_grant="u", holder_grant="h", attempt_id="a")
    assert granted is None
    assert (answers.asked.unlock_grant, answers.asked.holder_grant) == ("u", "h")
    answers.answer = card_gateway_pb2.ResetPinResponse(refused_code="NO_CARD")

    refused = await gateway.reset_pin("s", "c", sealed_pin=b"x", holder_grant="h", attempt_id="a")
    assert refused == Refused("NO_CARD")


async def test_a_holder_is_resolved_or_refused_with_whom_to_ask(channel: Any, answers: Answers) -> None:
    ra = common_pb2.RegistrationAuthority(name="Test Trust", telephone="01632 960 001")
    resolved = identity_pb2.HolderResolved(holder_grant="h", masked_address="t…1@example.org")
    resolved.registration_authority.CopyFrom(ra)
    answers.answer = identity_pb2.ResolveHolderResponse(resolved=resolved)
    known = RegistrationAuthority("Test Trust", "01632 960 001")
    assert await GrpcIdentity(channel).resolve_holder("g") == Holder("h", "t…1@example.org", known)
    refusal = identity_pb2.HolderRefused(code="NO_EMAIL", registration_authority=ra)
    answers.answer = identity_pb2.ResolveHolderResponse(refused=refusal)

    assert await GrpcIdentity(channel).resolve_holder("g") == Refused("NO_EMAIL", known)


async def test_R37_registration_authorities_are_found(channel: Any, answers: Answers) -> None:
    ra = common_pb2.RegistrationAuthority(name="Test Trust", telephone="01632 960 001", organisation="T01")
    answers.answer = identity_pb2.FindRAResponse(found=[ra], more=True)

    found = await GrpcIdentity(channel).find_ra("tset")

    assert found.authorities == (RegistrationAuthority("Test Trust", "01632 960 001", organisation="T01"),)
    assert found.more
    assert answers.asked.query == "tset"


async def test_codes_are_issued_looked_at_and_redeemed(channel: Any, answers: Answers) -> None:
    otp = GrpcOtp(channel)
    status = otp_pb2.CodeStatus(
        delivery=otp_pb2.DELIVERY_STATE_SENT, entries_left=2, resends_left=1, expires_at=STAMP, live=True
    )
    answers.answer = otp_pb2.IssueCodeResponse(issued=status)
    issued = await otp.issue_code("h", "a", Asked("192.0.2.1", "4F2A", "Example Hospital"))
    assert not isinstance(issued, Refused)
    assert (issued.delivery, issued.entries_left, issued.expires_at) == (Delivery.SENT, 2, INSTANT)
    assert issued.digits == 8  # of a service that does not say
    answers.answer = otp_pb2.IssueCodeResponse(
        refused=otp_pb2.IssueRefused(code="RESEND_TOO_SOON", retry_at=STAMP)
    )
    assert await otp.issue_code("h", "a", Asked()) == Refused("RESEND_TOO_SOON", None, INSTANT)
    answers.answer = otp_pb2.GetCodeStatusResponse()
    assert await otp.code_status("h") is None
    answers.answer = otp_pb2.RedeemCodeResponse(verdict=otp_pb2.REDEEM_VERDICT_WRONG, entries_left=2)

    assert (await otp.redeem_code("h", "41963075", "a", "")).verdict is Verdict.WRONG


async def test_the_report_on_saved_hours_is_read(channel: Any, answers: Answers) -> None:
    word = audit_pb2.LastWordCount(kind=common_pb2.OUTCOME_KIND_SUCCESS, sessions=2)
    answers.answer = audit_pb2.GetSavingsResponse(
        saved=audit_pb2.GetSavedTimeResponse(
            unlocks=2, saved_minutes=40, saved_hours="0.7", last_words=[word]
        ),
        net_minutes=-3,
        by_month=[audit_pb2.SavingsGroup(value="2026-11", unlocked=3, unlocks=2)],
        adoption=[audit_pb2.Adoption(organisation="X26", eligible_holders=9, users=1, per_cent="11.1")],
        stages=[audit_pb2.Stage(name="Smartcard read", sessions=4)],
    )
    found = await GrpcAudit(channel).savings()

    assert (found.saved.unlocks, found.saved.saved_minutes, found.saved.saved_hours) == (2, 40, "0.7")
    assert found.saved.last_words == (("SUCCESS", "", 2),)
    assert (found.net_minutes, found.net_hours) == (-3, "-0.1")
    assert found.by_month == (SavingsGroup("2026-11", 3, 2, 0),)
    assert found.adoption == (Adoption("X26", 9, 1, "11.1", 0),)
    assert found.stages == (Stage("Smartcard read", 4),)


async def test_a_receipt_is_given_or_not_ready(channel: Any, answers: Answers) -> None:
    audit = GrpcAudit(channel)
    answers.answer = audit_pb2.GetReceiptResponse(not_ready=audit_pb2.RECEIPT_NOT_READY_NOT_SIGNED)
    early = await audit.receipt("s")
    answers.answer = audit_pb2.GetReceiptResponse(
        receipt=audit_pb2.Receipt(leaf_index=0, tree_size=3, text="text")
    )

    assert early is None
    assert await audit.receipt("s") == Receipt(1, 3, "text")


async def test_F31_a_slow_process_is_not_waited_for_longer_than_5_seconds(
    channel: Any, answers: Answers
) -> None:
    answers.answer = 60.0
    with pytest.raises(errors.ServiceError) as raised:
        await GrpcOtp(channel).code_status("h")

    assert raised.value.code == "DEADLINE_EXCEEDED"
    assert 0 < answers.seconds_left <= 5


async def test_an_error_of_a_process_keeps_its_code(channel: Any, answers: Answers) -> None:
    answers.answer = errors.unauthenticated("SESSION_UNKNOWN")
    with pytest.raises(errors.ServiceError) as raised:
        await GrpcGateway(channel).get_session("s", "c")

    assert raised.value.code == "SESSION_UNKNOWN"


REFUSED = identity_pb2.HolderRefused(code="CARD_FROZEN")


async def test_R7_a_search_for_holders_comes_back_in_the_pages_words(channel: Any, answers: Answers) -> None:
    one = ra_desk_pb2.FoundHolder(holder_ref="r", name="n", holder_id="i", organisation="T01")
    answers.answer = ra_desk_pb2.FindHoldersResponse(found=[one], more=True)
    desk = GrpcDesk(channel)
    found = FoundHolders((FoundHolder("r", "n", "i", "T01"),), more=True)

    assert await desk.find_holders("grant", "typed") == found
    assert (answers.asked.profile_grant, answers.asked.query) == ("grant", "typed")
    answers.answer = ra_desk_pb2.FindHoldersResponse(refused=REFUSED)
    assert await desk.find_holders("grant", "typed") == Refused("CARD_FROZEN")


async def test_R7_a_holder_comes_back_with_cards_or_with_why_not(channel: Any, answers: Answers) -> None:
    card = ra_desk_pb2.HolderCard(card_ref="c", status="ACTIVE", certificate_expires_at=STAMP)
    record = ra_desk_pb2.HolderRecord(holder_ref="r", address_set_by="ra", address_set_at=STAMP, cards=[card])
    answers.answer = ra_desk_pb2.GetHolderResponse(holder=record)
    desk = GrpcDesk(channel)
    holder = await desk.holder("grant", "r")

    assert isinstance(holder, HolderRecord)
    assert (holder.address_set_at, holder.cards) == (INSTANT, (HolderCard("c", "ACTIVE", INSTANT),))
    answers.answer = ra_desk_pb2.GetHolderResponse(refused=REFUSED)
    assert await desk.holder("grant", "r") == Refused("CARD_FROZEN")
    answers.answer = ra_desk_pb2.GetHolderResponse(refused_code="HOLDER_NOT_FOUND")
    assert await desk.holder("grant", "r") == Refused("HOLDER_NOT_FOUND")


async def test_R25_what_an_ra_does_crosses_with_its_reason_and_comes_back_as_done_or_refused(
    channel: Any, answers: Answers
) -> None:
    desk, why = GrpcDesk(channel), Why("CARD_LOST", "a note", "an attempt")
    answers.answer = ra_desk_pb2.SetHolderAddressResponse(refused_code="RA_DAILY_LIMIT")
    assert await desk.set_address("grant", "r", "a@example.org", why) == Refused("RA_DAILY_LIMIT")
    assert (answers.asked.address, answers.asked.note) == ("a@example.org", "a note")
    answers.answer = ra_desk_pb2.SetHolderAddressResponse(waits=True)
    assert await desk.set_address("grant", "r", "a@example.org", why) == AddressSet(waits=True)
    for act, answer in (
        (CardAct.FREEZE, ra_desk_pb2.FreezeHolderCardResponse),
        (CardAct.LIFT, ra_desk_pb2.LiftFreezeResponse),
    ):
        answers.answer = answer()
        assert await desk.act_on_card("grant", act, "r", "c", why) is None
        assert answers.asked.reason == identity_events_pb2.ACT_REASON_CARD_LOST
        answers.answer = answer(refused=REFUSED)
        assert await desk.act_on_card("grant", act, "r", "c", why) == Refused("CARD_FROZEN")


async def test_R25_changes_come_back_in_the_pages_words(channel: Any, answers: Answers) -> None:
    lost = ra_desk_pb2.HolderChange(
        at=STAMP, kind="CARD_FROZEN", by="ra", reason=identity_events_pb2.ACT_REASON_CARD_LOST
    )
    imported = ra_desk_pb2.HolderChange(at=STAMP, kind="ADDRESS_SET", by="import")
    answers.answer = ra_desk_pb2.ListHolderChangesResponse(changes=[lost, imported])
    changes = await GrpcDesk(channel).changes("grant", "r")

    assert not isinstance(changes, Refused)
    assert [(each.kind, each.by, each.reason) for each in changes] == [
        ("CARD_FROZEN", "ra", "CARD_LOST"),
        ("ADDRESS_SET", "import", ""),
    ]


async def test_R25_the_right_to_read_a_cards_records_comes_back_or_why_not(
    channel: Any, answers: Answers
) -> None:
    desk = GrpcDesk(channel)
    answers.answer = ra_desk_pb2.AllowCardRecordsResponse(records_grant="right")
    assert await desk.allow_records("grant", "r", "c") == "right"
    assert (answers.asked.holder_ref, answers.asked.card_ref) == ("r", "c")
    answers.answer = ra_desk_pb2.AllowCardRecordsResponse(refused_code="HOLDER_NOT_FOUND")
    assert await desk.allow_records("grant", "r", "c") == Refused("HOLDER_NOT_FOUND")
    answers.answer = ra_desk_pb2.AllowCardRecordsResponse(refused=REFUSED)
    assert await desk.allow_records("grant", "r", "c") == Refused("CARD_FROZEN")


async def test_R25_D1_records_of_a_card_come_back_in_the_pages_words(channel: Any, answers: Answers) -> None:
    frozen = audit_pb2.CardRecord(
        occurred_at=STAMP, kind="CARD_FROZEN", actor_kind=common_pb2.ACTOR_KIND_RA, why="CARD_LOST", place=7
    )
    unlocked = audit_pb2.CardRecord(
        occurred_at=STAMP,
        kind="SUCCESS",
        reason=common_pb2.REASON_LOCKED,
        route=common_pb2.ROUTE_RA_IN_PERSON,
        session_id="s",
    )
    answers.answer = audit_pb2.ListCardRecordsResponse(records=[frozen, unlocked], next_page_token="17.e")
    page = await GrpcAudit(channel).card_records("right", "18.e")

    assert (answers.asked.records_grant, answers.asked.page_token, page.older) == ("right", "18.e", "17.e")
    first, second = page.records
    assert (first.at, first.kind, first.by, first.why, first.place) == (
        INSTANT, "CARD_FROZEN", "RA", "CARD_LOST", 7
    )  # fmt: skip
    assert (second.reason, second.in_person, second.session_id, second.place) == ("LOCKED", True, "s", 0)


async def test_R48_locks_come_back_in_the_pages_words_and_an_end_crosses_with_its_reason(
    channel: Any, answers: Answers
) -> None:
    held = otp_pb2.HeldLock(card_ref="c", since=STAMP, cause=otp_pb2.LOCK_CAUSE_YEAR, wrong_in_year=9)
    cooling = otp_pb2.HeldLock(card_ref="d", since=STAMP, ends_at=STAMP)
    cooling.cause = 7  # type: ignore[assignment] # of a newer otp
    ended = otp_pb2.EndedLock(at=STAMP, card_ref="c", actor_ref="r", reason=otp_pb2.CLEAR_REASON_MISTYPED)
    answers.answer = otp_pb2.ListLocksResponse(locks=[held, cooling], ended=[ended])
    otp = GrpcOtp(channel)
    locks = await otp.locks("grant", "h")

    assert locks.of("c") == Lock("c", INSTANT, LockCause.YEAR, None, 9)
    assert locks.of("d") == Lock("d", INSTANT, LockCause.UNSPECIFIED, INSTANT, 0)
    assert locks.of("e") is None
    assert locks.ended == (EndedLock(INSTANT, "c", "r", "MISTYPED"),)
    answers.answer = otp_pb2.ClearLockResponse(cleared=otp_pb2.LockCleared(entries_left=3, wrong_in_year=9))
    why = Why("MISTYPED", "a note", "an attempt")
    assert await otp.end_lock("grant", "h", "c", why) == Cleared(3, 9)
    assert (answers.asked.reason, answers.asked.note) == (otp_pb2.CLEAR_REASON_MISTYPED, "a note")
    answers.answer = otp_pb2.ClearLockResponse(refused_code="LOCK_UNKNOWN")
    assert await otp.end_lock("grant", "h", "c", why) == Refused("LOCK_UNKNOWN")


async def test_R25_D1_the_receipt_of_a_record_comes_back_or_that_there_is_none(
    channel: Any, answers: Answers
) -> None:
    audit = GrpcAudit(channel)
    answers.answer = audit_pb2.GetCardReceiptResponse(not_ready=audit_pb2.RECEIPT_NOT_READY_NOT_SIGNED)
    assert await audit.card_receipt("right", "e") is None
    answers.answer = audit_pb2.GetCardReceiptResponse(
        receipt=audit_pb2.Receipt(leaf_index=0, tree_size=3, text="text")
    )
    assert await audit.card_receipt("right", "e") == Receipt(1, 3, "text")
    assert (answers.asked.records_grant, answers.asked.event_id) == ("right", "e")


async def test_R25_what_waits_comes_back_and_a_confirmation_crosses(channel: Any, answers: Answers) -> None:
    proposal = ra_desk_pb2.AddressProposal(
        proposal_id="p",
        holder_ref="r",
        address="a@example.org",
        reason=identity_events_pb2.ACT_REASON_NO_ADDRESS,
        proposed_by_oneself=True,
        proposed_at=STAMP,
        expires_at=STAMP,
    )
    frozen = ra_desk_pb2.FrozenCard(holder_ref="r", holder_name="n", card_ref="c", frozen_at=STAMP)
    answers.answer = ra_desk_pb2.ListWaitingResponse(addresses=[proposal], frozen=[frozen])
    desk = GrpcDesk(channel)
    waiting = await desk.waiting("grant")
    assert isinstance(waiting, Waiting)
    assert waiting.frozen == (FrozenCard("r", "n", "c", INSTANT),)
    [known] = waiting.addresses
    assert (known.address, known.reason, known.proposed_by_oneself) == ("a@example.org", "NO_ADDRESS", True)
    answers.answer = ra_desk_pb2.GetHolderResponse(holder=ra_desk_pb2.HolderRecord(proposal=proposal))
    holder = await desk.holder("grant", "r")
    assert isinstance(holder, HolderRecord)
    assert holder.proposal == known

    answers.answer = ra_desk_pb2.ConfirmHolderAddressResponse()
    assert await desk.confirm_address("grant", "r", "p", "an attempt") is None
    assert (answers.asked.proposal_id, answers.asked.attempt_id) == ("p", "an attempt")
    answers.answer = ra_desk_pb2.DeclineHolderAddressResponse(refused_code="PROPOSAL_GONE")
    why = Why("ADDRESS_WRONG", "a note", "an attempt")
    assert await desk.decline_address("grant", "r", "p", why) == Refused("PROPOSAL_GONE")
    answers.answer = ra_desk_pb2.ListWaitingResponse(refused=REFUSED)
    assert await desk.waiting("grant") == Refused("CARD_FROZEN")
