"""The import: what is taken, what is refused and why, and that running it again changes nothing."""

import json
from collections.abc import Iterator

import pytest
from smartcard_unlock.identity.v1 import identity_events_pb2

from services.identity.directory import Remark, record_of, report_line
from services.identity.use_cases import Resolved
from tests.ports.identity.world import CARD, CARD_REF, DOMAIN, HOLDER, ORGANISATION, World


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nonsense", "LINE_NOT_JSON"),
        ("[]", "KIND_UNKNOWN"),
        ('{"kind":"person"}', "KIND_UNKNOWN"),
        (json.dumps(HOLDER | {"emial": "holder@example.org"}), "FIELD_UNKNOWN"),
        (json.dumps(HOLDER | {"id": ""}), "FIELD_WRONG id"),
        (json.dumps(HOLDER | {"status": "GONE"}), "FIELD_WRONG status"),
        (json.dumps(CARD | {"card_ref": "C1" * 16}), "FIELD_WRONG card_ref"),
        (
            json.dumps(CARD | {"certificate_expires_at": "2027-01-01T00:00:00"}),
            "FIELD_WRONG certificate_expires_at",
        ),
        (json.dumps(ORGANISATION | {"code": "x 26"}), "FIELD_WRONG code"),
        (json.dumps(HOLDER | {"name": "x" * 20_000}), "LINE_TOO_LONG"),
        ('{"kind":"holder","name":"\N{REPLACEMENT CHARACTER}"}', "LINE_NOT_UTF8"),
    ],
)
def test_a_line_that_is_no_record_is_refused_with_its_reason(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        record_of(line)


async def test_refused_rows_are_reported_and_the_others_taken(world: World) -> None:
    remarks = await world.take(
        ORGANISATION, "", "# a comment", DOMAIN, HOLDER | {"organisation": "X99"}, HOLDER, "broken", CARD,
        CARD | {"holder": "test-holder-0009"}, {"kind": "allowed_domain", "domain": "not a domain"},
    )  # fmt: skip

    assert remarks == [
        Remark(5, "ORGANISATION_UNKNOWN"),
        Remark(7, "LINE_NOT_JSON"),
        Remark(9, "HOLDER_UNKNOWN"),
        Remark(10, "DOMAIN_MALFORMED"),
    ]
    assert world.counts == {"lines": 8, "taken": 4, "refused": 4, "remarks": 0, "organisations": 1}
    assert isinstance(await world.resolve(), Resolved)


async def test_a_holder_is_not_lost_for_an_address_that_cannot_be_used(world: World) -> None:
    remarks = await world.take(
        ORGANISATION,
        HOLDER | {"email": "two words"},
        HOLDER | {"id": "test-holder-0002", "email": "holder@example.com"},
    )

    assert remarks == [
        Remark(2, "EMAIL_MALFORMED", taken=True),
        Remark(3, "EMAIL_DOMAIN_NOT_ALLOWED", taken=True),
    ]


def test_a_report_names_nobody() -> None:
    assert report_line(Remark(3, "EMAIL_MALFORMED", True), "in words") == (
        '{"line": 3, "reason": "EMAIL_MALFORMED", "taken": true, "meaning": "in words"}'
    )


async def test_running_it_again_changes_nothing(world: World) -> None:
    await world.populate()
    before = await world.holder_ref(), world.verify((await world.resolve()).holder_grant)
    world.clock.advance(minutes=1)
    await world.populate()

    after = await world.holder_ref(), world.verify((await world.resolve()).holder_grant)

    assert before[0] == after[0]
    assert (after[1].address_version, after[1].address_set_at) == (1, before[1].address_set_at)


async def test_a_new_address_is_a_new_version_and_a_return_is_another(world: World) -> None:
    await world.populate()
    for email, version in (("moved@example.org", 2), (HOLDER["email"], 3)):
        await world.take(HOLDER | {"email": email})
        assert world.verify((await world.resolve()).holder_grant).address_version == version


async def test_R64_no_import_thaws_a_frozen_card(world: World) -> None:
    await world.populate()
    await world.set_card_status("FROZEN")

    assert await world.take(CARD) == [Remark(1, "CARD_STAYS_FROZEN", taken=True)]
    assert (await world.resolve()).code == "CARD_FROZEN"
    assert await world.take(CARD | {"status": "LOST"}) == []
    assert (await world.resolve()).code == "CARD_NOT_ACTIVE"


async def test_a_card_does_not_pass_to_another_holder(world: World) -> None:
    await world.populate()

    remarks = await world.take(HOLDER | {"id": "test-holder-0002"}, CARD | {"holder": "test-holder-0002"})

    assert remarks == [Remark(2, "CARD_OF_ANOTHER_HOLDER")]


async def test_R61_the_holders_of_each_touched_organisation_are_told(world: World) -> None:
    def person(number: int, **changes: object) -> dict[str, object]:
        return HOLDER | {"id": f"test-holder-{number}"} | changes

    def card(number: int, **changes: object) -> dict[str, object]:
        return CARD | {"card_ref": f"{number:032x}", "holder": f"test-holder-{number}"} | changes

    await world.take(
        ORGANISATION, ORGANISATION | {"code": "Y1"}, DOMAIN,
        person(1), card(1), card(11, holder="test-holder-1"),
        person(2, email="holder@example.com"), card(2),
        person(3), card(3, status="LOST"),
        person(4), card(4, certificate_expires_at="2020-01-01T00:00:00Z"),
        person(5), person(6, status="LEFT"), card(6),
        person(7, organisation="Y1", email="holder@nhs.net"), card(7, certificate_expires_at=None),
    )  # fmt: skip

    told = await world.told(identity_events_pb2.HoldersImported)

    assert [(each.organisation, each.holders, each.eligible_holders) for each in told] == [
        ("X26", 5, 1),
        ("Y1", 1, 1),
    ]


async def test_it_streams_and_takes_few_statements_a_row(world: World) -> None:
    def lines() -> Iterator[str]:
        yield json.dumps(ORGANISATION)
        yield json.dumps(DOMAIN)
        for number in range(2_000):
            yield json.dumps(HOLDER | {"id": f"test-holder-{number}"})
            yield json.dumps(CARD | {"card_ref": f"{number:032x}", "holder": f"test-holder-{number}"})

    world.statements.clear()
    await world.take_lines(lines())

    assert world.counts["taken"] == 4_002
    assert len(world.statements) < 120
    assert CARD_REF not in "".join(world.statements)
