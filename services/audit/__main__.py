"""Composition root of audit: `python -m services.audit store|sequencer|reader|migrate|saved|…`."""

import argparse
import sys
from collections.abc import Awaitable, Mapping
from functools import partial
from pathlib import Path

from aiokafka.errors import KafkaError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from smartcard_unlock.audit.v1 import audit_pb2_grpc

from services.audit import rebuilding, repair, replaying, rights, verifying
from services.audit.access import ACCESS
from services.audit.card_records import SqlCardRecords
from services.audit.consumer import GROUP, TOPICS, eligible_in, outcome_in, read
from services.audit.domain.record import Origin
from services.audit.domain.saved_time import PUBLISHED_BASELINES, Period, as_hours
from services.audit.domain.savings import Figure, Savings
from services.audit.domain.segment import Segment
from services.audit.events import HEADS_TOPIC, SOURCE, event_of
from services.audit.heads_file import HeadsFolder, heads_in
from services.audit.log_storage import SqlLog
from services.audit.receipts import SqlReceipts
from services.audit.reports import SqlReports
from services.audit.retiring import RetireBodies
from services.audit.roll_ups import RollUps
from services.audit.rolling import Rolling
from services.audit.savings import SqlSavings
from services.audit.sequencer import Sequencer
from services.audit.sequencing import SequenceRecords
from services.audit.servicer import AuditServicer
from services.audit.settings import (
    DatabaseSettings,
    ReaderSettings,
    RepairSettings,
    ReportSettings,
    SequencerSettings,
    StoreSettings,
)
from services.audit.signing import BadKey, NoteSigner
from services.audit.storage import SqlStore, open_read_only
from services.audit.tables import OUTBOX, OUTBOX_POSITION
from services.audit.tail_command import tail
from services.audit.use_cases import KeepRecords, ReadCards, ReadRecords
from services.audit.verify import audit_verify
from services.audit.verifying import Verification
from services.runtime import database, logs, process, settings
from services.runtime.clock import SystemClock
from services.runtime.database import Database
from services.runtime.grants import GrantVerifier
from services.runtime.grpc_server import build_server
from services.runtime.outbox import OutboxRelay
from services.runtime.randomness import SystemRandomness
from services.runtime.unanswered import words_of

MIGRATIONS = Path(__file__).with_name("migrations")


async def store(_: argparse.Namespace) -> int:
    """Store every event of every service (Faust)."""
    from services.audit import app  # Faust takes half a second to load, and no other command needs it

    chosen = settings.load(StoreSettings)
    logs.configure("audit_store", chosen.LOG_LEVEL)
    records = Database(chosen.AUDIT_DATABASE_URL)
    keeper = KeepRecords(SqlStore(records, SystemClock()), read, SystemClock())
    health = build_server("audit_store", [], {}, chosen.tls, chosen.LISTEN_ADDRESS)

    def stream() -> Awaitable[None]:
        worker = chosen.worker
        return app.run_stream(chosen.brokers, TOPICS, GROUP, keeper.keep, keeper.calm, worker)

    return await process.serve([health], [stream], [records.close])


async def sequencer(_: argparse.Namespace) -> int:
    """Give records their places in the Merkle log, sign it, and tell of both."""
    chosen = settings.load(SequencerSettings)
    logs.configure(SOURCE, chosen.LOG_LEVEL)
    try:
        signer = NoteSigner.from_file(chosen.AUDIT_LOG_ORIGIN, chosen.AUDIT_LOG_KEY_FILE)
    except (BadKey, OSError) as error:
        print(f"AUDIT_LOG_KEY_FILE: {type(error).__name__}", file=sys.stderr)
        return 2
    records = Database(chosen.AUDIT_DATABASE_URL)
    log = SqlLog(records, SOURCE, SystemClock(), SystemRandomness(), event_of)
    folder = HeadsFolder(chosen.AUDIT_HEADS_DIR) if chosen.AUDIT_HEADS_DIR else None
    loop = Sequencer(records, chosen.brokers, SequenceRecords(log, signer), log, folder)
    relay = OutboxRelay(records, OUTBOX, OUTBOX_POSITION, SOURCE, chosen.brokers, may_lead=loop.may_lead)
    rolling = Rolling(records, RollUps(records, eligible_in, SystemClock()))
    health = build_server(SOURCE, [], {}, chosen.tls, chosen.LISTEN_ADDRESS)
    return await process.serve([health], [loop.run, relay.run, rolling.run], [records.close])


