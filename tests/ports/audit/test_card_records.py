"""What is recorded of a card, for an RA whom identity lets read it: both databases and the wire. R25, D1."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.message import Message as ProtoMessage
from smartcard_unlock.audit.v1 import audit_pb2, audit_pb2_grpc
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.identity.v1 import identity_events_pb2 as identity
from smartcard_unlock.otp.v1 import otp_events_pb2 as otp
from smartcard_unlock.otp.v1 import otp_pb2
from sqlalchemy import event, text

from deploy.local.keys import Keys
from services.audit.access import ACCESS
from services.audit.card_records import SqlCardRecords
from services.audit.consumer import eligible_in, outcome_in
from services.audit.domain.history import PAGE, BadToken, CardAsked, Mark
from services.audit.domain.record import Message
from services.audit.receipts import SqlReceipts
from services.audit.reports import SqlReports
from services.audit.savings import SqlSavings
from services.audit.servicer import AuditServicer
from services.audit.use_cases import ReadCards, ReadRecords
from services.audit.verifying import verify
from services.runtime.database import Database
from services.runtime.errors import ServiceError
from services.runtime.grants import GrantSigner, GrantVerifier, ProfileGrant, RecordsGrant
from services.runtime.grpc_client import connect
from services.runtime.grpc_server import build_server
from tests.fakes.clock import FakeClock
from tests.ports.audit.log import append_all, keep, parts_of, sequencer_of
from tests.ports.audit.test_verifying import read_head
from tests.ports.bad_grants import all_learned, methods_of, proofs_of
from tests.ports.bare_calls import bare_channel, tls_of
from tests.unit.audit.outcomes import NOON, message, outcome

CARD, HOLDER, RA = "c" * 32, "a" * 32, "b" * 32
ASKED = CardAsked(CARD, HOLDER, "X26")
GRANT = RecordsGrant(
    session_id="s-ra",
    card_ref=CARD,
    reason="SIGN_IN",
    route="SELF",
    agent_key_thumbprint="t" * 43,
    jti="j-1",
    issued_at=NOON,
    expires_at=NOON + timedelta(minutes=5),
    purpose="RECORDS",
    holder_ref=HOLDER,
    organisation="X26",
)
NAMED: dict[str, Any] = {"card_ref": CARD, "holder_ref": HOLDER, "organisation": "X26"}
BY_RA = common_pb2.Actor(kind=common_pb2.ACTOR_KIND_RA, ref=RA)


def told(number: int, body: ProtoMessage, source: str = "card_gateway") -> Message:
    """The body as its service tells it, so many minutes after noon."""
    return message(
        body,
        source=source,
        topic=f"{source}.events.v1",
        ce_id=f"e-{number:04}",
        offset=number,
        time=NOON + timedelta(minutes=number),
    )


def ended(number: int, **changed: Any) -> Message:
    at = NOON + timedelta(minutes=number)
    return told(number, outcome(**{"session_id": f"s-{number:04}", "occurred_at": at} | changed))


EVERY_KIND = [
    ended(0),
    told(1, identity.CardFrozen(**NAMED, actor=BY_RA, reason=identity.ACT_REASON_CARD_LOST), "identity"),
    told(2, identity.FreezeLifted(**NAMED, actor=BY_RA, reason=identity.ACT_REASON_CARD_FOUND), "identity"),
    told(
        3,
        otp.LockClearedByRa(**NAMED, actor=BY_RA, session_id="s-ra", reason=otp_pb2.CLEAR_REASON_MISTYPED),
        "otp",
    ),
    told(4, identity.VouchedInPerson(**NAMED, actor=BY_RA, session_id="s-4", basis="PHOTO_ID"), "identity"),
]


async def kinds(records: Database, asked: CardAsked = ASKED) -> list[str]:
    page = await SqlCardRecords(records).page(asked, None)
    return [each.ce_type.rpartition(".")[2] for each in page.events]


async def every_page(records: Database, asked: CardAsked = ASKED) -> list[list[str]]:
    pages: list[list[str]] = []
    mark: Mark | None = None
    while not pages or mark:
        page = await SqlCardRecords(records).page(asked, mark)
        pages.append([each.mark.ce_id for each in page.events])
        mark = Mark.of_token(page.older.token) if page.older else None
    return pages


async def test_R25_D1_whatever_was_done_with_a_card_is_listed_the_newest_first(records: Database) -> None:
    await keep(records, EVERY_KIND)

    assert await kinds(records) == [
        "VouchedInPerson",
        "LockClearedByRa",
        "FreezeLifted",
        "CardFrozen",
        "SessionOutcome",
    ]


@pytest.mark.parametrize("count", [0, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 3])
async def test_R25_pages_are_bounded_and_leave_nothing_out(records: Database, count: int) -> None:
    """Three each happened in one same instant."""
    sent = [
        told(n, outcome(session_id=f"s-{n:04}", occurred_at=NOON + timedelta(minutes=n // 3)))
        for n in range(count)
    ]
    await keep(records, sent)
    pages = await every_page(records)

    assert [one for page in pages for one in page] == [f"e-{n:04}" for n in reversed(range(count))]
    assert [len(page) for page in pages[:-1]] == [PAGE] * (len(pages) - 1)


@pytest.mark.parametrize("other", [{"card_ref": "d" * 32}, {"holder_ref": "d" * 32}, {"organisation": "Y77"}])
async def test_R25_nothing_of_another_card_holder_or_organisation_is_listed(
    records: Database, other: dict[str, str]
) -> None:
    """A card that came from elsewhere, or had another holder before, tells of none of that."""
    frozen = identity.CardFrozen(**NAMED | other, actor=BY_RA)
    await keep(records, [ended(0, **other), told(1, frozen, "identity")])

    assert await kinds(records) == []
    assert await kinds(records, replace(ASKED, **other)) == ["CardFrozen", "SessionOutcome"]


async def test_D1_what_ended_before_anybody_asked_whose_card_it_is_is_listed_too(records: Database) -> None:
    await keep(records, [ended(0, holder_ref="", organisation="", actor={"kind": 1})])

    assert await kinds(records) == ["SessionOutcome"]


async def test_S39_what_a_process_tells_that_cannot_know_it_is_of_no_card(records: Database) -> None:
    frozen = identity.CardFrozen(**NAMED, actor=BY_RA)
    await keep(records, [told(0, frozen, "notifier"), told(1, frozen, "otp")])

    assert await kinds(records) == []


async def test_D1_a_record_has_its_place_once_a_signed_head_covers_it(records: Database) -> None:
    sequence, places = sequencer_of(records), []

    async def look() -> None:
        page = await SqlCardRecords(records).page(ASKED, None)
        places.append([each.place for each in page.events])

    await keep(records, EVERY_KIND[:2])
    await look()
    await append_all(sequence)
    await look()
    await sequence.sign()
    await look()

    assert places == [[0, 0], [0, 0], [2, 1]]


async def test_D1_verify_names_a_fact_that_was_put_to_another_card(records: Database) -> None:
    await keep(records, EVERY_KIND)
    sequence = sequencer_of(records)
    await append_all(sequence)
    await sequence.sign()
    assert (await verify(records, read_head, outcome_in, eligible_in, {}, NOON)).wrong == []
    off = (
        "ALTER TABLE records DISABLE TRIGGER ALL"
        if records.is_postgresql
        else "DROP TRIGGER records_no_update"
    )
    async with records.begin("test.mischief") as connection:
        await connection.execute(text(off))
        await connection.execute(text("UPDATE records SET card_ref = 'd' WHERE ce_id = 'e-0001'"))

    assert (await verify(records, read_head, outcome_in, eligible_in, {}, NOON)).wrong == [
        "place 1, record e-0001: its columns no longer say what its body says"
    ]


@pytest.mark.parametrize(
    "token", ["x", "1", "1.", ".e", "-1.e", "²." + "e", "9" * 19 + ".e", "1." + "e" * 100]
)
def test_a_page_token_that_we_never_gave_is_refused(token: str) -> None:
    with pytest.raises(BadToken):
        Mark.of_token(token)


async def test_one_probe_of_an_index_finds_a_card_among_many(records: Database) -> None:
    """Looked at on PostgreSQL; SQLite's plan says it in other words."""
    await keep(records, [ended(n, card_ref=f"{n:032}") for n in range(500)] + [ended(900)])
    statements: list[tuple[str, Any]] = []

    def hear(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    async with records.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("ANALYZE"))
    event.listen(records.engine.sync_engine, "before_cursor_execute", hear)
    page = await SqlCardRecords(records).page(ASKED, Mark(2**60, "e"))
    event.remove(records.engine.sync_engine, "before_cursor_execute", hear)
    (statement, parameters), *_ = [each for each in statements if "records" in each[0]]
    explain = "EXPLAIN" if records.is_postgresql else "EXPLAIN QUERY PLAN"
    async with records.read() as connection:
        plan = str((await connection.exec_driver_sql(f"{explain} {statement}", parameters)).all())

    assert len(page.events) == 1
    assert "records_by_card" in plan
    assert "Seq Scan on records" not in plan
    assert "SCAN records" not in plan


