"""What a message belongs to, in words and with the desk's page about it: features say it of their own origins."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Select

from campaign.extensions import db

Key = tuple[int, int]
"""A message's ``origin_id`` and ``unit_id``."""


class Thing(NamedTuple):
    """An alert, a letter, a digest: what it is called, and the desk's page that shows it."""

    text: str
    url: str


Namer = Callable[[Collection[Key]], Mapping[Key, Thing]]
"""Names what messages of one origin belong to; those of which nothing is known are left out."""

_namers: dict[str, Namer] = {}


def register(origin: str, namer: Namer) -> None:
    """Has ``namer`` name what messages of ``origin`` belong to."""
    _namers[origin] = namer


def by_unit(
    keys: Collection[Key], query: Select[*tuple[Any, ...]], thing: Callable[[Any], Thing]
) -> Mapping[Key, Thing]:
    """What messages belong to whose ``unit_id`` is the ``id`` of one of the query's rows: ``thing`` names a row."""
    rows = db.session.execute(
        query.where(query.selected_columns.id.in_({unit for _, unit in keys}))
    )
    found = {row.id: thing(row) for row in rows}
    return {key: found[key[1]] for key in keys if key[1] in found}


def of(messages: Collection[tuple[str, int, int]]) -> dict[tuple[str, int, int], Thing]:
    """What messages (origin, origin_id, unit_id) belong to, as far as a feature names it."""
    found: dict[tuple[str, int, int], Thing] = {}
    for origin, namer in _namers.items():
        keys = {(origin_id, unit) for name, origin_id, unit in messages if name == origin}
        if keys:
            found |= {(origin, *key): thing for key, thing in namer(keys).items()}
    return found
