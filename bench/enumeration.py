"""Whether time tells who exists: refused calls in pairs, of a holder that is known and of one that is not.

`python -m bench.enumeration [PAIRS]`: ResolveHolder of identity and IssueCode of otp over gRPC with mTLS on
loopback, each with an expired grant; known and unknown take turns in going first. The median of the pairs'
ratios has to lie within 0.98 and 1.02. Then the same with 50 µs planted where the holder is known: it has to
show. S1, S2.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
from smartcard_unlock.identity.v1 import identity_pb2, identity_pb2_grpc
from smartcard_unlock.otp.v1 import otp_pb2, otp_pb2_grpc

from deploy.local.keys import Keys, make_keys
from services.identity.__main__ import MIGRATIONS as IDENTITY_MIGRATIONS
from services.identity.access import ACCESS as IDENTITY_ACCESS
from services.identity.servicer import IdentityServicer
from services.otp.__main__ import MIGRATIONS as OTP_MIGRATIONS
from services.otp.access import ACCESS as OTP_ACCESS
from services.otp.servicer import OtpServicer
from services.runtime import logs
from services.runtime.database import Database, migrate
from services.runtime.grpc_server import build_server
from tests.fakes.clock import NOON, FakeClock
from tests.ports.bare_calls import bare_channel, tls_of
from tests.ports.identity import world as identity_world
from tests.ports.otp import world as otp_world

PAIRS = 2_000
EVEN = (0.98, 1.02)
PLANTED_SECONDS = 50e-6
WARM_UP = 100
EXPIRED = {"issued_at": NOON - timedelta(hours=2), "expires_at": NOON - timedelta(hours=1)}
ATTEMPT = "00000000-0000-7000-8000-000000000001"

Ask = Callable[[str], Awaitable[object]]


@dataclass
class Planted:
    """A use case that takes longer where the holder is known, once it is told to."""

    use_case: Any
    known: str
    seconds: float = 0.0

    async def resolve(self, token: str) -> Any:
        self._wait(token)
        return await self.use_case.resolve(token)

    async def issue(self, token: str, *more: Any) -> Any:
        self._wait(token)
        return await self.use_case.issue(token, *more)

    def _wait(self, token: str) -> None:
        until = time.perf_counter() + (self.seconds if token == self.known else 0.0)
        while time.perf_counter() < until:
            pass


@dataclass
class Subject:
    """One call, with the grants of a known holder and of nobody."""

    name: str
    ask: Ask
    known: str
    unknown: str
    planted: Planted


@asynccontextmanager
async def identity(folder: Path, keys: Keys) -> AsyncIterator[Subject]:
    """ResolveHolder, served."""
    url = f"sqlite+aiosqlite:///{folder / 'identity.db'}"
    await migrate(url, IDENTITY_MIGRATIONS)
    database = Database(url)
    world = identity_world.World(database, keys, FakeClock())
    await world.populate()
    known, unknown = world.grant(**EXPIRED), world.grant(**EXPIRED, card_ref="ff" * 16)
    planted = Planted(world.holders, known)
    servicer = IdentityServicer(planted, world.finder, world.profiles, world.telling)  # type: ignore[arg-type]
    add = identity_pb2_grpc.add_IdentityServiceServicer_to_server
    access = {path: who for path, who in IDENTITY_ACCESS.items() if ".IdentityService/" in path}
    async with served("identity", add, servicer, access, keys) as channel:
        stub = identity_pb2_grpc.IdentityServiceStub(channel)

        async def ask(token: str) -> object:
            return await stub.ResolveHolder(identity_pb2.ResolveHolderRequest(card_grant=token))

        yield Subject("ResolveHolder", ask, known, unknown, planted)
    await database.close()


@asynccontextmanager
async def otp(folder: Path, keys: Keys) -> AsyncIterator[Subject]:
    """IssueCode, served."""
    url = f"sqlite+aiosqlite:///{folder / 'otp.db'}"
    await migrate(url, OTP_MIGRATIONS)
    database = Database(url)
    world = otp_world.World(database, keys, FakeClock())
    await world.issue()
    known, unknown = world.grant(**EXPIRED), world.grant(**EXPIRED, holder_ref="ff" * 16)
    planted = Planted(world.codes, known)
    servicer = OtpServicer(planted, world.clearing)  # type: ignore[arg-type]
    access = {path: who for path, who in OTP_ACCESS.items() if ".OtpService/" in path}
    add = otp_pb2_grpc.add_OtpServiceServicer_to_server
    async with served("otp", add, servicer, access, keys) as channel:
        stub = otp_pb2_grpc.OtpServiceStub(channel)

        async def ask(token: str) -> object:
            return await stub.IssueCode(otp_pb2.IssueCodeRequest(holder_grant=token, attempt_id=ATTEMPT))

        yield Subject("IssueCode", ask, known, unknown, planted)
    await database.close()


@asynccontextmanager
async def served(
    name: str, add: Any, servicer: Any, access: Any, keys: Keys
) -> AsyncIterator[grpc.aio.Channel]:
    """A server and web's channel to it."""
    server = build_server(name, [(add, servicer)], access, tls_of(keys, name), "127.0.0.1:0")
    await server.start()
    channel = bare_channel(name, f"127.0.0.1:{server.port}", tls_of(keys, "web"))
    yield channel
    await channel.close()
    await server.stop(0)


async def ratios(subject: Subject, pairs: int) -> list[float]:
    """Time refused calls pair by pair; return known / unknown."""
    found = []
    for number in range(pairs + WARM_UP):
        first, second = (subject.known, subject.unknown)[:: 1 if number % 2 else -1]
        took = {token: await refused(subject.ask, token) for token in (first, second)}
        found.append(took[subject.known] / took[subject.unknown])
    return found[WARM_UP:]


async def refused(ask: Ask, token: str) -> float:
    """Seconds until the refusal. Raises RuntimeError for anything else."""
    began = time.perf_counter()
    try:
        await ask(token)
    except grpc.aio.AioRpcError as error:
        if error.details() == "GRANT_REFUSED":
            return time.perf_counter() - began
        raise
    raise RuntimeError("an expired grant was taken")


async def judge(subject: Subject, pairs: int) -> bool:
    """Measure without and with the planted time; print both; True where neither tells who exists unseen."""
    even = statistics.median(await ratios(subject, pairs))
    subject.planted.seconds = PLANTED_SECONDS
    planted = statistics.median(await ratios(subject, pairs))
    good = EVEN[0] <= even <= EVEN[1] < planted
    words = "" if good else "   FAILED"
    load = os.getloadavg()[0]
    print(f"{subject.name:20}{even:>12.4f}{planted:>20.4f}{load:>14.1f}{words}")
    return good


async def measure(folder: Path, keys: Keys, pairs: int) -> bool:
    """Judge both calls."""
    print(f"{pairs} pairs, known / unknown{'median':>6}{'with 50 µs planted':>20}{'load average':>14}")
    good = []
    for opened in (identity, otp):
        async with opened(folder, keys) as subject:
            good.append(await judge(subject, pairs))
    return all(good)


def main() -> int:
    """Measure, print, and say by the exit status whether all held."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS
    logs.configure("bench", "ERROR")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        return 0 if asyncio.run(measure(folder, make_keys(folder / "keys"), pairs)) else 1


if __name__ == "__main__":
    sys.exit(main())
