"""The public pages of campaigns: the list, the campaign, its colours, its news."""

from flask import Blueprint, Response, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from campaign.coalition import front, queries
from campaign.coalition.models import Campaign
from campaign.web import access, colour, frame, languages, pages
from campaign.web.languages import pick
from campaign.web.pages import markdown

blueprint = Blueprint("coalition", __name__)

NEWS_ON_A_PAGE = 20
YEAR = 365 * 24 * 3600


class OtherLanguage(Exception):
    """The campaign does not speak the page's language; ``response`` leads to one that it speaks."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


def found(slug: str) -> Campaign:
    """The published campaign, or a 404 page; a reader of a language that it lacks is led to the first that it has."""
    campaign = pages.or_404(queries.published_campaign(slug))
    if languages.current() not in campaign.languages:
        links = front.language_links(campaign)
        if links:
            raise OtherLanguage(links[0]["url"])
    return campaign


@blueprint.app_errorhandler(OtherLanguage)
def other_language(error: OtherLanguage) -> ResponseReturnValue:
    """Leads to the page in a language that the campaign speaks."""
    return redirect(error.url)


@blueprint.get("/")
@access.public
def index() -> ResponseReturnValue:
    """All campaigns."""
    campaigns = queries.published_campaigns()
    numbers = front.counted([one.id for one in campaigns])
    shown = [
        {
            "title": pick(one.title),
            "text": pick(one.summary),
            "lead": one.lead_organization.name,
            "slug": one.slug,
            "stage": queries.stage(one),
            "opens": queries.opening_day(one),
            "closes": queries.last_day(one),
            "goal": one.goal,
            "counts": numbers[one.id],
        }
        for one in campaigns
    ]
    canonical = languages.external("coalition.index", languages.current())
    return pages.cacheable(
        render_template("coalition/index.html", campaigns=shown, canonical=canonical)
    )


@blueprint.get("/c/<slug>")
@access.public
def campaign(slug: str) -> ResponseReturnValue:
    """One campaign: what is asked, of whom, by whom, and how many so far."""
    return pages.cacheable(render_template("coalition/campaign.html", **front.page(found(slug))))


@blueprint.get("/c/<slug>/theme.css")
@access.public
def theme(slug: str) -> ResponseReturnValue:
    """The campaign's accent for both themes."""
    campaign = queries.published_campaign(slug)
    if campaign is None or not campaign.accent:
        abort(404)
    return stylesheet(campaign)


def stylesheet(campaign: Campaign, cache: str = "public") -> Response:
    """The accent as a sheet; its address names the colour, so a copy may be kept while that is the colour."""
    response = Response(colour.stylesheet(campaign.accent), mimetype="text/css")
    current = request.args.get("v") == campaign.accent.lstrip("#")
    age = f"max-age={YEAR}, immutable" if current else "max-age=60"
    response.headers["Cache-Control"] = f"{cache}, {age}"
    return response


@blueprint.get("/c/<slug>/updates")
@access.public
def updates(slug: str) -> ResponseReturnValue:
    """The campaign's news, newest first."""
    campaign = found(slug)
    rows = queries.published_updates(
        campaign.id, NEWS_ON_A_PAGE + 1, request.args.get("before", type=int)
    )
    return pages.cacheable(
        render_template(
            "coalition/updates.html",
            **front.frame(campaign, "coalition.updates", slug=slug),
            updates=front.news(rows[:NEWS_ON_A_PAGE], campaign),
            next_key=rows[NEWS_ON_A_PAGE - 1].id if len(rows) > NEWS_ON_A_PAGE else None,
        )
    )


@blueprint.get("/c/<slug>/updates/<update>")
@access.public
def update(slug: str, update: str) -> ResponseReturnValue:
    """One piece of news with its documents."""
    campaign = found(slug)
    row = pages.or_404(queries.published_update(campaign.id, update))
    return pages.cacheable(
        render_template(
            "coalition/update.html",
            **front.frame(campaign, "coalition.update", slug=slug, update=update),
            title=pick(row.title),
            date=queries.update_day(row, campaign),
            body_html=markdown(pick(row.body)),
            documents=front.papers(queries.documents_of_update(row.id)),
        )
    )


@blueprint.get("/c/<slug>/updates.atom")
@access.public
def feed(slug: str) -> ResponseReturnValue:
    """The news as an Atom feed (RFC 4287)."""
    campaign = found(slug)
    language = languages.current()
    rows = queries.published_updates(campaign.id, NEWS_ON_A_PAGE)
    entries = [
        {
            "url": languages.external("coalition.update", language, slug=slug, update=one.slug),
            "title": pick(one.title),
            "at": one.published_at,
            "html": str(markdown(pick(one.body))),
        }
        for one in rows
    ]
    body = render_template(
        "coalition/updates.atom",
        title=pick(campaign.title),
        home=languages.external("coalition.campaign", language, slug=slug),
        here=languages.external("coalition.feed", language, slug=slug),
        changed=rows[0].published_at if rows else campaign.opens_at,
        author=campaign.lead_organization.name,
        entries=entries,
        site=frame.site(),
    )
    response = pages.cacheable(body, 300)
    response.mimetype = "application/atom+xml"
    return response
