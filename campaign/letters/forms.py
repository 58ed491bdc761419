"""The letter form, and the form in which a writer corrects a letter that waits."""

from typing import Any

from flask import request
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, StringField, TextAreaField

from campaign.letters import rules
from campaign.supporters import forms as people
from campaign.web.forms import PlainText, PublicForm


def subject_field() -> StringField:
    """The line that an office reads first."""
    return StringField(
        _l("Subject"),
        [
            rules.Required(_l("Please write a subject.")), PlainText(), rules.Length(*rules.SUBJECT_LENGTH),
            rules.no_links, rules.not_shouting,
        ],
        [rules.normal],
    )  # fmt: skip


def body_field() -> TextAreaField:
    """The writer's words."""
    return TextAreaField(
        _l("Your letter"),
        [
            rules.Required(_l("Please write your letter.")), PlainText(lines=True),
            rules.Length(*rules.BODY_LENGTH), rules.few_links, rules.not_shouting, rules.a_letter,
        ],
        [rules.normal],
    )  # fmt: skip


class LetterForm(PublicForm):
    """What a supporter fills in. With ``proved`` there is no address to type: an alert's link has shown it."""

    purpose = "letter"

    # In the order of the page, which is that of the list of errors above it.
    subject = subject_field()
    body = body_field()
    given_name = people.given_name_field()
    family_name = people.family_name_field()
    postal_code = people.postal_code_field()
    email = people.email_field()
    consent = BooleanField()
    tell = BooleanField(_l("Write to me once every office has it"))
    named = BooleanField()
    keep = BooleanField(_l("The campaign may keep what offices answer me"))
    source = HiddenField(filters=[people.source_of])
    k = HiddenField()

    def __init__(self, agreement: str, proved: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.consent.label.text = agreement
        if proved:
            del self.email
        if request.method != "POST":
            self.source.data = people.source_of(request.args.get("source"))


class CorrectionForm(PublicForm):
    """A letter that still waits, as its writer corrects it."""

    purpose = "letter-correction"

    subject = subject_field()
    body = body_field()
