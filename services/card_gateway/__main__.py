"""Composition root of card_gateway: serve, migrate, check-config, import, reconcile, vault."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

from smartcard_unlock.card_gateway.v1 import agents_pb2_grpc, card_gateway_pb2_grpc
from sqlalchemy.exc import SQLAlchemyError

from services.card_gateway.access import ACCESS, AGENT_ACCESS, ATTACH
from services.card_gateway.bell import ProcessBell
from services.card_gateway.cards_file import Unreadable
from services.card_gateway.catching_up import catch_up, told_of
from services.card_gateway.composition import Gateway, OwnAndOthersGrants, compose
from services.card_gateway.events import TOPIC
from services.card_gateway.hsm import HsmKeyProvider
from services.card_gateway.import_command import import_file
from services.card_gateway.importing import Import
from services.card_gateway.key_uses import key_uses, missing
from services.card_gateway.key_watch import KeyWatch
from services.card_gateway.master_keys import FileKeyProvider, KeyProvider, KeysAway
from services.card_gateway.reconciling import NotTheRefs, reconcile
from services.card_gateway.servicer import AgentServicer, SessionServicer
from services.card_gateway.settings import (
    CatchUpSettings,
    DatabaseSettings,
    MasterKeySettings,
    Settings,
    VaultSettings,
)
from services.card_gateway.storage import SOURCE
from services.card_gateway.tables import outbox, outbox_position
from services.card_gateway.use_cases.sweeping import EVERY, FORGET_EVERY, Sweeping
from services.card_gateway.vault import MasterVault
from services.card_gateway.vault_commands import make_key, move_imports, tell_keys
from services.runtime import database, logs, process, settings
from services.runtime.access import for_enrolled_agents
from services.runtime.catching_up import commands, said
from services.runtime.clock import SystemClock
from services.runtime.database import Database, TransientDatabaseError
from services.runtime.freshness import TopicFreshness
from services.runtime.grants import GrantSigner, GrantVerifier
from services.runtime.grpc_server import build_server
from services.runtime.https_server import build_https_server
from services.runtime.judge import Limits
from services.runtime.outbox import OutboxRelay
from services.runtime.randomness import SystemRandomness
from services.runtime.rates import Rates
from services.runtime.told import read_back
from services.runtime.unanswered import words_of

MIGRATIONS = Path(__file__).parent / "migrations"

log = logs.logger("card_gateway")

_UNFIT = (OSError, ValueError, KeysAway, Unreadable)
"""What is wrong with a file or an HSM that a setting or a command names."""


def vault_of(read: VaultSettings) -> MasterVault:
    """The vault. Raises BadKeys or OSError where the master keys are not as they must be, KeysAway."""
    newest, folder = read.newest, read.CARD_MASTER_KEY_DIR
    keys: KeyProvider
    if read.token is not None:
        keys = HsmKeyProvider(read.token, newest)
    elif folder is not None:
        keys = FileKeyProvider.from_dir(folder, newest)
    return MasterVault(keys, SystemRandomness())


def freshness_of(read: Settings, opened: Database) -> TopicFreshness:
    """Whether the database holds all that the gateway told."""
    return TopicFreshness(opened, read.brokers, outbox_position, TOPIC, SOURCE)


def gateway_of(read: Settings, opened: Database, vault: MasterVault, freshness: TopicFreshness) -> Gateway:
    """The use cases from the settings. Raises ValueError or OSError for bad key files."""
    clock = SystemClock()
    grants = OwnAndOthersGrants(
        GrantSigner.from_file(SOURCE, read.GRANT_SIGNING_KEY_FILE),
        GrantVerifier.from_dir(read.GRANT_VERIFY_KEYS_DIR, SOURCE, clock),
    )
    return compose(
        opened, vault, grants, clock, SystemRandomness(), freshness, read.GATEWAY_NAME,
        change_needs_code=read.CHANGE_NEEDS_CODE, remote_vouch=read.remote_vouch,
        pin_at_agent=read.PIN_ENTRY == "agent",
        most_on_offer=read.MOST_ON_OFFER, budget=read.budget,
    )  # fmt: skip


async def serve(_: argparse.Namespace) -> int:
    """Serve pages and agents, end what nobody ended, tell the outbox."""
    read = settings.load(Settings)
    logs.configure(SOURCE, read.LOG_LEVEL)
    opened = Database(read.CARD_GATEWAY_DATABASE_URL)
    freshness = freshness_of(read, opened)
    try:
        vault = vault_of(read)
        gateway = gateway_of(read, opened, vault, freshness)
    except _UNFIT as error:
        return _told(error)
    relay = OutboxRelay(opened, outbox, outbox_position, SOURCE, read.brokers, may_lead=freshness.look)
    tasks: list[process.Task] = [
        freshness.run,
        relay.run,
        gateway.attendance.run,
        gateway.others.run,
        KeyWatch(vault, opened, SystemClock()).run,
        partial(sweep, gateway.sweeping),
    ]
    servers = [_LettingGo(server, gateway.bell) for server in _servers(read, gateway)]
    return await process.serve(servers, tasks, [opened.close])


class _LettingGo:
    """A listener that lets go of its long polls before it stops, so that stopping takes no poll's length."""

    def __init__(self, server: process.Listener, bell: ProcessBell) -> None:
        self._server = server
        self._bell = bell

    @property
    def port(self) -> int:
        return self._server.port

    async def start(self) -> None:
        await self._server.start()

    async def stop(self, grace_seconds: float) -> None:
        self._bell.close()
        await self._server.stop(grace_seconds)


