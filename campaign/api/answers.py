"""What the API says of a campaign; ``description.py`` describes it, and a test holds the two together."""

from datetime import UTC, datetime
from typing import Any

from campaign.coalition import queries as coalition
from campaign.coalition.front import counted
from campaign.coalition.models import KINDS, Campaign
from campaign.endorsements import queries as endorsements
from campaign.petitions import queries as petitions
from campaign.web import languages


def campaign_list() -> dict[str, Any]:
    """All public campaigns in short, with their counts."""
    campaigns = coalition.published_campaigns()
    numbers = counted([one.id for one in campaigns])
    return {"campaigns": [{**_short(one), **numbers[one.id]} for one in campaigns]}


def campaign(one: Campaign) -> dict[str, Any]:
    """One campaign: counts of confirmed people, the goal, the dates, and where its pages are."""
    counts = endorsements.counts(one.id)
    current = petitions.of_campaign(one.id)
    return {
        **_short(one),
        **counted([one.id])[one.id],
        "endorsements_by_kind": {kind: counts.by_kind.get(kind, 0) for kind in KINDS},
        "petitions": [
            {
                "slug": now.petition.slug,
                "agency": now.petition.agency,
                "title": _texts(one, now.version.title),
                "version": now.version.number,
                "endorsements": counts.by_petition.get(now.petition.slug, 0),
                "url": _site(f"/c/{one.slug}/petitions/{now.petition.slug}"),
            }
            for now in current
        ],
        "summary": _texts(one, one.summary),
        "lead": {
            "name": one.lead_organization.name,
            "slug": one.lead_organization.slug,
            "website": one.lead_organization.website,
        },
        "urls": {
            name: _site(f"/c/{one.slug}{path}")
            for name, path in (
                ("campaign", ""),
                ("letter", "/letter"),
                ("signup", "/signup"),
                ("endorse", "/endorse"),
                ("endorsements", "/endorsements"),
                ("updates", "/updates"),
            )
        },
    }


def _short(one: Campaign) -> dict[str, Any]:
    return {
        "slug": one.slug,
        "title": _texts(one, one.title),
        "tagline": _texts(one, one.tagline),
        "languages": list(one.languages),
        "goal": one.goal,
        "opens_at": _moment(one.opens_at),
        "closes_at": _moment(one.closes_at),
        "open": coalition.is_open(one),
        "url": _site(f"/c/{one.slug}"),
    }


def _texts(one: Campaign, texts: dict[str, str]) -> dict[str, str]:
    return {language: texts[language] for language in one.languages if texts.get(language)}


def _moment(value: datetime | None) -> str | None:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if value else None


def _site(path: str) -> str:
    """An address for everyone: it begins with SITE_URL, and is the English page (others are below /<language>)."""
    home = languages.external("coalition.index", languages.DEFAULT).rstrip("/")
    return f"{home}{path}"
