"""F22: a new master key while the gateways run, under load and with a crash; and the old one's retirement."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
import structlog
from sqlalchemy import select, update

from deploy.local.keys import Keys
from services.card_gateway import tables
from services.card_gateway.composition import Gateway
from services.card_gateway.hsm import HsmKeyProvider
from services.card_gateway.hsm import new_key as new_key_in_hsm
from services.card_gateway.key_uses import Uses, key_uses, rewrap
from services.card_gateway.key_watch import KeyWatch
from services.card_gateway.master_keys import BadKeys, FileKeyProvider, KeyProvider
from services.card_gateway.use_cases import commits
from services.card_gateway.vault import KNOWN_EVERYWHERE_AFTER, MasterVault
from services.runtime.database import Database
from tests.fakes.randomness import SeededRandomness
from tests.fixtures.softhsm import SoftHsm, soft_hsm
from tests.ports.card_gateway.world import (
    NEW_PINS,
    Agent,
    Crash,
    Page,
    Reader,
    World,
    authorised,
    card_in_reader,
    crash_at,
    memory_world,
)

SOAK = bool(os.environ.get("SOAK"))
CARDS = 60 if SOAK else 6
"""Cards that are unlocked in each part of a rotation."""

AT_ONCE = 8

K1, K2 = bytes(range(32)), bytes(range(32, 64))
LONG_ENOUGH = KNOWN_EVERYWHERE_AFTER.total_seconds() + 1


class Mounted:
    """A secret as Kubernetes mounts it: links into `..data`, which is one link that is changed at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._round = 0

    @property
    def newest(self) -> Path:
        return self.folder / "newest"

    def hold(self, newest: str, **keys: bytes) -> None:
        self._round += 1
        files = {"newest": newest.encode() + b"\n"} | {f"{kid}.key": key for kid, key in keys.items()}
        data = self.folder / f"..{self._round}"
        data.mkdir()
        for name, content in files.items():
            (data / name).write_bytes(content)
        (self.folder / "..next").symlink_to(data.name)
        (self.folder / "..next").replace(self.folder / "..data")
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(Path("..data") / name)
        for stale in [path for path in self.folder.iterdir() if path.is_symlink() and not path.exists()]:
            stale.unlink()

    def provider(self) -> FileKeyProvider:
        return FileKeyProvider.from_dir(self.folder, self.newest)


@pytest.fixture
def mounted(tmp_path: Path) -> Mounted:
    mount = Mounted(tmp_path / "card-master")
    mount.hold("k1", k1=K1)
    return mount


@dataclass
class Replica:
    """A gateway on a node: its secret arrives there in its own time."""

    world: World
    mount: Mounted

    def start(self) -> None:
        self.world.vault = MasterVault(self.mount.provider(), self.world.randomness)
        self.world.restart()
        self.watch = KeyWatch(self.world.vault, self.world.database, self.world.clock)


@dataclass
class Either:
    """What agents and pages see of two replicas: one of them, for each call anew."""

    replicas: list[Replica]
    random: Random = field(default_factory=lambda: Random(4))

    @property
    def gateway(self) -> Gateway:
        return self.random.choice(self.replicas).world.gateway

    def __getattr__(self, name: str) -> Any:
        return getattr(self.replicas[0].world, name)


@pytest.fixture
async def either(world: World, tmp_path: Path) -> AsyncIterator[Either]:
    other = Database(world.database.engine.url.render_as_string(hide_password=False))
    second = World(other, world.keys, world.clock, SeededRandomness(2))
    replicas = [
        Replica(each, Mounted(tmp_path / f"node-{number}")) for number, each in enumerate((world, second))
    ]
    for replica in replicas:
        replica.mount.hold("k1", k1=K1)
        replica.start()
    yield Either(replicas)
    await other.close()


