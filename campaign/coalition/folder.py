"""A campaign and its updates from a folder of Markdown files (campaign/demo/README.md describes the format).

Reading and writing are apart, so that a folder with a slip in any file is refused before the first row is written.
"""

from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy.dialects.postgresql import insert

from campaign import frontmatter
from campaign.clock import is_zone, utcnow
from campaign.coalition import queries
from campaign.coalition.models import Campaign, Update
from campaign.coalition.naming import is_slug
from campaign.extensions import db
from campaign.frontmatter import Entry, FileRefused, Keys
from campaign.importing import Report
from campaign.web import colour
from campaign.web.languages import LANGUAGES

CAMPAIGN = Keys(
    shared={
        "slug": str,
        "lead": str,
        "goal": int,
        "opens": date,
        "closes": date,
        "timezone": str,
        "languages": list,
        "accent": str,
    },
    translated={"title": str, "tagline": str, "summary": str, "notice": str},
    optional=("notice", "closes", "accent"),
)
UPDATE = Keys(shared={"date": date}, translated={"title": str})


def start_of(day: date, timezone: str) -> datetime:
    """The first moment of a day in a zone."""
    return datetime.combine(day, time(), ZoneInfo(timezone))


def read_campaign(folder: Path) -> Entry:
    """``campaign.<language>.md``, checked. Raises FileRefused."""
    entry = frontmatter.read(folder, "campaign", CAMPAIGN)
    said = entry.shared
    for language in said["languages"]:
        if language not in LANGUAGES:
            raise entry.refuse(
                f"the site does not speak {language!r}; it speaks {', '.join(LANGUAGES)}."
            )
    if frontmatter.LANGUAGE not in said["languages"]:
        raise entry.refuse(f"languages must contain {frontmatter.LANGUAGE}.")
    if not is_slug(said["slug"]):
        raise entry.refuse("slug must be lower-case letters and digits, joined by hyphens.")
    if said["goal"] < 0:
        raise entry.refuse("goal cannot be below 0.")
    if not is_zone(said["timezone"]):
        raise entry.refuse(
            f"timezone {said['timezone']!r} is not known; write one like America/New_York."
        )
    if "closes" in said and said["closes"] < said["opens"]:
        raise entry.refuse("closes is before opens.")
    if said.get("accent"):
        try:
            colour.parse(said["accent"])
        except ValueError:
            raise entry.refuse('accent must be a colour like "#1d5b5e", in quotes.') from None
    return entry


def write_campaign(entry: Entry) -> Report:
    """Makes the campaign unless there is one of its slug, which stays as it is: the desk edits it. Raises FileRefused."""
    said, texts = entry.shared, entry.texts
    lead = queries.organization_by_slug(said["lead"])
    if lead is None:
        raise entry.refuse(
            f"there is no organization {said['lead']!r}: import the organizations first."
        )
    closes = said.get("closes")
    made = db.session.execute(
        insert(Campaign)
        .values(
            slug=said["slug"],
            lead_organization_id=lead.id,
            languages=said["languages"],
            title=texts["title"],
            tagline=texts["tagline"],
            summary=texts["summary"],
            body=entry.body,
            notice=texts.get("notice", {}),
            timezone=said["timezone"],
            goal=said["goal"],
            opens_at=start_of(said["opens"], said["timezone"]),
            closes_at=start_of(closes + timedelta(days=1), said["timezone"]) if closes else None,
            accent=said.get("accent", ""),
            published=True,
            created_at=utcnow(),
        )
        .on_conflict_do_nothing(index_elements=[Campaign.slug])
        .returning(Campaign.id)
    ).all()
    db.session.commit()
    return Report(created=len(made), unchanged=1 - len(made))


def load_campaign(folder: Path) -> Report:
    """Reads and writes a folder's campaign; a second time changes nothing. Raises FileRefused."""
    return write_campaign(read_campaign(folder))


def read_updates(folder: Path, languages: list[str]) -> list[Entry]:
    """``updates/<date>-<name>.<language>.md``, in order of date. Raises FileRefused."""
    entries = []
    for stem in frontmatter.stems(folder / "updates"):
        entry = frontmatter.read(folder / "updates", stem, UPDATE, languages)
        if not is_slug(stem):
            raise entry.refuse("the name must be lower-case letters and digits, joined by hyphens.")
        if not stem.startswith(entry.shared["date"].isoformat()):
            raise entry.refuse("the name must begin with the date that the file says.")
        entries.append(entry)
    return entries


def write_updates(entries: list[Entry], campaign: Campaign) -> Report:
    """Publishes the updates that the campaign does not have yet, each from the beginning of its day."""
    report = Report()
    for entry in entries:
        stem = entry.path.name.split(".")[0]
        made = db.session.execute(
            insert(Update)
            .values(
                campaign_id=campaign.id,
                slug=stem,
                title=entry.texts["title"],
                body=entry.body,
                published_at=start_of(entry.shared["date"], campaign.timezone),
            )
            .on_conflict_do_nothing(index_elements=[Update.campaign_id, Update.slug])
            .returning(Update.id)
        ).all()
        report.add(Report(created=len(made), unchanged=1 - len(made)))
    db.session.commit()
    return report


def load_updates(folder: Path, slug: str) -> Report:
    """Reads and writes the updates of the campaign ``slug``. Raises FileRefused."""
    campaign = queries.campaign_by_slug(slug)
    if campaign is None:
        raise FileRefused(folder / "updates", f"there is no campaign {slug!r}.")
    return write_updates(read_updates(folder, campaign.languages), campaign)