@dataclass
class Served:
    """The reader as web sees it."""

    keys: Keys
    address: str
    stub: audit_pb2_grpc.AuditServiceStub
    clock: FakeClock

    def signed(self, grant: RecordsGrant | ProfileGrant) -> str:
        return GrantSigner.from_file("identity", self.keys.signing("identity")).sign(grant)

    async def listed(self, token: str, page_token: str = "") -> audit_pb2.ListCardRecordsResponse:
        request = audit_pb2.ListCardRecordsRequest(records_grant=token, page_token=page_token)
        return await self.stub.ListCardRecords(request)


@pytest.fixture
async def served(records: Database, keys: Keys) -> AsyncIterator[Served]:
    clock = FakeClock(NOON)
    cards = ReadCards(SqlCardRecords(records), GrantVerifier.from_dir(keys.verify_dir, "audit_reader", clock))
    reader = ReadRecords(SqlReports(records), SqlReceipts(records), SqlSavings(records, eligible_in), 20)
    register = (audit_pb2_grpc.add_AuditServiceServicer_to_server, AuditServicer(reader, cards))
    server = build_server("audit_reader", [register], ACCESS, tls_of(keys, "audit_reader"), "127.0.0.1:0")
    await server.start()
    address = f"127.0.0.1:{server.port}"
    channel = connect("audit_reader", address, tls_of(keys, "web"))
    yield Served(keys, address, audit_pb2_grpc.AuditServiceStub(channel), clock)
    await channel.close()
    await server.stop(0)


