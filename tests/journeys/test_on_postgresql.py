"""The same journey with every database on PostgreSQL, as in production."""

import pytest

from deploy.local.keys import Keys
from deploy.local.postgres import Postgres
from deploy.local.stack import Stack
from tests.journeys.audit import Auditor
from tests.journeys.conftest import SPARES
from tests.journeys.judge import Judge
from tests.journeys.person import Person

pytestmark = [pytest.mark.kafka, pytest.mark.pcsc, pytest.mark.postgres]


def test_R1_a_blocked_card_becomes_a_working_card_with_postgresql_below(
    tmp_path_factory: pytest.TempPathFactory, keys: Keys, postgres: Postgres
) -> None:
    folder = tmp_path_factory.mktemp("on-postgresql")
    with Stack(folder, keys, database=lambda _: postgres.create_database(), plans=SPARES[:1]) as stack:
        person = Person(stack, "spare-1")

        assert person.unlock().path == "/done"
        assert Judge(stack.pcsc).pin_verifies(person.new_pin)
        (record,) = Auditor(stack).wait_for_records(person.session_id)
        assert record.kind == "SUCCESS"
