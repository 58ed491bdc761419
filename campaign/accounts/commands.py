"""What changes staff accounts."""

import secrets

from flask_security import hash_password
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from campaign.accounts.models import ROLES, Role, User
from campaign.clock import utcnow
from campaign.extensions import db


class AccountError(ValueError):
    """What the person asked for cannot be; the text says why."""


PASSWORD_LENGTH = 12
"""Characters at least (NIST SP 800-63B asks for 8 or more, without rules of composition)."""


def _role(name: str) -> Role:
    if name not in ROLES:
        raise AccountError(f"There is no role {name!r}: use one of {', '.join(ROLES)}.")
    db.session.execute(insert(Role).values(name=name).on_conflict_do_nothing())
    return db.session.execute(select(Role).where(Role.name == name)).unique().scalar_one()


def save_user(
    email: str,
    role: str,
    password: str | None = None,
    *,
    name: str | None = None,
    organization_id: int | None = None,
) -> tuple[User, bool]:
    """Makes the staff account for ``email``, or updates the one there is; returns it and whether it is new.

    A changed role or password ends the account's open sessions. Raises AccountError.
    """
    email = email.strip()
    if role == "lead" and organization_id is None:
        raise AccountError("A lead belongs to one organization: name it.")
    if password is not None and len(password) < PASSWORD_LENGTH:
        raise AccountError(f"The password needs at least {PASSWORD_LENGTH} characters.")
    user = (
        db.session.execute(select(User).where(func.lower(User.email) == email.lower()))
        .unique()
        .scalar_one_or_none()
    )
    is_new = user is None
    if user is None:
        if password is None:
            raise AccountError("A new account needs a password.")
        user = User(email=email, active=True, created_at=utcnow(), fs_uniquifier=secrets.token_hex(32))
        db.session.add(user)
    user.roles = [_role(role)]
    user.organization_id = organization_id if role == "lead" else None
    user.active = True
    if name is not None:
        user.name = name
    if password is not None:
        user.password = hash_password(password)
    user.fs_uniquifier = secrets.token_hex(32)
    db.session.commit()
    return user, is_new


def set_active(user_id: int, active: bool) -> None:
    """Closes an account, or opens it again; closing ends its open sessions."""
    user = db.session.get(User, user_id)
    if user is None:
        raise AccountError("There is no such account.")
    user.active = active
    user.fs_uniquifier = secrets.token_hex(32)
    db.session.commit()
