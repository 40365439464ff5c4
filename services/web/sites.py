"""Where a browser is, in words for the mail: a list of networks and names that a deployment may give.

A hint for the holder. Nothing is judged by it, and a network that is not listed has no name.
"""

import csv
import ipaddress
from dataclasses import dataclass
from pathlib import Path

LONGEST_NAME = 80
"""Characters. Source: CodeParticulars.site."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class BadSites(ValueError):
    """The list of sites cannot be used; the text names the line."""


@dataclass(frozen=True)
class Sites:
    """Networks with their names, the narrowest first."""

    named: tuple[tuple[Network, str], ...] = ()

    @classmethod
    def from_file(cls, path: Path) -> "Sites":
        """Read lines `network,name` (CSV, UTF-8). Raises BadSites or OSError."""
        with path.open(encoding="utf-8", newline="") as file:
            found = [_site(number, row) for number, row in enumerate(csv.reader(file), 1) if row]
        return cls(tuple(sorted(found, key=lambda site: -site[0].prefixlen)))

    def site_of(self, client_address: str) -> str:
        """Return the name of the narrowest network that an address is in; empty where none is."""
        try:
            client = ipaddress.ip_network(client_address)
        except ValueError:
            return ""
        return next((name for network, name in self.named if _within(client, network)), "")


def _site(number: int, row: list[str]) -> tuple[Network, str]:
    try:
        network, name = ipaddress.ip_network(row[0].strip()), row[1].strip()
    except (ValueError, IndexError):
        raise BadSites(f"line {number}: not a network and a name") from None
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadSites(f"line {number}: a name has 1 to {LONGEST_NAME} characters")
    return network, name


def _within(client: Network, network: Network) -> bool:
    if isinstance(client, ipaddress.IPv4Network) and isinstance(network, ipaddress.IPv4Network):
        return client.subnet_of(network)
    if isinstance(client, ipaddress.IPv6Network) and isinstance(network, ipaddress.IPv6Network):
        return client.subnet_of(network)
    return False
