"""Forms of the desk for packets and filed comments."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField
from wtforms.validators import InputRequired

from campaign.coalition.forms import MISSING, line


class HandOverForm(FlaskForm):
    """When a packet was handed over, and what there is to say about it."""

    on = DateField(_l("Handed over on"), [InputRequired(MISSING)])
    note = line(_l("Note"), 300, description=_l("To whom, by whom, a receipt’s number."))


class FiledForm(FlaskForm):
    """When comments were filed with the agency."""

    on = DateField(_l("Filed on"), [InputRequired(MISSING)])