async def reader(_: argparse.Namespace) -> int:
    """Serve AuditService from a read-only connection."""
    chosen = settings.load(ReaderSettings)
    logs.configure("audit_reader", chosen.LOG_LEVEL)
    records = open_read_only(chosen.AUDIT_DATABASE_URL)
    try:
        grants = GrantVerifier.from_dir(chosen.GRANT_VERIFY_KEYS_DIR, "audit_reader", SystemClock())
    except (ValueError, OSError) as error:
        print(f"GRANT_VERIFY_KEYS_DIR: {type(error).__name__}", file=sys.stderr)
        return 2
    servicer = AuditServicer(_reading(records, chosen), ReadCards(SqlCardRecords(records), grants))
    register = (audit_pb2_grpc.add_AuditServiceServicer_to_server, servicer)
    server = build_server("audit_reader", [register], ACCESS, chosen.tls, chosen.LISTEN_ADDRESS)
    return await process.serve([server], closers=[records.close])


async def migrate(_: argparse.Namespace) -> int:
    """Bring the tables to their newest form."""
    url = settings.load(DatabaseSettings).AUDIT_DATABASE_URL
    owned = Database(url)
    try:
        await database.migrate(url, MIGRATIONS, partial(rights.grant, owned))
    finally:
        await owned.close()
    return 0


def check_config(options: argparse.Namespace) -> int:
    """Tell whether the settings of all three processes, or of one, are complete; 2 where they are not."""
    kinds: dict[str, type[DatabaseSettings]] = {
        "store": StoreSettings,
        "sequencer": SequencerSettings,
        "reader": ReaderSettings,
    }
    if options.process not in (None, *kinds):
        print(f"no such process; there are: {', '.join(kinds)}", file=sys.stderr)
        return 2
    for kind in [kinds[options.process]] if options.process else kinds.values():
        settings.load(kind)
    return 0


async def saved(_: argparse.Namespace) -> int:
    """Print the time saved, beside the published baselines."""
    chosen = settings.load(ReportSettings)
    records = open_read_only(chosen.AUDIT_DATABASE_URL)
    try:
        figures = await _reading(records, chosen).savings(Period())
    finally:
        await records.close()
    print("\n".join(_report(figures)))
    return 0


async def explain(options: argparse.Namespace) -> int:
    """Print the records that a figure counts, each with its place in the log."""
    if options.figure not in list(Figure):
        print(f"no such figure; there are: {', '.join(Figure)}", file=sys.stderr)
        return 2
    chosen = settings.load(ReportSettings)
    records = open_read_only(chosen.AUDIT_DATABASE_URL)
    period, count = Period(organisation=options.organisation or ""), 0
    try:
        async for each in SqlSavings(records, eligible_in).explain(Figure(options.figure), period):
            count += 1
            place = "-" if each.place is None else each.place
            age = ", body dropped by age" if each.retired else ""
            print(f"{place:>8} {each.occurred} {each.session_id} {each.ce_id} {each.words}{age}")
    finally:
        await records.close()
    print(f"{options.figure}: {count}")
    return 0


async def export(options: argparse.Namespace) -> int:
    """Write every signed record as Parquet into a folder, for analysts; goes on where it was stopped."""
    from services.audit import exporting, parquet  # pyarrow is large, and no other command needs it

    records = open_read_only(settings.load(DatabaseSettings).AUDIT_DATABASE_URL)
    try:
        done = await exporting.export(records, parquet.Folder(Path(options.folder)), _print_segment)
    except OSError as error:
        print(f"{options.folder}: {type(error).__name__}", file=sys.stderr)
        return 2
    finally:
        await records.close()
    print(f"{done.records} signed records are there; {done.written} segments were written")
    return 0


