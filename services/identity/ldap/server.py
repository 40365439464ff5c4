"""An LDAP server: its entries, page by page (RFC 2696), over TLS with its name verified."""

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bonsai
from bonsai import LDAPClient, LDAPConnection, LDAPSearchScope

from services.identity.ldap.mapping import Entry, Search

SCOPES = {"subtree": LDAPSearchScope.SUBTREE, "one": LDAPSearchScope.ONELEVEL}

GRACE_SECONDS = 1.0
"""In which the library's own time limit ends the wait with a message, where it does."""


class LdapFailed(Exception):
    """The server cannot be asked, or did not answer to the end; the text says why."""


@dataclass(frozen=True)
class LdapServer:
    """Where it is, and as whom we ask."""

    url: str
    ca_file: Path
    bind_dn: str
    password: str = field(repr=False)
    page_size: int
    """Entries."""
    timeout_seconds: float
    """For each answer."""

    def entries(self, search: Search, wanted: str, more: Sequence[str]) -> Iterator[Entry]:
        """Yield the entries that match the filter `wanted`, with the attributes `more` besides the search's.

        One page is in memory. Raises LdapFailed.
        """
        attributes = [*search.attributes, *more]
        try:
            with self._connected(attributes) as connection:
                for entry in self._paged(connection, search, wanted, attributes):
                    yield {name.lower(): _texts(values) for name, values in entry.items()}
        except (bonsai.LDAPError, OSError) as error:
            raise LdapFailed(f"{type(error).__name__}: {error}") from None

    def _connected(self, attributes: list[str]) -> LDAPConnection:
        """Connect and bind. A server that hangs in the handshake of LDAPS ends the process (SIGALRM).

        The library waits there for ever, and lets no other thread run; nothing is being written meanwhile.
        """
        signal.setitimer(signal.ITIMER_REAL, self.timeout_seconds + GRACE_SECONDS)
        try:
            return self._client(attributes).connect(timeout=self.timeout_seconds)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _client(self, attributes: list[str]) -> LDAPClient:
        client = LDAPClient(self.url, tls=self.url.startswith("ldap://"))
        client.set_cert_policy("demand")
        client.set_ca_cert(str(self.ca_file))
        client.set_credentials("SIMPLE", user=self.bind_dn, password=self.password)
        # Whoever a referral names would be given the password.
        client.set_server_chase_referrals(False)
        # As text, our own way: the library would make a number of "0001", and drop its zeros.
        client.set_raw_attributes(attributes)
        client.set_auto_page_acquire(False)
        return client

    def _paged(self, connection: Any, search: Search, wanted: str, attributes: list[str]) -> Iterator[Any]:
        page = connection.paged_search(
            search.base,
            SCOPES[search.scope],
            wanted,
            attributes,
            timeout=self.timeout_seconds,
            page_size=self.page_size,
        )
        while True:
            yield from page
            asked = page.acquire_next_page()
            if asked is None:
                return
            page = connection.get_result(asked, self.timeout_seconds)


def _texts(values: Sequence[bytes | str]) -> list[str]:
    """Bytes that are no UTF-8 leave a mark, by which the import refuses the row."""
    return [value.decode(errors="replace") if isinstance(value, bytes) else value for value in values]
