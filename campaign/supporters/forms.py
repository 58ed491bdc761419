"""The sign-up form, and the fields that the letter's form shares with it."""

import re
from typing import Any

from flask import request
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, EmailField, Form, HiddenField, StringField, ValidationError
from wtforms.fields import Field
from wtforms.validators import DataRequired, Length, Optional

from campaign.supporters.places import ZIP, tidy
from campaign.web.forms import Address, Lasting, PlainText, PublicForm, strip

NAME_LENGTH = 80
POSTAL_LENGTH = 12
SOURCE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
"""A source code, as links carry it: lower-case letters, digits and hyphens."""


class OneName:
    """Validator: a name with letters, and not an address of a page or of a mailbox.

    Names end up in letters and lists, so a form must not be a way to put links there.
    """

    LINK = re.compile(
        r"://|www\.|@|[<>]|\w\w\.(?:(?:com|net|org|info|biz|xyz|shop|site|online|top|io|ru|cn)\b|[a-z]{2,}/)",
        re.IGNORECASE,
    )

    def __call__(self, form: Form, field: Field) -> None:
        if self.LINK.search(field.data or ""):
            raise ValidationError(
                gettext("Please write only the name here, without addresses or signs like < and @.")
            )
        if field.data and not any(map(str.isalpha, field.data)):
            raise ValidationError(gettext("Please write a name: it has at least one letter."))


class PostalCode:
    """Validator: five digits, ZIP+4, or another country's code of up to 12 signs; kept in tidy form."""

    OTHER = re.compile(r"[A-Z0-9][A-Z0-9 -]*", re.IGNORECASE)

    def __call__(self, form: Form, field: Field) -> None:
        text = tidy(field.data or "")
        field.data = text
        if not text or ZIP.fullmatch(text):
            return
        if len(text) > POSTAL_LENGTH or not text.isascii() or not self.OTHER.fullmatch(text):
            raise ValidationError(
                gettext(
                    "A ZIP code has five digits, like 60608. Codes of other countries have up to 12 letters and digits."
                )
            )


def email_field() -> EmailField:
    """The address to which the confirmation goes."""
    return EmailField(
        _l("Email"),
        filters=[strip],
        validators=[
            DataRequired(_l("Please write your email address: we send the confirmation there.")),
            Address(),
            Lasting(),
        ],
    )


def given_name_field() -> StringField:
    """The writer's given name."""
    return StringField(
        _l("Given name"),
        filters=[strip],
        validators=[DataRequired(_l("Please write your given name.")), *_name_rules()],
    )


def family_name_field() -> StringField:
    """The writer's family name."""
    return StringField(
        _l("Family name"),
        filters=[strip],
        validators=[DataRequired(_l("Please write your family name.")), *_name_rules()],
    )


def postal_code_field() -> StringField:
    """The ZIP code, which tells the state; may stay empty."""
    return StringField(
        _l("ZIP code"), filters=[strip], validators=[Optional(), PlainText(), PostalCode()]
    )


def _name_rules() -> list[Any]:
    too_long = _l("Please use at most %(max)d characters.", max=NAME_LENGTH)
    return [PlainText(), Length(max=NAME_LENGTH, message=too_long), OneName()]


def source_of(text: str | None) -> str:
    """A source code from a link or a hidden field; empty where it is none."""
    text = (text or "").strip().lower()
    return text if SOURCE.fullmatch(text) else ""


class SignUpForm(PublicForm):
    """Sign-up for one campaign's news. The consent box's label is the campaign's lead organization's."""

    purpose = "signup"

    email = email_field()
    given_name = given_name_field()
    family_name = family_name_field()
    postal_code = postal_code_field()
    consent = BooleanField()
    source = HiddenField(filters=[source_of])

    def __init__(self, agreement: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.consent.label.text = agreement
        if request.method != "POST":
            self.source.data = source_of(request.args.get("source"))
