"""Forms of the desk for campaigns, organizations, updates and documents."""

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import (
    BooleanField,
    DateField,
    HiddenField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.fields import Field
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from campaign.clock import is_zone
from campaign.coalition import queries
from campaign.coalition.naming import is_slug, slug_of
from campaign.web import colour
from campaign.web.forms import PlainText, options, strip
from campaign.web.languages import DEFAULT, LANGUAGES

MISSING = _l("Please fill this in.")
RESERVED = ("new", "updates", "petitions")
"""Short names that the desk's own addresses need."""
TITLE, TAGLINE, SUMMARY, NOTICE, BODY = 150, 250, 400, 600, 60_000


def line(label: Any, longest: int, *validators: Any, **more: Any) -> StringField:
    """A field for one line of text."""
    return StringField(
        label, filters=[strip], validators=[*validators, PlainText(), Length(max=longest)], **more
    )


def text(label: Any, longest: int, *validators: Any, **more: Any) -> TextAreaField:
    """A field for text of several lines."""
    checks = [*validators, PlainText(lines=True), Length(max=longest)]
    return TextAreaField(label, filters=[strip], validators=checks, **more)


def in_languages(
    name: str, base: type, parts: Mapping[str, Callable[[str, str, list[Any]], Field]]
) -> Any:
    """A form class that has each part once a language: ``title_en``, ``title_es`` …

    A part is called with the code, the language's name and the validators that make the default language required.
    """
    fields: dict[str, Any] = {}
    for key, make in parts.items():
        for code, language in LANGUAGES.items():
            needed = [DataRequired(MISSING)] if code == DEFAULT else []
            fields[f"{key}_{code}"] = make(code, language, needed)
    return type(name, (base,), fields)


class LanguagesForm(FlaskForm):
    """What forms with texts in several languages share; ``seen`` marks what the person saw when they began."""

    seen = HiddenField()

    def texts(self, key: str) -> dict[str, str]:
        """One text by language; languages in which nothing was written are left out."""
        found = {code: self[f"{key}_{code}"].data or "" for code in LANGUAGES}
        return {code: value for code, value in found.items() if value}

    def fill(self, **texts: Mapping[str, str]) -> None:
        """Puts texts by language into their fields."""
        for key, by_language in texts.items():
            for code in LANGUAGES:
                self[f"{key}_{code}"].data = by_language.get(code, "")


class _CampaignBase(LanguagesForm):
    slug = StringField(_l("Short name in the address"), filters=[strip])
    lead = StringField(
        _l("Lead organization"), filters=[strip], validators=[DataRequired(MISSING), PlainText()],
        description=_l("Its name, as it stands in the list of organizations."),
    )  # fmt: skip
    languages = SelectMultipleField(
        _l("Languages"), choices=options(LANGUAGES.items()),
        widget=ListWidget(prefix_label=False), option_widget=CheckboxInput(),
    )  # fmt: skip
    goal = IntegerField(
        _l("Goal: letters"), validators=[InputRequired(MISSING), NumberRange(0, 100_000_000)]
    )
    opens = DateField(_l("First day"), validators=[InputRequired(MISSING)])
    closes = DateField(_l("Last day"), validators=[Optional()])
    timezone = StringField(
        _l("Time zone"), filters=[strip], validators=[DataRequired(MISSING)],
        description=_l("The days begin and end in this zone, such as America/New_York."),
    )  # fmt: skip
    accent = StringField(
        _l("Accent colour"), filters=[strip],
        description=_l("Like #1d5b5e. Pages use a shade of it that everyone can read, light and dark."),
    )  # fmt: skip
    rewrite_hours = IntegerField(
        _l("Hours to write anew"), validators=[InputRequired(MISSING), NumberRange(0, 24 * 90)],
        description=_l("For so long a new letter replaces one that has not left yet. 0: it never does."),
    )  # fmt: skip
    published = BooleanField(_l("Published: everyone can see the page"))

    creating = False
    lead_organization_id: int | None = None

    def validate_slug(self, field: Field) -> None:
        """The short name is chosen once."""
        if not self.creating:
            return
        if not is_slug(field.data):
            raise ValidationError(
                gettext("Please use lower-case letters, digits and hyphens alone.")
            )
        if field.data in RESERVED or queries.campaign_by_slug(field.data) is not None:
            raise ValidationError(gettext("Another campaign has this short name."))

    def validate_lead(self, field: Field) -> None:
        """The lead is an organization that we know."""
        row = queries.organization_by_slug(slug_of(field.data))
        if row is None:
            raise ValidationError(
                gettext(
                    "There is no organization of this name. Add it first, or check the spelling."
                )
            )
        self.lead_organization_id = row.id

    def validate_languages(self, field: Field) -> None:
        """English is there always, and what a language needs is written."""
        if DEFAULT not in field.data:
            raise ValidationError(
                gettext("A campaign speaks English, and other languages with it.")
            )
        for key in ("title", "tagline", "summary", "body"):
            for code in field.data:
                if not (self[f"{key}_{code}"].data or "").strip():
                    raise ValidationError(
                        gettext("Some texts in %(language)s are missing.", language=LANGUAGES[code])
                    )

    def validate_closes(self, field: Field) -> None:
        """The last day is not before the first."""
        if field.data and self.opens.data and field.data < self.opens.data:
            raise ValidationError(gettext("The last day is before the first."))

    def validate_timezone(self, field: Field) -> None:
        """The zone is one of the tz database."""
        if not is_zone(field.data):
            raise ValidationError(
                gettext("This zone is not known. Write one like America/New_York.")
            )

    def validate_accent(self, field: Field) -> None:
        """A colour that campaign.web.colour can make readable."""
        if field.data:
            try:
                colour.parse(field.data)
            except ValueError:
                raise ValidationError(gettext("Please write a colour like #1d5b5e.")) from None


CampaignForm: Any = in_languages(
    "CampaignForm",
    _CampaignBase,
    {
        "title": lambda code, name, need: line(
            _l("Title (%(language)s)", language=name), TITLE, *need
        ),
        "tagline": lambda code, name, need: text(
            _l("One or two sentences below the title (%(language)s)", language=name), TAGLINE, *need
        ),
        "summary": lambda code, name, need: text(
            _l("Summary for lists and previews (%(language)s)", language=name), SUMMARY, *need
        ),
        "body": lambda code, name, need: text(
            _l("What is asked, of whom and why (%(language)s, Markdown)", language=name),
            BODY,
            *need,
        ),
        "notice": lambda code, name, need: text(
            _l("Small print (%(language)s)", language=name), NOTICE
        ),
    },
)
UpdateForm: Any = in_languages(
    "UpdateForm",
    LanguagesForm,
    {
        "title": lambda code, name, need: line(
            _l("Title (%(language)s)", language=name), TITLE, *need
        ),
        "body": lambda code, name, need: text(
            _l("Text (%(language)s, Markdown)", language=name), BODY, *need
        ),
    },
)


class PublishForm(FlaskForm):
    """The day that news is dated."""

    day = DateField(_l("Date of this news"), validators=[InputRequired(MISSING)])


class _DocumentBase(LanguagesForm):
    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        # It stands on a page beside the form of what it is attached to, which has a title as well.
        for field in self:
            field.id = f"document-{field.id}"

    file = FileField(
        _l("File"), validators=[FileRequired(_l("Please choose a file."))],
        description=_l("PDF, DOCX, ODT, TXT, CSV, PNG or JPG, at most 10 MB."),
    )  # fmt: skip
    language = SelectField(
        _l("Language of the document"),
        choices=options([("", _l("it does not matter")), *LANGUAGES.items()]),
    )


DocumentForm: Any = in_languages(
    "DocumentForm",
    _DocumentBase,
    {
        "title": lambda code, name, need: line(
            _l("Title (%(language)s)", language=name), TITLE, *need
        )
    },
)

REFUSED = {
    "empty": _l("The file is empty."),
    "large": _l("The file is larger than 10 MB."),
    "kind": _l("Only PDF, DOCX, ODT, TXT, CSV, PNG and JPG files can be attached."),
    "mismatch": _l(
        "What is in the file is not what its name says. Please save it again in that format."
    ),
    "name": _l("The file needs a name of Latin letters or digits, like answer.pdf."),
}
"""Why a document was refused, by coalition.documents.DocumentRefused.reason."""
