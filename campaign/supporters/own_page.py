"""What features add to a supporter's own page, to the download of their data, and to the desk's page about them.

    own_page.register(section)              section(supporter) -> (template, context) or None
    own_page.register_desk(section)         the same, for staff
    own_page.register_data(name, gather)    gather(supporter) -> anything that JSON can hold

A section's template gets its context's names, and ``supporter``. It begins with an ``h2`` of its own.
"""

from collections.abc import Callable
from typing import Any

from flask import render_template
from markupsafe import Markup

from campaign.supporters.models import Supporter

Shown = tuple[str, dict[str, Any]]
Section = Callable[[Supporter], Shown | None]
Gather = Callable[[Supporter], Any]

_sections: list[Section] = []
_desk_sections: list[Section] = []
_data: dict[str, Gather] = {}


def register(section: Section) -> None:
    """Has the own page show what ``section`` returns; registering the same one again changes nothing."""
    _add(_sections, section)


def register_desk(section: Section) -> None:
    """Has the desk's page about a supporter show what ``section`` returns."""
    _add(_desk_sections, section)


def register_data(name: str, gather: Gather) -> None:
    """Puts what ``gather`` returns under ``name`` into the data that a supporter can download."""
    _data[name] = gather


def sections(supporter: Supporter) -> list[Markup]:
    """The sections of this supporter's own page, in the order of registration (from the floor up)."""
    return _shown(_sections, supporter)


def desk_sections(supporter: Supporter) -> list[Markup]:
    """The sections of the desk's page about this supporter."""
    return _shown(_desk_sections, supporter)


def data(supporter: Supporter) -> dict[str, Any]:
    """What the registered features know of this supporter."""
    return {name: gather(supporter) for name, gather in _data.items()}


def _add(kept: list[Section], section: Section) -> None:
    if section not in kept:
        kept.append(section)


def _shown(kept: list[Section], supporter: Supporter) -> list[Markup]:
    found = [shown for section in kept if (shown := section(supporter)) is not None]
    return [
        Markup(render_template(template, **{"supporter": supporter, **context}))  # noqa: S704  # a template's own output
        for template, context in found
    ]
