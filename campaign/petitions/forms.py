"""Forms of the desk for petitions."""

from datetime import date
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, DateField, HiddenField, ValidationError
from wtforms.fields import Field
from wtforms.validators import DataRequired, Optional

from campaign.coalition.forms import (
    BODY,
    MISSING,
    SUMMARY,
    TITLE,
    LanguagesForm,
    in_languages,
    line,
    text,
)
from campaign.coalition.naming import is_slug
from campaign.petitions.models import PetitionVersion
from campaign.web.languages import DEFAULT

FACTS = ("petitioner", "petitioner_address", "submit_to", "authority")
LEGAL_FORMS = ("petition for rulemaking", "rulemaking petition")
"""6 CFR 3.5(a)(1): one of them stands in a prominent place of a petition to DHS."""


class _PetitionBase(LanguagesForm):
    slug = line(_l("Short name in the address"), 60)
    agency = line(
        _l("Agency, in short"), 40, description=_l("As in the list of offices, such as DHS.")
    )
    petitioner = line(_l("Petitioner"), 300, DataRequired(MISSING))
    petitioner_address = line(_l("Petitioner’s mailing address"), 300, DataRequired(MISSING))
    submit_to = line(_l("Where the paper goes"), 500)
    authority = line(_l("Legal basis"), 300)
    filed = DateField(_l("Filed on"), validators=[Optional()])

    creating = False

    def validate_slug(self, field: Field) -> None:
        """The short name is chosen once."""
        if self.creating and not is_slug(field.data or ""):
            raise ValidationError(
                gettext("Please use lower-case letters, digits and hyphens alone.")
            )

    def validate_agency(self, field: Field) -> None:
        """The agency is chosen once."""
        if self.creating and not field.data:
            raise ValidationError(MISSING)

    def facts(self) -> dict[str, Any]:
        """What the agency's rules ask a petition to say of itself, as the table keeps it."""
        facts: dict[str, Any] = {name: self[name].data for name in FACTS if self[name].data}
        facts |= {"legal_form": self.texts("legal_form"), "agency_name": self.texts("agency_name")}
        if self.filed.data:
            facts["filed"] = self.filed.data.isoformat()
        return facts

    def values(self) -> dict[str, Any]:
        """The version's words."""
        said = {key: self.texts(key) for key in ("title", "summary", "body")}
        return {**said, "facts": self.facts()}

    def show(self, version: PetitionVersion) -> None:
        """Puts a version's words into the fields."""
        facts = version.facts
        self.fill(
            title=version.title,
            summary=version.summary,
            body=version.body,
            legal_form=facts.get("legal_form", {}),
            agency_name=facts.get("agency_name", {}),
        )
        for name in FACTS:
            self[name].data = facts.get(name, "")
        self.filed.data = date.fromisoformat(facts["filed"]) if facts.get("filed") else None


PetitionForm: Any = in_languages(
    "PetitionForm",
    _PetitionBase,
    {
        "legal_form": lambda code, name, need: line(
            _l("Legal form, shown on top (%(language)s)", language=name), 120, *need
        ),
        "agency_name": lambda code, name, need: line(
            _l("The agency’s full name (%(language)s)", language=name), 200, *need
        ),
        "title": lambda code, name, need: line(
            _l("Title (%(language)s)", language=name), TITLE, *need
        ),
        "summary": lambda code, name, need: text(
            _l("Summary (%(language)s)", language=name), SUMMARY, *need
        ),
        "body": lambda code, name, need: text(
            _l("The petition (%(language)s, Markdown)", language=name), BODY, *need
        ),
    },
)


class PublishVersionForm(FlaskForm):
    """The last question before a version can never change again."""

    seen = HiddenField()
    material = BooleanField(_l("The change is one of substance: signers are asked again"))


def names_the_form(version: PetitionVersion) -> bool:
    """Whether the English words of the legal form are those that 6 CFR 3.5(a)(1) asks for."""
    words = str(version.facts.get("legal_form", {}).get(DEFAULT, "")).lower()
    return any(form in words for form in LEGAL_FORMS)
