"""Composition root of notifier: settings, adapters, use cases; serve, migrate, check-config."""

import argparse
import socket
import ssl
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import grpc
from smartcard_unlock.identity.v1 import identity_pb2_grpc

from services.notifier import catching_up, consumer
from services.notifier.addresses import IdentityAddresses
from services.notifier.events import TOPIC, event_of
from services.notifier.letters import TemplateLetters
from services.notifier.mail import SmtpMail
from services.notifier.notify import ApiKey, NotifyMail
from services.notifier.opener import HpkeOpener
from services.notifier.ports import Mail
from services.notifier.returns import Returns
from services.notifier.sender import Sender
from services.notifier.settings import CatchUpSettings, DatabaseSettings, NotifierSettings
from services.notifier.storage import PROCESS, SqlStore
from services.notifier.tables import OUTBOX, OUTBOX_POSITION
from services.notifier.transports import Transports
from services.notifier.use_cases import Deliveries, Parts
from services.runtime import database, logs, process, settings
from services.runtime.broker import Consumer
from services.runtime.brokers import Brokers
from services.runtime.catching_up import by_command, commands
from services.runtime.clock import SystemClock
from services.runtime.database import Database
from services.runtime.freshness import TopicFreshness
from services.runtime.grpc_client import connect
from services.runtime.grpc_server import build_server
from services.runtime.outbox import OutboxRelay
from services.runtime.randomness import SystemRandomness
from services.runtime.replay import replay
from services.runtime.unanswered import words_of

SMTP, NOTIFY = "smtp", "notify"

MIGRATIONS = Path(__file__).with_name("migrations")


async def serve(_: argparse.Namespace) -> int:
    """Hear of codes and unlocks, send mail, tell what became of it."""
    read = settings.load(NotifierSettings)
    logs.configure(PROCESS, read.LOG_LEVEL)
    opened = Database(read.NOTIFIER_DATABASE_URL)
    identity = connect("identity", read.IDENTITY_ADDRESS, read.tls)
    notify = _notify(read)
    post = _post(read, notify)
    deliveries = compose(read, opened, identity, post)
    sender = Sender(deliveries)
    freshness = TopicFreshness(opened, read.brokers, OUTBOX_POSITION, TOPIC, PROCESS)
    await freshness.look_once()
    health = build_server(
        PROCESS, [], {}, read.tls, read.LISTEN_ADDRESS, may_serve=lambda: freshness.is_current
    )
    relay = OutboxRelay(opened, OUTBOX, OUTBOX_POSITION, PROCESS, read.brokers, may_lead=freshness.look)
    hears = [hearer.run for hearer in _consumers(read.brokers, deliveries)]
    acts: list[process.Task] = [*hears, sender.run, sender.sweep]
    if notify:
        acts.append(partial(sender.follow, NOTIFY, notify))
    tasks = [relay.run, freshness.run, health.say_whether_ready, *map(freshness.before, acts)]
    listeners: list[process.Listener] = [health, *_returns(read, deliveries)]
    return await process.serve(listeners, tasks, [post.close, identity.close, opened.close])


def _notify(read: NotifierSettings) -> NotifyMail | None:
    """Return Notify, where mails go by it. Raises BadApiKey or OSError."""
    if read.NOTIFY_API_KEY_FILE is None or NOTIFY not in read.transports:
        return None
    key = ApiKey.from_file(read.NOTIFY_API_KEY_FILE)
    return NotifyMail(read.NOTIFY_URL, key, read.NOTIFY_TEMPLATE_ID, SystemClock())


def _post(read: NotifierSettings, notify: NotifyMail | None) -> Transports:
    known: dict[str, Mail | None] = {
        SMTP: SmtpMail(read.smtp, read.MAIL_FROM, read.RETURN_ADDRESS) if SMTP in read.transports else None,
        NOTIFY: notify,
    }
    services = ((name, known[name]) for name in read.transports)
    return Transports({name: service for name, service in services if service})


