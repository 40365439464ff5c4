"""HTTPS_PROXY and NO_PROXY, as other programs read them."""

import pytest

from services.agent.proxies import proxy_for

PROXY = "http://proxy.example.org:3128"
GATEWAY = "agents.unlock.example.org:8444"


@pytest.mark.parametrize(
    ("address", "exceptions"),
    [
        (GATEWAY, "*"),
        (GATEWAY, "example.org"),
        (GATEWAY, "other.test, .unlock.example.org"),
        (GATEWAY, "*.example.org"),
        (GATEWAY, "agents.unlock.example.org:8444"),
        ("AGENTS.unlock.example.org:8444", "Agents.Unlock.example.org"),
        ("192.0.2.7:8444", "192.0.2.0/24"),
        ("[2001:db8::7]:8444", "2001:db8::/32"),
        ("127.0.0.1:8444", ""),
        ("[::1]:8444", ""),
        ("localhost:8444", ""),
    ],
)
def test_what_is_reached_without_it(address: str, exceptions: str) -> None:
    assert proxy_for(address, PROXY, exceptions) == ""


@pytest.mark.parametrize("exceptions", ["", " ,", "ample.org", "agents.unlock.example.org:443", "192.0.2.7"])
def test_what_goes_through_it(exceptions: str) -> None:
    assert proxy_for(GATEWAY, PROXY, exceptions) == PROXY


def test_a_proxy_without_a_scheme_is_one_of_http_and_none_is_none() -> None:
    assert proxy_for(GATEWAY, "proxy.example.org:3128", "") == PROXY
    assert proxy_for(GATEWAY, "", "") == ""