def _print_segment(segment: Segment, size: int) -> None:
    print(f"{segment.end:>12,} of {size:,} records ({100 * segment.end // size} %)", flush=True)


async def gaps(_: argparse.Namespace) -> int:
    """Print every offset that the ledger misses; 1 where there is one."""
    records = open_read_only(settings.load(DatabaseSettings).AUDIT_DATABASE_URL)
    try:
        found = await SqlReports(records).gaps()
    finally:
        await records.close()
    for run in found:
        print(f"{run.topic} partition {run.partition}: offsets {run.first} to {run.last} are missing")
    return 1 if found else 0


async def repair_gaps(_: argparse.Namespace) -> int:
    """Read again from Kafka what was taken and is not in the ledger; 1 where something is lost."""
    chosen = settings.load(RepairSettings)
    records = Database(chosen.AUDIT_DATABASE_URL)
    keeper = KeepRecords(SqlStore(records, SystemClock()), read, SystemClock())
    reports = SqlReports(records)
    brokers = chosen.brokers
    try:
        for run in await repair.find_missing(brokers, GROUP, TOPICS, reports.held):
            count = await repair.read_again(brokers, run, keeper.keep)
            print(f"{run.topic} partition {run.partition}: {count} of {run.last - run.first + 1} read again")
        return 1 if await repair.find_missing(brokers, GROUP, TOPICS, reports.held) else 0
    finally:
        await records.close()


