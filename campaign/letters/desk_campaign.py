"""/desk/campaigns/<slug>/templates and …/replies: what a campaign suggests to writers, and what offices answer."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from campaign.coalition.desk import found
from campaign.letters import queries, replies, stopping, suggesting
from campaign.letters.desk_forms import TemplateForm
from campaign.offices import queries as offices
from campaign.offices import waiting
from campaign.web import access
from campaign.web.languages import LANGUAGES

bp = Blueprint("letters_campaign_desk", __name__, url_prefix="/desk/campaigns/<slug>")

PARTS = ("subject", "body", "request", "salutation", "prompts")


@bp.route("/replies", methods=["GET", "POST"])
@access.organizer
def office_replies(slug: str) -> ResponseReturnValue:
    """Whether answers come through us, and which offices have answered how soon."""
    campaign = found(slug)
    if request.method == "POST":
        here = bool(request.form.get("here")) and replies.possible()
        replies.choose(campaign.id, here)
        flash(gettext("Saved. Letters that leave from now on go by it."), "success")
        return redirect(url_for(".office_replies", slug=slug), 303)
    return render_template(
        "letters/desk_replies.html",
        campaign=campaign,
        possible=replies.possible(),
        here=replies.through_us(campaign.id),
        most=replies.MOST,
        offices=queries.answers(campaign.id),
        kept=replies.kept(campaign.id),
    )


@bp.get("/templates")
@access.organizer
def templates(slug: str) -> ResponseReturnValue:
    """The offices and the suggestions of a campaign, agency by agency; says what is missing."""
    campaign = found(slug)
    have = {one.agency: one for one in queries.templates(campaign.id)}
    chosen = offices.of_campaign(campaign.id)
    waits = waiting.at_offices([one.target for one in chosen])
    paused = stopping.state(campaign.id) == "pause"
    agencies = list(dict.fromkeys([*(one.target.agency for one in chosen), *have]))
    return render_template(
        "letters/desk_templates.html",
        campaign=campaign,
        offices=chosen,
        agencies=[(agency, have.get(agency)) for agency in agencies],
        spoken=[(code, LANGUAGES[code]) for code in campaign.languages],
        paused=paused,
        ends={
            one.target.id: waits[one.target.id].ends
            for one in chosen
            if one.target.channel != "packet" and not one.target.paused and not paused
        },
    )


@bp.route("/templates/<agency>", methods=["GET", "POST"])
@access.organizer
def template(slug: str, agency: str) -> ResponseReturnValue:
    """The suggestion for one agency, its languages side by side."""
    campaign = found(slug)
    known = {one.agency: one for one in queries.templates(campaign.id)}
    if agency not in known and agency not in {
        o.target.agency for o in offices.of_campaign(campaign.id)
    }:
        abort(404)
    row = known.get(agency)
    form = TemplateForm()
    if form.validate_on_submit():
        suggesting.save(campaign.id, agency, {part: form.texts(part) for part in PARTS})
        flash(
            gettext("Saved. Writers see it from now on; letters that wait carry the new request."),
            "success",
        )
        return redirect(url_for(".templates", slug=slug), 303)
    if request.method == "GET":
        # The suggested words are the same for every agency of a campaign: a writer writes once.
        source = row or next(iter(known.values()), None)
        form.fill(
            subject=source.subject if source else {},
            body=source.body if source else {},
            prompts=source.prompts if source else {},
            request=row.request if row else {},
            salutation=row.salutation if row else {},
        )
    body = render_template(
        "letters/desk_template.html",
        campaign=campaign,
        agency=agency,
        form=form,
        spoken=[(code, LANGUAGES[code]) for code in LANGUAGES if code in campaign.languages],
        others=[name for name in known if name != agency],
    )
    return body, 422 if form.errors else 200
