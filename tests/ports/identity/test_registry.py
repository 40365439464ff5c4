"""The registry on both databases."""

from collections import Counter
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.identity.v1 import identity_events_pb2
from sqlalchemy import Connection

from services.identity.directory import BATCH
from services.identity.tables import metadata
from services.identity.use_cases import Delivery, Refused, Resolved
from services.runtime import faults
from tests.fakes.clock import NOON
from tests.ports.at_once import at_once
from tests.ports.identity.world import CARD, DOMAIN, HOLDER, ORGANISATION, World


async def test_migrations_make_the_tables_of_the_code(world: World) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with world.database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_R15_what_was_imported_resolves(world: World) -> None:
    await world.populate()

    answer = await world.resolve()

    assert isinstance(answer, Resolved)
    grant = world.verify(answer.holder_grant)
    assert (grant.address_version, grant.address_set_at) == (1, NOON)
    assert answer.registration_authority.opening_hours == "Mon-Fri 9-17"


async def test_every_refusal_comes_from_the_stored_rows(world: World) -> None:
    await world.populate()
    steps: list[tuple[dict[str, Any], str]] = [
        (HOLDER | {"email": None}, "NO_EMAIL"),
        (HOLDER | {"email": "holder@example.com"}, "EMAIL_DOMAIN_NOT_ALLOWED"),
        (CARD | {"certificate_expires_at": "2020-01-01T00:00:00Z"}, "CERTIFICATE_EXPIRED"),
        (CARD | {"status": "REVOKED"}, "CARD_NOT_ACTIVE"),
        (CARD | {"status": "FROZEN"}, "CARD_FROZEN"),
    ]

    for record, code in steps:
        await world.take(record)
        answer = await world.resolve()
        assert isinstance(answer, Refused)
        assert answer.code == code


async def test_F14_the_address_is_given_for_the_version_that_stands(world: World) -> None:
    await world.populate()
    ref = await world.holder_ref()
    await world.take(HOLDER | {"email": "moved@example.org"})

    assert await world.holders.delivery_address(ref, 1) == Delivery(refused_code="ADDRESS_CHANGED")
    assert await world.holders.delivery_address(ref, 2) == Delivery(address="moved@example.org")


async def test_D1_one_refusal_is_told_however_many_ask_at_once(world: World) -> None:
    await world.populate(holder={"email": None})

    answers = await at_once(world.resolve for _ in range(30))

    assert Counter(answer.code for answer in answers) == {"NO_EMAIL": 30}
    assert len(await world.told(common_pb2.SessionOutcome)) == 1


async def test_an_import_that_dies_in_a_batch_is_run_again_and_loses_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [HOLDER | {"id": f"test-holder-{number}"} for number in range(BATCH)]

    committed: list[str] = []

    def die(point: str) -> None:
        if point == "identity.import.before_commit":
            if committed:
                raise ConnectionResetError
            committed.append(point)

    monkeypatch.setattr(faults, "act", die)
    with pytest.raises(ConnectionResetError):
        await world.take(ORGANISATION, DOMAIN, *people, HOLDER, CARD)
    monkeypatch.undo()
    await world.take(ORGANISATION, DOMAIN, *people, HOLDER, CARD)

    [told] = await world.told(identity_events_pb2.HoldersImported)
    assert (told.holders, told.eligible_holders) == (BATCH + 1, 1)


async def test_old_notes_of_outcomes_are_forgotten(world: World) -> None:
    await world.populate(holder={"email": None})
    await world.resolve()
    world.clock.advance(days=31)

    await world.holders.sweep()
    now = world.clock.now()
    await world.resolve(issued_at=now, expires_at=now.replace(hour=12, minute=30))

    assert len(await world.told(common_pb2.SessionOutcome)) == 2
