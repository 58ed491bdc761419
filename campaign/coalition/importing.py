"""Organizations from a CSV file: ``name,kind,website,country,contact_name,contact_email``."""

from collections.abc import Iterable, Mapping

from email_validator import EmailNotValidError, validate_email
from sqlalchemy.dialects.postgresql import insert

from campaign.clock import utcnow
from campaign.coalition.models import KINDS, Organization
from campaign.coalition.naming import slug_of
from campaign.extensions import db
from campaign.importing import Report, batches, usable


def import_rows(
    rows: Iterable[Mapping[str, str]], *, campaign: str | None = None, dry_run: bool = False
) -> Report:
    """Adds the organizations that are not there yet; those that are stay as they are, since the desk edits them.

    Organizations belong to the whole site, so ``campaign`` plays no part. With ``dry_run`` nothing is written.
    """
    report = Report()
    for batch in batches(usable(rows, report)):
        seen: dict[str, dict[str, object]] = {}
        for line, row in batch:
            try:
                values = _values(row)
            except ValueError as error:
                report.refuse(line, str(error))
                continue
            if str(values["slug"]) in seen:
                report.unchanged += 1
            else:
                seen[str(values["slug"])] = values
        new = _write(list(seen.values())) if seen else 0
        report.created += new
        report.unchanged += len(seen) - new
        if not dry_run:
            db.session.commit()
    if dry_run:
        db.session.rollback()
    return report


def _write(values: list[dict[str, object]]) -> int:
    made = db.session.execute(
        insert(Organization)
        .values(values)
        .on_conflict_do_nothing(index_elements=[Organization.slug])
        .returning(Organization.id)
    )
    return len(made.all())


def _values(row: Mapping[str, str]) -> dict[str, object]:
    name = row.get("name", "")
    slug = slug_of(name)
    if not name:
        raise ValueError("name is empty")
    if not slug:
        raise ValueError(
            f"no address can be made of the name {name!r}: it needs Latin letters or digits"
        )
    kind = row.get("kind", "").lower()
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}: use one of {', '.join(KINDS)}")
    website = row.get("website", "")
    if website and not website.startswith(("https://", "http://")):
        raise ValueError(f"website is {website!r}: it must begin with https:// or http://")
    email = row.get("contact_email", "")
    if email:
        try:
            email = validate_email(
                email, check_deliverability=False, test_environment=True
            ).normalized
        except EmailNotValidError:
            raise ValueError("contact_email is not an email address") from None
    country = (row.get("country") or "US").upper()
    if not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise ValueError(f"country is {country!r}: use two letters like US (ISO 3166)")
    return {
        "slug": slug,
        "name": name,
        "kind": kind,
        "website": website,
        "country": country,
        "contact_name": row.get("contact_name", ""),
        "contact_email": email,
        "created_at": utcnow(),
    }
