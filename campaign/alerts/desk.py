"""/desk/alerts: writing an alert, choosing whom, trying it, scheduling it, and seeing what it brought."""

from typing import Any

from flask import (
    Blueprint,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_security import current_user

from campaign.alerts import audience, commands, mailing, queries
from campaign.alerts.forms import AlertForm, ScheduleForm
from campaign.alerts.models import Alert
from campaign.coalition import queries as coalition
from campaign.mail import orders, settings
from campaign.mail.desk import MESSAGE_POLICY
from campaign.web import access, frame, headers, pages
from campaign.web.languages import LANGUAGES

blueprint = Blueprint("alerts_desk", __name__, url_prefix="/desk/alerts")

STATES = {
    "draft": (_l("Draft"), "off"),
    "scheduled": (_l("Scheduled"), "waiting"),
    "overdue": (_l("Its time has passed"), "trouble"),
    "sending": (_l("Being sent"), "waiting"),
    "paused": (_l("Paused"), "held"),
    "sent": (_l("Sent"), "done"),
    "cancelled": (_l("Cancelled"), "off"),
}
MESSAGE_STATES = {
    "sent": (_l("Accepted by the mail server"), "done"),
    "queued": (_l("Waiting"), "waiting"),
    "leased": (_l("Leaving now"), "waiting"),
    "deferred": (_l("Tried again later"), "trouble"),
    "uncertain": (_l("Uncertain"), "trouble"),
    "held": (_l("Held"), "held"),
    "failed": (_l("Refused"), "failed"),
    "cancelled": (_l("Not sent"), "off"),
}
REFRESH_S = 3
"""Seconds after which the page of an alert on its way loads again."""


def _found(alert_id: int) -> Alert:
    return pages.or_404(queries.alert(alert_id))


def _to(alert_id: int) -> ResponseReturnValue:
    return redirect(url_for("alerts_desk.alert", alert_id=alert_id))


@blueprint.get("/")
@access.organizer
def index() -> ResponseReturnValue:
    """The list, newest first."""
    return render_template(
        "alerts/desk_list.html",
        page=queries.page(request.args),
        states=STATES,
        state=request.args.get("state", ""),
        campaigns=queries.campaigns(),
    )


@blueprint.route("/new", methods=["GET", "POST"])
@access.organizer
def new() -> ResponseReturnValue:
    """A new alert for the campaign that ``?campaign=`` names."""
    campaign = coalition.campaign_by_slug(request.args.get("campaign", ""))
    if campaign is None:
        known = queries.campaigns()
        if len(known) != 1:
            return render_template("alerts/desk_choose.html", campaigns=known)
        campaign = known[0]
    form = AlertForm()
    if form.validate_on_submit():
        alert = commands.create(
            campaign.id, campaign.lead_organization_id, form.values(), by=current_user.id
        )
        return _to(alert.id)
    status = 422 if form.is_submitted() else 200
    return render_template(
        "alerts/desk_write.html", form=form, campaign=campaign, alert=None
    ), status


@blueprint.route("/<int:alert_id>/edit", methods=["GET", "POST"])
@access.organizer
def edit(alert_id: int) -> ResponseReturnValue:
    """Changes a draft."""
    alert = _found(alert_id)
    if alert.state not in commands.EDITABLE:
        return _unchangeable(alert)
    form = AlertForm()
    if form.validate_on_submit():
        try:
            commands.edit(alert_id, form.values(), form.seen_version)
            flash(_("Saved."), "good")
            return _to(alert_id)
        except commands.Stale:
            form.form_errors.append(
                _(
                    "Somebody else has changed this alert meanwhile. What you wrote is still here: "
                    "open the alert in a second window, bring the two together, and save."
                )
            )
            alert = _found(alert_id)
            form.seen.data = str(alert.version)
        except commands.Refused:
            return _unchangeable(_found(alert_id))
    elif not form.is_submitted():
        form.show(alert)
    campaign = queries.campaign_of(alert)
    status = 422 if form.is_submitted() else 200
    return render_template(
        "alerts/desk_write.html", form=form, campaign=campaign, alert=alert
    ), status


def _unchangeable(alert: Alert) -> ResponseReturnValue:
    if alert.state == "scheduled":
        flash(_("Only a draft can be changed: take the alert back first."), "warn")
    else:
        flash(_("This alert cannot be changed any more: write another like it instead."), "warn")
    return _to(alert.id)


@blueprint.get("/<int:alert_id>")
@access.organizer
def alert(alert_id: int) -> ResponseReturnValue:
    """One alert: what people get, how many, when, and what it brought."""
    return _page(_found(alert_id))


def _page(
    alert: Alert, schedule: ScheduleForm | None = None, status: int = 200
) -> ResponseReturnValue:
    campaign = queries.campaign_of(alert)
    begun = alert.started_at is not None
    context: dict[str, Any] = {
        "alert": alert,
        "campaign": campaign,
        "organization": queries.organization_of(alert),
        "rule": audience.Rule.read(alert.audience),
        "states": STATES,
        "message_states": MESSAGE_STATES,
        "languages_of": {code: name for code, name in LANGUAGES.items() if alert.body.get(code)},
        "schedule": schedule or ScheduleForm(campaign.timezone),
        "results": queries.results(alert) if begun else None,
        "doubtful": queries.doubtful(alert),
        "refusals": queries.refusals(alert) if begun else [],
        "size": None if begun else audience.size(alert),
        "by_language": None if begun else audience.by_language(alert),
        "live": settings.delivery_mode() == "live",
        "stopped": alert.state == "sending" and orders.stream_paused("alerts"),
        "texts": {
            code: mailing.sample(alert, code, _sample_name())[:2]
            for code in LANGUAGES
            if alert.body.get(code)
        },
    }
    response = make_response(render_template("alerts/desk_alert.html", **context), status)
    response.headers["Content-Security-Policy"] = f"{headers.POLICY}; frame-src 'self'"
    if alert.state == "sending" and request.method == "GET":
        # The page shows how far it is, and looks again by itself, with or without JavaScript.
        response.headers["Refresh"] = str(REFRESH_S)
    return response


def _sample_name() -> str:
    return (current_user.name or "").split(" ")[0] or "Ana"


@blueprint.get("/<int:alert_id>/preview/<language>")
@access.organizer
def preview(alert_id: int, language: str) -> ResponseReturnValue:
    """The message's HTML alone, for a frame that lets it do nothing."""
    alert = _found(alert_id)
    if not alert.body.get(language):
        abort(404)
    response = pages.private(mailing.sample(alert, language, _sample_name())[2])
    response.headers["Content-Security-Policy"] = MESSAGE_POLICY
    return response


@blueprint.post("/<int:alert_id>/test")
@access.organizer
def test(alert_id: int) -> ResponseReturnValue:
    """Sends the alert to whoever is signed in."""
    n = mailing.send_test(_found(alert_id), current_user.email, _sample_name())
    flash(
        ngettext(
            "%(num)s test message is on its way to %(address)s.",
            "%(num)s test messages are on their way to %(address)s.",
            n,
            address=current_user.email,
        ),
        "good",
    )
    return _to(alert_id)


@blueprint.post("/<int:alert_id>/schedule")
@access.organizer
def schedule(alert_id: int) -> ResponseReturnValue:
    """Has it leave at once, or at a time of the campaign's clock."""
    alert = _found(alert_id)
    form = ScheduleForm(queries.campaign_of(alert).timezone)
    good = form.validate()
    if settings.delivery_mode() == "live" and not frame.site().postal_address:
        # CAN-SPAM, 15 U.S.C. 7704(a)(5)(A)(iii).
        sentence = _(
            "An alert needs the coalition’s postal address in its foot: an administrator writes it at “The coalition” first."
        )
        form.when.errors = [*form.when.errors, sentence]
        good = False
    if not good:
        return _page(alert, form, 422)
    return _doing(alert_id, commands.schedule, form.moment())


@blueprint.post("/<int:alert_id>/take-back")
@access.organizer
def take_back(alert_id: int) -> ResponseReturnValue:
    """Makes a scheduled alert a draft again."""
    return _doing(alert_id, commands.take_back)


@blueprint.post("/<int:alert_id>/cancel")
@access.organizer
def cancel(alert_id: int) -> ResponseReturnValue:
    """Ends it: what has not left never will."""
    return _doing(alert_id, commands.cancel)


@blueprint.post("/<int:alert_id>/pause")
@access.organizer
def pause(alert_id: int) -> ResponseReturnValue:
    """Stops the sending for now."""
    return _doing(alert_id, commands.pause)


@blueprint.post("/<int:alert_id>/resume")
@access.organizer
def resume(alert_id: int) -> ResponseReturnValue:
    """Goes on where it stopped."""
    return _doing(alert_id, commands.resume)


@blueprint.post("/<int:alert_id>/doubts")
@access.organizer
def doubts(alert_id: int) -> ResponseReturnValue:
    """What nobody knows to have arrived goes once more, or never again."""
    return _doing(alert_id, commands.settle_doubts, request.form.get("again") == "1")


@blueprint.post("/<int:alert_id>/copy")
@access.organizer
def copy(alert_id: int) -> ResponseReturnValue:
    """A new draft with the same words."""
    return _to(commands.copy(_found(alert_id).id, by=current_user.id).id)


def _doing(alert_id: int, command: Any, *arguments: Any) -> ResponseReturnValue:
    _found(alert_id)
    try:
        command(alert_id, *arguments)
    except commands.Refused as refused:
        now = STATES[refused.state][0]
        flash(_("That cannot be done any more: the alert is now “%(state)s”.", state=now), "warn")
    return _to(alert_id)
