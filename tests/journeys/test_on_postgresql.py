"""The same journey with every database on PostgreSQL, as in production; and a code that came too late."""

import time

import pytest

from deploy.local.keys import Keys
from deploy.local.postgres import Postgres
from deploy.local.stack import Stack
from tests.fixtures.small_disk import SmallDisk, database_on, small_disk
from tests.journeys.audit import Auditor
from tests.journeys.conftest import SPARES
from tests.journeys.judge import Judge
from tests.journeys.person import Person

LIFE_SECONDS = 60
"""The shortest that otp takes; 15 minutes are held to the millisecond by its own tests."""

pytestmark = [pytest.mark.kafka, pytest.mark.pcsc, pytest.mark.postgres]


def test_R1_a_blocked_card_becomes_a_working_card_with_postgresql_below(
    tmp_path_factory: pytest.TempPathFactory, keys: Keys, postgres: Postgres
) -> None:
    folder = tmp_path_factory.mktemp("on-postgresql")
    short = {"otp": {"CODE_LIFETIME": str(LIFE_SECONDS)}}
    with (
        small_disk(24, owner="postgres") as disk,
        database_on(disk, postgres) as small,
        Stack(
            folder,
            keys,
            database=lambda service: small if service == "otp" else postgres.create_database(),
            plans=SPARES[:2],
            overrides=short,
        ) as stack,
    ):
        person = Person(stack, "spare-1")

        _a_full_disk_is_a_page_with_a_code(person, disk)
        person.read_mail()
        assert _finish(person) == "/done"
        assert Judge(stack.pcsc).pin_verifies(person.new_pin)
        (record,) = Auditor(stack).wait_for_records(person.session_id)
        assert record.kind == "SUCCESS"
        stack.slots.remove()
        _late_code_is_refused(Person(stack, "spare-2"))


def _a_full_disk_is_a_page_with_a_code(person: Person, disk: SmallDisk) -> None:
    """No code is promised that cannot be stored; with room again, the next press brings one. F12, F20."""
    person.open_journey()
    person.say_why()
    person.insert_card()
    disk.fill()
    shown = person.ask_for_code()
    assert shown.codes == ["SERVICE_UNAVAILABLE"]
    assert "Nothing was lost" in shown.html
    disk.free()
    assert person.ask_for_code().path == "/code"


def _finish(person: Person) -> str:
    person.type_code()
    person.choose_passcode()
    person.answer_agent()
    return person.wait_for_end().path


def _late_code_is_refused(person: Person) -> None:
    """A code that is typed too late is refused by name, and another one can be had. R49."""
    person.open_journey()
    person.say_why()
    person.insert_card()
    person.ask_for_code()
    person.read_mail()
    time.sleep(LIFE_SECONDS + 1)

    shown = person.type_code()
    assert (shown.path, shown.codes) == ("/code", ["CODE_DEAD"])
    person.ask_for_code()
    person.read_mail(older=1)
    assert person.type_code().path == "/passcode"
