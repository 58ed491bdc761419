"""ZIP codes and states."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.supporters.places import state_of, states, tidy

# The main post office of each capital, and one more where a state's prefixes are scattered.
CAPITALS = {
    "AL": "36104", "AK": "99801", "AZ": "85001", "AR": "72201", "CA": "95814", "CO": "80202", "CT": "06103",
    "DE": "19901", "FL": "32301", "GA": "30303", "HI": "96813", "ID": "83702", "IL": "62701", "IN": "46225",
    "IA": "50309", "KS": "66603", "KY": "40601", "LA": "70802", "ME": "04330", "MD": "21401", "MA": "02201",
    "MI": "48933", "MN": "55102", "MS": "39205", "MO": "65101", "MT": "59623", "NE": "68502", "NV": "89701",
    "NH": "03301", "NJ": "08608", "NM": "87501", "NY": "12207", "NC": "27601", "ND": "58501", "OH": "43215",
    "OK": "73102", "OR": "97301", "PA": "17101", "RI": "02903", "SC": "29217", "SD": "57501", "TN": "37219",
    "TX": "78701", "UT": "84111", "VT": "05602", "VA": "23219", "WA": "98507", "WV": "25301", "WI": "53703",
    "WY": "82001",
}  # fmt: skip

OTHERS = {
    "20500": "DC", "56901": "DC", "20101": "VA", "00901": "PR", "00802": "VI", "96910": "GU", "96799": "AS",
    "96950": "MP", "96940": "PW", "96941": "FM", "96960": "MH", "34001": "AA", "09001": "AE", "96201": "AP",
    "00501": "NY", "06390": "NY", "05501": "MA", "88510": "TX", "73301": "TX", "39901": "GA", "83414": "WY",
    "83128": "WY", "99403": "WA", "97914": "OR",
}  # fmt: skip


def test_all_fifty_states() -> None:
    assert len(CAPITALS) == 50
    assert {code: state_of(code) for code in CAPITALS.values()} == {
        z: s for s, z in CAPITALS.items()
    }


@pytest.mark.parametrize(("code", "state"), OTHERS.items())
def test_districts_territories_military_and_single_codes(code: str, state: str) -> None:
    assert state_of(code) == state


@pytest.mark.parametrize(
    "code", ["", "00000", "00499", "1234", "123456", "ABCDE", "60608-12", "H2X 1Y4", "٦٠٦٠٨"]
)
def test_what_is_no_zip_code_has_no_state(code: str) -> None:
    assert state_of(code) == ""


@pytest.mark.parametrize("code", ["60608-1234", "60608 1234", "606081234", " 60608 "])
def test_zip_plus_four(code: str) -> None:
    assert state_of(code) == "IL"
    assert tidy(code) in ("60608-1234", "60608")


@given(st.integers(0, 99999))
def test_every_code_has_one_known_state_or_none(number: int) -> None:
    assert state_of(f"{number:05}") in {"", *states()}


@given(st.text(max_size=30))
def test_tidying_twice_is_tidying_once(text: str) -> None:
    assert tidy(tidy(text)) == tidy(text)
