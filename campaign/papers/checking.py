"""What an agency asks a petition on paper to have, and whether it is there.

``requirements.json`` holds it as data, agency by agency. For DHS: the words and the petitioners' names and addresses in a
prominent place (6 CFR 3.5(a)), the address to mail it to (3.5(b)), and the problem, how the rule solves it, data, the text wanted, and citations (3.7).
An agency that is not named there asks for nothing that we know of.
"""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask_babel import gettext

from campaign.offices import queries as offices
from campaign.offices.models import Target
from campaign.petitions.models import PetitionVersion

_FILE = Path(__file__).with_name("requirements.json")

_SECTIONS = {
    "problem": re.compile(r"^#+ .*\bproblem\b", re.IGNORECASE | re.MULTILINE),
    "rule": re.compile(r"^#+ .*\b(?:solve|text|rule)", re.IGNORECASE | re.MULTILINE),
    "data": re.compile(
        r"^#+ .*\b(?:data|evidence|facts?|figures|known)\b", re.IGNORECASE | re.MULTILINE
    ),
    "text": re.compile(r"^#+ .*\b(?:text|propos\w+|wording)\b", re.IGNORECASE | re.MULTILINE),
    "citations": re.compile(r"^#+ .*\b(?:citation|authorit|source)", re.IGNORECASE | re.MULTILINE),
}


@dataclass(frozen=True)
class Point:
    """One point of the check list."""

    text: str
    met: bool


@lru_cache(maxsize=1)
def requirements() -> dict[str, Any]:
    """What each agency asks for."""
    return dict(json.loads(_FILE.read_text(encoding="utf-8")))


def petition_for(campaign_id: int, target: Target) -> PetitionVersion | None:
    """The petition on which a campaign's letters to an office bear, in the version that is in force."""
    found = offices.petition_of(campaign_id, target)
    return found.version if found is not None else None


def check(campaign_id: int, target: Target) -> list[Point]:
    """The check list of a packet to an office; empty where its agency asks for nothing that we know of."""
    asked = requirements().get(target.agency)
    if not asked:
        return []
    version = petition_for(campaign_id, target)
    facts = dict(version.facts) if version else {}
    body = (version.body or {}).get("en", "") if version else ""
    form = _text(facts.get("legal_form"))
    points = [
        Point(gettext("There is a published petition to this agency (%(source)s).", source=asked["source"]), version is not None),
        Point(
            gettext("Its first page says “%(words)s”.", words=asked["words"][0]),
            any(words.lower() in form.lower() for words in asked["words"]),
        ),
    ]  # fmt: skip
    labels = {
        "petitioner": gettext("The petitioner is named."),
        "petitioner_address": gettext("The petitioner’s mailing address is given."),
        "submit_to": gettext("The address to mail it to is given."),
    }
    points += [
        Point(labels[name], bool(_text(facts.get(name))))
        for name in asked["facts"]
        if name in labels
    ]
    sections = {
        "problem": gettext("It has a section on the problem."),
        "rule": gettext("It has a section on the rule, and how it solves the problem."),
        "data": gettext("It has a section on what is known: data and facts."),
        "text": gettext("It has a section with the text that is wanted."),
        "citations": gettext("It has citations."),
    }
    points += [
        Point(sections[name], bool(_SECTIONS[name].search(body))) for name in asked["sections"]
    ]
    return points


def ready(points: list[Point]) -> bool:
    """Whether nothing that is asked for is missing."""
    return all(point.met for point in points)


def _text(value: Any) -> str:
    return str(value.get("en", "") if isinstance(value, dict) else value or "").strip()