async def test_R25_a_grant_reads_the_records_of_its_card_in_the_words_of_the_contract(
    served: Served, records: Database
) -> None:
    resolved = ended(5, kind=common_pb2.OUTCOME_KIND_RESOLVED, resolved_success=True, code="OUTCOME_UNKNOWN")
    await keep(records, [*EVERY_KIND, resolved])
    answer = await served.listed(served.signed(GRANT))

    assert [(each.kind, each.why, each.session_id) for each in answer.records] == [
        ("RESOLVED", "", "s-0005"),
        ("VOUCHED_IN_PERSON", "PHOTO_ID", "s-4"),
        ("LOCK_CLEARED_BY_RA", "MISTYPED", ""),
        ("FREEZE_LIFTED", "CARD_FOUND", ""),
        ("CARD_FROZEN", "CARD_LOST", ""),
        ("SUCCESS", "", "s-0000"),
    ]
    newest = answer.records[0]
    assert (newest.code, newest.resolved_success, newest.place) == ("OUTCOME_UNKNOWN", True, 0)
    assert newest.reason == common_pb2.REASON_LOCKED
    assert {each.actor_kind for each in answer.records[1:5]} == {common_pb2.ACTOR_KIND_RA}
    assert newest.occurred_at.ToDatetime(NOON.tzinfo) == NOON + timedelta(minutes=5)
    assert answer.next_page_token == ""


