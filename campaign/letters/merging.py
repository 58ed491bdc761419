"""Merge fields of letter templates: {given_name} and a few others, and nothing else.

The sandbox is that there is no language: a name in braces is replaced by a text, once, and what is put in is never read
again. Unknown names are refused where an organizer writes them, and stay as they are where a letter has them.
"""

import re
from collections.abc import Mapping, Sequence

from campaign.supporters.places import state_of

WRITER = ("given_name", "family_name", "state", "postal_code")
"""Fields that the writer's own words may have; empty ones leave no gap."""
OFFICE = ("agency", "role", "holder")
"""Fields that only the request to an agency may have: whoever holds the office on the day of delivery, else its role."""

_FIELD = re.compile(r"(?P<gap>[ \t]?)\{(?P<name>[a-z_]+)\}")


def merged(text: str, values: Mapping[str, str]) -> str:
    """``text`` with the fields that ``values`` knows put in; an empty value takes the blank before it along."""

    def put(found: re.Match[str]) -> str:
        if found["name"] not in values:
            return found[0]
        value = values[found["name"]]
        return f"{found['gap']}{value}" if value else ""

    return _FIELD.sub(put, text) if "{" in text else text


def both_ways(texts: Sequence[str], values: Mapping[str, str]) -> Sequence[str]:
    """Texts as they are, and those that have fields also with these put in: a name in a field is no word of one's own."""
    filled = [merged(text, values) for text in texts if "{" in text]
    return [*texts, *filled] if filled else texts


def writer(given_name: str, family_name: str, postal_code: str) -> dict[str, str]:
    """The values of WRITER; the state is the postal code's."""
    return {
        "given_name": given_name,
        "family_name": family_name,
        "state": state_of(postal_code),
        "postal_code": postal_code,
    }
