"""/desk/campaigns/<slug>/targets: which offices a campaign writes to."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from campaign.coalition.desk import found
from campaign.offices import commands, queries
from campaign.offices.forms import ChooseTargetsForm
from campaign.petitions import queries as petitions
from campaign.web import access
from campaign.web.forms import options

bp = Blueprint("offices_campaign_desk", __name__, url_prefix="/desk/campaigns/<slug>")


@bp.route("/targets", methods=["GET", "POST"])
@access.organizer
def choose(slug: str) -> ResponseReturnValue:
    """The campaign's offices. Those chosen already come first, in their order."""
    campaign = found(slug)
    chosen = queries.of_campaign(campaign.id)
    ids = [one.target.id for one in chosen]
    others = [one for one in queries.directory(retired=False) if one.id not in set(ids)]
    form = ChooseTargetsForm()
    form.targets.choices = options(
        (one.id, f"{one.role}, {one.agency}") for one in [*(o.target for o in chosen), *others]
    )
    written = petitions.all_of_campaign(campaign.id)
    about: dict[int, int | None] = {
        one.target.id: one.petition.petition.id for one in chosen if one.petition
    }
    if form.is_submitted():
        known = {one.id for one in written}
        for choice in form.targets.choices:
            number = request.form.get(f"about-{choice.value}", type=int)
            about[choice.value] = number if number in known else None
    if form.validate_on_submit():
        commands.choose_for_campaign(
            campaign.id,
            form.targets.data,
            form.urgent.data,
            {n: number for n in form.targets.data if (number := about[n]) is not None},
        )
        flash(gettext("Saved. Letters confirmed from now on go to these offices."), "success")
        return redirect(url_for("letters_campaign_desk.templates", slug=slug), 303)
    if request.method == "GET":
        form.targets.data = ids
        form.urgent.data = any(one.urgent for one in chosen)
    body = render_template(
        "offices/desk_choose.html",
        campaign=campaign,
        form=form,
        petitions=[(one.id, f"{one.agency} ({one.slug})") for one in written],
        about=about,
        by_agency={one.agency: one.id for one in reversed(written)},
        agencies={one.target.id: one.target.agency for one in chosen}
        | {one.id: one.agency for one in others},
    )
    return body, 422 if form.errors else 200
