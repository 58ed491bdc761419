"""/desk/letters/campaigns: pausing, resuming and cancelling all of a campaign's letters."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from campaign.letters import desk_queries, stopping
from campaign.web import access, pages
from campaign.web.languages import pick

bp = Blueprint("letters_stopping", __name__, url_prefix="/desk/letters/campaigns")


@bp.get("")
@access.organizer
def index() -> ResponseReturnValue:
    """The campaigns, and whether their letters go on."""
    states = stopping.states()
    body = render_template(
        "letters/desk_stopping.html",
        campaigns=[
            (one.id, pick(one.title), states.get(one.id, "")) for one in desk_queries.campaigns()
        ],
    )
    return pages.private(body)


@bp.post("/<int:campaign_id>/<any(pause, resume, cancel):action>")
@access.organizer
def act(campaign_id: int, action: str) -> ResponseReturnValue:
    """Does it, within the batch in flight; cancelling asks for a tick first."""
    if campaign_id not in {one.id for one in desk_queries.campaigns()}:
        abort(404)
    try:
        if action == "pause":
            stopping.pause(campaign_id, current_user.email)
            flash(gettext("The campaign’s letters are paused and keep their places."), "success")
        elif action == "resume":
            stopping.resume(campaign_id)
            flash(gettext("The campaign’s letters go on."), "success")
        elif request.form.get("sure"):
            stopping.cancel(campaign_id, current_user.email)
            flash(gettext("What has not left of the campaign’s letters never will."), "success")
        else:
            flash(gettext("Tick the box to say that you mean it."), "warn")
    except stopping.Cancelled:
        flash(gettext("The campaign’s letters were cancelled, and that is for good."), "warn")
    return redirect(url_for(".index"), 303)
