"""The forms of endorsing: the public one, the signer's own, and the desk's."""

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    Form,
    HiddenField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.fields import EmailField, Field
from wtforms.validators import DataRequired, Length, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from campaign.endorsements import kinds
from campaign.endorsements.commands import Statement
from campaign.endorsements.names import name_key, tidy_website
from campaign.web import languages
from campaign.web.forms import Address, Lasting, PlainText, PublicForm, options, strip


class Website:
    """Validator: empty or a web address; https:// is put in front where nothing was typed."""

    def __call__(self, form: Form, field: Field) -> None:
        try:
            field.data = tidy_website(field.data or "")
        except ValueError as error:
            raise ValidationError(
                gettext("Please check the web address: it should look like https://example.org.")
            ) from error


class Name:
    """Validator: a name that has at least one letter or digit, by which it can be compared."""

    def __call__(self, form: Form, field: Field) -> None:
        field.data = " ".join((field.data or "").split())
        if "://" in field.data or set(field.data) & set("<>@"):
            raise ValidationError(
                gettext("Please write only the name here, without addresses or signs like < and @.")
            )
        if not any(character.isalnum() for character in name_key(field.data)):
            raise ValidationError(gettext("Please write the name in letters."))


def _required(text: Any) -> DataRequired:
    return DataRequired(text)


class Petitions(SelectMultipleField):
    """Which petitions, as checkboxes; where the form was sent without the field, all are meant."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


def _website() -> StringField:
    return StringField(
        _l("Website"),
        filters=[strip],
        validators=[
            Length(max=400, message=_l("Please use at most 400 characters.")),
            PlainText(),
            Website(),
        ],
    )


def _signer(label: Any) -> StringField:
    return StringField(
        label,
        filters=[strip],
        validators=[
            _required(_l("Please write the name of the person who signs.")),
            Length(max=120, message=_l("Please use at most 120 characters.")),
            PlainText(),
        ],
    )


def _title(label: Any) -> StringField:
    return StringField(
        label,
        filters=[strip],
        validators=[Length(max=120, message=_l("Please use at most 120 characters.")), PlainText()],
    )


class SignerFields:
    """What every form about a signer asks; a mixin, so that the public form and the desk's agree."""

    organization_name = StringField(
        _l("Name, as it should stand in the list"),
        filters=[strip],
        validators=[
            _required(
                _l(
                    "Please write the name of the organization, or your own if you sign as an expert."
                )
            ),
            Length(max=200, message=_l("Please use at most 200 characters.")),
            PlainText(),
            Name(),
        ],
    )
    organization_kind = SelectField(
        _l("Who endorses?"),
        choices=options([("", _l("Please choose")), *kinds.CHOICES]),
        validators=[_required(_l("Please choose what describes you best."))],
    )
    website = _website()
    signer_name = _signer(_l("Your name"))
    signer_title = _title(_l("Your title"))
    signer_email: Any

    def statement(self, source: str = "") -> Statement:
        """What was typed."""
        return Statement(
            name=self.organization_name.data,
            kind=self.organization_kind.data,
            website=self.website.data,
            signer_name=self.signer_name.data,
            signer_title=self.signer_title.data,
            signer_email=self.signer_email.data or "",
            language=languages.current(),
            source=source,
        )

    def validate_petition(self, field: Field) -> None:
        """At least one."""
        if not field.data:
            raise ValidationError(gettext("Please tick at least one petition."))


class EndorseForm(PublicForm, SignerFields):
    """The public form. ``petition`` holds slugs."""

    purpose = "endorse"

    signer_email = EmailField(
        _l("Your email"),
        filters=[strip],
        validators=[_required(_l("Please write your email address.")), Address(), Lasting()],
    )
    petition = Petitions(_l("What do you endorse?"), validate_choice=True)
    source = HiddenField(filters=[strip])

    def offer(self, petitions: Sequence[tuple[str, str]], chosen: Sequence[str] | None) -> None:
        """Sets the petitions to choose from, (slug, label); ``chosen`` None ticks all of them."""
        self.petition.choices = options(petitions)
        if chosen is None:
            self.petition.data = [slug for slug, _label in petitions]


class CorrectForm(PublicForm):
    """What a signer can still change while the signature waits for approval."""

    purpose = "endorsement"

    signer_title = _title(_l("Your title"))
    website = _website()


class WithdrawForm(PublicForm):
    """The button that takes a signature back."""

    purpose = "endorsement"


class DeskSignerForm(FlaskForm, SignerFields):
    """A signature that staff enter by hand."""

    signer_name = _signer(_l("Who signed"))
    signer_title = _title(_l("Their title"))
    signer_email = EmailField(
        _l("Their email"),
        filters=[strip],
        validators=[Optional(), Address()],
    )
    petition = Petitions(_l("Petitions"), validate_choice=True)
    proof = TextAreaField(
        _l("How do you know that they agreed?"),
        filters=[strip],
        validators=[
            _required(
                _l("Please note the proof, such as a letter of a date, and where it is kept.")
            ),
            Length(max=2000, message=_l("Please use at most 2,000 characters.")),
            PlainText(lines=True),
        ],
    )


class ListingForm(FlaskForm):
    """How a signer stands in the public list."""

    name = StringField(
        _l("Name in the list"),
        filters=[strip],
        validators=[
            _required(_l("Please write the name.")),
            Length(max=200, message=_l("Please use at most 200 characters.")),
            PlainText(),
            Name(),
        ],
    )
    kind = SelectField(_l("Kind"), choices=options(kinds.LABELS.items()))
    title = _title(_l("The signer's title"))
    website = _website()
    position = IntegerField(
        _l("Place in the list"),
        description=_l("Empty: after those who have a place, in the order of signing."),
        validators=[
            Optional(),
            NumberRange(0, 999_999, message=_l("Please use a number from 0 to 999,999.")),
        ],
    )


class DeclineForm(FlaskForm):
    """Why the desk says no; the signer reads it."""

    reason = TextAreaField(
        _l("Why? The signer gets these words by mail."),
        filters=[strip],
        validators=[
            _required(_l("Please write a reason.")),
            Length(max=2000, message=_l("Please use at most 2,000 characters.")),
            PlainText(lines=True),
        ],
    )