async def verify(options: argparse.Namespace) -> int:
    """Verify every record, place, tile and head against the log's public key; 1 where something is wrong."""
    records = open_read_only(settings.load(DatabaseSettings).AUDIT_DATABASE_URL)
    try:
        key = audit_verify.read_key(Path(options.public_key))
        kept = await _heads_kept(options)
        now = SystemClock().now()
        done = await verifying.verify(records, partial(_signed, key), outcome_in, eligible_in, kept, now)
    except (audit_verify.NotVerified, KafkaError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        await records.close()
    age = f" ({done.retired} without a body, dropped by age)" if done.retired else ""
    found = f"{done.records} records{age} and {done.heads} heads: {len(done.wrong)} wrong"
    print("\n".join([*done.wrong, *_not_seen(done, kept), found]))
    return 1 if done.wrong else 0


async def _heads_kept(options: argparse.Namespace) -> dict[str, str]:
    """Heads outside of the database, by where they are: of a folder, and of their topic."""
    found = heads_in(Path(options.heads)) if options.heads else {}
    if options.told:
        brokers = settings.load(RepairSettings).brokers
        async for number, head in rebuilding.heads_told(brokers):
            found[f"{HEADS_TOPIC}, number {number}"] = head.note
    return found


def _not_seen(done: Verification, kept: Mapping[str, str]) -> list[str]:
    """Say what this look cannot find."""
    said = []
    if done.unsigned and not done.wrong:
        said.append(f"not signed yet: the last {done.unsigned} records")
    if not kept:
        said.append("no heads from elsewhere (--heads, --told): an end cut off with its heads is not seen")
    return said


def _signed(key: Ed25519PublicKey, note: str) -> verifying.Signed:
    try:
        head = audit_verify.head_of(note, key)
    except audit_verify.NotVerified as why:
        raise verifying.BadHead(str(why)) from None
    return verifying.Signed(head.size, head.root)


async def replay(_: argparse.Namespace) -> int:
    """Read again what was set aside, and store what is a record by now; 1 where something still is none."""
    records = Database(settings.load(DatabaseSettings).AUDIT_DATABASE_URL)
    keeper = KeepRecords(SqlStore(records, SystemClock()), read, SystemClock())
    try:
        done = await replaying.replay(records, read, keeper.keep, _print_stays)
    finally:
        await records.close()
    print(f"{done.taken} messages that were set aside are records; {done.left} still are not")
    return 1 if done.left else 0


def _print_stays(origin: Origin, why: str) -> None:
    print(f"{origin.topic} partition {origin.partition} offset {origin.offset} stays: {why}")


async def retire(options: argparse.Namespace) -> int:
    """Make months that come, drop bodies older than 400 days (as the tables' owner); 1 where some stay."""
    records = Database(settings.load(DatabaseSettings).AUDIT_DATABASE_URL)
    work = RetireBodies(records, SystemClock())
    try:
        for month in await work.prepare():
            print(f"{month}: bodies have a place of their own")
        done = [] if options.months_only else await work.retire()
    finally:
        await records.close()
    for each in done:
        words = f"stay: {each.why_not}" if each.why_not else f"dropped, under the head of {each.size} records"
        print(f"{each.month}: {each.bodies} bodies {words}")
    return 1 if any(each.why_not for each in done) else 0


async def rebuild(_: argparse.Namespace) -> int:
    """Store records and log again from what was told (as the tables' owner); 1 where some are missing."""
    chosen = settings.load(RepairSettings)
    records = Database(chosen.AUDIT_DATABASE_URL)
    try:
        done = await rebuilding.rebuild(records, chosen.brokers)
    except rebuilding.NotTheSame as where:
        print(f"the topics tell of another log than the one that is there: {where}", file=sys.stderr)
        return 2
    finally:
        await records.close()
    print(f"{done.records} records and {done.heads} heads stand; {done.missing} records are missing")
    return 1 if done.missing else 0


def _reading(records: Database, chosen: ReportSettings) -> ReadRecords:
    savings = SqlSavings(records, eligible_in)
    return ReadRecords(SqlReports(records), SqlReceipts(records), savings, chosen.SAVED_MINUTES_EACH)


def _report(savings: Savings) -> list[str]:
    figures, counted = savings.saved, savings.saved.counted
    return [
        f"unlocks that saved a visit   {counted.unlocks:>12,}",
        f"  repeats within 24 hours    {counted.repeats:>12,}",
        f"minutes each                 {figures.minutes_each:>12,}",
        f"saved minutes                {figures.saved_minutes:>12,}",
        f"saved hours                  {figures.saved_hours:>12}",
        f"minutes in the sessions      {figures.session_minutes:>12,}",
        f"net hours                    {as_hours(savings.net_minutes):>12}",
        f"RA minutes, in person        {savings.ra_minutes:>12,}",
        *(
            f"{by.value.lower()} {group.value or '-'}".ljust(29) + f"{group.unlocks:>12,}"
            for by, groups in savings.groups.items()
            for group in groups
        ),
        *(
            f"{each.organisation}: {each.users} of {each.eligible} eligible ({each.per_cent or '-'} %), "
            f"{as_hours(each.minutes_to_be_had(figures.minutes_each))} h to be had"
            for each in savings.adoption
        ),
        *(f"{stage.name}".ljust(29) + f"{stage.sessions:>12,}" for stage in savings.stages),
        *(
            f"ended {words.kind} {words.code}".ljust(29) + f"{words.sessions:>12,}"
            for words in counted.last_words
        ),
        *(f"published: {figure} ({source})" for figure, source in PUBLISHED_BASELINES),
    ]


if __name__ == "__main__":
    process.main(
        "audit",
        {
            "store": store,
            "sequencer": sequencer,
            "reader": reader,
            "migrate": migrate,
            "check-config": check_config,
            "saved": saved,
            "explain": explain,
            "export": export,
            "gaps": gaps,
            "repair": repair_gaps,
            "rebuild": rebuild,
            "replay": replay,
            "retire": retire,
            "verify": verify,
            "tail": tail,
        },
        {
            "check-config": ("--process NAME",),
            "verify": ("public_key", "--heads FOLDER", "--told"),
            "explain": ("figure", "--organisation CODE"),
            "export": ("folder",),
            "tail": ("--session ID", "--follow"),
            "retire": ("--months-only",),
        },
        unanswered=words_of,
    )