async def test_each_word_of_a_colleague_is_in_the_cards_history_without_whose_it_is(
    served: Served, records: Database
) -> None:
    colleague = common_pb2.Actor(kind=common_pb2.ACTOR_KIND_COLLEAGUES, ref="9" * 32)
    word = identity.ColleagueVouched(**NAMED, actor=colleague, session_id="s-5", basis="PHONE")
    forged = told(2, word, "card_gateway")
    await keep(records, [told(1, word, "identity"), forged, ended(3, actor=colleague)])
    answer = await served.listed(served.signed(GRANT))

    assert [(each.kind, each.why, each.session_id) for each in answer.records] == [
        ("SUCCESS", "", "s-0003"),
        ("COLLEAGUE_VOUCHED", "PHONE", "s-5"),
    ]
    assert {each.actor_kind for each in answer.records} == {common_pb2.ACTOR_KIND_COLLEAGUES}
    assert b"9" * 32 not in answer.SerializeToString()


async def test_I12_no_record_names_the_ra(served: Served, records: Database) -> None:
    await keep(records, EVERY_KIND)

    assert RA.encode() not in (await served.listed(served.signed(GRANT))).SerializeToString()


async def test_R25_the_next_page_is_asked_for_by_its_token(served: Served, records: Database) -> None:
    await keep(records, [ended(n) for n in range(PAGE + 1)])
    first = await served.listed(served.signed(GRANT))
    second = await served.listed(served.signed(GRANT), first.next_page_token)

    assert (len(first.records), [each.event_id for each in second.records]) == (PAGE, ["e-0000"])
    with pytest.raises(ServiceError) as refused:
        await served.listed(served.signed(GRANT), "another")
    assert refused.value.code == "BAD_REQUEST"


async def test_R25_D1_a_receipt_is_given_for_a_record_of_the_card_and_for_no_other(
    served: Served, records: Database
) -> None:
    await keep(records, [*EVERY_KIND, ended(6, card_ref="d" * 32)])
    sequence = sequencer_of(records)

    async def asked(event_id: str) -> audit_pb2.GetCardReceiptResponse:
        request = audit_pb2.GetCardReceiptRequest(records_grant=served.signed(GRANT), event_id=event_id)
        return await served.stub.GetCardReceipt(request)

    early = await asked("e-0001")
    await append_all(sequence)
    await sequence.sign()
    receipt = (await asked("e-0001")).receipt
    nothing = {(await asked(each)).SerializeToString() for each in ("e-0006", "e-9999", "")}

    assert early.not_ready == audit_pb2.RECEIPT_NOT_READY_NOT_SIGNED
    assert (receipt.leaf_index, receipt.tree_size) == (1, 6)
    assert EVERY_KIND[1].body in parts_of(receipt.text)[0]
    not_there = audit_pb2.GetCardReceiptResponse(not_ready=audit_pb2.RECEIPT_NOT_READY_NOT_RECORDED)
    assert nothing == {not_there.SerializeToString()}


def bad_grants(served: Served) -> Sequence[str]:
    signer = GrantSigner.from_file("otp", served.keys.signing("otp"))
    signer.issuer = "identity"  # otp's key under identity's name
    signed_in = ProfileGrant(
        **{each.name: getattr(GRANT, each.name) for each in fields(GRANT)}, roles="RA@X26"
    )
    good = served.signed(GRANT)
    hour = timedelta(hours=1)
    return [
        "",
        "random",
        good[:-4] + "AAAA",
        signer.sign(GRANT),
        served.signed(signed_in),
        served.signed(replace(GRANT, purpose="PROFILE")),
        served.signed(replace(GRANT, issued_at=NOON - hour, expires_at=NOON - hour + timedelta(minutes=5))),
        served.signed(replace(GRANT, expires_at=NOON + hour)),
    ]


async def test_S1_S2_every_bad_grant_gets_the_same_bytes_whatever_is_recorded(
    served: Served, records: Database
) -> None:
    await keep(records, EVERY_KIND)
    channel = bare_channel("audit_reader", served.address, tls_of(served.keys, "web"))
    methods = [method for method in methods_of(ACCESS) if proofs_of(method)]
    assert [method.name for method in methods] == ["ListCardRecords", "GetCardReceipt"]
    learned = {
        answer
        for method in methods
        for proof in proofs_of(method)
        for answer in await all_learned(channel, method, proof, {}, bad_grants(served))
    }
    await channel.close()

    assert len(learned) == 1
    assert "GRANT_REFUSED" in str(learned)
