"""Forms of the desk for organizations and the codes in their links."""

from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, ValidationError
from wtforms.fields import Field
from wtforms.validators import DataRequired

from campaign.coalition.forms import MISSING, line
from campaign.coalition.models import KINDS
from campaign.coalition.naming import is_slug, slug_of
from campaign.web.forms import options

KIND_LABELS = {
    "national": _l("National organization"),
    "state": _l("State organization"),
    "local": _l("Local organization"),
    "international": _l("International organization"),
    "academic": _l("Academic institution"),
    "individual": _l("Individual expert"),
}


class OrganizationForm(FlaskForm):
    """An organization or an expert."""

    seen = HiddenField()
    name = line(_l("Name"), 200, DataRequired(MISSING))
    kind = SelectField(_l("Kind"), choices=options((kind, KIND_LABELS[kind]) for kind in KINDS))
    website = line(_l("Website"), 300)
    country = line(_l("Country"), 2, DataRequired(MISSING), description=_l("Two letters, like US."))
    contact_name = line(_l("Contact: name"), 200)
    contact_email = line(_l("Contact: email"), 254)

    def validate_name(self, field: Field) -> None:
        """An address can be made of the name."""
        if not slug_of(field.data or ""):
            raise ValidationError(
                gettext("The name needs Latin letters or digits, since its address is made of it.")
            )

    def validate_website(self, field: Field) -> None:
        """A link that people can follow."""
        if field.data and not field.data.startswith(("https://", "http://")):
            raise ValidationError(gettext("Please begin with https://"))

    def validate_country(self, field: Field) -> None:
        """Two letters (ISO 3166-1)."""
        field.data = (field.data or "").upper()
        if not (len(field.data) == 2 and field.data.isascii() and field.data.isalpha()):
            raise ValidationError(gettext("Please write two letters, like US."))

    def validate_contact_email(self, field: Field) -> None:
        """An address that mail can be sent to."""
        if not field.data:
            return
        try:
            field.data = validate_email(
                field.data, check_deliverability=False, test_environment=True
            ).normalized
        except EmailNotValidError:
            raise ValidationError(
                gettext("Please check the address: it should look like name@example.org.")
            ) from None


class SourceCodeForm(FlaskForm):
    """A code for an organization's links."""

    code = line(
        _l("New code"),
        60,
        DataRequired(MISSING),
        description=_l("Lower-case letters, digits and hyphens."),
    )
    note = line(_l("What it is for"), 200)

    def validate_code(self, field: Field) -> None:
        """Codes stand in addresses."""
        if not is_slug(field.data or ""):
            raise ValidationError(
                gettext("Please use lower-case letters, digits and hyphens alone.")
            )