def _returns(read: NotifierSettings, deliveries: Deliveries) -> list[Returns]:
    """Return the listener for returned mails, where there is to be one."""
    if not read.RETURN_LISTEN_ADDRESS:
        return []
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(read.TLS_CERT_FILE, read.TLS_KEY_FILE)
    return [Returns(deliveries, read.RETURN_ADDRESS, read.RETURN_LISTEN_ADDRESS, tls)]


def compose(
    read: NotifierSettings, opened: Database, identity: grpc.aio.Channel, post: Transports
) -> Deliveries:
    """Put the use cases together from the settings. Raises KeyFileWrong or OSError."""
    randomness = SystemRandomness()
    worker = f"{socket.gethostname()} {read.LISTEN_ADDRESS}"
    return Deliveries(
        Parts(
            store=SqlStore(opened, event_of, randomness, worker),
            clock=SystemClock(),
            randomness=randomness,
            opener=HpkeOpener.from_file(read.NOTIFIER_PRIVATE_KEY_FILE),
            addresses=IdentityAddresses(identity_pb2_grpc.IdentityServiceStub(identity)),
            writer=TemplateLetters(ZoneInfo(read.MAIL_TIME_ZONE), read.WEB_ORIGIN),
            post=post,
        )
    )


def _consumers(brokers: Brokers, deliveries: Deliveries) -> list[Consumer]:
    codes, outcomes = consumer.CodeConsumer(deliveries), consumer.OutcomeConsumer(deliveries)
    profiles = consumer.ProfileConsumer(deliveries)
    return [
        # No dead letter: a sealed code must not lie about longer than its topic keeps it.
        Consumer(brokers, consumer.CODES_GROUP, [consumer.CODES_TOPIC], codes.handle, dead_letters=False),
        Consumer(brokers, consumer.OUTCOMES_GROUP, [consumer.OUTCOMES_TOPIC], outcomes.handle),
        Consumer(brokers, consumer.PROFILES_GROUP, [consumer.PROFILES_TOPIC], profiles.handle),
    ]


async def migrate(_: argparse.Namespace) -> int:
    """Bring the database to the newest schema."""
    await database.migrate(settings.load(DatabaseSettings).NOTIFIER_DATABASE_URL, MIGRATIONS)
    return 0


async def replay_dead_letters(_: argparse.Namespace) -> int:
    """Take dead letters again, once what could not read them is mended; 1 where some still cannot be read."""
    read = settings.load(NotifierSettings)
    opened = Database(read.NOTIFIER_DATABASE_URL)
    identity = connect("identity", read.IDENTITY_ADDRESS, read.tls)
    try:
        deliveries = compose(read, opened, identity, Transports({}))
        handlers = {
            consumer.OUTCOMES_TOPIC: consumer.OutcomeConsumer(deliveries).handle,
            consumer.PROFILES_TOPIC: consumer.ProfileConsumer(deliveries).handle,
        }
        done = [await replay(read.brokers, topic, handle) for topic, handle in handlers.items()]
    finally:
        await identity.close()
        await opened.close()
    print("\n".join(map(str, done)))
    return 1 if any(each.left for each in done) else 0


def check_config(_: argparse.Namespace) -> int:
    """Check settings, key file and templates; 2 where something is wrong."""
    read = settings.load(NotifierSettings)
    try:
        HpkeOpener.from_file(read.NOTIFIER_PRIVATE_KEY_FILE)
        TemplateLetters(ZoneInfo(read.MAIL_TIME_ZONE), read.WEB_ORIGIN)
        _notify(read)
    except (OSError, ValueError) as error:
        print(f"{type(error).__name__}: {error}")
        return 2
    return 0


async def catch_up(with_hole: bool) -> int:
    """Bring the database to what was told on its topic since the copy it is; returns the exit status."""
    read = settings.load(CatchUpSettings)
    opened, again = Database(read.NOTIFIER_DATABASE_URL), catching_up.again
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
