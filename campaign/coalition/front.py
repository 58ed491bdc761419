"""What a campaign's public pages show, put together from this feature, the counters and the features above."""

import re
from collections.abc import Sequence
from typing import Any

from flask import request, url_for

from campaign.coalition import campaign_page, queries
from campaign.coalition.documents import KINDS as FILE_KINDS
from campaign.coalition.models import KINDS, Campaign, Document, Organization, Update
from campaign.counts import queries as counts
from campaign.web import languages
from campaign.web.languages import pick
from campaign.web.pages import markdown

SIGNERS = 40
"""Co-signers on the campaign's own page; the rest are a link away."""
NEWS = 5
_COUNTERS = ("letters.confirmed", "supporters.joined", *(f"endorsers.{kind}" for kind in KINDS))
_SOURCE = re.compile(r"[a-z0-9-]{1,60}")


def counted(campaign_ids: list[int]) -> dict[int, dict[str, int]]:
    """Letters, supporters and endorsements (co-signers) of campaigns as of the last fold; confirmed ones only."""
    return {
        key: {
            "letters": max(0, numbers["letters.confirmed"]),
            "supporters": max(0, numbers["supporters.joined"]),
            "endorsements": max(0, sum(numbers[f"endorsers.{kind}"] for kind in KINDS)),
        }
        for key, numbers in counts.of_campaigns(campaign_ids, _COUNTERS).items()
    }


def source() -> str | None:
    """The source code in this page's address, so that it goes along to the forms; None where there is none."""
    code = request.args.get("source", "")
    return code if _SOURCE.fullmatch(code) else None


def doors(campaign: Campaign) -> dict[str, str]:
    """Where the campaign's pages are. Those of features above are a promise of the README, so they are written out."""
    home = url_for("coalition.campaign", slug=campaign.slug)
    code = source()
    mark = f"?source={code}" if code else ""
    return {
        "home": home + mark,
        "letter": f"{home}/letter{mark}",
        "signup": f"{home}/signup{mark}",
        "endorse": f"{home}/endorse{mark}",
        "signers": f"{home}/endorsements",
        "updates": url_for("coalition.updates", slug=campaign.slug),
        "theme": theme_url(campaign),
    }


def theme_url(campaign: Campaign) -> str:
    """The campaign's own small stylesheet; empty where it has no accent. Changes when the accent does."""
    if not campaign.accent:
        return ""
    return url_for("coalition.theme", slug=campaign.slug, v=campaign.accent.lstrip("#"))


def described(campaign: Campaign) -> dict[str, Any]:
    """A campaign's texts in the page's language, and where it stands."""
    stage = queries.stage(campaign)
    return {
        "slug": campaign.slug,
        "title": pick(campaign.title),
        "tagline": pick(campaign.tagline),
        "summary": pick(campaign.summary),
        "ask_html": markdown(pick(campaign.body)),
        "notice": pick(campaign.notice),
        "lead": lead(campaign.lead_organization),
        "stage": stage,
        "open": stage == "open",
        "opens_at": queries.opening_day(campaign),
        "closes_at": queries.last_day(campaign),
    }


def lead(organization: Organization) -> dict[str, str]:
    """The organization that leads, for a page."""
    return {"name": organization.name, "website": organization.website}


def news(updates: list[Update], campaign: Campaign) -> list[dict[str, Any]]:
    """Updates as a list shows them."""
    return [
        {
            "date": queries.update_day(one, campaign),
            "title": pick(one.title),
            "url": url_for("coalition.update", slug=campaign.slug, update=one.slug),
        }
        for one in updates
    ]


def papers(
    documents: Sequence[Document], endpoint: str = "petitions.document"
) -> list[dict[str, Any]]:
    """Attached documents as a page shows them, those in the page's language first."""
    here = languages.current()
    shown = [
        {
            "id": one.id,
            "title": pick(one.title) or one.filename,
            "url": url_for(endpoint, document_id=one.id, filename=one.filename),
            "kind": FILE_KINDS.get(one.media_type, ""),
            "size": one.size,
            "language": one.language if one.language != here else "",
            "language_name": languages.LANGUAGES.get(one.language, one.language),
        }
        for one in documents
    ]
    return sorted(shown, key=lambda one: bool(one["language"]))


def language_links(campaign: Campaign) -> list[dict[str, Any]]:
    """This page in the languages that the campaign speaks."""
    return [link for link in languages.links() if link["code"] in campaign.languages]


def frame(campaign: Campaign, endpoint: str, **values: Any) -> dict[str, Any]:
    """What every public page of a campaign needs around it."""
    return {
        "campaign": described(campaign),
        "urls": doors(campaign),
        "language_links": language_links(campaign),
        "canonical": languages.external(endpoint, languages.current(), **values),
    }


def page(campaign: Campaign) -> dict[str, Any]:
    """The context of the campaign's page: a fixed number of reads, however many have signed and written."""
    context = frame(campaign, "coalition.campaign", slug=campaign.slug)
    added = campaign_page.context(campaign)
    context["urls"] = {**added.pop("urls"), **context["urls"]}
    context.update(added)
    newest = queries.published_updates(campaign.id, NEWS + 1)
    context.update(
        goal=campaign.goal,
        counts=counted([campaign.id])[campaign.id],
        updates=news(newest[:NEWS], campaign),
        more_updates=len(newest) > NEWS,
        # The kind stands beside each name, so that a title would say it twice.
        signers=[
            {key: one.get(key) for key in ("name", "kind", "url")}
            for one in list(context.get("signers", []))[:SIGNERS]
        ],
    )
    return context
