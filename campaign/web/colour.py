"""An organization's accent colour, made readable on our light and dark paper.

A coalition types one colour. Text, links and buttons use it on several grounds, so both themes get a
shade of it that keeps at least 4.5:1 against every ground it meets (WCAG 2.2, 1.4.3), and the colour
of letters on it is chosen the same way. Lightness changes in OKLCH, where hue holds.
"""

import re
from dataclasses import dataclass
from math import atan2, cbrt, cos, hypot, sin

DEFAULT = "#17594a"
ENOUGH = 4.5
"""WCAG 2.2, 1.4.3 Contrast (Minimum), level AA, for text of any size."""

# The grounds that accent-coloured text stands on: --paper, --sheet and --tone of static/campaign.css.
LIGHT_GROUNDS = ("#fbfbf9", "#ffffff", "#f0f1ed")
DARK_GROUNDS = ("#15181b", "#1d2125", "#22272b")
INKS = ("#ffffff", "#10151a")
"""Letters on the accent: the one with more contrast is taken."""

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Accent:
    """One accent in both themes, and the letters that stand on it; all ``#rrggbb``."""

    light: str
    on_light: str
    dark: str
    on_dark: str


def parse(text: str) -> Triple:
    """Red, green and blue from 0 to 1 of ``#rgb`` or ``#rrggbb``; raises ValueError for anything else."""
    match = re.fullmatch(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})", text.strip())
    if not match:
        raise ValueError(f"not a colour like #1d5b5e: {text!r}")
    digits = match[1] if len(match[1]) == 6 else "".join(d * 2 for d in match[1])
    red, green, blue = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _gamma(value: float) -> float:
    value = min(1.0, max(0.0, value))
    return value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def luminance(colour: str) -> float:
    """Relative luminance, 0 to 1, as WCAG 2.2 defines it."""
    red, green, blue = (_linear(part) for part in parse(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio, 1 to 21, as WCAG 2.2 defines it."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _to_oklch(colour: str) -> Triple:
    red, green, blue = (_linear(part) for part in parse(colour))
    long = cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return lightness, hypot(a, b), atan2(b, a)


def _from_oklch(lightness: float, chroma: float, hue: float) -> Triple:
    a, b = chroma * cos(hue), chroma * sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _hex(lightness: float, chroma: float, hue: float) -> str:
    """The nearest colour a screen shows: chroma gives way until it fits, hue and lightness stay."""
    for part in range(21):
        rgb = _from_oklch(lightness, chroma * (1 - part / 20), hue)
        if all(-0.0005 <= value <= 1.0005 for value in rgb):
            break
    return "#" + "".join(f"{round(_gamma(value) * 255):02x}" for value in rgb)


def _readable(colour: str, grounds: tuple[str, ...], step: float) -> str:
    lightness, chroma, hue = _to_oklch(colour)
    found = _hex(lightness, chroma, hue)
    while min(contrast(found, ground) for ground in grounds) < ENOUGH and 0 <= lightness <= 1:
        lightness += step
        found = _hex(min(1.0, max(0.0, lightness)), chroma, hue)
    return found


def _ink_on(colour: str) -> str:
    return max(INKS, key=lambda ink: contrast(ink, colour))


def accent(colour: str) -> Accent:
    """The accent for both themes from one colour; an empty or wrong one gives the default."""
    try:
        parse(colour)
    except ValueError:
        colour = DEFAULT
    light = _readable(colour, LIGHT_GROUNDS, -0.01)
    lightness, chroma, hue = _to_oklch(colour)
    # On dark paper a deep colour starts from a pale shade of itself instead of the first that passes.
    dark = _readable(_hex(max(lightness, 0.78), min(chroma, 0.13), hue), DARK_GROUNDS, 0.01)
    return Accent(light, _ink_on(light), dark, _ink_on(dark))


def stylesheet(colour: str) -> str:
    """The campaign's own small sheet, served at ``/c/<slug>/theme.css``; loaded after campaign.css."""
    found = accent(colour)
    return (
        f":root{{--accent-light:{found.light};--on-accent-light:{found.on_light};"
        f"--accent-dark:{found.dark};--on-accent-dark:{found.on_dark}}}\n"
    )
