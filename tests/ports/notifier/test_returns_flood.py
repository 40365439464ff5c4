"""S42, S43: many connections to the listener for returned mails, or ones that never end, by real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosmtplib
import pytest

from deploy.local.keys import Keys
from services.notifier import room
from services.notifier.returns import Returns
from services.runtime.database import Database
from tests.ports.notifier import mail_services
from tests.ports.notifier.world import World

Lines = tuple[asyncio.StreamReader, asyncio.StreamWriter]

FULL = room.FULL
HELLO = b"220 returns returns\r\n"
NETWORKS = ("127.0.0.2", "127.0.0.3", "127.0.0.4")


class Flood:
    """Connections to one listener, each of which has heard its first line."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._open: list[Lines] = []

    async def connect(self, source: str = "127.0.0.2") -> tuple[bytes, Lines]:
        """Open one from an address of this machine; return what was said to it, too."""
        lines = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        self._open.append(lines)
        return await lines[0].readline(), lines

    async def silent(self, source: str, count: int) -> list[bytes]:
        """Open many that say nothing; return what was said to each."""
        return [(await self.connect(source))[0] for _ in range(count)]

    def hang_up(self) -> None:
        for _, writer in self._open:
            writer.close()
        self._open.clear()


@asynccontextmanager
async def listening(folder: Path, keys: Keys | None = None) -> AsyncIterator[Flood]:
    tls = mail_services.certificate(keys, folder / "tls", "localhost") if keys else None
    database = Database(f"sqlite+aiosqlite:///{folder / 'notifier.db'}")
    listener = Returns(World(database).deliveries, "returns@unlock.example.org", "127.0.0.1:0", tls)
    await listener.start()
    flood = Flood(listener.port)
    try:
        yield flood
    finally:
        flood.hang_up()
        await listener.stop(0)
        await database.close()


@pytest.fixture
async def flood(tmp_path: Path) -> AsyncIterator[Flood]:
    async with listening(tmp_path) as found:
        yield found


async def ended(lines: Lines) -> bool:
    """Wait until the listener has hung up."""
    async with asyncio.timeout(60):
        try:
            while await lines[0].read(4096):
                pass
        except ConnectionError:
            pass
    return True


async def test_S42_silent_connections_of_one_network_take_no_more_than_its_places(flood: Flood) -> None:
    said = await flood.silent("127.0.0.2", 3 * room.MOST_OF_A_NETWORK)

    assert said.count(HELLO) == room.MOST_OF_A_NETWORK
    assert set(said) == {HELLO, FULL}
    assert await flood.silent("127.0.0.3", 1) == [HELLO]


async def test_S42_no_more_than_so_many_are_connected_in_all(flood: Flood) -> None:
    said = [each for network in NETWORKS for each in await flood.silent(network, room.MOST_OF_A_NETWORK)]

    assert said == [HELLO] * room.MOST_CONNECTIONS + [FULL] * (len(said) - room.MOST_CONNECTIONS)


async def test_S42_a_place_is_free_again_once_its_connection_ends(flood: Flood) -> None:
    await flood.silent("127.0.0.2", room.MOST_OF_A_NETWORK)
    flood.hang_up()

    async with asyncio.timeout(60):
        while await flood.silent("127.0.0.2", 1) != [HELLO]:
            await asyncio.sleep(0.05)
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=flood.port, local_hostname="mail.example.org"):
        pass


async def test_S43_whoever_says_nothing_is_cut(flood: Flood, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "IDLE_SECONDS", 0.2)
    said, lines = await flood.connect()

    assert said == HELLO
    assert await ended(lines)


async def test_S43_a_command_that_never_gets_to_its_end_buys_no_time(
    flood: Flood, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "IDLE_SECONDS", 0.4)
    _, lines = await flood.connect()
    dripping = asyncio.create_task(drip(lines[1], b"E"))

    assert await ended(lines)
    dripping.cancel()


async def test_S43_no_conversation_goes_on_for_ever(flood: Flood, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LONGEST_SECONDS", 0.5)
    _, lines = await flood.connect()
    talking = asyncio.create_task(drip(lines[1], b"NOOP\r\n"))

    assert await ended(lines)
    talking.cancel()


async def test_S43_whoever_reads_no_answer_holds_no_place(
    flood: Flood, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MOST_OF_A_NETWORK", 1)
    monkeypatch.setattr(room, "LONGEST_SECONDS", 0.5)
    _, (_, writer) = await flood.connect()
    for _ in range(200):
        writer.write(b"NOOP\r\n" * 1000)

    async with asyncio.timeout(60):
        while await flood.silent("127.0.0.2", 1) != [HELLO]:
            await asyncio.sleep(0.05)


async def test_S43_a_handshake_that_never_ends_is_cut(
    tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LONGEST_SECONDS", 0.5)
    async with listening(tmp_path, keys) as flood:
        _, lines = await flood.connect()
        lines[1].write(b"EHLO mail.example.org\r\nSTARTTLS\r\n")

        assert await ended(lines)


async def test_S28_a_conversation_over_tls_has_one_place(
    tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MOST_OF_A_NETWORK", 2)
    async with listening(tmp_path, keys) as flood:
        for _ in range(3):
            client = aiosmtplib.SMTP(
                hostname="localhost", port=flood.port, start_tls=True, cert_bundle=str(keys.ca)
            )
            await client.connect()
            await client.quit()

        assert await flood.silent("127.0.0.1", 1) == [HELLO]


async def drip(writer: asyncio.StreamWriter, said: bytes) -> None:
    """Say the same every now and then."""
    while True:
        writer.write(said)
        await asyncio.sleep(0.05)
