"""Notifier's use cases on a real database, with a clock to move, and mail and identity to steer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from smartcard_unlock.notifier.v1 import notifier_events_pb2
from smartcard_unlock.otp.v1 import otp_pb2
from sqlalchemy import Row, select

from services.notifier.domain.delivery import Delivery
from services.notifier.events import event_of
from services.notifier.letters import TemplateLetters
from services.notifier.opener import HpkeOpener
from services.notifier.ports import Letter, Mail
from services.notifier.storage import SqlStore
from services.notifier.tables import DELIVERIES, OUTBOX
from services.notifier.transports import Transports
from services.notifier.use_cases import Deliveries, Parts
from services.runtime.database import Database
from services.runtime.hpke import code_info, particulars_info, seal
from tests.fakes.clock import FakeClock
from tests.fakes.randomness import SeededRandomness
from tests.unit.notifier.deliveries import CODE, NOON

DIGITS = "40718263"
ADDRESS = "test-holder-0001@example.org"
LETTERS = TemplateLetters(ZoneInfo("Europe/London"))


@dataclass
class FakeAddresses:
    """identity, which answers or raises what it is told to."""

    fails: list[Exception] = field(default_factory=list)

    async def address_of(self, delivery: Delivery) -> tuple[str, str]:
        if self.fails:
            raise self.fails.pop(0)
        return ADDRESS, ""


@dataclass
class FakeMail:
    """A mail service that keeps letters, or raises what it is told to."""

    sent: list[Letter] = field(default_factory=list)
    fails: list[Exception] = field(default_factory=list)

    async def send(self, letter: Letter, within: timedelta, *, again: bool = False) -> None:
        if self.fails:
            raise self.fails.pop(0)
        self.sent.append(letter)

    async def close(self) -> None:
        pass


class World:
    """One worker of notifier; `worker` makes another on the same database."""

    def __init__(
        self,
        database: Database,
        key: X25519PrivateKey | None = None,
        name: str = "one",
        transports: Mapping[str, Mail] | None = None,
    ) -> None:
        self.database = database
        self.clock = FakeClock(NOON)
        self.addresses = FakeAddresses()
        self.mail = FakeMail()
        self.key = key or X25519PrivateKey.generate()
        self.deliveries = Deliveries(
            Parts(
                store=SqlStore(database, event_of, SeededRandomness(len(name)), name),
                clock=self.clock,
                randomness=SeededRandomness(),
                opener=HpkeOpener(self.key),
                addresses=self.addresses,
                writer=LETTERS,
                post=Transports(transports or {"smtp": self.mail}),
            )
        )

    def another(self, name: str) -> "World":
        return World(self.database, self.key, name)

    def sealed(self, delivery: Delivery = CODE, digits: str = DIGITS) -> bytes:
        bound_to = (delivery.session_id, delivery.expires_at, delivery.address_version)
        info = code_info(delivery.message_id, *bound_to)
        return seal(self.key.public_key().public_bytes_raw(), digits.encode(), info)

    def sealed_beside(self, last_four: str, site: str, delivery: Delivery = CODE) -> bytes:
        """What otp seals beside a code."""
        bound_to = (delivery.session_id, delivery.expires_at, delivery.address_version)
        said = otp_pb2.CodeParticulars(card_last_four=last_four, site=site).SerializeToString()
        info = particulars_info(delivery.message_id, *bound_to)
        return seal(self.key.public_key().public_bytes_raw(), said, info)

    async def send_due(self) -> int:
        """Try all that is due; return how many."""
        due = await self.deliveries.claim(100)
        for delivery in due:
            await self.deliveries.send(delivery)
        return len(due)

    async def rows(self) -> list[Row]:  # type: ignore[type-arg]
        async with self.database.read() as connection:
            return list(await connection.execute(select(DELIVERIES)))

    async def told(self) -> list[tuple[str, str]]:
        """The news so far: state and reason."""
        async with self.database.read() as connection:
            values = (await connection.execute(select(OUTBOX.c.value).order_by(OUTBOX.c.seq))).scalars()
            messages = [notifier_events_pb2.DeliveryChanged.FromString(value) for value in values]
        names = notifier_events_pb2.Delivery.Name
        return [(names(message.delivery).removeprefix("DELIVERY_"), message.reason) for message in messages]
