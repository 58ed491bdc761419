"""Loads a campaign folder, the demonstration's or anyone's, through the features' own importers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from campaign.frontmatter import FileRefused
from campaign.importing import Report, Unreadable, read_csv

FOLDER = Path(__file__).resolve().parent / "wait-in-freedom"

_STARTED, _DONE = "demo.started", "demo.loaded"


def load_folder(folder: Path, *, without_endorsements: bool = False) -> dict[str, Report]:
    """Loads everything in a campaign folder and returns what happened by kind, in the order of loading.

    A second load changes nothing. All Markdown is read before anything is written. Raises FileRefused with the file and
    the reason; refused lines of CSV files are in the reports and stop nothing.
    """
    from campaign.alerts import folder as alerts
    from campaign.coalition import folder as coalition
    from campaign.coalition import importing as organizations
    from campaign.coalition import queries
    from campaign.endorsements import importing as endorsements
    from campaign.letters import folder as letters
    from campaign.offices import importing as targets
    from campaign.petitions import folder as petitions
    from campaign.supporters import importing as supporters

    if not folder.is_dir():
        raise FileRefused(folder, "there is no such folder.")
    entry = coalition.read_campaign(folder)
    slug, languages = entry.shared["slug"], entry.shared["languages"]
    read_petitions = petitions.read_petitions(folder, languages)
    read_letters = letters.read_letters(folder, languages)
    read_updates = coalition.read_updates(folder, languages)
    read_alerts = alerts.read_alerts(folder, languages)

    reports: dict[str, Report] = {}
    reports["organizations"] = _csv(folder, "organizations", slug, organizations.import_rows)
    reports["campaign"] = coalition.write_campaign(entry)
    campaign = queries.campaign_by_slug(slug)
    assert campaign is not None
    reports["petitions"] = petitions.write_petitions(read_petitions, campaign)
    reports["targets"] = _csv(folder, "targets", slug, targets.import_rows)
    reports["letters"] = letters.write_letters(read_letters, campaign)
    if not without_endorsements:
        reports["endorsements"] = _csv(folder, "endorsements", slug, endorsements.import_rows)
    reports["supporters"] = _csv(folder, "supporters", slug, supporters.import_rows)
    reports["updates"] = coalition.write_updates(read_updates, campaign)
    reports["alerts"] = alerts.write_alerts(read_alerts, campaign)
    return reports


def _csv(folder: Path, what: str, slug: str, import_rows: Callable[..., Report]) -> Report:
    path = folder / f"{what}.csv"
    if not path.exists():
        return Report()
    try:
        # Organizations belong to the whole site; a targets file names its campaigns itself.
        return import_rows(read_csv(path, what).rows, campaign=slug, dry_run=False)
    except Unreadable as error:
        raise FileRefused(path, str(error)) from error


def load(without_endorsements: bool = False) -> dict[str, Report]:
    """Loads the founding case; see load_folder. Its endorsements count as approved."""
    from campaign.counts.commands import fold

    reports = load_folder(FOLDER, without_endorsements=without_endorsements)
    _name_the_coalition()
    fold()
    return reports


def _name_the_coalition() -> None:
    """Gives the site the demonstration coalition's name and (invented) address, where nobody has given it one."""
    from campaign import settings
    from campaign.web import frame

    if settings.get(frame.SITE) is None:
        frame.save_site(
            frame.Site(
                name="The Wait in Freedom Coalition",
                postal_address="100 Example Street, Chicago, Illinois 60600",
                email="coalition@wait-in-freedom.example",
            ),
            by="campaign demo load",
        )


def load_once() -> bool:
    """Loads the founding case and its staff into a database that has no campaigns; says whether it did.

    A load that was interrupted is taken up again.
    """
    from campaign import settings
    from campaign.coalition.queries import any_campaign
    from campaign.demo.staff import add_logins
    from campaign.extensions import db

    if settings.get(_DONE) or (any_campaign() and not settings.get(_STARTED)):
        return False
    _remember(_STARTED)
    load()
    add_logins()
    _remember(_DONE)
    db.session.remove()
    return True


def _remember(key: str) -> None:
    from campaign import settings
    from campaign.extensions import db

    value: Any = True
    settings.put(key, value, "campaign demo load")
    db.session.commit()
