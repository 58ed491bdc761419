"""Forms of the desk for rules and suggestions."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    IntegerField,
    StringField,
    TextAreaField,
)
from wtforms.fields import Field
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from campaign.coalition.forms import MISSING, LanguagesForm, in_languages, line, text
from campaign.letters import merging, rules
from campaign.offices.models import SALUTATION
from campaign.web.forms import MergeFields, PlainText, strip

REQUEST_LENGTH, SALUTATION_LENGTH = 2000, 200


class WordsForm(FlaskForm):
    """Words that hold the letters of one campaign."""

    words = TextAreaField(
        _l("One of these words"), [PlainText(lines=True), Length(max=5000)], [strip],
        description=_l("One a line. Small and capital letters are the same."),
    )  # fmt: skip

    def listed(self) -> tuple[str, ...]:
        """The words."""
        return tuple(line.strip() for line in self.words.data.splitlines() if line.strip())


class RulesForm(WordsForm):
    """Which letters a person reads before they leave."""

    links = IntegerField(
        _l("So many links or more"),
        [InputRequired(MISSING), NumberRange(0, 2)],
        description=_l("0: links hold nothing."),
    )
    same = IntegerField(
        _l("The same own words from so many other addresses"), [InputRequired(MISSING), NumberRange(0, 10000)],
        description=_l("0: it does not matter. A word more or less makes no other letter. Those that keep to the suggested words are not meant, and only confirmed letters count."),
    )  # fmt: skip
    longest = IntegerField(
        _l("Longer than so many characters"), [InputRequired(MISSING), NumberRange(0, 5000)],
        description=_l("0: any length is good."),
    )  # fmt: skip
    network = IntegerField(
        _l("So many others from the same network on one day"), [InputRequired(MISSING), NumberRange(0, 100000)],
        description=_l("0: it does not matter. A school or a mobile network can be one. No address is kept: the network’s mark changes each day."),
    )  # fmt: skip


def _subject(code: str, language: str, needed: list[Any]) -> Field:
    return StringField(
        _l("Subject (%(language)s)", language=language),
        [*(needed or [Optional()]), PlainText(), rules.Length(*rules.SUBJECT_LENGTH), MergeFields(*merging.WRITER)], [strip],
    )  # fmt: skip


def _body(code: str, language: str, needed: list[Any]) -> Field:
    return TextAreaField(
        _l("Suggested words (%(language)s)", language=language),
        [*(needed or [Optional()]), PlainText(lines=True), rules.Length(*rules.BODY_LENGTH), MergeFields(*merging.WRITER)],
        [rules.normal],
    )  # fmt: skip


TemplateForm = in_languages(
    "TemplateForm",
    LanguagesForm,
    {
        "subject": _subject,
        "body": _body,
        "request": lambda code, language, needed: text(
            _l("Request to the agency (%(language)s)", language=language),
            REQUEST_LENGTH,
            *needed,
            MergeFields(*merging.WRITER, *merging.OFFICE),
        ),
        "salutation": lambda code, language, needed: line(
            _l("Salutation (%(language)s)", language=language),
            SALUTATION_LENGTH,
            MergeFields(*SALUTATION),
        ),
        "prompts": lambda code, language, needed: text(
            _l("Questions that help to begin, one a line (%(language)s)", language=language), 1000
        ),
    },
)
"""A campaign's suggestions for one agency, in every language."""
