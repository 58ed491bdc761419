"""Forms of the desk's own pages: whose site it is, and where its mail goes."""

from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField
from wtforms.validators import URL as IsUrl
from wtforms.validators import DataRequired, Length, Optional, ValidationError

from campaign.web.forms import Address, PlainText, strip


class SiteForm(FlaskForm):
    """The coalition's name and addresses, as every page and every alert shows them."""

    name = StringField(
        _l("The coalition's name"),
        filters=[strip],
        validators=[DataRequired(_l("Please write the name.")), Length(max=120), PlainText()],
    )
    postal_address = TextAreaField(
        _l("Postal address"),
        filters=[strip],
        validators=[Length(max=300), PlainText(lines=True)],
        description=_l("Every action alert must carry it (CAN-SPAM)."),
    )
    email = StringField(
        _l("Public email address"), filters=[strip], validators=[Optional(), Address()]
    )
    about_url = StringField(_l("Page about who you are"), filters=[strip])
    privacy_url = StringField(_l("Privacy notice"), filters=[strip])

    def validate_about_url(self, field: Any) -> None:
        """A web address, or nothing."""
        _web_address(self, field)

    def validate_privacy_url(self, field: Any) -> None:
        """A web address, or nothing."""
        _web_address(self, field)


def _web_address(form: FlaskForm, field: Any) -> None:
    if field.data:
        problem = gettext("Please write a web address like https://example.org/about.")
        if urlsplit(field.data).scheme not in ("http", "https"):
            raise ValidationError(problem)
        IsUrl(require_tld=False, message=problem)(form, field)


def host_name() -> str:
    """The site's host name, which whoever turns live delivery on types."""
    return urlsplit(str(current_app.config["SITE_URL"])).hostname or ""


class LiveForm(FlaskForm):
    """Turning live delivery on: typing the host name shows that this is the site that is meant."""

    host = StringField(_l("The site's host name"), filters=[strip])

    def validate_host(self, field: Any) -> None:
        """Compares with SITE_URL's."""
        if (field.data or "").lower() != host_name().lower():
            raise ValidationError(
                gettext("Please type %(host)s, exactly as it stands here.", host=host_name())
            )


class TestMessageForm(FlaskForm):
    """Who gets the test message."""

    __test__ = False  # nothing for pytest to collect

    to = StringField(
        _l("Send it to"),
        filters=[strip],
        validators=[DataRequired(_l("Please write an email address.")), Address()],
    )
