"""Composition root of otp: settings, adapters, use cases; serve, migrate, check-config."""

import argparse
import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from smartcard_unlock.otp.v1 import otp_pb2_grpc, registration_codes_pb2_grpc

from services.otp import catching_up, consumer
from services.otp.access import ACCESS
from services.otp.clearing import Clearing
from services.otp.domain import guess
from services.otp.events import EVENTS, event_of
from services.otp.registration_servicer import RegistrationCodeServicer
from services.otp.sealing import CodeKeys, NotifierKey
from services.otp.servicer import OtpServicer
from services.otp.settings import CatchUpSettings, DatabaseSettings, OtpSettings
from services.otp.storage import PROCESS, SqlStore
from services.otp.tables import outbox, outbox_position
from services.otp.use_cases import REGISTER, OneTimeCodes, Parts
from services.runtime import database, logs, process, settings
from services.runtime.broker import Consumer
from services.runtime.catching_up import by_command, commands
from services.runtime.clock import SystemClock
from services.runtime.database import Database, TransientDatabaseError
from services.runtime.freshness import TopicFreshness
from services.runtime.grants import GrantSigner, GrantVerifier
from services.runtime.grpc_server import build_server
from services.runtime.outbox import OutboxRelay
from services.runtime.randomness import SystemRandomness
from services.runtime.replay import replay
from services.runtime.unanswered import words_of

MIGRATIONS = Path(__file__).parent / "migrations"

SWEEP_SECONDS = 600

log = logs.logger("otp")


def compose(read: OtpSettings, opened: Database) -> Parts:
    """Put the parts together from the settings. Raises ValueError or OSError for a bad key file."""
    clock, randomness = SystemClock(), SystemRandomness()
    return Parts(
        store=SqlStore(opened, event_of, randomness),
        clock=clock,
        randomness=randomness,
        digests=CodeKeys.from_files(read.OTP_CODE_KEY_FILE, read.OTP_CODE_OTHER_KEY_FILE),
        sealer=NotifierKey.from_file(read.NOTIFIER_PUBLIC_KEY_FILE),
        grants=GrantVerifier.from_dir(read.GRANT_VERIFY_KEYS_DIR, PROCESS, clock),
        signer=GrantSigner.from_file(PROCESS, read.GRANT_SIGNING_KEY_FILE),
        policy=read.policy,
    )


async def serve(_: argparse.Namespace) -> int:
    """Serve codes, tell the outbox, hear of deliveries."""
    read = settings.load(OtpSettings)
    logs.configure(PROCESS, read.LOG_LEVEL)
    opened = Database(read.OTP_DATABASE_URL)
    parts = compose(read, opened)
    codes = OneTimeCodes(parts)
    clearing = Clearing(parts.store, parts.clock, parts.randomness, parts.grants, parts.policy)
    of_registrations = RegistrationCodeServicer(OneTimeCodes(parts, REGISTER))
    registrations: list[tuple[Callable[[Any, grpc.aio.Server], None], object]] = [
        (otp_pb2_grpc.add_OtpServiceServicer_to_server, OtpServicer(codes, clearing)),
        (registration_codes_pb2_grpc.add_RegistrationCodeServiceServicer_to_server, of_registrations),
    ]
    brokers = read.brokers
    freshness = TopicFreshness(opened, brokers, outbox_position, EVENTS, PROCESS)
    await freshness.look_once()
    server = build_server(
        PROCESS,
        registrations,
        ACCESS,
        read.tls,
        read.LISTEN_ADDRESS,
        may_serve=lambda: freshness.is_current,
    )
    deliveries = Consumer(brokers, consumer.GROUP, [consumer.TOPIC], consumer.DeliveryConsumer(codes).handle)
    relay = OutboxRelay(opened, outbox, outbox_position, PROCESS, brokers, may_lead=freshness.look)
    tasks: list[process.Task] = [
        relay.run,
        deliveries.run,
        partial(sweep, codes),
        freshness.run,
        server.say_whether_ready,
    ]
    return await process.serve([server], tasks, [opened.close])


async def sweep(codes: OneTimeCodes) -> None:
    """Delete what need not be kept, again and again."""
    while True:
        try:
            swept = await codes.sweep()
            log.info("codes_swept", codes=swept)
        except TransientDatabaseError:
            log.warning("sweep_waits")
        await asyncio.sleep(SWEEP_SECONDS)


async def migrate(_: argparse.Namespace) -> int:
    """Bring the database to the newest schema."""
    await database.migrate(settings.load(DatabaseSettings).OTP_DATABASE_URL, MIGRATIONS)
    return 0


async def replay_dead_letters(_: argparse.Namespace) -> int:
    """Take dead letters again, once what could not read them is mended; 1 where some still cannot be read."""
    read = settings.load(OtpSettings)
    opened = Database(read.OTP_DATABASE_URL)
    try:
        codes = OneTimeCodes(compose(read, opened))
        done = await replay(read.brokers, consumer.TOPIC, consumer.DeliveryConsumer(codes).handle)
    finally:
        await opened.close()
    print(done)
    return 1 if done.left else 0


async def check_config(_: argparse.Namespace) -> int:
    """Check settings and key files, and print how likely a code is guessed; 2 where something is wrong."""
    read = settings.load(OtpSettings)
    opened = Database(read.OTP_DATABASE_URL)
    try:
        compose(read, opened)
    except (OSError, ValueError) as error:
        print(f"{type(error).__name__}: {error}")
        return 2
    finally:
        await opened.close()
    chance = float(guess.chance_a_year(read.policy))
    print(
        f"{guess.entries_a_year(read.policy)} wrong entries a year and card at most, codes of "
        f"{read.policy.digits} digits: guessed with a chance of {chance:.1e} (at most 1e-06); "
        f"a holder of {guess.cards_within_the_limit(read.policy)} cards stays within it too"
    )
    keys = CodeKeys.from_files(read.OTP_CODE_KEY_FILE, read.OTP_CODE_OTHER_KEY_FILE)
    print(f"keys of codes: {keys.key_id} issues; {', '.join(sorted(keys.known))} judge")
    return 0


async def catch_up(with_hole: bool) -> int:
    """Bring the database to what was told on its topic since the copy it is; returns the exit status."""
    read = settings.load(CatchUpSettings)
    opened, again = Database(read.OTP_DATABASE_URL), catching_up.Recalling(SystemRandomness()).again
    return await by_command(opened, read.brokers, catching_up.BOOKS, PROCESS, again, with_hole=with_hole)


if __name__ == "__main__":
    process.main(
        PROCESS,
        {
            "serve": serve,
            "migrate": migrate,
            "check-config": check_config,
            "replay": replay_dead_letters,
            **commands(catch_up),
        },
        unanswered=words_of,
    )
