from pathlib import Path

import pytest

from services.web.sites import BadSites, Sites


def sites(folder: Path, *lines: str) -> Sites:
    file = folder / "sites.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    return Sites.from_file(file)


@pytest.mark.parametrize(
    ("client", "name"),
    [
        ("192.0.2.7", "Example Hospital"),
        ("192.0.2.200", "Example Hospital, ward 7"),
        ("198.51.100.1", ""),
        ("2001:db8:1:2::/64", "Clinic, north"),
        ("2001:db8:2::/64", ""),
        ("", ""),
        ("no address", ""),
    ],
)
def test_the_narrowest_network_names_the_site(tmp_path: Path, client: str, name: str) -> None:
    known = sites(
        tmp_path,
        "192.0.2.0/24,Example Hospital",
        '192.0.2.192/26,"Example Hospital, ward 7"',
        "",
        '2001:db8:1::/48,"Clinic, north"',
    )

    assert known.site_of(client) == name


@pytest.mark.parametrize(
    "line",
    [
        "192.0.2.0/24",
        "192.0.2.0/33,Site",
        "192.0.2.1/24,Example",
        "192.0.2.0/24,",
        "192.0.2.0/24," + "x" * 81,
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(BadSites, match="line 2"):
        sites(tmp_path, "198.51.100.0/24,Example", line)
