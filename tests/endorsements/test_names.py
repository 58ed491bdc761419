"""When two names are one signer's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.endorsements.names import domain_of, name_key, tidy_website


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Advocates for Human Rights", "advocates for human rights"),
        ("Center for Gender & Refugee Studies", "Center for Gender and Refugee Studies"),
        ("The Northwest Immigrant Rights’ Project", "Northwest Immigrant Rights' Project"),
        ("Comité de Refugiados, Inc.", "COMITE DE REFUGIADOS"),
        ("  Amnesty\u00a0 International ", "Amnesty International"),
        ("University of California-Davis Clinic", "University of California, Davis, Clinic"),
        ("Straße", "STRASSE"),
    ],
)
def test_one_signer(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Legal Aid Chicago", "Legal Aid Cleveland"),
        ("The", "Inc"),
        ("国际特赦", "国际移民"),
        ("C", "C++ 1"),
    ],
)
def test_two_signers(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@given(st.text(max_size=60))
def test_folding_twice_changes_nothing(name: str) -> None:
    assert name_key(name_key(name)) == name_key(name)


@given(st.text(alphabet="abc éß&'’.,-THE inc", max_size=30))
def test_case_and_space_never_matter(name: str) -> None:
    assert name_key(f"  {name.upper()} ") == name_key(name)


@given(st.from_regex(r"[A-Za-z]{1,8}( [A-Za-z]{1,8}){1,4}", fullmatch=True))
def test_signs_never_matter(name: str) -> None:
    assert name_key(name.replace(" ", " - ") + "!") == name_key(name)


def test_websites() -> None:
    assert tidy_website(" example.org/about ") == "https://example.org/about"
    assert tidy_website("") == ""
    assert domain_of("http://WWW.Example.org:8080/x") == "example.org"
    assert domain_of("") == ""
    for bad in (
        "javascript:alert(1)",
        "ftp://x.org",
        "localhost",
        "http://a@b.org",
        "x y.org",
        "http://a.org:99999",
    ):
        with pytest.raises(ValueError):
            tidy_website(bad)


@given(st.text(max_size=60))
def test_any_text_is_a_website_or_refused(text: str) -> None:
    try:
        tidy = tidy_website(text)
    except ValueError:
        return
    assert tidy == "" or tidy.startswith(("http://", "https://"))
    assert tidy_website(tidy) == tidy
