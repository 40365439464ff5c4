"""Where a call comes from, for limits that count by network: never for trust.

Only hops of ours are believed: what any other wrote into X-Forwarded-For its sender may have made up.
"""

import ipaddress


def source_of(connected: str, forwarded: str, trusted_hops: int) -> str:
    """Return the caller's address: the connection's, or what the outermost trusted hop wrote down.

    Of an IPv6 address its network of 64 bits: one subscriber has all of it, so limits count by it.
    """
    said = [part.strip() for part in forwarded.split(",") if part.strip()]
    if trusted_hops and len(said) >= trusted_hops:
        return _counted(said[-trusted_hops][:64])
    return _counted(connected)


def _counted(text: str) -> str:
    """Return the address to count by; a text that is no address stays as it is."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
