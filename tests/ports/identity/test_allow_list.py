"""The allow list is data: for all or for one organisation, each change written down and told. R33, R26."""

import shutil
from pathlib import Path

import pytest
from smartcard_unlock.identity.v1 import identity_events_pb2, identity_pb2
from sqlalchemy import func, select

from services.identity.allow_list_command import account
from services.identity.approved_domains import ApprovedDomains, OrganisationUnknown
from services.identity.domain.allow_list import AllowedDomain, Change
from services.identity.events import event_of
from services.identity.tables import outbox
from services.identity.use_cases import Refused, Resolved
from services.runtime.randomness import SystemRandomness
from tests.fixtures.in_place import run_in_place
from tests.ports.identity.test_calls import Served, served
from tests.ports.identity.world import HOLDER, ORGANISATION, World

__all__ = ["served"]

OTHER = ORGANISATION | {"code": "Y77", "name": "Other Clinic"}
ADDITION = AllowedDomain("clinic.example.com", True, "X26")


def approved(world: World) -> ApprovedDomains:
    return ApprovedDomains(world.database, event_of, SystemRandomness(), world.clock)


async def verdict(world: World, email: str, organisation: str = "X26") -> str:
    await world.take(HOLDER | {"email": email, "organisation": organisation})
    answer = await world.resolve()
    return answer.code if isinstance(answer, Refused) else ""


async def test_R33_an_addition_allows_its_own_organisation_alone(world: World) -> None:
    await world.populate()
    await world.take(OTHER)
    assert await verdict(world, "one@ward.clinic.example.com") == "EMAIL_DOMAIN_NOT_ALLOWED"

    await approved(world).put(ADDITION, "keeper")

    assert await verdict(world, "one@ward.clinic.example.com") == ""
    assert await verdict(world, "one@ward.clinic.example.com", "Y77") == "EMAIL_DOMAIN_NOT_ALLOWED"
    assert await verdict(world, "one@nhs.net", "Y77") == ""


async def test_R33_an_entry_that_is_taken_away_stops_counting_at_once(world: World) -> None:
    await world.populate()
    assert isinstance(await world.resolve(), Resolved)

    assert await approved(world).remove("example.org", "", "keeper") == 1
    answer = await world.resolve()

    assert isinstance(answer, Refused)
    assert answer.code == "EMAIL_DOMAIN_NOT_ALLOWED"


async def test_R33_every_change_is_written_down_and_told_once(world: World) -> None:
    await world.populate()
    domains, wide = approved(world), AllowedDomain("example.net", True)
    narrow = AllowedDomain("example.net", False)

    done = [await domains.put(entry, "keeper") for entry in (wide, wide, narrow)]
    await domains.remove("example.net", "", "another")
    missing = await domains.remove("example.net", "", "another")

    written = [(each.entry.domain, each.change, each.by) for each in await domains.changes()]
    assert done == [Change.ADDED, None, Change.CHANGED]
    assert missing is None
    assert written == [
        ("example.org", Change.ADDED, "import"),
        ("example.net", Change.ADDED, "keeper"),
        ("example.net", Change.CHANGED, "keeper"),
        ("example.net", Change.REMOVED, "another"),
    ]
    told = await world.told(identity_events_pb2.AllowListChanged)
    assert [(each.domain, each.subdomains, each.change) for each in told] == [
        ("example.org", True, identity_events_pb2.ALLOW_LIST_CHANGE_ADDED),
        ("example.net", True, identity_events_pb2.ALLOW_LIST_CHANGE_ADDED),
        ("example.net", False, identity_events_pb2.ALLOW_LIST_CHANGE_CHANGED),
        ("example.net", False, identity_events_pb2.ALLOW_LIST_CHANGE_REMOVED),
    ]


async def test_R26_the_import_takes_additions_and_judges_by_them(world: World) -> None:
    addition = {"kind": "allowed_domain", "domain": "CLINIC.example.com.", "organisation": "X26"}
    person = HOLDER | {"email": "one@clinic.example.com"}
    unknown = addition | {"organisation": "NONE"}

    remarks = await world.take(
        ORGANISATION,
        OTHER,
        addition,
        addition,
        unknown,
        person,
        person | {"id": "two", "organisation": "Y77"},
    )

    assert [(each.line, each.reason, each.taken) for each in remarks] == [
        (5, "ORGANISATION_UNKNOWN", False),
        (7, "EMAIL_DOMAIN_NOT_ALLOWED", True),
    ]
    assert ADDITION in await approved(world).entries()


async def test_R33_an_addition_needs_an_organisation_that_is_known(world: World) -> None:
    with pytest.raises(OrganisationUnknown):
        await approved(world).put(ADDITION, "keeper")

    assert await approved(world).changes() == []


async def test_R33_anybody_may_ask_for_the_list(served: Served) -> None:
    await approved(served.world).put(ADDITION, "keeper")

    for_all = await served.web.ListApprovedDomains(identity_pb2.ListApprovedDomainsRequest())
    own = await served.web.ListApprovedDomains(identity_pb2.ListApprovedDomainsRequest(organisation="X26"))

    domains = ["example.org", "gov.uk", "mod.uk", "nhs.net", "nhs.uk"]
    assert [each.domain for each in for_all.for_all] == domains
    assert (list(for_all.for_organisation), for_all.organisation_name) == ([], "")
    assert [(each.domain, each.subdomains) for each in own.for_organisation] == [(ADDITION.domain, True)]
    assert own.organisation_name == "Example Hospital"


def test_R33_the_commands_keep_the_list_and_say_what_they_did(
    tmp_path: Path, migrated_identity: Path
) -> None:
    database = shutil.copy(migrated_identity, tmp_path / "identity.db")
    url = f"sqlite+aiosqlite:///{database}"

    def command(*words: str) -> tuple[int, str]:
        done = run_in_place("services.identity", "allow-list", *words, env={"IDENTITY_DATABASE_URL": url})
        return done.returncode, done.stdout.strip()

    assert command("add", "Bücher.example.org", "--exact") == (
        0,
        "ADDED xn--bcher-kva.example.org exactly, for all",
    )
    assert command("add", "@example.org")[0] == 1
    assert command("remove", "mod.uk", "--by", "keeper") == (
        0,
        "REMOVED mod.uk; holders with an address by it: 0",
    )
    assert command("remove", "mod.uk")[0] == 1
    code, shown = command("show")
    assert "mod.uk" not in shown
    assert shown.splitlines()[0] == "gov.uk and below, for all"
    by = [line.split(" ", 1)[1] for line in command("changes")[1].splitlines()]

    assert code == 0
    assert by == [
        f"{account()}: ADDED xn--bcher-kva.example.org exactly, for all",
        "keeper: REMOVED mod.uk and below, for all",
    ]


async def test_an_import_that_changes_no_entry_tells_of_none(world: World) -> None:
    await world.populate()
    await world.populate()

    async with world.database.read() as connection:
        found = select(func.count()).where(outbox.c.ce_type.endswith("AllowListChanged"))
        assert (await connection.execute(found)).scalar_one() == 1
