"""The demonstration's staff, so that a newcomer can look at every desk on their own machine."""

from flask import current_app

FOLDER_LEAD = "national-immigrant-justice-center"
OTHER_LEAD = "physicians-for-human-rights"

LOGINS = [
    ("administrator", "administrator@demo.example", "freedom-first-administrator"),
    ("organizer", "organizer@demo.example", "freedom-first-organizer"),
    ("lead", "lead@national-immigrant-justice-center.example", "freedom-first-lead"),
    ("lead", "lead@physicians-for-human-rights.example", "freedom-first-partner"),
]
"""Role, address, password: known to everyone who reads this, so never made where the world could use them."""

_NAMES = ("Demo Administrator", "Demo Organizer", "Demo Lead", "Demo Partner")
_ORGANIZATIONS = (None, None, FOLDER_LEAD, OTHER_LEAD)


def allowed() -> bool:
    """Whether well-known passwords may exist here: not on a database server of one's own whose mail is live."""
    from campaign.mail import settings

    embedded = bool(current_app.config.get("EMBEDDED_POSTGRESQL"))
    return embedded or settings.delivery_mode() != "live"


def add_logins() -> int:
    """Makes the demo accounts that are not there yet and returns how many; none where they are not allowed."""
    from sqlalchemy import func, select

    from campaign.accounts.commands import save_user
    from campaign.accounts.models import User
    from campaign.coalition.queries import organization_by_slug
    from campaign.extensions import db

    if not allowed():
        return 0
    made = 0
    for (role, email, password), name, slug in zip(LOGINS, _NAMES, _ORGANIZATIONS, strict=True):
        if db.session.execute(select(User.id).where(func.lower(User.email) == email)).first():
            continue  # a password that someone changed stays
        organization = organization_by_slug(slug) if slug else None
        if slug and organization is None:
            continue
        save_user(
            email,
            role,
            password,
            name=name,
            organization_id=organization.id if organization else None,
        )
        made += 1
    return made


def open_logins() -> list[tuple[str, str, str]]:
    """Those of LOGINS that let someone in now: the account is there, and has kept the password that everyone knows."""
    from flask_security import verify_password
    from sqlalchemy import func, select

    from campaign.accounts.models import User
    from campaign.extensions import db

    addresses = [email for _, email, _ in LOGINS]
    query = select(func.lower(User.email), User.password).where(
        func.lower(User.email).in_(addresses), User.active
    )
    kept = {row[0]: row[1] for row in db.session.execute(query)}
    return [one for one in LOGINS if kept.get(one[1]) and verify_password(one[2], kept[one[1]])]
