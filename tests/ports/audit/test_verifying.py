"""`audit verify` on SQLite and PostgreSQL: a changed byte, a removed record, a forked head: each is named.

And the sequencer signs no more of a log that is not what it has signed.
"""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from smartcard_unlock.card_gateway.v1 import card_gateway_events_pb2
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit import verifying
from services.audit.consumer import eligible_in, outcome_in
from services.audit.domain.merkle import hash_leaf
from services.audit.sequencing import NotWhatWasSigned, SequenceRecords
from services.audit.signing import NoteSigner
from services.audit.verify import audit_verify
from services.audit.verifying import BadHead, Signed, Verification
from services.runtime.database import Database
from services.runtime.timestamps import timestamp_of
from tests.ports.audit.log import KEY, ORIGIN, append_all, grow, keep, log_of, messages, sequencer_of
from tests.unit.audit.outcomes import NOON, message

SIZE = 700


def read_head(note: str) -> Signed:
    try:
        head = audit_verify.head_of(note, KEY.public_key())
    except audit_verify.NotVerified as why:
        raise BadHead(str(why)) from None
    return Signed(head.size, head.root)


async def verified(records: Database, kept: Mapping[str, str] | None = None) -> Verification:
    return await verifying.verify(records, read_head, outcome_in, eligible_in, kept or {}, NOON)


@pytest.fixture
async def log(records: Database) -> Database:
    """600 records, a head, 100 more, a head; somebody with the owner's rights took the triggers away."""
    await grow(records, 0, 600)
    await grow(records, 600, SIZE - 600)
    async with records.begin("test.mischief") as connection:
        for table in ("records", "leaves", "tiles", "heads", *await body_tables(connection)):
            if records.is_postgresql:
                await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
            else:
                for act in ("update", "delete"):
                    await connection.execute(text(f"DROP TRIGGER {table}_no_{act}"))
    return records


async def body_tables(connection: AsyncConnection) -> list[str]:
    if connection.dialect.name == "sqlite":
        return ["bodies"]
    named = text("SELECT relid::text FROM pg_partition_tree('bodies')")
    return list(await connection.scalars(named))


async def act(log: Database, *statements: str, **values: object) -> None:
    async with log.begin("test.mischief") as connection:
        for statement in statements:
            await connection.execute(text(statement), values)


async def body_of(log: Database, ce_id: str) -> bytes:
    async with log.read() as connection:
        return bytes(
            await connection.scalar(text("SELECT body FROM bodies WHERE ce_id = :id"), {"id": ce_id})
        )


