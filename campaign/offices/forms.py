"""Forms of the desk for offices."""

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectMultipleField,
    StringField,
    TimeField,
    ValidationError,
)
from wtforms.fields import Field
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Length,
    NumberRange,
    Optional,
    StopValidation,
)
from wtforms.widgets import CheckboxInput, ListWidget

from campaign.clock import is_zone
from campaign.coalition.forms import MISSING, line
from campaign.offices import digest_plan, queries
from campaign.offices.hours import write_time
from campaign.offices.importing import MOST_PER_HOUR
from campaign.offices.models import CHANNELS, LONGEST, SALUTATION
from campaign.offices.plan import MIDNIGHT
from campaign.web.forms import Address, MergeFields, PlainText, options, strip

CHANNEL_LABELS = {
    "email": _l("Each letter as a message of its own"),
    "digest": _l("Once a day, all letters of the day in one message with a PDF"),
    "packet": _l("On paper: a PDF to print and hand over"),
}
DAY_LABELS = [
    ("1", _l("Monday")), ("2", _l("Tuesday")), ("3", _l("Wednesday")), ("4", _l("Thursday")),
    ("5", _l("Friday")), ("6", _l("Saturday")), ("7", _l("Sunday")),
]  # fmt: skip


class TargetForm(FlaskForm):
    """An office."""

    agency = line(
        _l("Agency"),
        LONGEST["agency"],
        DataRequired(MISSING),
        description=_l("In short, as its letters’ template names it, such as DHS."),
    )
    role = line(
        _l("Role"),
        LONGEST["role"],
        DataRequired(MISSING),
        description=_l("Such as Secretary of Homeland Security."),
    )
    email = StringField(_l("Email"), filters=[strip])
    salutation = line(
        _l("Salutation"), LONGEST["salutation"], MergeFields(*SALUTATION),
        description=_l("Such as “Dear Secretary {surname}”. {holder} and {surname} are those of whoever holds the office that day; while it is vacant they are left out, or the role stands there. Empty: Dear and the role."),
    )  # fmt: skip
    channel = RadioField(
        _l("How letters reach it"),
        choices=options((key, CHANNEL_LABELS[key]) for key in CHANNELS),
        default="email",
    )
    timezone = StringField(
        _l("Time zone"), [DataRequired(MISSING)], [strip], default="America/New_York"
    )
    opens = TimeField(_l("Opens"), [InputRequired(MISSING)])
    closes = TimeField(
        _l("Closes"), [InputRequired(MISSING)], description=_l("00:00 is the end of the day.")
    )
    days = SelectMultipleField(
        _l("Office days"), choices=options(DAY_LABELS), validators=[DataRequired(_l("Please choose at least one day."))],
        widget=ListWidget(prefix_label=False), option_widget=CheckboxInput(),
        description=_l("Federal holidays are closed, unless the office works seven days a week."),
    )  # fmt: skip
    per_hour = IntegerField(
        _l("Letters an hour at most"), [Optional(), NumberRange(1, MOST_PER_HOUR)],
        description=_l("Empty: no limit. Offices read about one a minute; more looks like a flood."),
    )  # fmt: skip

    digest_at = TimeField(
        _l("The digest leaves at"), [Optional()],
        description=_l("The office’s own time. All letters confirmed by then leave in one message, later ones on its next day. Empty: one hour before it closes, or when it opens where that is later."),
    )  # fmt: skip

    seen = HiddenField()
    """Marks what the person saw when they began."""

    target_id: int | None = None

    def validate_timezone(self, field: Field) -> None:
        """A zone of the tz database."""
        if not is_zone(field.data):
            raise ValidationError(gettext("Please write a zone like America/New_York."))

    def validate_closes(self, field: Field) -> None:
        """Later than it opens."""
        if (
            self.opens.data
            and field.data
            and field.data != MIDNIGHT
            and field.data <= self.opens.data
        ):
            raise ValidationError(gettext("Closing time must be later than opening time."))

    def validate_digest_at(self, field: Field) -> None:
        """In the office's hours, and early enough to arrive in them."""
        opens, closes = self.opens.data, self.closes.data
        if self.channel.data != "digest":
            # The page does not show it: what it holds is left alone.
            field.errors = []
            raise StopValidation
        if None in (opens, closes, field.data) or self.closes.errors:
            return
        if not digest_plan.fits(opens, closes, field.data):
            raise ValidationError(
                gettext(
                    "Please write an hour in the office’s hours, from %(first)s to %(last)s, so that the digest arrives before it closes.",
                    first=write_time(opens),
                    last=write_time(digest_plan.latest(opens, closes)),
                )
            )

    def validate_email(self, field: Field) -> None:
        """Needed for what goes by mail."""
        if field.data:
            Address()(self, field)
        elif self.channel.data != "packet":
            raise ValidationError(
                gettext(
                    "Please write the address: only an office that gets packets on paper needs none."
                )
            )

    def validate_role(self, field: Field) -> None:
        """One entry an office."""
        known = queries.target_by_name(self.agency.data or "", field.data or "")
        if known is not None and known.id != self.target_id:
            raise ValidationError(gettext("This agency already has an entry for this role."))

    def values(self) -> dict[str, Any]:
        """The fields as campaign.offices.commands takes them."""
        found = {
            name: self[name].data
            for name in (
                "agency",
                "role",
                "email",
                "channel",
                "timezone",
                "opens",
                "closes",
                "per_hour",
            )
        }
        found["salutation"] = (self.salutation.data or "").rstrip(":, ")
        found["email"] = found["email"] or ""
        found["days"] = sorted(int(day) for day in self.days.data)
        if self.channel.data == "digest":
            found["digest_at"] = self.digest_at.data
        return found


class HolderForm(FlaskForm):
    """Who takes an office over, and since when."""

    name = line(
        _l("Name"),
        LONGEST["holder"],
        DataRequired(MISSING),
        description=_l("A family name of several words comes first: Del Toro, Carlos."),
    )
    since = DateField(_l("Since"), [InputRequired(MISSING)])


class ReasonForm(FlaskForm):
    """Why; the page says who reads it."""

    reason = StringField(
        _l("Reason"), [DataRequired(_l("Please say why.")), PlainText(), Length(max=400)], [strip]
    )


class ChooseTargetsForm(FlaskForm):
    """Which offices a campaign writes to."""

    targets = SelectMultipleField(
        _l("Offices"),
        coerce=int,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    urgent = BooleanField(
        _l("Urgent: these letters go first"),
        description=_l("Before letters of other campaigns at the same office, those that wait already too. Each fifth still goes to the others."),
    )  # fmt: skip
