"""Both listeners with real TLS: who may call what, and that nothing is lost on the wire."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from smartcard_unlock.card_gateway.v1 import (
    agents_pb2,
    agents_pb2_grpc,
    card_gateway_pb2,
    card_gateway_pb2_grpc,
)
from smartcard_unlock.common.v1 import common_pb2

from deploy.local.keys import Keys
from services.card_gateway.access import ACCESS, AGENT_ACCESS
from services.card_gateway.card.apdu import Command
from services.card_gateway.card.guard import check
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.script import Action, Kind, Script, Slot, StatusRule, Step
from services.card_gateway.domain.words import Reason
from services.card_gateway.servicer import AgentServicer, SessionServicer
from services.card_gateway.servicer.scripts import script
from services.runtime.errors import ServiceError
from services.runtime.grpc_client import connect, secure_channel
from services.runtime.grpc_server import build_server
from services.runtime.grpc_tls import TlsFiles, server_name
from tests.ports.bad_grants import all_learned, methods_of, proofs_of
from tests.ports.bare_calls import bare_channel
from tests.ports.card_gateway.world import (
    Agent,
    Page,
    World,
    card_in_reader,
    memory_world,
    session_with_card,
    signed,
)

ATTEMPT = "0195573c-0000-7000-8000-{:012d}"
CARD = agents_pb2.ReaderFacts(
    service_up=True, readers=[agents_pb2.Reader(name="reader", presence=agents_pb2.CARD_PRESENCE_PRESENT)]
)


def tls_of(keys: Keys, process: str) -> TlsFiles:
    files = keys.tls(process)
    return TlsFiles(*(Path(files[f"TLS_{part}_FILE"]) for part in ("CA", "CERT", "KEY")))


class Served:
    def __init__(self, pages: str, agents: str, keys: Keys) -> None:
        self.pages, self.agents, self.keys = pages, agents, keys
        self.channels: list[grpc.aio.Channel] = []

    def as_process(self, process: str) -> card_gateway_pb2_grpc.SessionServiceStub:
        channel = self.kept(connect("card_gateway", self.pages, tls_of(self.keys, process)))
        return card_gateway_pb2_grpc.SessionServiceStub(channel)

    def as_agent(self) -> agents_pb2_grpc.AgentServiceStub:
        credentials = grpc.ssl_channel_credentials(self.keys.ca.read_bytes())
        channel = self.kept(secure_channel(server_name("card_gateway"), self.agents, credentials))
        return agents_pb2_grpc.AgentServiceStub(channel)

    def kept(self, channel: grpc.aio.Channel) -> grpc.aio.Channel:
        """A channel that nobody holds is closed at once."""
        self.channels.append(channel)
        return channel


@pytest.fixture
async def served(keys: Keys) -> AsyncIterator[Served]:
    async with memory_world(keys) as world:
        servers = listeners(world, keys)
        for server in servers:
            await server.start()
        served = Served(f"127.0.0.1:{servers[0].port}", f"127.0.0.1:{servers[1].port}", keys)
        yield served
        for channel in served.channels:
            await channel.close()
        for server in servers:
            await server.stop(0)


def listeners(world: World, keys: Keys) -> list:  # type: ignore[type-arg]
    pages = SessionServicer(world.gateway.claiming, world.gateway.pages, world.gateway.signing_in)
    agents = AgentServicer(world.gateway.agents, "http://127.0.0.1:9")
    tls = tls_of(keys, "card_gateway")
    for_pages = [(card_gateway_pb2_grpc.add_SessionServiceServicer_to_server, pages)]
    for_agents = [(agents_pb2_grpc.add_AgentServiceServicer_to_server, agents)]
    return [
        build_server("card_gateway", for_pages, ACCESS, tls, "127.0.0.1:0"),
        build_server(
            "card_gateway", for_agents, AGENT_ACCESS, tls, "127.0.0.1:0", require_client_certificate=False
        ),
    ]


async def test_an_agent_attaches_and_a_page_claims_over_the_wire(served: Served) -> None:
    agent, web = served.as_agent(), served.as_process("web")
    attached = await agent.Attach(
        agents_pb2.AttachRequest(agent_public_key=bytes(32), readers=CARD, attempt_id=ATTEMPT.format(1))
    )
    prefix, _, token = attached.pairing.page_address.rpartition("/open/")
    started = await web.StartSession(
        card_gateway_pb2.StartSessionRequest(
            address_token=token,
            reason=common_pb2.REASON_LOCKED,
            route=common_pb2.ROUTE_SELF,
            attempt_id=ATTEMPT.format(2),
        )
    )
    step = await agent.NextStep(
        agents_pb2.NextStepRequest(
            session_id=attached.session_id, agent_token=attached.agent_token, readers=CARD, wait_seconds=0
        )
    )
    seen = await web.GetSession(
        card_gateway_pb2.GetSessionRequest(session_id=attached.session_id, claim=started.claimed.claim)
    )

    assert prefix == "http://127.0.0.1:9"
    assert list(started.claimed.words) == list(attached.words) == list(seen.words)
    assert step.step.script.kind == agents_pb2.SCRIPT_KIND_READ
    assert step.step.HasField("sent_at")
    assert not step.step.HasField("question")
    assert seen.state == card_gateway_pb2.SESSION_STATE_ATTACHED
    assert seen.reader == card_gateway_pb2.READER_STATE_CARD


@pytest.mark.parametrize("process", ["identity", "otp", "notifier", "agent", "card_gateway"])
async def test_S26_nobody_but_web_speaks_for_a_page(served: Served, process: str) -> None:
    with pytest.raises(ServiceError, match="NOT_ALLOWED"):
        await served.as_process(process).GetSession(card_gateway_pb2.GetSessionRequest())


async def test_S26_the_agents_listener_knows_no_page(served: Served) -> None:
    channel = connect("card_gateway", served.agents, tls_of(served.keys, "web"))
    with pytest.raises(ServiceError) as refused:
        await card_gateway_pb2_grpc.SessionServiceStub(channel).GetSession(
            card_gateway_pb2.GetSessionRequest()
        )

    assert refused.value.status is grpc.StatusCode.UNIMPLEMENTED


async def test_S1_S2_every_bad_claim_token_and_grant_gets_the_same_bytes_from_every_call(keys: Keys) -> None:
    async with memory_world(keys) as world:
        reader, line = card_in_reader(blocked=False)
        await world.import_line(line)
        agent, page = await session_with_card(world, reader, Reason.CHANGE)
        other = await Page(world, await Agent(world, reader).attach()).start()
        now, sign = world.clock.now(), world.identity.sign
        old = {"issued_at": now - timedelta(minutes=9), "expires_at": now - timedelta(minutes=4)}
        right = {
            "address_token": (await Agent(world, reader).attach()).offer.token,
            "route": common_pb2.ROUTE_RA_IN_PERSON,
            "session_id": page.session_id,
            "claim": page.claim,
            "agent_token": agent.token,
            "holder_grant": sign(page.holder_grant()),
            "unlock_grant": signed(world.otp, page.unlock_grant()),
        }
        bad = {
            "none": "",
            "random": "random",
            "another session's": other.claim,
            "another agent's": other.agent.token,
            "expired": sign(page.holder_grant(**old)),
            "another card's": sign(page.holder_grant(card_ref="ff" * 16)),
            "foreign: for identity": (await page.see()).card_grant,
            "not as signed": right["holder_grant"][:-4] + "AAAA",
        }
        servers = listeners(world, keys)
        for server, access in zip(servers, (ACCESS, AGENT_ACCESS), strict=True):
            await server.start()
            channel = bare_channel("card_gateway", f"127.0.0.1:{server.port}", tls_of(keys, "web"))
            for method in methods_of(access):
                for proof in proofs_of(method):
                    # Without its grant the call of an RA is malformed, whoever exists.
                    some = [each for each in bad.values() if each or method.name != "StartSession"]
                    learned = await all_learned(channel, method, proof, right, some)
                    assert len(learned) == 1, f"{method.name} tells bad proofs apart"
                    wanted = "GRANT_REFUSED" if proof.endswith("_grant") else "SESSION_UNKNOWN"
                    assert wanted in str(learned), (method.name, proof)
            await channel.close()
            await server.stop(0)


@pytest.mark.parametrize("attempt", ["", "x", ATTEMPT.format(1).upper() + "x"])
async def test_an_attempt_is_a_uuid(served: Served, attempt: str) -> None:
    with pytest.raises(ServiceError, match="BAD_REQUEST"):
        await served.as_agent().Attach(
            agents_pb2.AttachRequest(agent_public_key=bytes(32), attempt_id=attempt)
        )


HASH = bytes(32)
SCRIPTS = [
    piv.read_script(),
    piv.reset_script(HASH, b"40718263", b"55512340"),
    piv.recover_script(HASH, piv.order_candidates(b"40718263", b"55512340", pin_blocked=True)),
]


@pytest.mark.parametrize("value", SCRIPTS, ids=lambda value: str(value.kind.value))
def test_a_script_is_on_the_wire_what_it_was_and_the_agents_guard_takes_it(value: Script) -> None:
    wire = agents_pb2.Script.FromString(script(value).SerializeToString())
    back = Script(
        Kind(agents_pb2.ScriptKind.Name(wire.kind).removeprefix("SCRIPT_KIND_")),
        tuple(_step(step) for step in wire.steps),
    )

    assert back == value
    check(back)


def _step(step: agents_pb2.ScriptStep) -> Step:
    raw = step.command
    le = raw.le if raw.HasField("le") else None
    slot = agents_pb2.Slot.Name(step.slot).removeprefix("SLOT_")
    rules = tuple(
        StatusRule(
            rule.status,
            rule.mask,
            Action(agents_pb2.StatusAction.Name(rule.action).removeprefix("STATUS_ACTION_")),
            rule.target,
        )
        for rule in step.rules
    )
    return Step(
        step.name,
        Command(raw.cla, raw.ins, raw.p1, raw.p2, raw.data, le),
        None if slot == "UNSPECIFIED" else Slot(slot),
        step.slot_offset,
        rules,
        step.keep,
        step.expect_sha256 or None,
    )
