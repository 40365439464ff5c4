"""What a stranger's link and a bad gateway's page address can do: nothing."""

import pytest

from services.agent.addresses import is_link, is_trusted

ORIGIN = "https://unlock.example.org"


@pytest.mark.parametrize("link", ["smartcard-unlock:", "smartcard-unlock:ABCD-EFGH"])
def test_S38_the_links_own_form_is_taken(link: str) -> None:
    assert is_link(link)


@pytest.mark.parametrize(
    "link",
    [
        "",
        "smartcard-unlock:abcd",
        "smartcard-unlock:--x",
        "smartcard-unlock:A\n",
        "smartcard-unlock://A",
        " smartcard-unlock:",
    ],
)
def test_S38_anything_else_is_not(link: str) -> None:
    assert not is_link(link)


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        (f"{ORIGIN}/open/abc", ORIGIN),
        (f"{ORIGIN}/open/abc", ORIGIN + "/"),
        (f"{ORIGIN}/open/abc", ""),
        ("http://127.0.0.1:8080/open/abc", ""),
    ],
)
def test_a_page_of_ours_is_opened(address: str, origin: str) -> None:
    assert is_trusted(address, origin)


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://unlock.example.org.evil.example/open/abc", ORIGIN),
        ("https://evil.example/open/abc", ORIGIN),
        ("http://unlock.example.org/open/abc", ""),
        ("file:///etc/passwd", ""),
        ("javascript:alert(1)", ""),
        ("https://[::1", ""),
        (f"{ORIGIN}/open/a\x1b[2Jb", ORIGIN),
        (f"{ORIGIN}/open/a b", ORIGIN),
    ],
)
def test_another_page_is_neither_opened_nor_shown(address: str, origin: str) -> None:
    assert not is_trusted(address, origin)