def flipped(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


async def test_D1_a_whole_log_has_nothing_wrong(log: Database) -> None:
    assert await verified(log) == Verification(SIZE, 2, [])


@pytest.mark.parametrize("place", [17, 699], ids=["in a tile", "at the right edge"])
async def test_D1_one_changed_byte_of_a_record_is_named(log: Database, place: int) -> None:
    body = await body_of(log, f"e-{place:08}")
    change = "UPDATE bodies SET body = :body WHERE ce_id = :id"
    await act(log, change, body=flipped(body, 40), id=f"e-{place:08}")

    assert (await verified(log)).wrong == [f"place {place}, record e-{place:08}: the record was changed"]


@pytest.mark.parametrize(("column", "value"), [("source", "otp"), ("relayseq", 9999), ("subject", "s-other")])
async def test_D1_what_was_received_beside_the_body_is_covered(
    log: Database, column: str, value: object
) -> None:
    await act(log, f"UPDATE records SET {column} = :value WHERE ce_id = 'e-00000300'", value=value)

    assert (await verified(log)).wrong == ["place 300, record e-00000300: the record was changed"]


async def test_D1_a_column_that_says_otherwise_than_its_body_is_named(log: Database) -> None:
    await act(log, "UPDATE records SET reason = 'CHANGE' WHERE ce_id = 'e-00000300'")

    assert (await verified(log)).wrong == [
        "place 300, record e-00000300: its columns no longer say what its body says"
    ]


async def test_D1_an_outcome_moved_to_another_month_is_named(log: Database) -> None:
    await act(log, "UPDATE records SET occurred_us = occurred_us - 3000000000000 WHERE ce_id = 'e-00000300'")

    assert (await verified(log)).wrong == [
        "place 300, record e-00000300: its columns no longer say what its body says"
    ]


async def test_D1_a_stage_of_the_journey_moved_to_another_month_is_named(log: Database) -> None:
    told = card_gateway_events_pb2.CardRead(
        session_id="s-1", card_ref="c" * 32, occurred_at=timestamp_of(NOON)
    )
    await keep(log, [message(told, ce_id="e-read", offset=9000, relayseq=9000)])
    sequence = sequencer_of(log)
    await append_all(sequence)
    await sequence.sign()
    assert (await verified(log)).wrong == []
    await act(log, "UPDATE records SET occurred_us = occurred_us - 3000000000000 WHERE ce_id = 'e-read'")

    assert (await verified(log)).wrong == [
        "place 700, record e-read: its columns no longer say what its body says"
    ]


async def test_D1_an_end_rewritten_without_its_heads_is_named(log: Database) -> None:
    """Somebody takes the head away that the change contradicts: then nothing signed covers it."""
    await act(log, "DELETE FROM heads WHERE size = 700")
    now, later = await verified(log), NOON + timedelta(minutes=2)
    seen = await verifying.verify(log, read_head, outcome_in, eligible_in, {}, later)

    assert (now.unsigned, now.wrong) == (100, [])
    assert seen.wrong == [
        "the last 100 records: under no signed head. Where audit_sequencer runs, heads were removed"
    ]


async def test_a_month_said_to_be_retired_before_its_time_excuses_nothing(log: Database) -> None:
    await act(log, "INSERT INTO retired VALUES ('2026-11', 700, 700, 0)")
    await act(log, "DELETE FROM bodies WHERE ce_id = 'e-00000255'")

    assert (await verified(log)).wrong == [
        "month 2026-11: its bodies were dropped before they were 400 days old",
        "place 255, record e-00000255: its body was removed",
    ]


async def test_D1_a_removed_record_is_named(log: Database) -> None:
    await act(log, "DELETE FROM records WHERE ce_id = 'e-00000255'")

    assert (await verified(log)).wrong == ["place 255, record e-00000255: the record was removed"]


async def test_a_body_removed_before_its_time_is_named(log: Database) -> None:
    await act(log, "DELETE FROM bodies WHERE ce_id = 'e-00000255'")

    assert (await verified(log)).wrong == ["place 255, record e-00000255: its body was removed"]


async def test_D1_a_record_removed_with_its_place_is_named(log: Database) -> None:
    await act(
        log, "DELETE FROM records WHERE ce_id = 'e-00000256'", "DELETE FROM leaves WHERE leaf_index = 256"
    )

    assert (await verified(log)).wrong == ["place 256: the place was removed"]


async def test_D1_records_cut_off_at_the_end_are_missed(log: Database) -> None:
    await act(
        log, "DELETE FROM records WHERE ce_id > 'e-00000649'", "DELETE FROM leaves WHERE leaf_index > 649"
    )

    assert (await verified(log)).wrong == [
        "head of 700 records: the log has only 650: records at its end were removed"
    ]


async def test_F33_a_flipped_bit_in_a_tile_names_the_leaf(log: Database) -> None:
    async with log.read() as connection:
        chosen = text("SELECT hashes FROM tiles WHERE level = 0 AND number = 1")
        hashes = bytes(await connection.scalar(chosen))
    change = "UPDATE tiles SET hashes = :hashes WHERE level = 0 AND number = 1"
    await act(log, change, hashes=flipped(hashes, 32 * 44 + 3))

    assert (await verified(log)).wrong == ["place 300, record e-00000300: its hash in the tile was changed"]


async def test_F33_a_flipped_bit_in_a_place_or_a_root_is_named(log: Database) -> None:
    async with log.read() as connection:
        leaf = bytes(await connection.scalar(text("SELECT leaf_hash FROM leaves WHERE leaf_index = 3")))
        root = bytes(await connection.scalar(text("SELECT root FROM tiles WHERE level = 0 AND number = 0")))
    await act(log, "UPDATE leaves SET leaf_hash = :hash WHERE leaf_index = 3", hash=flipped(leaf, 0))
    await act(log, "UPDATE tiles SET root = :root WHERE level = 0 AND number = 0", root=flipped(root, 9))

    assert (await verified(log)).wrong == [
        "place 3, record e-00000003: the hash of the place was changed",
        "tile 0 of level 0: was changed",
    ]


async def test_D1_a_record_rewritten_with_all_its_hashes_no_longer_leads_to_the_heads(log: Database) -> None:
    """Place 690 is at the right edge: only its row has its hash."""
    change = "UPDATE records SET subject = 's-forged' WHERE ce_id = 'e-00000690'"
    body = await body_of(log, "e-00000690")
    lines = ["smartcard-unlock/audit-record@v1", "e-00000690", "smartcard_unlock.common.v1.SessionOutcome"]
    leaf = "".join(f"{line}\n" for line in [*lines, "card_gateway", "s-forged", "691", ""]).encode() + body
    await act(log, change)
    await act(log, "UPDATE leaves SET leaf_hash = :hash WHERE leaf_index = 690", hash=hash_leaf(leaf))

    assert (await verified(log)).wrong == [
        "head of 700 records: forked: it was signed over other records than these"
    ]


async def test_I13_a_head_that_the_key_has_not_signed_is_named(log: Database) -> None:
    await act(
        log, "UPDATE heads SET note = replace(note, 'test.example.org', 'west.example.org') WHERE size = 600"
    )

    assert (await verified(log)).wrong == [
        "head of 600 records: the head of 600 records is not signed with this key"
    ]


async def test_I13_a_forked_head_that_somebody_kept_is_named(log: Database) -> None:
    signer = NoteSigner(ORIGIN, KEY)
    kept = {
        "bob/600.head": signer.head(600, hash_leaf(b"shown to Bob alone")).note,
        "bob/650.head": signer.head(650, hash_leaf(b"never published")).note,
        "bob/900.head": signer.head(900, hash_leaf(b"of a longer log")).note,
        "bob/1.head": "no head",
    }

    assert sorted((await verified(log, kept)).wrong) == [
        "bob/1.head: the head is not a checkpoint",
        "bob/600.head: forked: signed over other records than these 600",
        "bob/650.head: forked: signed over other records than these 650",
        "bob/900.head: signed over 900 records, more than the log has",
    ]


async def test_I13_heads_that_were_kept_honestly_agree(log: Database) -> None:
    async with log.read() as connection:
        notes = (await connection.scalars(text("SELECT note FROM heads"))).all()

    assert (await verified(log, dict(enumerate(notes)))).wrong == []  # type: ignore[arg-type]


async def test_D1_a_record_without_a_place_is_missed(log: Database) -> None:
    await act(log, "INSERT INTO unsequenced VALUES ('e-00000699')")
    assert (await verified(log)).wrong == []
    await act(log, "DELETE FROM leaves WHERE leaf_index = 699", "DELETE FROM unsequenced")

    wrong = (await verified(log)).wrong
    assert "1 records have no place and wait for none" in wrong


async def _forge_the_end(log: Database) -> None:
    """Change place 690 and its hash: what only heads contradict."""
    await act(log, "UPDATE records SET subject = 's-forged' WHERE ce_id = 'e-00000690'")
    await act(log, "UPDATE leaves SET leaf_hash = :hash WHERE leaf_index = 690", hash=bytes(32))


async def test_I13_a_changed_log_is_not_signed_by_a_sequencer_that_reads_it_anew(log: Database) -> None:
    await _forge_the_end(log)
    await keep(log, messages(SIZE, 5))
    sequence = sequencer_of(log)

    with pytest.raises(NotWhatWasSigned):
        await sequence.append()
    with pytest.raises(NotWhatWasSigned):
        await sequence.sign()
    assert await sizes_of_heads(log) == [600, SIZE]


async def test_I13_a_changed_tile_of_the_tree_is_not_signed_on(log: Database) -> None:
    await act(log, "UPDATE tiles SET root = :root WHERE level = 0 AND number = 1", root=bytes(32))

    with pytest.raises(NotWhatWasSigned):
        await sequencer_of(log).sign()


async def test_I13_an_end_cut_off_with_its_head_is_missed_by_the_sequencer_that_signed_it(
    log: Database,
) -> None:
    sequence = sequencer_of(log)
    assert not await sequence.sign()
    for statement in ("records WHERE ce_id", "leaves WHERE ce_id", "bodies WHERE ce_id"):
        await act(log, f"DELETE FROM {statement} > 'e-00000649'")
    await act(log, "DELETE FROM heads WHERE size = 700")
    await keep(log, messages(800, 90))

    with pytest.raises(NotWhatWasSigned):
        await sequence.append()
    assert await sizes_of_heads(log) == [600]


async def test_I13_another_key_or_name_does_not_sign_on(log: Database) -> None:
    await keep(log, messages(SIZE, 5))
    for signer in (NoteSigner(ORIGIN, Ed25519PrivateKey.generate()), NoteSigner("other.example.org", KEY)):
        with pytest.raises(NotWhatWasSigned):
            await SequenceRecords(log_of(log), signer).append()


async def sizes_of_heads(log: Database) -> list[int]:
    async with log.read() as connection:
        return list(await connection.scalars(text("SELECT size FROM heads ORDER BY size")))
