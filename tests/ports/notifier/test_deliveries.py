"""Notifier's use cases on SQLite and PostgreSQL."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import inspect

from services.notifier.domain.delivery import Template
from services.notifier.ports import AddressChanged, MaybeTaken, NoAddress, Refused, Unreachable
from services.notifier.tables import METADATA
from services.notifier.use_cases import CLAIMED, AddressChange, Notice
from services.runtime import faults
from tests.ports.at_once import at_once
from tests.ports.notifier.world import ADDRESS, DIGITS, FakeMail, World
from tests.unit.notifier.deliveries import CODE, NOON

EVENT = "01970000-0000-7000-8000-0000000000e1"


async def queue(world: World, number: int = 0) -> None:
    code = replace(CODE, message_id=f"01970000-0000-7000-8000-{number:012}")
    await world.deliveries.take_code(f"event-{number}", replace(code, sealed_code=world.sealed(code)))


async def test_R50_a_code_is_mailed_to_the_address_that_identity_names(world: World) -> None:
    await queue(world)
    assert await world.send_due() == 1

    (letter,) = world.mail.sent
    assert letter.recipient == ADDRESS
    assert re.search(rf"^    {DIGITS}$", letter.text, re.MULTILINE)
    assert await world.told() == [("SENT", "")]


async def test_S8_a_sealed_code_is_erased_with_its_end(world: World) -> None:
    await queue(world)
    (queued,) = await world.rows()
    await world.send_due()
    (sent,) = await world.rows()

    assert queued.sealed_code
    assert (sent.state, sent.sealed_code) == ("SENT", None)


async def test_I6_an_event_that_comes_twice_is_one_mail(world: World) -> None:
    await queue(world)
    await queue(world)
    await world.send_due()
    await queue(world)
    await world.send_due()

    assert len(world.mail.sent) == 1
    assert await world.told() == [("SENT", "")]


async def test_F2_I11_a_crash_between_mail_and_store_sends_the_same_mail_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queue(world)
    monkeypatch.setattr(faults, "act", crash_at("notifier.store_try.before_commit"))
    with pytest.raises(Crash):
        await world.send_due()
    monkeypatch.undo()

    assert await world.told() == []
    await world.deliveries.release()
    await world.send_due()
    first, second = world.mail.sent
    assert first == second
    assert await world.told() == [("SENT", "")]


class Crash(Exception):
    """A process that dies."""


def crash_at(wanted: str) -> Callable[[str], None]:
    def act(point: str) -> None:
        if point == wanted:
            raise Crash

    return act


async def test_F2_what_a_dead_worker_held_goes_to_another(world: World) -> None:
    await queue(world)
    await world.deliveries.claim(1)
    other = world.another("another")

    assert await other.deliveries.claim(1) == []
    other.clock.set(NOON + CLAIMED)
    assert len(await other.deliveries.claim(1)) == 1


async def test_release_frees_only_what_this_worker_held(world: World) -> None:
    await queue(world)
    await world.deliveries.claim(1)
    other = world.another("another")

    await other.deliveries.release()
    assert await other.deliveries.claim(1) == []
    await world.deliveries.release()
    assert len(await other.deliveries.claim(1)) == 1


async def test_F11_two_workers_never_hold_the_same(world: World) -> None:
    for number in range(40):
        await queue(world, number)
    workers = [world, world.another("another")]

    claims = await at_once(partial(workers[turn % 2].deliveries.claim, 5) for turn in range(10))

    held = [delivery.message_id for claim in claims for delivery in claim]
    assert len(held) == len(set(held)) > 0


async def test_I11_R49_nothing_is_mailed_after_the_codes_death(world: World) -> None:
    await queue(world)
    world.clock.advance(minutes=15)
    await world.send_due()

    assert world.mail.sent == []
    assert await world.told() == [("NOT_SENT", "EXPIRED")]
    assert (await world.rows())[0].sealed_code is None


async def test_a_code_that_arrives_dead_is_told_at_once(world: World) -> None:
    world.clock.advance(minutes=20)
    await queue(world)

    assert await world.told() == [("NOT_SENT", "EXPIRED")]
    assert await world.send_due() == 0


async def test_F13_a_mail_service_that_is_away_delays_once_and_then_sends(world: World) -> None:
    world.mail.fails = [Unreachable(), Unreachable()]
    await queue(world)
    for _ in range(3):
        await world.send_due()
        world.clock.advance(seconds=5)

    assert len(world.mail.sent) == 1
    assert await world.told() == [("DELAYED", "MAIL_UNREACHABLE"), ("SENT", "")]


async def test_a_retry_waits_for_its_time(world: World) -> None:
    world.mail.fails = [Unreachable()]
    await queue(world)
    await world.send_due()

    assert await world.send_due() == 0
    world.clock.advance(seconds=2)
    assert await world.send_due() == 1


@pytest.mark.parametrize(
    ("failure", "reason"), [(AddressChanged(), "ADDRESS_CHANGED"), (NoAddress(), "NO_ADDRESS")]
)
async def test_F14_without_its_address_a_code_goes_nowhere(
    world: World, failure: Exception, reason: str
) -> None:
    world.addresses.fails = [failure]
    await queue(world)
    await world.send_due()

    assert world.mail.sent == []
    assert await world.told() == [("NOT_SENT", reason)]


async def test_an_identity_that_is_away_is_asked_again(world: World) -> None:
    world.addresses.fails = [Unreachable()]
    await queue(world)
    await world.send_due()
    world.clock.advance(seconds=2)
    await world.send_due()

    assert await world.told() == [("DELAYED", "MAIL_UNREACHABLE"), ("SENT", "")]


async def test_F13_a_refused_mail_is_told_and_not_tried_again(world: World) -> None:
    world.mail.fails = [Refused()]
    await queue(world)
    await world.send_due()
    world.clock.advance(minutes=5)

    assert await world.send_due() == 0
    assert await world.told() == [("NOT_SENT", "MAIL_REFUSED")]


@pytest.mark.parametrize(
    "other", [{"session_id": "x" * 36}, {"address_version": 4}, {"message_id": "y" * 36}]
)
async def test_S41_a_code_opens_in_its_own_context_only(world: World, other: dict[str, object]) -> None:
    elsewhere = replace(CODE, **other)  # type: ignore[arg-type]
    await world.deliveries.take_code(EVENT, replace(elsewhere, sealed_code=world.sealed(CODE)))
    await world.send_due()

    assert world.mail.sent == []
    assert await world.told() == [("NOT_SENT", "CODE_UNREADABLE")]


UNLOCKED = Notice(EVENT, Template.WAS_THIS_YOU, CODE.holder_ref, NOON, 3, CODE.session_id, "LOCKED")


async def test_R64_an_unlock_is_told_to_its_holder(world: World) -> None:
    await world.deliveries.take_notice(UNLOCKED)
    await world.send_due()

    (letter,) = world.mail.sent
    assert "was this you?" in letter.subject
    assert (letter.message_id, letter.recipient) == (EVENT, ADDRESS)


async def test_deliveries_are_kept_30_days(world: World) -> None:
    await queue(world)
    await world.send_due()
    world.clock.set(NOON + timedelta(days=30))
    assert await world.deliveries.sweep() == 0
    world.clock.advance(seconds=1)
    assert await world.deliveries.sweep() == 1

    assert await world.rows() == []


async def test_I12_neither_code_nor_address_is_in_the_database(world: World) -> None:
    await queue(world)
    world.mail.fails = [Unreachable()]
    await world.send_due()

    kept = repr(await world.rows()).encode() + b"".join(row.sealed_code for row in await world.rows())
    for secret in (DIGITS, ADDRESS):
        assert secret.encode() not in kept
        assert secret.encode().hex().encode() not in kept


async def test_the_migrations_make_the_tables_that_the_code_knows(world: World) -> None:
    async with world.database.engine.connect() as connection:
        columns = await connection.run_sync(
            lambda sync: {
                table: {column["name"] for column in inspect(sync).get_columns(table)}
                for table in METADATA.tables
            }
        )

    assert columns == {name: set(table.columns.keys()) for name, table in METADATA.tables.items()}


async def test_the_mail_says_card_and_site_that_travelled_sealed(world: World) -> None:
    sealed = replace(
        CODE, sealed_code=world.sealed(), sealed_particulars=world.sealed_beside("4F2A", "Ward 7")
    )
    await world.deliveries.take_code(EVENT, sealed)
    await world.send_due()

    (letter,) = world.mail.sent
    assert "your smartcard ending in 4F2A, in a reader at Ward 7." in letter.text
    assert (await world.rows())[0].sealed_particulars is None


@pytest.mark.parametrize("beside", [b"spoilt", b""])
async def test_no_code_waits_for_what_the_mail_says_besides(world: World, beside: bytes) -> None:
    await world.deliveries.take_code(
        EVENT, replace(CODE, sealed_code=world.sealed(), sealed_particulars=beside or None)
    )
    await world.send_due()

    (letter,) = world.mail.sent
    assert DIGITS in letter.text
    assert "to unlock your smartcard. If it is you" in letter.text


@pytest.mark.parametrize("site", ["a\nb", "x" * 81])
async def test_S11_what_could_change_the_mail_is_left_out(world: World, site: str) -> None:
    sealed = replace(CODE, sealed_code=world.sealed(), sealed_particulars=world.sealed_beside("4F2A", site))
    await world.deliveries.take_code(EVENT, sealed)
    await world.send_due()

    (letter,) = world.mail.sent
    assert "ending in 4F2A. If it is you" in letter.text


async def test_F13_I11_a_mail_that_may_be_taken_stays_with_its_service(world: World) -> None:
    world.mail.fails = [MaybeTaken()]
    await queue(world)
    await world.send_due()
    held = (await world.rows())[0].held_by
    other = FakeMail()
    elsewhere = World(world.database, world.key, "another", {"notify": other, "smtp": world.mail})
    elsewhere.clock.advance(seconds=30)
    await elsewhere.send_due()

    assert held == "smtp"
    assert (len(world.mail.sent), len(other.sent)) == (1, 0)


CHANGE = AddressChange(EVENT, CODE.session_id, CODE.holder_ref, 3, 4, NOON)


async def test_R64_a_change_of_address_is_told_to_both_versions_once(world: World) -> None:
    await world.deliveries.take_address_change(CHANGE)
    await world.deliveries.take_address_change(CHANGE)
    assert await world.send_due() == 2

    asked = sorted((row.reason, row.address_version) for row in await world.rows())
    assert asked == [("NEW", 4), ("OLD", 3)]
    assert len(world.mail.sent) == len({letter.message_id for letter in world.mail.sent}) == 2


async def test_R64_a_first_address_has_none_before_it(world: World) -> None:
    await world.deliveries.take_address_change(replace(CHANGE, old_version=0))
    assert await world.send_due() == 1

    (row,) = await world.rows()
    assert (row.reason, row.address_version, row.template) == ("NEW", 4, "address-changed")


async def test_R33_an_address_that_may_not_be_written_to_is_not_told(world: World) -> None:
    world.addresses.fails = [NoAddress()]
    await world.deliveries.take_address_change(replace(CHANGE, new_version=0))
    await world.send_due()

    assert await world.told() == [("NOT_SENT", "NO_ADDRESS")]


async def test_R25_what_an_ra_set_is_told_to_both_addresses_and_to_the_team(world: World) -> None:
    await world.deliveries.take_address_change(replace(CHANGE, by_ra=True))
    assert await world.send_due() == 3

    asked = sorted((row.template, row.reason, row.address_version) for row in await world.rows())
    assert asked == [
        ("address-changed", "NEW_BY_RA", 4),
        ("address-changed", "OLD_BY_RA", 3),
        ("address-set-by-ra", "", 0),
    ]
    assert len({letter.message_id for letter in world.mail.sent}) == 3
