import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.address import NoAddress, canonical, masked
from services.identity.domain.allow_list import AllowedDomain, allows, candidates, on_list

LIST = [AllowedDomain("nhs.net", True), AllowedDomain("example.org", False)]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("test-holder@NHS.net", "test-holder@nhs.net"),
        (" Test.Holder@nhs.net ", "Test.Holder@nhs.net"),
        ("a+b@trust.nhs.uk.", "a+b@trust.nhs.uk"),
        ("holder@ｎｈｓ.net", "holder@nhs.net"),
        ("holder@nhs。net", "holder@nhs.net"),
        ("holder@пример.example.org", "holder@xn--e1afmkfd.example.org"),
    ],
)
def test_R3_a_domain_is_kept_in_the_one_form_that_is_judged_and_written_to(typed: str, kept: str) -> None:
    assert canonical(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "", "nobody", "@nhs.net", "holder@", "holder@localhost", "two words@nhs.net", "holder@nhs..net",
        "a@evil.example@nhs.net", '"quoted"@nhs.net', "holder@nhs.net\nBcc: other@example.org",
        "holder@nhs.net,other@example.org", "holder@[127.0.0.1]", ".dot@nhs.net", "dot.@nhs.net",
        "hölder@nhs.net", "holder@-nhs.net", "x" * 65 + "@nhs.net", "holder@" + "a." * 130 + "net",
        "holder@nhs.net\x00", "<holder@nhs.net>",
    ],
)  # fmt: skip
def test_S10_what_could_be_two_addresses_or_a_header_is_none(typed: str) -> None:
    with pytest.raises(NoAddress):
        canonical(typed)


@pytest.mark.parametrize(
    ("domain", "allowed"),
    [
        ("nhs.net", True), ("trust.nhs.net", True), ("a.b.nhs.net", True),
        ("evilnhs.net", False), ("nhs.net.evil.example", False), ("net", False), ("", False),
        ("example.org", True), ("sub.example.org", False),
        ("xn--nhs-5cd.net", False),
    ],
)  # fmt: skip
def test_R33_an_entry_matches_exactly_or_below_as_it_says(domain: str, allowed: bool) -> None:
    assert allows(LIST, domain) is allowed


@pytest.mark.parametrize("lookalike", ["holder@nhѕ.net", "holder@nһs.net", "holder@nhs.nеt"])
def test_R3_letters_of_another_script_are_another_domain(lookalike: str) -> None:
    domain = canonical(lookalike).rpartition("@")[2]

    assert domain.startswith("xn--") or ".xn--" in domain
    assert not allows(LIST, domain)


def test_a_domain_is_looked_up_with_all_above_it() -> None:
    assert candidates("a.nhs.net") == ["a.nhs.net", "nhs.net", "net"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("test-holder-0001@example.org", "t…1@example.org"),
        ("abc@example.org", "a…c@example.org"),
        ("ab@example.org", "…@example.org"),
        ("a@example.org", "…@example.org"),
    ],
)
def test_an_address_is_shown_masked(address: str, shown: str) -> None:
    assert masked(address) == shown


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["", "X26", "Y77"]), st.sampled_from(["a.b", "x.a.b", "y.x.a.b", "c.b"])),
        st.booleans(),
    ),
    st.sampled_from(["X26", "Y77", ""]),
    st.sampled_from(["a.b", "x.a.b", "y.x.a.b", "xa.b", "c.b", "z.c.b"]),
)
def test_R33_looking_up_and_looking_through_give_the_same_answer(
    entries: dict[tuple[str, str], bool], organisation: str, domain: str
) -> None:
    listed = [AllowedDomain(entry, below, place) for (place, entry), below in entries.items()]
    mine = [entry for entry in listed if entry.organisation in {"", organisation}]

    assert on_list(entries, organisation, domain) is allows(mine, domain)
