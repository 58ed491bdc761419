"""Which letter a message belongs to, for the desk's list of addresses that are not mailed."""

from collections.abc import Collection, Mapping
from typing import Any

from flask import url_for
from flask_babel import gettext
from sqlalchemy import select

from campaign.letters.models import Delivery, Letter
from campaign.mail.naming import Key, Thing, by_unit
from campaign.offices.models import Target


def of_deliveries(keys: Collection[Key]) -> Mapping[Key, Thing]:
    """The letters that deliveries carry, and to whom."""
    query = (
        select(Delivery.id, Letter.id.label("letter_id"), Letter.subject, Target.role)
        .join(Letter, Letter.id == Delivery.letter_id)
        .join(Target, Target.id == Delivery.target_id)
    )
    return by_unit(
        keys, query,
        lambda row: _letter(
            row.letter_id,
            gettext("Letter “%(subject)s” to the %(role)s", subject=_subject(row), role=row.role),
        ),
    )  # fmt: skip


def of_notices(keys: Collection[Key]) -> Mapping[Key, Thing]:
    """The letters of which their writers were told something."""
    return by_unit(
        keys, select(Letter.id, Letter.subject),
        lambda row: _letter(
            row.id, gettext("Notice about the letter “%(subject)s”", subject=_subject(row))
        ),
    )  # fmt: skip


def _subject(row: Any) -> str:
    return row.subject or gettext("(deleted)")


def _letter(letter_id: int, text: str) -> Thing:
    return Thing(text, url_for("letters_desk.letter", letter_id=letter_id))
