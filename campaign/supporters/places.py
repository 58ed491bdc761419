"""Which US state or territory a ZIP code lies in, from the ranges of its first digits.

``zip_codes.csv`` follows the Postal Service's list of three-digit prefixes (Domestic Mail Manual, Labeling List L002),
with the few single codes that lie across a state's border; military mail has the "states" AA, AE and AP.
"""

import csv
import re
from bisect import bisect_right
from functools import lru_cache
from pathlib import Path

ZIP = re.compile(r"([0-9]{5})(?:[-– ]?([0-9]{4}))?")
"""A ZIP code, or ZIP+4 as people write it."""

_FILE = Path(__file__).with_name("zip_codes.csv")

Range = tuple[str, str, str]


@lru_cache(maxsize=1)
def _ranges() -> list[Range]:
    with _FILE.open(encoding="ascii", newline="") as file:
        return [(row["first"], row["last"], row["state"]) for row in csv.DictReader(file)]


@lru_cache(maxsize=1)
def states() -> tuple[str, ...]:
    """The two-letter codes of all states, DC, the territories and the military regions, in order."""
    return tuple(sorted({state for _, _, state in _ranges()}))


def state_of(postal_code: str) -> str:
    """The two-letter code for a US ZIP or ZIP+4; empty for anything else, and for prefixes that are not in use."""
    match = ZIP.fullmatch(postal_code.strip())
    if match is None:
        return ""
    code = match[1]
    ranges = _ranges()
    at = bisect_right(ranges, (code, "99999", "ZZ")) - 1
    if at < 0:
        return ""
    _, last, state = ranges[at]
    return state if code <= last else ""


def tidy(postal_code: str) -> str:
    """A postal code as we keep it: ZIP+4 with a hyphen, others in capitals with single spaces."""
    text = " ".join(postal_code.split())
    match = ZIP.fullmatch(text)
    if match:
        return f"{match[1]}-{match[2]}" if match[2] else match[1]
    return text.upper()
