"""Composition root of the import from an LDAP server: `python -m services.identity.ldap import MAPPING`."""

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path

from services.identity.events import event_of
from services.identity.feeds import Feeds
from services.identity.ldap.import_command import Asked, import_ldap, since_of
from services.identity.ldap.mapping import BadMapping, DirectoryMapping, mapping_of
from services.identity.ldap.server import LdapServer
from services.identity.ldap.settings import LdapSettings
from services.identity.ldap.source import LdapSource
from services.identity.registry import Rehearsal, SqlRegistry
from services.identity.role_list import granted_roles
from services.runtime import process, settings
from services.runtime.clock import SystemClock
from services.runtime.database import Database
from services.runtime.randomness import SystemRandomness


def server_of(read: LdapSettings) -> LdapServer:
    """Return the server that the settings name. Raises OSError for a password that cannot be read."""
    return LdapServer(
        url=read.LDAP_URL,
        ca_file=read.LDAP_CA_FILE,
        bind_dn=read.LDAP_BIND_DN,
        password=read.password,
        page_size=read.LDAP_PAGE_SIZE,
        timeout_seconds=read.LDAP_TIMEOUT_SECONDS,
    )


def mapping_in(path: str) -> DirectoryMapping:
    """Return the mapping in a file. Raises BadMapping or OSError."""
    try:
        return mapping_of(Path(path).read_text())
    except UnicodeDecodeError:
        raise BadMapping("no UTF-8") from None


async def import_entries(options: argparse.Namespace) -> int:
    """Import organisations, holders, cards and roles from an LDAP server, as a mapping says."""
    read, clock = settings.load(LdapSettings), SystemClock()
    asked = Asked(
        options.dry_run,
        Path(options.report) if options.report else None,
        options.feed or "",
        options.accept_refused,
    )
    opened = Database(read.IDENTITY_DATABASE_URL)
    parts, feeds = (opened, event_of, SystemRandomness(), clock), Feeds(opened, clock)
    try:
        mapping = mapping_in(options.mapping)
        since = await since_of(asked.feed, feeds)
        source = LdapSource(server_of(read), mapping, await granted_roles(opened), since)
        registry = Rehearsal(*parts).rehearsed() if asked.dry_run else nullcontext(SqlRegistry(*parts))
        return await import_ldap(asked, source, registry, feeds, clock)
    except (BadMapping, OSError) as error:
        print(f"UNREADABLE: {error}", file=sys.stderr)
        return 2
    finally:
        await opened.close()


if __name__ == "__main__":
    process.main(
        "identity.ldap",
        {"import": import_entries},
        arguments={"import": ["mapping", "--dry-run", "--report FILE", "--feed NAME", "--accept-refused"]},
    )
