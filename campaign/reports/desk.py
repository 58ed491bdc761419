"""The desk's own pages: its home, whose site this is, and where mail goes."""

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_security import current_user

from campaign.counts import queries as counts
from campaign.mail import domains, ledger, orders, settings
from campaign.mail.models import STREAMS
from campaign.reports import delivery, needs, queries, restored, streams
from campaign.reports.forms import LiveForm, SiteForm, TestMessageForm, host_name
from campaign.web import access, frame

blueprint = Blueprint("reports", __name__)

DELIVERY_STATES = (
    ("sent", _l("Accepted by the office's mail server"), "done"),
    ("waiting", _l("Waiting for their turn"), "waiting"),
    ("queued", _l("On their way"), "leaving"),
    ("deferred", _l("Tried again later"), "trouble"),
    ("uncertain", _l("Uncertain"), "trouble"),
    ("held", _l("Held"), "held"),
    ("failed", _l("Refused"), "failed"),
    ("cancelled", _l("Cancelled"), "off"),
)

STREAM_NAMES = {
    "confirmations": _l("Confirmations and notices"),
    "letters": _l("Letters to officials"),
    "alerts": _l("Action alerts"),
}


@blueprint.get("/desk/")
@access.staff
def desk() -> ResponseReturnValue:
    """What is happening, at a glance, by role."""
    if current_user.role == "lead":
        return _lead_home()
    days = queries.days()
    states = counts.states("deliveries", None)
    return render_template(
        "reports/home.html",
        days=days,
        letters=queries.series("letters.confirmed", days),
        endorsements=queries.series("endorsements.approved", days),
        deliveries=[
            (label, states[name], tone) for name, label, tone in DELIVERY_STATES if states.get(name)
        ],
        needs=needs.of(current_user.role),
        campaigns=queries.campaigns(),
        latest=queries.latest(),
        supporters=counts.total("supporters.confirmed"),
        link=needs.link,
    )


def _lead_home() -> ResponseReturnValue:
    view = queries.of_lead(current_user.organization_id)
    states = {one.id: queries.endorsement_states(one.id) for one in view.leads} if view else {}
    return render_template(
        "reports/lead_home.html", view=view, states=states, number=needs.number,
        more_than=queries.MORE_THAN, link=needs.link,
    )  # fmt: skip


@blueprint.route("/desk/site", methods=["GET", "POST"])
@access.administrator
def site() -> ResponseReturnValue:
    """The coalition's name and addresses."""
    form = SiteForm(data=frame.site()._asdict())
    if form.validate_on_submit():
        fields: dict[str, Any] = {name: form[name].data for name in frame.Site._fields}
        frame.save_site(frame.Site(**fields), current_user.email)
        flash(gettext("Saved."), "success")
        return redirect(url_for("reports.site"))
    return render_template("reports/site.html", form=form), 422 if form.errors else 200


@blueprint.get("/desk/delivery")
@access.administrator
def delivery_page() -> ResponseReturnValue:
    """Where mail goes, and the way to change it."""
    return _delivery(LiveForm(), TestMessageForm(formdata=None, to=current_user.email))


@blueprint.post("/desk/delivery/live")
@access.administrator
def go_live() -> ResponseReturnValue:
    """Turns live delivery on, after the mail server has been asked."""
    form = LiveForm()
    if not form.validate_on_submit():
        return _delivery(form, TestMessageForm(formdata=None, to=current_user.email))
    problem = delivery.go_live(current_user.email)
    if problem:
        flash(problem, "error")
    else:
        flash(gettext("Mail is live: from now on it leaves this site."), "success")
    return redirect(url_for("reports.delivery_page"))


@blueprint.post("/desk/delivery/capture")
@access.administrator
def capture() -> ResponseReturnValue:
    """Back to the capture inbox, at once."""
    delivery.capture(current_user.email)
    flash(gettext("Mail is captured again: nothing leaves this site."), "success")
    return redirect(url_for("reports.delivery_page"))


@blueprint.post("/desk/delivery/test")
@access.administrator
def test_message() -> ResponseReturnValue:
    """Sends one message through the mail server, whatever the mode is."""
    form = TestMessageForm()
    if not form.validate_on_submit():
        return _delivery(LiveForm(formdata=None), form)
    problem = delivery.send_test(form.to.data)
    if problem:
        flash(problem, "error")
    else:
        flash(
            gettext(
                "The mail server has accepted the test message. Please look whether it arrives."
            ),
            "success",
        )
    return redirect(url_for("reports.delivery_page"))


def _delivery(live: LiveForm, test: TestMessageForm) -> ResponseReturnValue:
    config = current_app.config
    wrong = live.errors or test.errors
    body = render_template(
        "reports/delivery.html",
        mode=settings.delivery_mode(),
        live=live,
        test=test,
        host=host_name(),
        server=f"{config['MAIL_SERVER']}:{config['MAIL_PORT']}",
        encryption="TLS"
        if config["MAIL_USE_SSL"]
        else "STARTTLS"
        if config["MAIL_USE_TLS"]
        else "",
        username=config["MAIL_USERNAME"],
        sender=settings.sender(),
        unready=delivery.unready(),
        totals={stream: ledger.totals(stream) for stream in STREAMS},
        streams=STREAM_NAMES,
        stopped=orders.stopped_streams(),
        held=restored.held(),
        resting=domains.resting(),
    )
    return body, 422 if wrong else 200


@blueprint.post(
    "/desk/delivery/<any(confirmations, letters, alerts):stream>/<any(pause, resume, cancel):action>"
)
@access.administrator
def order(stream: str, action: str) -> ResponseReturnValue:
    """Stops a whole stream within the batch in flight, lets it go on, or ends what waits of it; that asks for a tick first."""
    if action == "cancel":
        if request.form.get("sure"):
            streams.cancel(stream, current_user.email)
            flash(
                gettext("What waited of %(stream)s never leaves.", stream=STREAM_NAMES[stream]),
                "success",
            )
        else:
            flash(gettext("Tick the box to say that you mean it."), "warn")
    elif action == "pause":
        orders.pause_stream_now(stream, current_user.email)
        flash(gettext("%(stream)s are paused.", stream=STREAM_NAMES[stream]), "success")
    else:
        if not restored.release(stream, current_user.email):
            orders.resume_stream_now(stream)
        flash(gettext("%(stream)s go on.", stream=STREAM_NAMES[stream]), "success")
    return redirect(url_for("reports.delivery_page"), 303)


@blueprint.get("/desk/restored")
@access.administrator
def restored_ledger() -> ResponseReturnValue:
    """After a restore: which streams are held, and the way to let each go."""
    return render_template(
        "reports/restored.html",
        held=restored.held(),
        taken_at=restored.taken_at(),
        streams=STREAM_NAMES,
        totals={stream: ledger.totals(stream) for stream in STREAMS},
    )


@blueprint.post("/desk/restored/<any(confirmations, letters, alerts):stream>")
@access.administrator
def release(stream: str) -> ResponseReturnValue:
    """Lets one stream go on."""
    if restored.release(stream, current_user.email):
        flash(gettext("%(stream)s go on.", stream=STREAM_NAMES[stream]), "success")
    return redirect(url_for("reports.restored_ledger"))
