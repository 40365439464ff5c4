"""Through which proxy an address is reached, if any: HTTPS_PROXY and NO_PROXY as other programs read them."""

from contextlib import suppress
from ipaddress import ip_address, ip_network


def proxy_for(address: str, proxy: str, exceptions: str) -> str:
    """Return the URL of the proxy for `host:port`, or nothing where it is reached without one.

    `exceptions`: names, with all below them, addresses or networks, separated by commas; `*` is everything.
    This machine is never reached through a proxy.
    """
    host = address.rpartition(":")[0].strip("[]").lower()
    names = [name.strip().lower() for name in exceptions.split(",") if name.strip()]
    if not proxy or _is_here(host) or any(_covers(name, host, address.lower()) for name in names):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_here(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _covers(name: str, host: str, address: str) -> bool:
    if name in ("*", host, address):
        return True
    with suppress(ValueError):
        return ip_address(host) in ip_network(name, strict=False)
    return host.endswith("." + name.lstrip("*").lstrip("."))
