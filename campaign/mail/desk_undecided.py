"""/desk/held: mail that waits for a person's word, by stream: it arrived, it goes once more, or it is dropped."""

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from campaign.mail import undecided
from campaign.mail.models import STREAMS
from campaign.mail.settling import DOUBT
from campaign.web import access, nav, pages

blueprint = Blueprint("undecided_desk", __name__, url_prefix="/desk/held")

TABS = {
    "confirmations": _l("Confirmations and notices"),
    "letters": _l("Letters"),
    "alerts": _l("Alerts"),
}
WHY = {
    DOUBT: _l("Nobody knows whether it arrived"),
    "render": _l("It could not be written: the log says why"),
}


@blueprint.get("")
@access.organizer
def index() -> ResponseReturnValue:
    """One stream's messages that wait, newest first; at first the stream that needs a person most."""
    counted = {stream: undecided.count(stream) for stream in STREAMS}
    stream = request.args.get("stream", "")
    if stream not in STREAMS:
        stream = next((name for name in STREAMS if counted[name]), STREAMS[0])
    body = render_template(
        "mail_desk/undecided.html", page=undecided.page(stream), stream=stream, streams=TABS, counted=counted,
        most=undecided.COUNTED, why=WHY, may_have_arrived=undecided.may_have_arrived,
        elsewhere=undecided.elsewhere() if stream == "letters" else {},
    )  # fmt: skip
    return pages.private(body)


@blueprint.post("")
@access.organizer
def decide() -> ResponseReturnValue:
    """What a person says of the chosen messages, or of all that wait in the stream."""
    stream, decision = request.form.get("stream", ""), request.form.get("decision", "")
    if stream not in STREAMS or decision not in undecided.DECISIONS:
        abort(400)
    ids = None if request.form.get("all") else request.form.getlist("id", type=int)
    if ids == []:
        flash(gettext("Choose the messages first."), "error")
    else:
        n = undecided.decide(stream, decision, current_user.email, ids)
        flash(
            ngettext("%(num)s message is decided.", "%(num)s messages are decided.", n),
            "success" if n else "info",
        )
    return redirect(url_for(".index", stream=stream), 303)


def init_app(app: Flask) -> None:
    """Adds the page."""
    app.register_blueprint(blueprint)
    nav.register(app, "undecided_desk.index", _l("Held mail"), 77)