def _servers(read: Settings, gateway: Gateway) -> list[process.Listener]:
    pages = SessionServicer(gateway.claiming, gateway.pages, gateway.signing_in)
    agents = AgentServicer(gateway.agents, read.WEB_ORIGIN)
    for_pages = (card_gateway_pb2_grpc.add_SessionServiceServicer_to_server, pages)
    for_agents = (agents_pb2_grpc.add_AgentServiceServicer_to_server, agents)
    enrolled = read.agent_ca
    access = AGENT_ACCESS if enrolled is None else for_enrolled_agents(AGENT_ACCESS)
    # One bucket a network, whichever way an agent comes.
    limits = Limits({ATTACH: Rates(read.ATTACH_BURST, read.ATTACH_PER_SECOND)}, read.TRUSTED_HOPS)
    servers: list[process.Listener] = [
        build_server(SOURCE, [for_pages], ACCESS, read.tls, read.LISTEN_ADDRESS),
        build_server(
            SOURCE,
            [for_agents],
            access,
            read.tls,
            read.AGENT_LISTEN_ADDRESS,
            require_client_certificate=enrolled is not None,
            client_ca=enrolled,
            limits=limits,
        ),
    ]
    if read.AGENT_HTTPS_LISTEN_ADDRESS:
        https = build_https_server(
            SOURCE,
            for_agents,
            access,
            read.tls,
            read.AGENT_HTTPS_LISTEN_ADDRESS,
            client_ca=enrolled,
            limits=limits,
            most_connections=read.AGENT_HTTPS_CONNECTIONS,
        )
        servers.append(https)
    return servers


async def sweep(sweeping: Sweeping) -> None:
    """End what time has ended, again and again; now and then delete what is kept no longer."""
    loop = asyncio.get_running_loop()
    forget_at = loop.time()
    while True:
        try:
            await sweeping.turn()
            if loop.time() >= forget_at:
                await sweeping.forget()
                forget_at = loop.time() + FORGET_EVERY
        except TransientDatabaseError:
            log.warning("sweep_waits")
        await asyncio.sleep(EVERY)


async def migrate(_: argparse.Namespace) -> int:
    """Bring the database to the newest schema."""
    await database.migrate(settings.load(DatabaseSettings).CARD_GATEWAY_DATABASE_URL, MIGRATIONS)
    return 0


