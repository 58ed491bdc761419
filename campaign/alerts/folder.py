"""The action alerts of a campaign folder, as drafts: ``alerts/<name>.<language>.md`` (campaign/demo/README.md)."""

from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from campaign import frontmatter
from campaign.alerts import commands
from campaign.alerts.audience import Rule
from campaign.alerts.models import Alert
from campaign.coalition import queries
from campaign.coalition.models import Campaign
from campaign.extensions import db
from campaign.frontmatter import Entry, Keys
from campaign.importing import Report

WROTE = {True: True, False: False, "true": True, "false": False, "any": None}

ALERT = Keys(
    shared={"name": str, "organization": str, "audience": str, "wrote": object, "language": str},
    translated={"subject": str, "preheader": str},
)


def read_alerts(folder: Path, languages: list[str]) -> list[Entry]:
    """Every alert, in order of file name. Raises FileRefused."""
    entries = []
    for stem in frontmatter.stems(folder / "alerts"):
        entry = frontmatter.read(folder / "alerts", stem, ALERT, languages)
        said = entry.shared
        if said["audience"] != "campaign":
            raise entry.refuse("audience must be `campaign`: the campaign's supporters.")
        if not isinstance(said["wrote"], (bool, str)) or said["wrote"] not in WROTE:
            raise entry.refuse("wrote must be true, false or any.")
        if said["language"] not in (*languages, "any"):
            raise entry.refuse(f"language must be any or one of {', '.join(languages)}.")
        entries.append(entry)
    return entries


def write_alerts(entries: list[Entry], campaign: Campaign) -> Report:
    """Makes a draft of each alert whose name the campaign does not have yet. Raises FileRefused."""
    report = Report()
    for entry in entries:
        said = entry.shared
        organization = queries.organization_by_slug(said["organization"])
        if organization is None:
            db.session.rollback()
            raise entry.refuse(
                f"there is no organization {said['organization']!r}: import the organizations first."
            )
        # No key keeps alerts' names apart, so two loads at once wait for each other here.
        db.session.execute(select(Campaign.id).where(Campaign.id == campaign.id).with_for_update())
        there = select(func.count()).where(
            Alert.campaign_id == campaign.id, Alert.name == said["name"]
        )
        if db.session.execute(there).scalar_one():
            report.unchanged += 1
            continue
        commands.create_in_transaction(campaign.id, organization.id, _values(entry))
        report.created += 1
    db.session.commit()
    return report


def _values(entry: Entry) -> dict[str, Any]:
    said, texts = entry.shared, entry.texts
    languages = () if said["language"] == "any" else (said["language"],)
    return {
        "name": said["name"],
        "subject": texts["subject"],
        "preheader": texts["preheader"],
        "body": entry.body,
        "audience": Rule(wrote=WROTE[said["wrote"]], languages=languages).store(),
    }


def load_alerts(folder: Path, campaign: Campaign) -> Report:
    """Reads and writes a folder's alerts; a second time changes nothing. Raises FileRefused."""
    return write_alerts(read_alerts(folder, campaign.languages), campaign)
