"""What an agency asks a petition on paper to have, and whether it is there.

``requirements.json`` holds it as data, agency by agency. For DHS: the words and the petitioners' names and addresses in a
prominent place (6 CFR 3.5(a)), the address to mail it to (3.5(b)), and the problem, how the rule solves it, data, the text wanted, and citations (3.7).
An agency that is not named there asks for nothing that we know of; neither does an office of another one, unless its letters
bear on a petition to an agency that is.
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
    "problem": re.compile(r"\bproblem", re.IGNORECASE),
    "rule": re.compile(r"\b(?:solve|solution|rules?\b)", re.IGNORECASE),
    "data": re.compile(r"\b(?:data|evidence|facts?|figures|known)\b", re.IGNORECASE),
    "text": re.compile(r"\b(?:text|propos\w+|wording)\b", re.IGNORECASE),
    "citations": re.compile(r"\b(?:citation|authorit|source)", re.IGNORECASE),
}
"""What is in the heading of each section, in a petition's English text."""

_HEADING = re.compile(r"^(#+) +(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Point:
    """One point of the check list."""

    text: str
    met: bool


@lru_cache(maxsize=1)
def requirements() -> dict[str, Any]:
    """What each agency asks for."""
    return dict(json.loads(_FILE.read_text(encoding="utf-8")))


def _asked(*agencies: str) -> dict[str, Any]:
    """What the first of the agencies that is known asks for, by its short name or one of its long ones."""
    wanted = {one.casefold().removeprefix("the ").strip() for one in agencies}
    for short, asked in requirements().items():
        if wanted & {name.casefold() for name in (short, *asked.get("names", ()))}:
            return dict(asked)
    return {}


def petition_for(campaign_id: int, target: Target) -> PetitionVersion | None:
    """The petition on which a campaign's letters to an office bear, in the version that is in force."""
    found = offices.petition_of(campaign_id, target)
    return found.version if found is not None else None


def check(campaign_id: int, target: Target) -> list[Point]:
    """The check list of a packet to an office; empty where its agency asks for nothing that we know of."""
    found = offices.petition_of(campaign_id, target)
    asked = _asked(target.agency, found.petition.agency if found else "")
    if not asked:
        return []
    version = found.version if found else None
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
        "submit_to": gettext(
            "The address to mail it to is given, with %(part)s.", part=asked["submit_to"]
        )
        if asked.get("submit_to")
        else gettext("The address to mail it to is given."),
    }
    said = {name: _text(facts.get(name)) for name in asked["facts"]}
    points += [
        Point(labels[name], bool(text) and asked.get(name, "") in text)
        for name, text in said.items()
    ]
    sections = {
        "problem": gettext("It has a section on the problem."),
        "rule": gettext("It has a section on the rule, and how it solves the problem."),
        "data": gettext("It has a section on what is known: data and facts."),
        "text": gettext("It has a section with the text that is wanted."),
        "citations": gettext("It has citations."),
    }
    points += [
        Point(sections[name], _has_section(body, _SECTIONS[name])) for name in asked["sections"]
    ]
    return points


def _has_section(body: str, wanted: re.Pattern[str]) -> bool:
    """Whether there is a section with such a heading, and words under it."""
    headings = list(_HEADING.finditer(body))
    for at, heading in enumerate(headings):
        if wanted.search(heading[2]):
            level = len(heading[1])
            later = (one.start() for one in headings[at + 1 :] if len(one[1]) <= level)
            if _HEADING.sub("", body[heading.end() : next(later, len(body))]).strip():
                return True
    return False


def ready(points: list[Point]) -> bool:
    """Whether nothing that is asked for is missing."""
    return all(point.met for point in points)


def _text(value: Any) -> str:
    return str(value.get("en", "") if isinstance(value, dict) else value or "").strip()
