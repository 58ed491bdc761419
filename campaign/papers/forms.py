"""Forms of the desk for packets and filed comments."""

from datetime import date
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, ValidationError
from wtforms.fields import Field
from wtforms.validators import InputRequired

from campaign.coalition.forms import MISSING, line


class _DoneForm(FlaskForm):
    """The day on which a person did something with one of the things on a page, each of which has its own form.

    ``one`` is that thing's number, ``today`` the day where it was done.
    """

    def __init__(self, one: int, today: date, **more: Any) -> None:
        super().__init__(on=today, **more)
        self.today = today
        for field in self:
            field.id = f"{field.id}-{one}"

    def validate_on(self, field: Field) -> None:
        """A day that has come."""
        if field.data and field.data > self.today:
            raise ValidationError(gettext("That day has not come yet."))


class HandOverForm(_DoneForm):
    """When a packet was handed over, and what there is to say about it."""

    on = DateField(_l("Handed over on"), [InputRequired(MISSING)])
    note = line(_l("Note"), 300, description=_l("To whom, by whom, a receipt’s number."))

    made: date | None = None
    """The day on which the packet was made."""

    def validate_on(self, field: Field) -> None:
        """A day since the packet was made."""
        super().validate_on(field)
        if field.data and self.made and field.data < self.made:
            raise ValidationError(gettext("That day is before the packet was made."))


class FiledForm(_DoneForm):
    """When comments were filed with the agency."""

    on = DateField(_l("Filed on"), [InputRequired(MISSING)])
