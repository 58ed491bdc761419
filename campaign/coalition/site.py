"""What belongs to the whole site: robots.txt, the sitemap, and how it treats people's data."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue

from campaign.coalition import queries
from campaign.coalition.models import Campaign
from campaign.web import access, languages, pages

blueprint = Blueprint("site", __name__)

Address = tuple[str, dict[str, Any]]
_more: list[Callable[[Campaign], Iterable[Address]]] = []


def register_addresses(addresses: Callable[[Campaign], Iterable[Address]]) -> None:
    """Adds a feature's public pages of a campaign, as (endpoint, values), to the sitemap."""
    if addresses not in _more:
        _more.append(addresses)


@blueprint.get("/robots.txt")
@access.public
def robots() -> ResponseReturnValue:
    """Search engines may read what is public; links with keys and the desk are none of their business."""
    lines = [
        "User-agent: *",
        "Disallow: /desk/",
        "Disallow: /es/desk/",
        "Disallow: /api/",
        f"Sitemap: {languages.external('site.sitemap', languages.DEFAULT)}",
    ]
    response = pages.cacheable("\n".join(lines) + "\n", 3600)
    response.mimetype = "text/plain"
    return response


@blueprint.get("/sitemap.xml")
@access.public
def sitemap() -> ResponseReturnValue:
    """Every public page of the published campaigns in every language that it has."""
    pages_of_site = [_entry("coalition.index", {}, list(languages.LANGUAGES))]
    for campaign in queries.published_campaigns():
        slug = campaign.slug
        addresses: list[Address] = [("coalition.campaign", {"slug": slug})]
        addresses += [("coalition.updates", {"slug": slug})]
        addresses += [
            ("coalition.update", {"slug": slug, "update": one.slug})
            for one in queries.published_updates(campaign.id, 50)
        ]
        for more in _more:
            addresses += more(campaign)
        pages_of_site += [
            _entry(endpoint, values, campaign.languages) for endpoint, values in addresses
        ]
    response = pages.cacheable(render_template("coalition/sitemap.xml", pages=pages_of_site), 3600)
    response.mimetype = "application/xml"
    return response


def _entry(endpoint: str, values: dict[str, Any], spoken: list[str]) -> list[dict[str, str]]:
    return [
        {"code": code, "url": languages.external(endpoint, code, **values)}
        for code in languages.LANGUAGES
        if code in spoken
    ]


@blueprint.get("/privacy")
@access.public
def privacy() -> ResponseReturnValue:
    """What is kept, for how long, and who sees it."""
    canonical = languages.external("site.privacy", languages.current())
    days = current_app.config["UNCONFIRMED_DAYS"]
    page = render_template("coalition/privacy.html", canonical=canonical, unconfirmed_days=days)
    return pages.cacheable(page, 300)
