"""What idle agents cost a gateway, and an unlock among them, beside the same without any in the same run.

`python -m bench.idle_agents [AGENTS] [grpc|https]`: two gateway processes of ours, each with a SQLite of its
own. On one, AGENTS agents from another process, each with a TLS connection of its own and an open long poll;
on the other, none. Prints the server's memory an idle agent, its CPU a minute, and the time of one unlock's
agent calls until its card was read (attach, next step, report) in blocks A B B A; no broker runs.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
from google.protobuf.message import Message
from smartcard_unlock.card_gateway.v1 import agents_pb2 as pb
from smartcard_unlock.card_gateway.v1 import card_gateway_pb2 as pages
from smartcard_unlock.card_gateway.v1.card_gateway_pb2_grpc import SessionServiceStub
from smartcard_unlock.common.v1 import common_pb2

from bench.blocks import cpu_seconds
from deploy.local.addresses import Addresses, Surroundings
from deploy.local.child import Child, free_port
from deploy.local.keys import Keys, make_keys
from services.agent.enrolment import Enrolment
from services.agent.over_https import OverHttps
from services.agent.transport import ATTACH, NEXT_STEP, REPORT_STEP, A, Method, Transport
from services.runtime.grpc_client import connect
from services.runtime.grpc_tls import TlsFiles, server_name
from services.runtime.randomness import SystemRandomness

AGENTS = 1_000
IDLE_SECONDS = 60.0
"""How long the idle ones are watched: more than two long polls."""
BLOCKS, UNLOCKS = "ABBAABBAABBAAB", 25
AT_ONCE = 50
"""Agents that attach at the same time."""
READY = "all agents poll"
UNLIMITED = {"ATTACH_BURST": "100000", "AGENT_HTTPS_CONNECTIONS": "100000"}
"""All of them come from one address."""
IDS = SystemRandomness()
EMPTY = pb.ReaderFacts(service_up=True, readers=[pb.Reader(name="r", presence=pb.CARD_PRESENCE_EMPTY)])
CARD = pb.ReaderFacts(service_up=True, readers=[pb.Reader(name="r", presence=pb.CARD_PRESENCE_PRESENT)])


class OwnConnection:
    """gRPC on a connection that no other channel of this process shares."""

    def __init__(self, address: str, ca: Path) -> None:
        options = [
            ("grpc.ssl_target_name_override", server_name("card_gateway")),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_http_proxy", 0),
        ]
        credentials = grpc.ssl_channel_credentials(ca.read_bytes())
        self._channel = grpc.aio.secure_channel(address, credentials, options)

    async def call(self, method: Method[A], request: Message, seconds: float) -> A:
        call = self._channel.unary_unary(
            method.path,
            request_serializer=type(request).SerializeToString,
            response_deserializer=method.answer.FromString,
        )
        answer: A = await call(request, timeout=seconds)
        return answer

    async def close(self) -> None:
        await self._channel.close()


def transport(kind: str, address: str, ca: Path) -> Transport:
    return OwnConnection(address, ca) if kind == "grpc" else OverHttps(address, Enrolment(ca), "")


async def attach(one: Transport, facts: pb.ReaderFacts) -> pb.AttachResponse:
    request = pb.AttachRequest(agent_public_key=bytes(32), readers=facts, attempt_id=IDS.uuid7())
    return await one.call(ATTACH, request, 60)


async def poll(
    one: Transport, at: pb.AttachResponse, facts: pb.ReaderFacts, wait: int
) -> pb.NextStepResponse:
    request = pb.NextStepRequest(
        session_id=at.session_id, agent_token=at.agent_token, readers=facts, wait_seconds=wait
    )
    return await one.call(NEXT_STEP, request, wait + 30)


async def idle_agents(kind: str, address: str, ca: Path, count: int) -> None:
    """Attach all, then poll for ever; ends with our parent."""
    gate = asyncio.Semaphore(AT_ONCE)
    everyone = [transport(kind, address, ca) for _ in range(count)]
    polling = 0

    async def live(one: Transport) -> None:
        nonlocal polling
        async with gate:
            at = await attach(one, EMPTY)
        polling += 1
        if polling == count:
            print(READY, flush=True)
        while True:
            await poll(one, at, EMPTY, 25)

    await asyncio.gather(*map(live, everyone))


@dataclass
class Gateway:
    """One gateway process, and the page's way to it."""

    child: Child
    addresses: Addresses
    keys: Keys

    def __post_init__(self) -> None:
        tls = TlsFiles(*map(Path, self.keys.tls("web").values()))
        self._channel = connect("card_gateway", self.addresses.of("card_gateway"), tls)
        self._web = SessionServiceStub(self._channel)

    def agents(self, kind: str) -> str:
        return self.addresses.of("agents" if kind == "grpc" else "agents-https")

    @property
    def resident(self) -> int:
        """Bytes of the process's memory."""
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    @property
    def cpu(self) -> float:
        """Seconds of CPU so far."""
        return cpu_seconds(self.child.pid)

    async def unlock(self, agent: Transport) -> float:
        """Seconds of one unlock's agent calls until its card was read."""
        spent = 0.0

        async def timed(call: Callable[[], Awaitable[A]]) -> A:
            nonlocal spent
            began = time.perf_counter()
            answer = await call()
            spent += time.perf_counter() - began
            return answer

        at = await timed(lambda: attach(agent, CARD))
        await self._web.StartSession(
            pages.StartSessionRequest(
                address_token=at.pairing.page_address.rpartition("/")[2],
                reason=common_pb2.REASON_LOCKED,
                route=common_pb2.ROUTE_SELF,
                attempt_id=IDS.uuid7(),
            )
        )
        step = (await timed(lambda: poll(agent, at, CARD, 0))).step
        report = pb.ReportStepRequest(
            session_id=at.session_id,
            agent_token=at.agent_token,
            step_id=step.step_id,
            answers=[pb.Answer(name=step.script.steps[0].name, status=0x6A82)],
            end=pb.SCRIPT_END_STOPPED,
        )
        await timed(lambda: agent.call(REPORT_STEP, report, 10))
        return spent

    async def close(self) -> None:
        await self._channel.close()
        self.child.stop()


