"""One line of a supporters' CSV file, read and checked."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from email_validator import EmailNotValidError, validate_email

from campaign.supporters.forms import NAME_LENGTH, POSTAL_LENGTH, SOURCE
from campaign.supporters.places import state_of, states, tidy
from campaign.web.forms import PlainText

_PHONE = re.compile(r"[0-9+()./ #x-]{3,40}", re.IGNORECASE)
_UNSEEN = PlainText().unseen


@dataclass(frozen=True)
class Given:
    """What a line says of a person, and of one consent."""

    email: str
    given_name: str
    family_name: str
    postal_code: str
    state: str
    country: str
    language: str
    phone: str
    tags: list[str]
    source: str
    organization: str
    consented_at: datetime | None

    def person(self) -> dict[str, Any]:
        """The values of the supporter's own row."""
        names = (
            "email", "given_name", "family_name", "postal_code", "state", "country", "language",
            "phone", "tags", "source",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}


def read(row: Mapping[str, str], languages: Collection[str], latest: datetime) -> Given:
    """The line's values; raises ValueError with a reason that helps to mend the line.

    A consent after ``latest`` cannot be true. Where the state is empty it follows from the ZIP code.
    """
    cells = {name: " ".join((value or "").split()) for name, value in row.items()}
    if any(_UNSEEN.search(value) for value in cells.values()):
        raise ValueError("it holds invisible control characters")
    country = (cells.get("country") or "US").upper()
    postal_code = tidy(cells.get("postal_code", ""))
    given = Given(
        email=_email(cells.get("email", "")),
        given_name=_short(cells, "given_name", NAME_LENGTH),
        family_name=_short(cells, "family_name", NAME_LENGTH),
        postal_code=postal_code,
        state=_state(cells.get("state", ""), postal_code, country),
        country=country,
        language=(cells.get("language") or "en").lower().replace("_", "-").split("-")[0],
        phone=cells.get("phone", ""),
        tags=_tags(cells.get("tags", "")),
        source=cells.get("source", "").lower(),
        organization=cells.get("organization", ""),
        consented_at=_moment(cells.get("consented_at", ""), latest),
    )
    _check(given, languages)
    return given


def _check(given: Given, languages: Collection[str]) -> None:
    if len(given.postal_code) > POSTAL_LENGTH:
        raise ValueError(f"postal_code is longer than {POSTAL_LENGTH} characters")
    if not (len(given.country) == 2 and given.country.isascii() and given.country.isalpha()):
        raise ValueError(f"country is {given.country!r}: use two letters like US (ISO 3166)")
    if given.language not in languages:
        raise ValueError(
            f"language is {given.language!r}: use one of {', '.join(sorted(languages))}"
        )
    if given.phone and not _PHONE.fullmatch(given.phone):
        raise ValueError("phone is not a telephone number")
    if given.source and not SOURCE.fullmatch(given.source):
        raise ValueError("source may hold lower-case letters, digits and hyphens only")
    if given.consented_at and not given.organization:
        raise ValueError(
            "consented_at says when, but organization is empty: name whom the person let write"
        )


def _email(text: str) -> str:
    try:
        return str(
            validate_email(text, check_deliverability=False, test_environment=True).normalized
        )
    except EmailNotValidError:
        raise ValueError("email is not an email address") from None


def _short(cells: Mapping[str, str], name: str, longest: int) -> str:
    value = cells.get(name, "")
    if len(value) > longest:
        raise ValueError(f"{name} is longer than {longest} characters")
    return value


def _state(text: str, postal_code: str, country: str) -> str:
    if text:
        if len(text) > 20:
            raise ValueError("state is longer than 20 characters: use a code like IL")
        if country == "US" and text.upper() not in states():
            raise ValueError(f"state is {text!r}: use a code of the Postal Service like IL")
        return text.upper()
    return state_of(postal_code) if country == "US" else ""


def _tags(text: str) -> list[str]:
    tags = [tag for part in text.split(";") if (tag := part.strip())]
    if len(tags) > 50 or any(len(tag) > 60 for tag in tags):
        raise ValueError("tags: at most 50, separated by ;, of 60 characters each")
    return list(dict.fromkeys(tags))


def _moment(text: str, latest: datetime) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"consented_at is {text!r}: write it like 2026-09-16T14:05:00Z or 2026-09-16"
        ) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if moment > latest:
        raise ValueError("consented_at lies in the future")
    return moment