@dataclass
class Journey:
    """One card and its holder."""

    number: int
    reader: Reader
    line: dict[str, Any]
    agent: Agent
    page: Page

    @property
    def grant(self) -> Any:
        return self.page.holder_grant(card_ref=self.line["card_ref"])

    async def begin(self) -> None:
        await self.agent.attach()
        await self.page.start()
        await self.agent.work()
        unlock = self.page.unlock_grant(card_ref=self.line["card_ref"])
        assert await self.page.authorise(unlock, self.grant) == ""

    async def end(self) -> None:
        await self.page.reset_pin(NEW_PINS[self.number % 4], self.grant)
        await self.agent.work()
        assert await self.page.state() == ("SUCCESS", ""), self.number
        assert self.reader.eeprom.wrong_puk_tries == 0


async def journeys(either: Either, first: int) -> list[Journey]:
    made = []
    for number in range(first, first + CARDS):
        reader, line = card_in_reader()
        line["card_ref"] = f"{number:032x}"
        assert await either.replicas[0].world.import_line(line) == []
        made.append(again(either, number, reader, line))
    return made


def again(either: Either, number: int, reader: Reader, line: dict[str, Any]) -> Journey:
    agent = Agent(either, reader)  # type: ignore[arg-type]
    return Journey(number, reader, line, agent, Page(either, agent))  # type: ignore[arg-type]


