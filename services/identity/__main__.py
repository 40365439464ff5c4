"""Composition root of identity: settings, adapters, use cases; serve, migrate, import, check-config."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from smartcard_unlock.identity.v1 import (
    colleagues_pb2_grpc,
    identity_pb2_grpc,
    in_person_pb2_grpc,
    ra_desk_pb2_grpc,
    registration_pb2_grpc,
)

from services.identity import allow_list_command, catching_up
from services.identity.access import ACCESS
from services.identity.answer_hashes import Argon2Answers
from services.identity.approved_domains import ApprovedDomains
from services.identity.card_refs import write_refs
from services.identity.colleague_codes import ColleagueCodes
from services.identity.colleague_servicer import ColleagueServicer
from services.identity.desk_servicer import RaDeskServicer
from services.identity.events import EVENTS, event_of
from services.identity.feeds import FIRST, Feeds
from services.identity.finding import Finder
from services.identity.import_command import Asked, Delta, import_directory
from services.identity.in_person_servicer import InPersonServicer
from services.identity.mobile_numbers import LibphonenumberNumbers
from services.identity.name_index import NameIndex
from services.identity.registration_servicer import RegistrationServicer
from services.identity.registry import Rehearsal, SqlRegistry
from services.identity.servicer import IdentityServicer
from services.identity.settings import CatchUpSettings, DatabaseSettings, IdentitySettings
from services.identity.storage import PROCESS, SqlStore
from services.identity.tables import outbox, outbox_position
from services.identity.use_cases import Holders, Parts
from services.identity.use_cases.answering import Answering
from services.identity.use_cases.asking_colleagues import Asking
from services.identity.use_cases.colleagues import Colleagues
from services.identity.use_cases.desk import Desk
from services.identity.use_cases.desk_acts import DeskActs
from services.identity.use_cases.profiles import Profiles
from services.identity.use_cases.registering import Registering
from services.identity.use_cases.second_ra import SecondRa
from services.identity.use_cases.telling import Telling
from services.identity.use_cases.vouching import Vouching
from services.runtime import database, logs, process, settings
from services.runtime.catching_up import by_command, commands
from services.runtime.clock import SystemClock
from services.runtime.database import Database, TransientDatabaseError
from services.runtime.freshness import TopicFreshness
from services.runtime.grants import GrantSigner, GrantVerifier
from services.runtime.grpc_server import build_server
from services.runtime.outbox import OutboxRelay
from services.runtime.randomness import SystemRandomness
from services.runtime.unanswered import words_of

MIGRATIONS = Path(__file__).parent / "migrations"

SWEEP_SECONDS = 3600

log = logs.logger("identity")


def compose(read: IdentitySettings, opened: Database) -> Parts:
    """Put the parts together from the settings. Raises ValueError or OSError for a bad key file."""
    clock, randomness = SystemClock(), SystemRandomness()
    return Parts(
        store=SqlStore(opened, event_of, randomness),
        clock=clock,
        randomness=randomness,
        grants=GrantVerifier.from_dir(read.GRANT_VERIFY_KEYS_DIR, PROCESS, clock),
        signer=GrantSigner.from_file(PROCESS, read.GRANT_SIGNING_KEY_FILE),
        change_needs_code=read.CHANGE_NEEDS_CODE,
        questions=read.SECURITY_QUESTIONS == "required",
        remote_vouch=read.remote_vouch,
    )


def compose_colleagues(read: IdentitySettings, parts: Parts) -> ColleagueServicer:
    """Put together what colleagues vouch by. Raises ValueError or OSError for a bad key file."""
    codes = ColleagueCodes.from_file(read.GRANT_SIGNING_KEY_FILE)
    return ColleagueServicer(Asking(parts, codes), Colleagues(parts, codes))


async def serve(_: argparse.Namespace) -> int:
    """Serve IdentityService and tell the outbox."""
    read = settings.load(IdentitySettings)
    logs.configure(PROCESS, read.LOG_LEVEL)
    opened = Database(read.IDENTITY_DATABASE_URL)
    parts = compose(read, opened)
    holders, profiles = Holders(parts), Profiles(parts, LibphonenumberNumbers())
    finder = Finder(parts.store, SystemClock(), NameIndex)
    servicer = IdentityServicer(holders, finder, profiles, Telling(parts, holders))
    per_day, second_ra = read.RA_ADDRESSES_PER_DAY, read.SECOND_RA == "required"
    desk = RaDeskServicer(
        Desk(parts, NameIndex, per_day),
        DeskActs(parts, per_day, second_ra=second_ra),
        SecondRa(parts, per_day),
    )
    in_person, hashes = InPersonServicer(Vouching(parts)), Argon2Answers()
    registering = RegistrationServicer(
        Registering(parts, profiles, hashes), Answering(parts, holders, hashes)
    )
    registrations: list[tuple[Callable[[Any, grpc.aio.Server], None], object]] = [
        (identity_pb2_grpc.add_IdentityServiceServicer_to_server, servicer),
        (ra_desk_pb2_grpc.add_RaDeskServiceServicer_to_server, desk),
        (in_person_pb2_grpc.add_InPersonServiceServicer_to_server, in_person),
        (
            colleagues_pb2_grpc.add_ColleagueServiceServicer_to_server,
            compose_colleagues(read, parts),
        ),
        (registration_pb2_grpc.add_RegistrationServiceServicer_to_server, registering),
    ]
    freshness = TopicFreshness(opened, read.brokers, outbox_position, EVENTS, PROCESS)
    await freshness.look_once()
    server = build_server(
        PROCESS,
        registrations,
        ACCESS,
        read.tls,
        read.LISTEN_ADDRESS,
        may_serve=lambda: freshness.is_current,
    )
    relay = OutboxRelay(opened, outbox, outbox_position, PROCESS, read.brokers, may_lead=freshness.look)
    tasks: list[process.Task] = [
        relay.run,
        partial(sweep, holders),
        freshness.run,
        server.say_whether_ready,
    ]
    return await process.serve([server], tasks, [opened.close])


async def sweep(holders: Holders) -> None:
    """Delete what need not be kept, again and again."""
    while True:
        try:
            await holders.sweep()
        except TransientDatabaseError:
            log.warning("sweep_waits")
        await asyncio.sleep(SWEEP_SECONDS)


async def migrate(_: argparse.Namespace) -> int:
    """Bring the database to the newest schema."""
    await database.migrate(settings.load(DatabaseSettings).IDENTITY_DATABASE_URL, MIGRATIONS)
    return 0


async def import_file(options: argparse.Namespace) -> int:
    """Import organisations, holders and cards; print remarks as JSON lines; 1 where rows were refused."""
    opened, clock = Database(settings.load(DatabaseSettings).IDENTITY_DATABASE_URL), SystemClock()
    parts = (opened, event_of, SystemRandomness(), clock)
    try:
        registry = Rehearsal(*parts).rehearsed() if options.dry_run else nullcontext(SqlRegistry(*parts))
        return await import_directory(_asked(options), registry, Feeds(opened, clock))
    finally:
        await opened.close()


def _asked(options: argparse.Namespace) -> Asked:
    """Return what the command was asked for. Raises SystemExit (2) for half a delta."""
    delta = _delta(options) if options.feed or options.number or options.accept_refused else None
    report = Path(options.report) if options.report else None
    return Asked(Path(options.file), options.kind or "", options.dry_run, report, delta)


def _delta(options: argparse.Namespace) -> Delta:
    number = options.number or ""
    if not options.feed or not number.isdecimal() or int(number) < FIRST:
        print(
            "--feed NAME and --number N belong together, and --accept-refused to them; N counts a feed's"
            f" deltas from {FIRST}",
            file=sys.stderr,
        )
        raise SystemExit(2)
    return Delta(options.feed, int(number), options.accept_refused)


async def cards_refs(_: argparse.Namespace) -> int:
    """Print the card references that are known here, for `reconcile` of card_gateway."""
    opened = Database(settings.load(DatabaseSettings).IDENTITY_DATABASE_URL)
    try:
        return await write_refs(opened)
    finally:
        await opened.close()


@asynccontextmanager
async def _approved_domains() -> AsyncIterator[ApprovedDomains]:
    opened = Database(settings.load(DatabaseSettings).IDENTITY_DATABASE_URL)
    try:
        yield ApprovedDomains(opened, event_of, SystemRandomness(), SystemClock())
    finally:
        await opened.close()


async def list_add(options: argparse.Namespace) -> int:
    """Approve a mail domain and those below it; --exact: it alone; for all, or for one organisation."""
    async with _approved_domains() as approved:
        return await allow_list_command.add(
            approved, options.domain, exact=options.exact, organisation=options.organisation, by=options.by
        )


async def list_remove(options: argparse.Namespace) -> int:
    """Take a mail domain off the allow list."""
    async with _approved_domains() as approved:
        return await allow_list_command.remove(
            approved, options.domain, organisation=options.organisation, by=options.by
        )


async def list_show(_: argparse.Namespace) -> int:
    """Print the allow list."""
    async with _approved_domains() as approved:
        return await allow_list_command.show(approved)


async def list_changes(_: argparse.Namespace) -> int:
    """Print who changed the allow list, when and how."""
    async with _approved_domains() as approved:
        return await allow_list_command.changes(approved)


async def check_config(_: argparse.Namespace) -> int:
    """Check settings and key files; 2 where something is wrong."""
    read = settings.load(IdentitySettings)
    opened = Database(read.IDENTITY_DATABASE_URL)
    try:
        compose_colleagues(read, compose(read, opened))
    except (OSError, ValueError) as error:
        print(f"{type(error).__name__}: {error}")
        return 2
    finally:
        await opened.close()
    return 0


async def catch_up(with_hole: bool) -> int:
    """Bring the database to what was told on its topic since the copy it is; returns the exit status."""
    read = settings.load(CatchUpSettings)
    opened, again = Database(read.IDENTITY_DATABASE_URL), catching_up.Recalling(SystemRandomness()).again
    return await by_command(opened, read.brokers, catching_up.BOOKS, PROCESS, again, with_hole=with_hole)


if __name__ == "__main__":
    process.main(
        PROCESS,
        {
            "serve": serve,
            "migrate": migrate,
            "import": import_file,
            "cards refs": cards_refs,
            "allow-list show": list_show,
            "allow-list add": list_add,
            "allow-list remove": list_remove,
            "allow-list changes": list_changes,
            "check-config": check_config,
            **commands(catch_up),
        },
        arguments={
            "import": [
                "file",
                "--kind KIND",
                "--dry-run",
                "--report FILE",
                "--feed NAME",
                "--number N",
                "--accept-refused",
            ],
            "allow-list add": ["domain", "--exact", "--organisation CODE", "--by NAME"],
            "allow-list remove": ["domain", "--organisation CODE", "--by NAME"],
        },
        unanswered=words_of,
    )
