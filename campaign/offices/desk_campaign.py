"""/desk/campaigns/<slug>/targets: which offices a campaign writes to."""

from collections.abc import Collection, Sequence
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from campaign.coalition.desk import found
from campaign.offices import choosing, queries
from campaign.offices.forms import ChooseTargetsForm
from campaign.offices.models import Target
from campaign.petitions import queries as petitions
from campaign.web import access
from campaign.web.forms import options

FEW = 20
"""So many offices are seen at once; of a longer directory each agency's are folded."""

bp = Blueprint("offices_campaign_desk", __name__, url_prefix="/desk/campaigns/<slug>")


@bp.route("/targets", methods=["GET", "POST"])
@access.organizer
def choose(slug: str) -> ResponseReturnValue:
    """The campaign's offices. Those chosen already come first, in their order."""
    campaign = found(slug)
    chosen = queries.of_campaign(campaign.id)
    ids = [one.target.id for one in chosen]
    agency = request.args.get("agency", "")
    page = queries.page_to_choose(ids, agency)
    form = ChooseTargetsForm()
    others = _others(page.rows, ids)
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
        choosing.choose_for_campaign(
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
    agencies = {one.target.id: one.target.agency for one in chosen}
    agencies |= {one.id: one.agency for one in others}
    body = render_template(
        "offices/desk_choose.html",
        campaign=campaign,
        form=form,
        groups=_groups(form, set(ids), agencies),
        petitions=[(one.id, f"{one.agency} ({one.slug})") for one in written],
        about=about,
        by_agency={one.agency: one.id for one in reversed(written)},
        agencies=agencies,
        page=page,
        agency=agency,
        all_agencies=queries.agencies() if agency or page.next_key or page.previous_key else [],
    )
    return body, 422 if form.errors else 200


def _others(shown: Sequence[Target], chosen: Collection[int]) -> list[Target]:
    """The offices on the page beside the chosen ones; with what was ticked on it before the directory moved on."""
    here = {one.id for one in shown}
    ticked = set(request.form.getlist("targets", type=int)) - here - set(chosen)
    return [*shown, *(queries.choosable(ticked) if ticked else [])]


def _groups(
    form: ChooseTargetsForm, chosen: set[int], agencies: dict[int, str]
) -> list[tuple[str, list[Any], bool]]:
    """The choices as the page shows them: those chosen before, then each agency's; whether a group is open."""
    groups: dict[str, list[Any]] = {"": []}
    for choice in form.targets:
        groups.setdefault("" if choice.data in chosen else agencies[choice.data], []).append(choice)
    few = len(agencies) - len(chosen) <= FEW
    return [
        (name, found, few or not name or any(one.checked for one in found))
        for name, found in groups.items()
        if found
    ]
