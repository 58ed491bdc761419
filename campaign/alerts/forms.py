"""Forms of the desk for alerts: texts side by side in each language, the audience, the time."""

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    DateTimeLocalField,
    RadioField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.fields import Field
from wtforms.validators import DataRequired, InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from campaign.alerts import markup
from campaign.alerts.audience import Rule
from campaign.alerts.models import Alert
from campaign.clock import utcnow
from campaign.coalition.forms import MISSING, LanguagesForm, in_languages, line
from campaign.web.forms import PlainText, options, strip
from campaign.web.languages import LANGUAGES

SUBJECT, PREHEADER, BODY = 150, 200, 30_000
FARTHEST = timedelta(days=366)
"""How far ahead an alert can be scheduled: what is further away is a slip of the pen."""
WROTE = {"no": False, "yes": True, "any": None}


_COMMAS = re.compile("[,;]")


class MergeFields:
    """Validator: the merge fields are ones that we can fill in."""

    def __call__(self, form: Any, field: Field) -> None:
        problem = markup.problem(field.data or "")
        if problem:
            raise ValidationError(problem)


class _AlertBase(LanguagesForm):
    name = StringField(
        _l("Name"), filters=[strip], validators=[DataRequired(MISSING), PlainText(), Length(max=120)],
        description=_l("For the desk alone: nobody who gets the message sees it."),
    )  # fmt: skip
    scope = RadioField(
        _l("Whom"), default="campaign",
        choices=options([
            ("campaign", _l("Supporters of this campaign")),
            ("all", _l("Everyone who agreed to hear from the organization")),
        ]),
    )  # fmt: skip
    wrote = RadioField(
        _l("Letters"), default="no",
        choices=options([
            ("no", _l("Those who have not written yet")),
            ("yes", _l("Those who have written")),
            ("any", _l("Both")),
        ]),
    )  # fmt: skip
    audience_languages = SelectMultipleField(
        _l("Only who reads"), choices=options(LANGUAGES.items()),
        widget=ListWidget(prefix_label=False), option_widget=CheckboxInput(),
        description=_l("Nothing ticked: everyone. Each person gets the message in their own language."),
    )  # fmt: skip
    states = StringField(
        _l("Only in these states"), filters=[strip], validators=[Length(max=300)],
        description=_l("Two letters each, such as IL, TX. Empty: everywhere."),
    )  # fmt: skip
    sources = StringField(
        _l("Only who came by these source codes"), filters=[strip], validators=[Length(max=300)]
    )
    tags = StringField(
        _l("Only with one of these tags"),
        filters=[strip],
        validators=[Length(max=300)],
        description=_l("Several with a comma between them."),
    )

    def validate_states(self, field: Field) -> None:
        """Two letters each."""
        wrong = [word for word in listed(field.data) if not (len(word) == 2 and word.isalpha())]
        if wrong:
            raise ValidationError(
                gettext("“%(word)s” is not the two letters of a state.", word=wrong[0])
            )

    def validate(self, extra_validators: Any = None) -> bool:
        """A language with a text has a subject, and the other way round."""
        good = bool(super().validate(extra_validators))
        for code, language in LANGUAGES.items():
            subject, body = self[f"subject_{code}"], self[f"body_{code}"]
            if bool(subject.data) != bool(body.data):
                missing = body if subject.data else subject
                sentence = gettext(
                    "Write both a subject and a text in %(language)s, or neither.",
                    language=language,
                )
                missing.errors = [*missing.errors, sentence]
                good = False
        return good

    @property
    def seen_version(self) -> int:
        """The version of the alert that its editor began with; 0, which none has, where the page did not say."""
        seen = self.seen.data or ""
        return int(seen) if seen.isascii() and seen.isdigit() else 0

    def rule(self) -> Rule:
        """The audience that was chosen."""
        return Rule(
            wrote=WROTE[self.wrote.data],
            scope=self.scope.data,
            states=tuple(word.upper() for word in listed(self.states.data)),
            languages=tuple(self.audience_languages.data or ()),
            sources=tuple(word.lower() for word in listed(self.sources.data)),
            tags=tuple(
                tag for part in _COMMAS.split(self.tags.data or "") if (tag := part.strip())
            ),
        )

    def values(self) -> dict[str, Any]:
        """What the alert's row keeps."""
        return {
            "name": self.name.data,
            "subject": self.texts("subject"),
            "preheader": self.texts("preheader"),
            "body": self.texts("body"),
            "audience": self.rule().store(),
        }

    def show(self, alert: Alert) -> None:
        """Fills the form from an alert."""
        rule = Rule.read(alert.audience)
        self.fill(subject=alert.subject, preheader=alert.preheader, body=alert.body)
        self.seen.data = str(alert.version)
        self.name.data = alert.name
        self.scope.data = rule.scope
        self.wrote.data = next(key for key, value in WROTE.items() if value is rule.wrote)
        self.audience_languages.data = list(rule.languages)
        for key in ("states", "sources", "tags"):
            self[key].data = ", ".join(getattr(rule, key))


def listed(text: str | None) -> list[str]:
    """The words of a list typed with commas or spaces."""
    return [word for word in (text or "").replace(",", " ").replace(";", " ").split() if word]


def _body(code: str, language: str, needed: list[Any]) -> TextAreaField:
    return TextAreaField(
        _l("Text (%(language)s, Markdown)", language=language),
        filters=[strip],
        validators=[*needed, PlainText(lines=True), Length(max=BODY), MergeFields()],
    )


AlertForm: Any = in_languages(
    "AlertForm",
    _AlertBase,
    {
        "subject": lambda code, name, need: line(
            _l("Subject (%(language)s)", language=name), SUBJECT, *need, MergeFields()
        ),
        "preheader": lambda code, name, need: line(
            _l("Line beside the subject (%(language)s)", language=name), PREHEADER, MergeFields()
        ),
        "body": _body,
    },
)


class ScheduleForm(FlaskForm):
    """When the alert leaves, on the campaign's clock."""

    when = RadioField(
        _l("When"), default="now", validators=[InputRequired()],
        choices=options([("now", _l("At once")), ("at", _l("At this time:"))]),
    )  # fmt: skip
    at = DateTimeLocalField(_l("Day and time"), format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])

    def __init__(self, timezone: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.zone = ZoneInfo(timezone)

    def validate(self, extra_validators: Any = None) -> bool:
        """A time is needed, and one to come, only where "at this time" is chosen."""
        if self.when.data != "at":
            self.at.process_errors = []
            self.at.errors = []
            return bool(self.when.validate(self)) and self._csrf_good()
        good = super().validate(extra_validators)
        moment = self.moment()
        if moment is None:
            self.at.errors = [gettext("Please say when.")]
        elif moment < utcnow():
            self.at.errors = [gettext("This time has passed.")]
        elif moment > utcnow() + FARTHEST:
            self.at.errors = [gettext("Please choose a time within a year from now.")]
        else:
            return bool(good)
        return False

    def _csrf_good(self) -> bool:
        field = getattr(self, "csrf_token", None)
        return field is None or bool(field.validate(self))

    def moment(self) -> datetime | None:
        """The chosen time in UTC's terms; None for at once."""
        if self.when.data != "at" or self.at.data is None:
            return None
        local: datetime = self.at.data.replace(tzinfo=self.zone)
        return local
