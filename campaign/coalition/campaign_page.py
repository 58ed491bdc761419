"""What features above add to a campaign's public page, so that the page knows none of them.

A section answers a part of the template's context: the offices give ``targets``, the endorsements ``signers``,
``signer_count`` and, in ``urls``, ``endorse`` and ``signers``. Each costs a constant number of reads.
"""

from collections.abc import Callable
from typing import Any

from campaign.coalition.models import Campaign

Section = Callable[[Campaign], dict[str, Any]]
_sections: dict[str, Section] = {}


def register_section(name: str, section: Section) -> None:
    """Has the page ask ``section(campaign)`` for its part of the context; one a name."""
    _sections[name] = section


def context(campaign: Campaign) -> dict[str, Any]:
    """All sections' answers in one; their ``urls`` are merged."""
    merged: dict[str, Any] = {"urls": {}}
    for section in _sections.values():
        part = dict(section(campaign))
        merged["urls"].update(part.pop("urls", {}))
        merged.update(part)
    return merged
