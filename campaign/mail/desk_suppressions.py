"""/desk/suppressions: addresses that are not mailed, why, since when, because of which message, and lifting that."""

from typing import Any

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from sqlalchemy.exc import NoResultFound
from wtforms import EmailField, StringField
from wtforms.validators import InputRequired, Length

from campaign.counts import queries as counts
from campaign.mail import lifting
from campaign.web import access, nav, pages
from campaign.web.forms import Address, strip

blueprint = Blueprint("suppressions_desk", __name__, url_prefix="/desk/suppressions")

REASONS = {
    "hard-bounce": _l("The address does not exist"),
    "soft-bounces": _l("Messages came back, several times"),
    "complaint": _l("Called a message unwanted"),
    "unsubscribed": _l("Unsubscribed"),
    "erased": _l("Had everything deleted"),
    "person": _l("Stopped by staff"),
}
SCOPES = {
    "all": _l("all mail"),
    "alerts": _l("alerts"),
    "letters": _l("letters to this office"),
    "confirmations": _l("confirmations"),
}
CAME_IN = {
    "hard": _l("bounces for good"),
    "soft": _l("bounces for now"),
    "complaint": _l("complaints"),
    "unsubscribe": _l("unsubscribes by mail"),
    "automatic": _l("automatic answers"),
    "repeated": _l("told again"),
    "unknown": _l("about nothing we sent"),
    "forged": _l("forged"),
}


class AddForm(FlaskForm):
    """An address whose owner wants no more mail, and how that is known."""

    email = EmailField(
        _l("Email"), [InputRequired(_l("Please write an email address.")), Address()]
    )
    why = StringField(
        _l("How do you know?"),
        [InputRequired(_l("Please say how you know.")), Length(max=200)],
        [strip],
    )


@blueprint.route("", methods=["GET", "POST"])
@access.organizer
def index() -> ResponseReturnValue:
    """The list, newest first. An address to look for is sent as a form, so that it stays out of addresses and logs."""
    return _page(AddForm(formdata=None))


@blueprint.post("/add")
@access.organizer
def add() -> ResponseReturnValue:
    """Stops bulk mail to an address."""
    form = AddForm()
    if not form.validate():
        return _page(form, 422)
    if lifting.add(form.email.data or "", current_user.email, form.why.data or ""):
        flash(gettext("No alert goes to this address any more."), "success")
    else:
        flash(gettext("Nothing was going to this address already."), "info")
    return redirect(url_for(".index"), 303)


@blueprint.post("/<int:suppression_id>/lift")
@access.organizer
def lift(suppression_id: int) -> ResponseReturnValue:
    """Lets mail go to the address again, where the law and the person's role let it."""
    try:
        lifted = lifting.lift(
            suppression_id,
            current_user.role,
            current_user.email,
            request.form.get("why", "").strip(),
        )
    except NoResultFound:
        abort(404)
    except lifting.Unexplained:
        return _page(AddForm(formdata=None), 422, unexplained=suppression_id)
    except lifting.NotYours:
        flash(gettext("This one is not yours to lift: see the lines above the list."), "error")
    else:
        if lifted:
            flash(gettext("Mail goes to this address again."), "success")
    return redirect(url_for(".index", **_place()), 303)


def _place() -> dict[str, Any]:
    """Which page of the list it is: what is done with one row leads back there."""
    return {name: request.args[name] for name in ("before", "after") if name in request.args}


def _page(form: AddForm, status: int = 200, unexplained: int | None = None) -> ResponseReturnValue:
    """The list and the form; ``unexplained`` is the row that is not lifted for want of a reason."""
    address = request.form.get("q", "").strip()
    lifted = request.args.get("state") == "lifted"
    came = counts.states("inbound", campaign_id=None)
    shown = lifting.page(address, lifted)
    body = render_template(
        "mail_desk/suppressions.html",
        page=shown, things=lifting.things(shown), q=address, lifted=lifted, reasons=REASONS, scopes=SCOPES,
        came=[(label, came[name], None) for name, label in CAME_IN.items() if came.get(name)],
        may_lift=lambda reason, scope: lifting.may_lift(reason, scope, current_user.role), form=form,
        unexplained=unexplained, place=_place(),
    )  # fmt: skip
    return pages.private(body, status)


def init_app(app: Flask) -> None:
    """Adds the pages."""
    app.register_blueprint(blueprint)
    nav.register(app, "suppressions_desk.index", _l("Not mailed"), 78)
