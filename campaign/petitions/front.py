"""What the public pages show of petitions."""

from collections.abc import Iterable
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from flask import url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from campaign.clock import utcnow
from campaign.coalition.front import papers
from campaign.coalition.models import Campaign
from campaign.petitions import docketing, queries
from campaign.petitions.docket_forms import KIND_LABELS
from campaign.petitions.models import Petition, PetitionVersion
from campaign.web.languages import pick
from campaign.web.pages import markdown

REGULATIONS = "https://www.regulations.gov"

FACTS = (
    ("authority", _l("Under")),
    ("petitioner", _l("Petitioner")),
    ("petitioner_address", _l("Mailing address")),
    ("submit_to", _l("Sent to, by mail")),
)


def section(campaign: Campaign) -> dict[str, Any]:
    """The petitions on the campaign's own page."""
    return {
        "petitions": [
            {
                "title": pick(one.version.title),
                "agency": agency_name(one.petition, one.version),
                "summary": pick(one.version.summary),
                "url": url_for(
                    "petitions.petition", slug=campaign.slug, petition=one.petition.slug
                ),
            }
            for one in queries.of_campaign(campaign.id)
        ]
    }


def addresses(campaign: Campaign) -> Iterable[tuple[str, dict[str, Any]]]:
    """The petitions' pages, for the sitemap."""
    for one in queries.of_campaign(campaign.id):
        yield "petitions.petition", {"slug": campaign.slug, "petition": one.petition.slug}


def agency_name(petition: Petition, version: PetitionVersion) -> str:
    """The agency's name in the page's language, else its short form."""
    return pick(version.facts.get("agency_name")) or petition.agency


def day(version: PetitionVersion, campaign: Campaign) -> date | None:
    """The day of publication in the campaign's zone; None for a draft."""
    if version.published_at is None:
        return None
    return version.published_at.astimezone(ZoneInfo(campaign.timezone)).date()


def described(petition: Petition, version: PetitionVersion, campaign: Campaign) -> dict[str, Any]:
    """One version as the petition's page sets it.

    The words of the legal form stand in a prominent place and the petitioner's name and mailing address are given, as
    6 CFR 3.5(a) asks.
    """
    facts = version.facts
    filed = facts.get("filed")
    return {
        "slug": petition.slug,
        "agency": petition.agency,
        "agency_name": agency_name(petition, version),
        "legal_form": pick(facts.get("legal_form")) or gettext("Petition for Rulemaking"),
        "title": pick(version.title),
        "summary": pick(version.summary),
        "body_html": markdown(pick(version.body)),
        "facts": [(label, facts[key]) for key, label in FACTS if facts.get(key)],
        "filed": date.fromisoformat(filed) if filed else None,
        "number": version.number,
        "material": version.material,
        "published": day(version, campaign),
    }


def docket(petition: Petition) -> dict[str, Any]:
    """The agency's numbers with the pages behind them, and whether it takes comments today."""
    return {
        "number": petition.docket_number,
        "url": f"{REGULATIONS}/docket/{petition.docket_number}" if petition.docket_number else "",
        "document": petition.document_id,
        "document_url": _document_url(petition.document_id),
        "opens": petition.comment_opens,
        "closes": petition.comment_closes,
        "open": docketing.comments_open(petition),
        "over": petition.comment_closes is not None
        and petition.comment_closes < utcnow().astimezone(docketing.WASHINGTON).date(),
    }


def _document_url(document_id: str) -> str:
    return f"{REGULATIONS}/document/{document_id}" if document_id else ""


def history(petition: Petition, endpoint: str = "petitions.document") -> list[dict[str, Any]]:
    """What happened to the petition, newest first, each entry with its documents."""
    rows = queries.events(petition.id)
    attached = queries.documents_of_events([one.id for one in rows])
    return [
        {
            "id": one.id,
            "kind": one.kind,
            "label": KIND_LABELS[one.kind],
            "day": one.on,
            "note": pick(one.note),
            "citation": one.citation,
            "document": one.document_id,
            "document_url": _document_url(one.document_id),
            "alone": one.alone,
            "forms": one.forms,
            "citation_url": docketing.citation_url(one.citation),
            "documents": papers(attached.get(one.id, []), endpoint),
            "by": one.recorded_by,
        }
        for one in rows
    ]
