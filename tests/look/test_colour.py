"""Whatever colour an organization types, text in it can be read."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from campaign.web import colour
from tests.look.gallery import ROOT

COLOURS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


@given(COLOURS)
@example("#ffff00")
@example("#000000")
@example("#ffffff")
def test_any_accent_is_readable_in_both_themes(typed: str) -> None:
    found = colour.accent(typed)
    assert (
        min(colour.contrast(found.light, ground) for ground in colour.LIGHT_GROUNDS)
        >= colour.ENOUGH
    )
    assert (
        min(colour.contrast(found.dark, ground) for ground in colour.DARK_GROUNDS) >= colour.ENOUGH
    )
    assert colour.contrast(found.light, found.on_light) >= colour.ENOUGH
    assert colour.contrast(found.dark, found.on_dark) >= colour.ENOUGH


def test_a_readable_accent_stays_as_it_was_typed() -> None:
    assert colour.accent("#1d5b5e").light == "#1d5b5e"


@pytest.mark.parametrize("wrong", ["", "teal", "#12345", "#gggggg", "red;}body{display:none"])
def test_what_is_no_colour_gives_the_default_and_nothing_else(wrong: str) -> None:
    assert colour.stylesheet(wrong) == colour.stylesheet(colour.DEFAULT)


def test_black_on_white_is_twenty_one_to_one() -> None:
    assert colour.contrast("#000", "#ffffff") == pytest.approx(21)


def test_the_grounds_are_those_of_the_stylesheet() -> None:
    sheet = (ROOT / "static/campaign.css").read_text("utf-8")
    for name in ("paper", "sheet", "tone"):
        light, dark = re.findall(rf"--{name}: (#[0-9a-f]+);", sheet)[:2]
        assert colour.parse(light) in [colour.parse(ground) for ground in colour.LIGHT_GROUNDS]
        assert colour.parse(dark) in [colour.parse(ground) for ground in colour.DARK_GROUNDS]