def gateway(folder: Path, keys: Keys) -> Gateway:
    folder.mkdir()
    addresses = Addresses()
    database = {"card_gateway": f"sqlite+aiosqlite:///{folder}/card_gateway.db"}
    told = Surroundings(addresses, keys, database, f"127.0.0.1:{free_port()}", "", "WARNING").of(
        "card_gateway"
    )
    migration = [sys.executable, "-m", "services.card_gateway", "migrate"]
    migrating = Child("migrate", migration, folder / "migrate.log", told)
    migrating.launch()
    if migrating.wait(60) != 0:
        raise RuntimeError(migrating.tail())
    serving = [sys.executable, "-m", "services.card_gateway", "serve"]
    child = Child(
        "card_gateway", serving, folder / "serve.log", {**told, **UNLIMITED, "LOG_LEVEL": "INFO"}, '"ready"'
    )
    child.start()
    return Gateway(child, addresses, keys)


async def measure(count: int, kind: str, folder: Path) -> None:
    keys = make_keys(folder / "keys")
    among, alone = gateway(folder / "among", keys), gateway(folder / "alone", keys)
    before = among.resident
    command = [
        sys.executable,
        "-m",
        "bench.idle_agents",
        "agents",
        kind,
        among.agents(kind),
        str(keys.ca),
        str(count),
    ]
    began = time.monotonic()
    crowd = Child("agents", command, folder / "agents.log", ready_line=READY)
    crowd.start(300)
    came = time.monotonic() - began
    await asyncio.sleep(5)
    after, cpu, control = among.resident, among.cpu, alone.cpu
    await asyncio.sleep(IDLE_SECONDS)
    idle_cpu, control = among.cpu - cpu, alone.cpu - control
    times: dict[str, list[float]] = {"A": [], "B": []}
    sides = {"A": (among, transport(kind, among.agents(kind), keys.ca))}
    sides["B"] = (alone, transport(kind, alone.agents(kind), keys.ca))
    for where, agent in sides.values():
        await where.unlock(agent)
    for block in BLOCKS:
        where, agent = sides[block]
        times[block] += [await where.unlock(agent) for _ in range(UNLOCKS)]
    for where, agent in sides.values():
        await agent.close()
        await where.close()
    crowd.kill()
    among_ms, alone_ms = (1000 * statistics.median(times[side]) for side in "AB")
    tail = [1000 * statistics.quantiles(times[side], n=20)[-1] for side in "AB"]
    each, minute = (after - before) / count / 1024, 60 / IDLE_SECONDS
    print(f"{count} idle agents over {kind}, all polling after {came:.1f} s")
    print(f"memory   {before / 2**20:.1f} MiB, {after / 2**20:.1f} with them: {each:.1f} KiB an agent")
    print(f"CPU      {idle_cpu * minute:.2f} s a minute, without any {control * minute:.2f}")
    print(f"unlock   median {among_ms:.2f} ms, alone {alone_ms:.2f}: ratio {among_ms / alone_ms:.2f}")
    print(f"         p95    {tail[0]:.2f} ms, alone {tail[1]:.2f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["agents"]:
        asyncio.run(idle_agents(sys.argv[2], sys.argv[3], Path(sys.argv[4]), int(sys.argv[5])))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            agents = int(sys.argv[1]) if len(sys.argv) > 1 else AGENTS
            for way in sys.argv[2:] or ["grpc", "https"]:
                asyncio.run(measure(agents, way, Path(tempfile.mkdtemp(dir=scratch))))
