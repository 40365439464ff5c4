"""Redeems a second beside bare transactions of the same rows, in the same run.

`python -m bench.redeems [REDEEMS]`: blocks A C B B C A on one PostgreSQL (with fsync), eight at once. A = the
use case of RedeemCode: grant checked, holder locked, code judged, event into the outbox, UnlockGrant signed.
B = its four statements and their commit on bare psycopg, with nothing around them. C = B, and what nobody
can leave out: the grant checked, the digest of what was typed, the event made, the UnlockGrant signed. The
codes are issued before, and not timed.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from psycopg.types.json import Jsonb

from bench.blocks import interleaved, print_table
from bench.server import Connections, durable_postgres
from deploy.local.keys import Keys, make_keys
from services.otp.__main__ import MIGRATIONS
from services.otp.domain.code import Use
from services.otp.domain.facts import CodeEntered, Verdict
from services.otp.domain.policy import Policy
from services.otp.events import event_of
from services.otp.judgement import bearer_of, unlock_grant
from services.otp.sealing import CodeKey, CodeKeys, NotifierKey
from services.otp.storage import PROCESS, SqlStore
from services.otp.use_cases import OneTimeCodes, Parts
from services.runtime import logs
from services.runtime.clock import SystemClock
from services.runtime.database import Database, migrate
from services.runtime.grants import GrantSigner, GrantVerifier, HolderGrant
from services.runtime.randomness import SystemRandomness
from tests.ports.otp.world import GRANT

REDEEMS = 1_000
ORDER = "ACBBCAACBBCAACBBCAACB"
AT_ONCE = 8
DIGITS = "40718263"
IDS = SystemRandomness()

LOCK = """INSERT INTO ledgers (holder_ref, cards, organisation) VALUES (%s, %s, %s)
ON CONFLICT (holder_ref) DO UPDATE SET organisation = excluded.organisation RETURNING cards"""
CODES = "SELECT * FROM codes WHERE session_id = %s ORDER BY issued_at"
USE = """UPDATE codes SET state = 'USED',
use_attempt_id = %s, use_jti = %s, use_issued_at = %s, use_expires_at = %s WHERE code_id = %s"""
TELL = """INSERT INTO outbox (ce_id, ce_type, source, topic, key, value, time, traceparent)
VALUES (%s, 'smartcard_unlock.otp.v1.CodeEntered', 'otp', 'otp.events.v1', %s, %s, %s, '')"""


class SameDigits(SystemRandomness):
    """Makes codes that the bench knows."""

    def digits(self, count: int) -> str:
        return DIGITS


class Issued:
    """Codes that wait to be redeemed, each of its own holder, with the grant that web would bring."""

    def __init__(self, codes: OneTimeCodes, identity: GrantSigner) -> None:
        self._codes = codes
        self._identity = identity

    async def take(self, count: int) -> list[tuple[HolderGrant, str]]:
        """Issue so many; return them."""
        ready = [self._grant() for _ in range(count)]
        for start in range(0, count, AT_ONCE):
            some = ready[start : start + AT_ONCE]
            await asyncio.gather(*(self._codes.issue(token, IDS.uuid7()) for _, token in some))
        return ready

    def _grant(self) -> tuple[HolderGrant, str]:
        now, session = datetime.now(UTC), IDS.uuid7()
        ends = now + timedelta(minutes=5)
        grant = replace(
            GRANT, session_id=session, holder_ref=session, card_ref=session, issued_at=now, expires_at=ends
        )
        return grant, self._identity.sign(grant)


class Subject:
    """The use case."""

    def __init__(self, codes: OneTimeCodes) -> None:
        self._codes = codes

    async def redeem(self, grant: HolderGrant, token: str) -> None:
        answer = await self._codes.redeem(token, DIGITS, IDS.uuid7())
        if answer.verdict is not Verdict.RIGHT or not answer.grant:
            raise RuntimeError("a code was not redeemed")


class Floor(Connections):
    """The same rows, by as many connections."""

    def __init__(self, url: str) -> None:
        super().__init__(url, AT_ONCE)

    async def redeem(self, grant: HolderGrant, token: str) -> None:
        await self._rows(grant, bytes(100))

    async def _rows(self, grant: HolderGrant, event: bytes) -> None:
        connection, now = self.idle.pop(), datetime.now(UTC)
        async with connection.cursor() as cursor:
            await cursor.execute(LOCK, (grant.holder_ref, Jsonb({}), grant.organisation))
            await cursor.fetchall()
            await cursor.execute(CODES, (grant.session_id,))
            [(code_id, *_)] = await cursor.fetchall()
            ends = now + timedelta(minutes=5)
            await cursor.execute(USE, (IDS.uuid7(), IDS.uuid7(), now, ends, code_id))
            await cursor.execute(TELL, (IDS.uuid7(), grant.session_id, event, now))
        await connection.commit()
        self.idle.append(connection)


class SignedFloor(Floor):
    """The same rows, for a grant that is checked, with an event that is true and a grant in the end."""

    def __init__(self, url: str, parts: Parts) -> None:
        super().__init__(url)
        self._parts = parts

    async def redeem(self, grant: HolderGrant, token: str) -> None:
        parts, now = self._parts, datetime.now(UTC)
        grant, new_id = parts.grants.verify(token, HolderGrant), IDS.uuid7()
        parts.digests.digest(new_id, bearer_of(grant), DIGITS)
        fact = CodeEntered(new_id, grant.session_id, Verdict.RIGHT, 3, now, grant.holder_ref, grant.card_ref)
        await self._rows(grant, event_of(fact).message.SerializeToString())
        parts.signer.sign(unlock_grant(grant, Use(new_id, new_id, now, now + timedelta(minutes=5))))


class Blocks:
    """So many redeems of one kind, eight at once; issuing is left out of the time by doing it before."""

    def __init__(self, issued: Issued, kind: Subject | Floor) -> None:
        self._issued = issued
        self._kind = kind
        self.ready: list[tuple[HolderGrant, str]] = []

    async def prepare(self, count: int) -> None:
        self.ready = await self._issued.take(count)

    async def run(self, count: int) -> None:
        async def worker() -> None:
            while self._left:
                self._left -= 1
                await self._kind.redeem(*self.ready.pop())

        self._left = count
        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


@asynccontextmanager
async def opened(url: str, keys: Keys) -> AsyncIterator[tuple[Issued, dict[str, Subject | Floor]]]:
    database, clock = Database(url), SystemClock()
    randomness = SameDigits()
    parts = Parts(
        store=SqlStore(database, event_of, randomness),
        clock=clock,
        randomness=randomness,
        digests=CodeKeys(CodeKey.from_file(keys.otp_code)),
        sealer=NotifierKey.from_file(keys.notifier_public),
        grants=GrantVerifier.from_dir(keys.verify_dir, PROCESS, clock),
        signer=GrantSigner.from_file(PROCESS, keys.signing(PROCESS)),
        policy=Policy(codes_per_organisation=10**9),
    )
    codes, floors = OneTimeCodes(parts), {"B": Floor(url), "C": SignedFloor(url, parts)}
    for floor in floors.values():
        await floor.open()
    try:
        issued = Issued(codes, GrantSigner.from_file("identity", keys.signing("identity")))
        yield issued, {"A": Subject(codes), **floors}
    finally:
        for floor in floors.values():
            await floor.close()
        await database.close()


async def measure(url: str, keys: Keys, redeems: int) -> None:
    """Measure and print."""
    await migrate(url, MIGRATIONS)
    async with opened(url, keys) as (issued, whats):
        kinds = {name: Blocks(issued, what) for name, what in whats.items()}
        for name, blocks in kinds.items():
            await blocks.prepare(redeems // 4 + redeems * ORDER.count(name))
        found = await interleaved({name: blocks.run for name, blocks in kinds.items()}, ORDER, redeems)
    names = {
        "A": "A: RedeemCode's use case",
        "B": "B: its four statements on psycopg",
        "C": "C: B, with grants, digest and event",
    }
    print_table(found, names, [("A", "B"), ("A", "C")], f"redeems a second, {redeems} a block")


def main() -> None:
    """Start the server, measure, print."""
    redeems = int(sys.argv[1]) if len(sys.argv) > 1 else REDEEMS
    logs.configure("bench", "WARNING")
    with durable_postgres() as (folder, postgres):
        asyncio.run(measure(postgres.create_database(), make_keys(folder / "keys"), redeems))


if __name__ == "__main__":
    main()
