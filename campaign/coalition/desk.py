"""/desk/campaigns: the campaigns, with their drafts, and what their pages say."""

from datetime import timedelta
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from campaign.coalition import commands, front, queries, views
from campaign.coalition.folder import start_of
from campaign.coalition.forms import CampaignForm
from campaign.coalition.models import Campaign
from campaign.web import access, colour, pages
from campaign.web.languages import LANGUAGES
from campaign.web.pages import markdown

blueprint = Blueprint("coalition_desk", __name__, url_prefix="/desk/campaigns")

TEXTS = ("title", "tagline", "summary", "body", "notice")


def found(slug: str) -> Campaign:
    """The campaign of that short name, drafts included, or a 404 page."""
    return pages.or_404(queries.campaign_by_slug(slug))


def someone_else() -> str:
    """What to tell a person who would overwrite someone else's change."""
    return gettext(
        "Someone else changed this while you were writing. Your words are still here: "
        "save again to replace theirs, or open the page anew to see them."
    )


def previews(form: Any, key: str = "body") -> list[tuple[str, str, Any]] | None:
    """The Markdown as it will look, by language, where the person asked for it: (code, language, HTML)."""
    if "preview" not in request.form:
        return None
    return [
        (code, name, markdown(form[f"{key}_{code}"].data or ""))
        for code, name in LANGUAGES.items()
        if form[f"{key}_{code}"].data
    ]


@blueprint.get("/")
@access.organizer
def campaigns() -> ResponseReturnValue:
    """All campaigns, newest first."""
    page = queries.campaigns()
    rows = [row[0] for row in page.rows]
    return render_template(
        "coalition/desk/campaigns.html",
        page=page,
        rows=[_row(one) for one in rows],
        counts=front.counted([one.id for one in rows]),
    )


def _row(campaign: Campaign) -> dict[str, Any]:
    return {
        "campaign": campaign,
        "stage": queries.stage(campaign),
        "opens": queries.opening_day(campaign),
        "closes": queries.last_day(campaign),
    }


@blueprint.get("/<slug>")
@access.organizer
def campaign(slug: str) -> ResponseReturnValue:
    """One campaign: its state, and the ways to everything in it."""
    row = found(slug)
    page = queries.updates(row.id)
    return render_template(
        "coalition/desk/campaign.html",
        **_row(row),
        counts=front.counted([row.id])[row.id],
        page=page,
        updates=[(one[0], queries.update_day(one[0], row)) for one in page.rows],
    )


@blueprint.get("/<slug>/preview")
@access.organizer
def preview(slug: str) -> ResponseReturnValue:
    """The public page as it would look, also for a draft."""
    row = found(slug)
    context = front.page(row)
    if context["urls"]["theme"]:
        context["urls"]["theme"] = url_for(
            "coalition_desk.theme", slug=slug, v=row.accent.lstrip("#")
        )
    return pages.private(render_template("coalition/campaign.html", **context))


@blueprint.get("/<slug>/theme.css")
@access.organizer
def theme(slug: str) -> ResponseReturnValue:
    """The accent of a campaign that may still be a draft."""
    row = found(slug)
    if not row.accent:
        abort(404)
    return views.stylesheet(row, cache="private")


@blueprint.route("/new", methods=["GET", "POST"])
@access.organizer
def new() -> ResponseReturnValue:
    """Makes a campaign."""
    form = CampaignForm()
    form.creating = True
    if request.method == "GET":
        form.languages.data = ["en"]
        form.timezone.data, form.rewrite_hours.data, form.goal.data = "America/New_York", 24, 1000
    shown = previews(form)
    if shown is None and form.validate_on_submit():
        try:
            row = commands.create_campaign(form.slug.data, _values(form))
        except commands.Taken:
            form.slug.errors = [gettext("Another campaign has this short name.")]
        else:
            flash(gettext("The campaign is made."), "good")
            return redirect(url_for("coalition_desk.campaign", slug=row.slug))
    return _form(form, None, shown)


@blueprint.route("/<slug>/edit", methods=["GET", "POST"])
@access.organizer
def edit(slug: str) -> ResponseReturnValue:
    """Changes what a campaign's page says and when it is open."""
    row = found(slug)
    form = CampaignForm()
    if request.method == "GET":
        _fill(form, row)
    shown = previews(form)
    if shown is None and form.validate_on_submit():
        try:
            commands.edit_campaign(row.id, _values(form), form.seen.data or "")
        except commands.Stale:
            form.seen.data = commands.mark(found(slug), commands.CAMPAIGN_FIELDS)
            form.form_errors.append(someone_else())
            return _form(form, found(slug), None, 409)
        flash(gettext("Saved."), "good")
        return redirect(url_for("coalition_desk.campaign", slug=slug))
    return _form(form, row, shown)


def _form(
    form: Any, row: Campaign | None, shown: list[tuple[str, str, Any]] | None, status: int = 0
) -> ResponseReturnValue:
    accent = None
    if form.accent.data and not form.accent.errors:
        try:
            accent = colour.accent(form.accent.data)
        except ValueError:
            accent = None
    body = render_template(
        "coalition/desk/campaign_form.html",
        form=form,
        row=row,
        previews=shown,
        accent=accent,
        spoken=LANGUAGES,
    )
    return body, status or (422 if form.errors else 200)


def _fill(form: Any, row: Campaign) -> None:
    form.fill(**{key: getattr(row, key) for key in TEXTS})
    form.slug.data = row.slug
    form.lead.data = row.lead_organization.name
    form.opens.data, form.closes.data = queries.opening_day(row), queries.last_day(row)
    for name in ("languages", "goal", "timezone", "accent", "rewrite_hours", "published"):
        form[name].data = getattr(row, name)
    form.seen.data = commands.mark(row, commands.CAMPAIGN_FIELDS)


def _values(form: Any) -> dict[str, Any]:
    zone, closes = form.timezone.data, form.closes.data
    return {
        **{key: form.texts(key) for key in TEXTS},
        "lead_organization_id": form.lead_organization_id,
        "languages": [code for code in LANGUAGES if code in form.languages.data],
        "timezone": zone,
        "goal": form.goal.data,
        "opens_at": start_of(form.opens.data, zone),
        "closes_at": start_of(closes + timedelta(days=1), zone) if closes else None,
        "accent": form.accent.data,
        "published": form.published.data,
        "rewrite_hours": form.rewrite_hours.data,
    }