async def all_at_once(calls: list[Callable[[], Awaitable[None]]]) -> None:
    """So many as the databases bear; the calls beyond wait, as they do before a server."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(call: Callable[[], Awaitable[None]]) -> None:
        async with free:
            await call()

    await asyncio.gather(*(one(call) for call in calls))


def known(world: World) -> tuple[str, ...]:
    return world.vault.kids


async def kids_of(world: World) -> dict[str, str]:
    async with world.database.read() as connection:
        found = await connection.execute(select(tables.secrets.c.card_ref, tables.secrets.c.kid))
        return {row.card_ref: row.kid for row in found}


async def test_F22_rotation_under_load_with_a_crash_fails_no_journey_and_retires_the_old_key(
    either: Either,
) -> None:
    one, two = either.replicas
    world, clock = one.world, one.world.clock
    old, lagging, middle, new = [await journeys(either, at * 100) for at in range(1, 5)]
    await all_at_once([each.begin for each in (*old, *lagging, *middle)])
    await all_at_once([each.end for each in old])

    # The secret has both at once, key and name of the newest; it reaches the nodes one after another.
    one.mount.hold("k2", k1=K1, k2=K2)
    await one.watch.turn()
    await all_at_once([each.end for each in lagging])
    assert set((await kids_of(world)).values()) == {"k1"}

    two.mount.hold("k2", k1=K1, k2=K2)
    await two.watch.turn()
    clock.advance(seconds=LONG_ENOUGH)
    await one.watch.turn()
    assert (one.world.vault.newest_kid, two.world.vault.newest_kid) == ("k2", "k1")

    with crash_at(f"{commits.FETCH_RESET}.after_commit", times=3) as crashes:

        async def restart() -> None:
            two.start()

        await all_at_once(
            [*(each.end for each in middle[::2]), restart, *(each.end for each in middle[1::2])]
        )
    assert len(crashes) == 3

    await all_at_once([each.begin for each in new])
    await all_at_once([each.end for each in new])
    kids = await kids_of(world)
    assert {kids[each.line["card_ref"]] for each in new} == {"k2"}

    # Retirement: factory values move by command, cards by their next unlock; then nothing needs the old key.
    assert (await key_uses(world.database))["k1"].imports == 4 * CARDS
    assert (await rewrap(world.database, one.world.vault, lambda _: None)).moved == 4 * CARDS
    waiting = [each for each in (*old, *lagging, *middle) if kids[each.line["card_ref"]] == "k1"]
    second = [again(either, each.number, each.reader, each.line) for each in waiting]
    for each in second:
        each.reader.reinsert()
        each.reader.eeprom.pin_left = 0
    await all_at_once([each.begin for each in second])
    await all_at_once([each.end for each in second])
    assert set(await key_uses(world.database)) == {"k2"}
    for replica in either.replicas:
        replica.mount.hold("k2", k2=K2)
        await replica.watch.turn()
        assert replica.world.vault.kids == ("k2",)


async def test_F22_an_offer_and_every_retry_stay_good_while_replicas_disagree(either: Either) -> None:
    one, two = either.replicas
    reader, line = card_in_reader()
    await one.world.import_line(line)
    attempts = [one.world.randomness.uuid7() for _ in range(2)]
    for replica in either.replicas:
        replica.mount.hold("k2", k1=K1, k2=K2)
    two.start()
    await one.watch.turn()
    assert (one.world.vault.newest_kid, two.world.vault.newest_kid) == ("k1", "k2")

    agent = await Agent(two.world, reader).attach()
    agent.world = one.world
    seen = await agent.poll()
    key, facts = agent.public_key, agent.facts
    attached = await two.world.gateway.agents.attach(key, facts, attempts[0])
    repeated = await one.world.gateway.agents.attach(key, facts, attempts[0])

    assert seen.offer == agent.offer  # type: ignore[union-attr]
    assert (repeated.agent_token, repeated.offer) == (attached.agent_token, attached.offer)
    page = await Page(one.world, agent).start()
    assert page.claim


# --- the watch ------------------------------------------------------------------------------------------


@pytest.fixture
def told() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


async def vaulted(world: World, mounted: Mounted) -> KeyWatch:
    world.vault = MasterVault(mounted.provider(), world.randomness)
    world.restart()
    return KeyWatch(world.vault, world.database, world.clock)


async def test_a_new_key_is_there_at_once_and_the_newest_when_all_replicas_had_time(
    world: World, mounted: Mounted
) -> None:
    watch = await vaulted(world, mounted)
    mounted.hold("k2", k1=K1, k2=K2)
    await watch.turn()
    first = world.vault.kids
    world.clock.advance(seconds=KNOWN_EVERYWHERE_AFTER.total_seconds() - 1)
    await watch.turn()
    before = world.vault.newest_kid
    world.clock.advance(seconds=1)
    await watch.turn()

    assert (first, before, world.vault.newest_kid) == (("k1", "k2"), "k1", "k2")


async def test_a_key_that_was_taken_away_makes_no_new_version(world: World, mounted: Mounted) -> None:
    watch = await vaulted(world, mounted)
    mounted.hold("k2", k2=K2)
    await watch.turn()
    await watch.turn()

    assert world.vault.newest_kid == "k2"
    assert len(world.vault.derive(world.vault.newest_kid, "offer")) == 32


@pytest.mark.parametrize(
    "wrong",
    [{"k2": K2}, {"k1": K1, "k2": bytes(31)}, {"k1": bytes(32), "k2": K2}],
    ids=["the newest is not there", "a short key", "another value under an old name"],
)
async def test_what_cannot_be_taken_is_told_once_and_all_stays_as_it_was(
    world: World, mounted: Mounted, told: list[Any], wrong: dict[str, bytes]
) -> None:
    watch = await vaulted(world, mounted)
    mounted.hold("k1", **wrong)
    for _ in range(3):
        await watch.turn()

    assert known(world) == ("k1",)
    assert [line["event"] for line in told] == ["master_keys_refused"]
    mounted.hold("k1", k1=K1, k2=K2)
    await watch.turn()
    assert known(world) == ("k1", "k2")


async def test_a_removed_key_that_rows_need_is_kept_and_told_and_one_that_none_needs_is_forgotten(
    world: World, mounted: Mounted, told: list[Any]
) -> None:
    reader, line = card_in_reader()
    watch = await vaulted(world, mounted)
    await world.import_line(line)
    mounted.hold("k1", k1=K1, k2=K2)
    await watch.turn()
    mounted.hold("k2", k2=K2)
    world.clock.advance(seconds=LONG_ENOUGH)
    for _ in range(3):
        await watch.turn()

    missing = [line for line in told if line["event"] == "master_key_missing"]
    assert [(line["kid"], line["used"][:26]) for line in missing] == [("k1", "0 cards, 1 imported values")]
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    await agent.work()
    assert await page.state() == ("SUCCESS", "")
    await rewrap(world.database, world.vault, lambda _: None)
    again = await vaulted(world, mounted)
    await again.turn()
    assert known(world) == ("k2",)


async def test_a_missing_key_is_told_with_its_kid_at_start(
    world: World, mounted: Mounted, told: list[Any]
) -> None:
    _, line = card_in_reader()
    await vaulted(world, mounted)
    await world.import_line(line)
    mounted.hold("k2", k2=K2)
    await (await vaulted(world, mounted)).turn()

    assert [(each["event"], each["kid"]) for each in told] == [("master_key_missing", "k1")]


# --- rewrap ---------------------------------------------------------------------------------------------


async def test_a_rewrap_that_was_killed_goes_on_and_each_value_still_opens(
    world: World, mounted: Mounted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.card_gateway.key_uses.BATCH", 2)
    await vaulted(world, mounted)
    lines = [card_in_reader() for _ in range(5)]
    for number, (_, line) in enumerate(lines):
        await world.import_line(line | {"card_ref": f"{number:032x}"})
    mounted.hold("k2", k1=K1, k2=K2)
    await vaulted(world, mounted)
    with crash_at(f"{commits.REWRAP}.after_commit") as hits, pytest.raises(Crash):
        await rewrap(world.database, world.vault, lambda _: None)
    half = await key_uses(world.database)
    looked_at: list[int] = []
    rest = await rewrap(world.database, world.vault, looked_at.append)

    assert len(hits) == 1
    assert (half["k1"].imports, half["k2"].imports) == (3, 2)
    assert (rest.moved, rest.damaged, looked_at) == (3, (), [2, 3])
    assert await key_uses(world.database) == {"k2": Uses(imports=5)}
    mounted.hold("k2", k2=K2)
    await vaulted(world, mounted)
    async with world.database.read() as connection:
        rows = (await connection.execute(select(tables.secrets))).mappings().all()
    for row in rows:
        assert row["kid"] == row["imported_kid"] == "k2"


async def test_a_value_that_does_not_open_is_named_by_its_card_and_the_others_move(
    world: World, mounted: Mounted
) -> None:
    await vaulted(world, mounted)
    for number in range(2):
        _, line = card_in_reader()
        await world.import_line(line | {"card_ref": f"{number:032x}"})
    async with world.database.begin("test.damage") as connection:
        damage = update(tables.secrets).where(tables.secrets.c.card_ref == f"{0:032x}")
        await connection.execute(damage.values(imported=bytes(40)))
    mounted.hold("k2", k1=K1, k2=K2)
    await vaulted(world, mounted)
    run = await rewrap(world.database, world.vault, lambda _: None)

    assert (run.moved, run.damaged) == (1, (f"{0:032x}",))


# --- the HSM's keys rotate the same way ------------------------------------------------------------------


@pytest.fixture
def soft(tmp_path: Path) -> Iterator[SoftHsm]:
    with soft_hsm(tmp_path / "hsm") as made:
        made.put_key("k1", K1)
        yield made


async def test_a_key_made_in_the_hsm_becomes_the_newest_without_a_restart(
    soft: SoftHsm, keys: Keys, tmp_path: Path
) -> None:
    newest = tmp_path / "newest"
    newest.write_text("k1\n")
    async with memory_world(keys) as world:
        provider: KeyProvider = HsmKeyProvider(soft.address, newest)
        world.vault = MasterVault(provider, world.randomness)
        watch = KeyWatch(world.vault, world.database, world.clock)
        newest.write_text("k2\n")
        await watch.turn()
        assert known(world) == ("k1",)
        with pytest.raises(BadKeys, match="no key labelled 'k2'"):
            provider.reread()
        new_key_in_hsm(soft.address, "k2")
        await watch.turn()
        assert known(world) == ("k1", "k2")
        with soft.away():
            await watch.turn()
        world.clock.advance(seconds=LONG_ENOUGH)
        await watch.turn()
        assert world.vault.newest_kid == "k2"
        soft.destroy_key("k1")
        await watch.turn()
        await watch.turn()
        assert known(world) == ("k2",)
