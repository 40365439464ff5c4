"""Made-up people in an LDAP server, the mapping that reads them, and the import on a database of its own."""

import asyncio
import io
import json
import shutil
import sqlite3
import subprocess
import sys
from argparse import Namespace
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from services.identity.approved_domains import ApprovedDomains
from services.identity.domain.allow_list import AllowedDomain
from services.identity.events import event_of
from services.identity.ldap.__main__ import import_entries
from services.runtime.clock import SystemClock
from services.runtime.database import Database
from services.runtime.randomness import SystemRandomness
from tests.fixtures.ldap_server import BASE, LdapDirectory

ROOT = Path(__file__).parents[3]

UNITS = ("organisations", "people", "cards")
PLACES = f"ou=organisations,{BASE}"
PHONE = "telephoneNumber: 01632 960000"

MAPPING = f"""
[[search]]
kind = "organisation"
base = "ou=organisations,{BASE}"
filter = "(objectClass=organization)"
fields = {{code = "o", name = "description", "registration_authority.telephone" = "telephoneNumber"}}

[[search]]
kind = "holder"
base = "ou=people,{BASE}"
filter = "(objectClass=inetOrgPerson)"
fields = {{id = "uid", organisation = "o", name = "displayName", email = "mail", status = "employeeType"}}
values = {{status = {{staff = "ACTIVE", gone = "LEFT"}}}}

[[search]]
kind = "card"
base = "ou=cards,{BASE}"
filter = "(objectClass=device)"
fields = {{card_ref = "cn", holder = "owner", certificate_expires_at = "description"}}
patterns = {{holder = "^uid=([^,]+),"}}

[[search]]
kind = "role"
base = "ou=people,{BASE}"
filter = "(businessCategory=*)"
fields = {{holder = "uid", organisation = "businessCategory"}}
constants = {{role = "RA"}}
each = "organisation"
complete = true
"""


def ldif(people: int = 3) -> str:
    entries = [
        f"dn: {BASE}\nobjectClass: domain\ndc: example",
        *(f"dn: ou={name},{BASE}\nobjectClass: organizationalUnit" for name in UNITS),
        f"dn: o=X26,{PLACES}\nobjectClass: organization\ndescription: Example Hospital\n{PHONE}",
        f"dn: o=X27,{PLACES}\nobjectClass: organization\ndescription: Example Clinic",
        *(holder(n) for n in range(1, people + 1)),
        *(card(n) for n in range(1, people + 1)),
    ]
    return "\n\n".join(entries) + "\n"


def holder(number: int, **unlike: str) -> str:
    person = f"test-holder-{number:04}"
    attributes = {
        "displayName": f"Test Holder {number}", "sn": f"Holder {number}", "cn": person, "o": "X26",
        "mail": f"{person}@nhs.example.org", "employeeType": "staff",
    } | unlike  # fmt: skip
    lines = [f"{name}: {value}" for name, value in attributes.items()]
    return "\n".join([f"dn: {dn(number)}", "objectClass: inetOrgPerson", *lines])


def card(number: int) -> str:
    return "\n".join([
        f"dn: cn={number:032x},ou=cards,{BASE}", "objectClass: device", f"owner: {dn(number)}",
        "description: 20271101000000Z",
    ])  # fmt: skip


def dn(number: int) -> str:
    return f"uid=test-holder-{number:04},ou=people,{BASE}"


def modify(number: int, change: str) -> str:
    return f"dn: {dn(number)}\nchangetype: modify\n{change}\n"


class Command:
    """The command on a database of its own."""

    def __init__(self, folder: Path, migrated: Path) -> None:
        self.folder, self.database = folder, folder / "identity.db"
        shutil.copy(migrated, self.database)
        asyncio.run(self._approve("example.org"))
        self.mapping = MAPPING

    async def _approve(self, domain: str) -> None:
        database = Database(f"sqlite+aiosqlite:///{self.database}")
        approved = ApprovedDomains(database, event_of, SystemRandomness(), SystemClock())
        await approved.put(AllowedDomain(domain, subdomains=True), "keeper")
        await database.close()

    def run(self, directory: LdapDirectory, *options: str, **unlike: str) -> tuple[int, list[str], str]:
        """Run it in this process; return exit code, lines of standard output, and standard error."""
        (self.folder / "mapping.toml").write_text(self.mapping)
        report, feed = (value_of(option, options) for option in ("--report", "--feed"))
        asked = Namespace(
            mapping=str(self.folder / "mapping.toml"), report=report, feed=feed,
            dry_run="--dry-run" in options, accept_refused="--accept-refused" in options,
        )  # fmt: skip
        out, errors = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(errors):
            for name, value in (self.environment(directory) | unlike).items():
                patch.setenv(name, value)
            code = asyncio.run(import_entries(asked))
        return code, out.getvalue().splitlines(), errors.getvalue()

    def start(self, directory: LdapDirectory, **unlike: str) -> subprocess.Popen[bytes]:
        """Start it as a process of its own."""
        (self.folder / "mapping.toml").write_text(self.mapping)
        call = [sys.executable, "-m", "services.identity.ldap", "import", str(self.folder / "mapping.toml")]
        environment = self.environment(directory) | unlike
        return subprocess.Popen(call, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)

    def environment(self, directory: LdapDirectory) -> dict[str, str]:
        return {
            "IDENTITY_DATABASE_URL": f"sqlite+aiosqlite:///{self.database}",
            **directory.settings,
            "LDAP_TIMEOUT_SECONDS": "30",
        }

    def ask(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(query).fetchall()

    def roles(self) -> list[tuple[object, ...]]:
        return self.ask(
            "select holder_id, roles.organisation from roles join holders using (holder_ref)"
            " where granted order by 1, 2"
        )


def value_of(option: str, options: tuple[str, ...]) -> str | None:
    return options[options.index(option) + 1] if option in options else None


def counts(line: str) -> dict[str, int]:
    found: dict[str, int] = json.loads(line[line.index("{") :])
    return found
