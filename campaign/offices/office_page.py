"""What features above add to an office's page at the desk, so that the page knows none of them.

A section answers a part of the template's context: the letters give ``oldest``, since when the first one in the queue waits, and
the papers ``digest``, what is known of the next one.
"""

from collections.abc import Callable
from typing import Any

from campaign.offices.models import Target

Section = Callable[[Target], dict[str, Any]]
_sections: dict[str, Section] = {}


def register_section(name: str, section: Section) -> None:
    """Has the page ask ``section(target)`` for its part of the context; one a name."""
    _sections[name] = section


def context(target: Target) -> dict[str, Any]:
    """All sections' answers in one."""
    merged: dict[str, Any] = {}
    for section in _sections.values():
        merged.update(section(target))
    return merged