async def check_config(_: argparse.Namespace) -> int:
    """Check settings, key files, and that every master key is there which the database needs; else 2."""
    read = settings.load(Settings)
    opened = Database(read.CARD_GATEWAY_DATABASE_URL)
    try:
        vault = vault_of(read)
        gateway_of(read, opened, vault, freshness_of(read, opened))
        lacking = missing(await key_uses(opened), vault.kids)
    except _UNFIT as error:
        return _told(error)
    except (SQLAlchemyError, TransientDatabaseError) as error:
        print(f"the database does not say which keys it needs: {type(error).__name__}", file=sys.stderr)
        return 2
    finally:
        await opened.close()
    for kid, used in lacking.items():
        print(f"master key {kid!r} is missing: {used}", file=sys.stderr)
    return 2 if lacking else 0


async def import_(options: argparse.Namespace) -> int:
    """Import cards from a file of JSON lines or CSV, - for standard input; 1 where rows were refused."""

    async def act(opened: Database, vault: MasterVault) -> int:
        run = Import(opened, vault, dry_run=options.dry_run)
        report = Path(options.report) if options.report else None
        with sys.stdin.buffer if options.file == "-" else _opened(options.file) as stream:
            return await import_file(run, stream, report, dry_run=options.dry_run)

    return await _with_vault(act)


async def reconcile_(options: argparse.Namespace) -> int:
    """Compare the vault with what `identity cards refs` wrote, - for standard input; 1 on a difference."""
    opened = Database(settings.load(DatabaseSettings).CARD_GATEWAY_DATABASE_URL)
    try:
        with sys.stdin.buffer if options.file == "-" else _opened(options.file) as stream:
            return await reconcile(opened, stream)
    except (OSError, NotTheRefs) as error:
        return _told(error)
    finally:
        await opened.close()


def _opened(path: str) -> BinaryIO:
    return Path(path).open("rb")


def new_key(options: argparse.Namespace) -> int:
    """Make a master key where the settings say: a file, 0600, or inside the HSM; never over another."""
    read = settings.load(MasterKeySettings)
    try:
        make_key(options.kid, read.token, read.CARD_MASTER_KEY_DIR, SystemRandomness())
    except _UNFIT as error:
        return _told(error)
    return 0


async def keys(_: argparse.Namespace) -> int:
    """Print each master key and how many rows need it; 1 where one is missing."""
    return await _with_vault(tell_keys)


async def rewrap(_: argparse.Namespace) -> int:
    """Seal all imported values under the newest master key; 1 where one does not open."""
    return await _with_vault(move_imports)


async def _with_vault(act: Callable[[Database, MasterVault], Awaitable[int]]) -> int:
    read = settings.load(VaultSettings)
    opened = Database(read.CARD_GATEWAY_DATABASE_URL)
    try:
        return await act(opened, vault_of(read))
    except _UNFIT as error:
        return _told(error)
    finally:
        await opened.close()


def _told(error: Exception) -> int:
    """Say in one line what a process cannot start with. 2, as for a bad variable."""
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    return 2


async def catch_up_(with_hole: bool) -> int:
    """Bring cards and sessions to what was told on the topic since the copy; returns the exit status."""
    read = settings.load(CatchUpSettings)
    opened = Database(read.CARD_GATEWAY_DATABASE_URL)

    async def caught_up() -> list[str]:
        told = told_of(await read_back(read.brokers, TOPIC, SOURCE))
        done = await catch_up(opened, SystemClock(), SystemRandomness(), told, with_hole=with_hole)
        counts = (
            f"{done.events} events, {done.cards} cards ({done.unsettled} unsettled), {done.sessions} sessions"
        )
        return [counts, *(f"import again: {card_ref}" for card_ref in done.not_imported)]

    return await said(opened, caught_up)


if __name__ == "__main__":
    known: dict[str, process.Command] = {
        "serve": serve, "migrate": migrate, "check-config": check_config, "import": import_,
        "reconcile": reconcile_,
        "vault new-key": new_key, "vault keys": keys, "vault rewrap": rewrap, **commands(catch_up_, "vault "),
    }  # fmt: skip
    process.main(
        SOURCE,
        known,
        {"import": ["file", "--dry-run", "--report FILE"], "reconcile": ["file"], "vault new-key": ["kid"]},
        unanswered=words_of,
    )
