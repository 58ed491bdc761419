"""What changes staff accounts."""

import secrets

from flask_security import hash_password
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from campaign.accounts import queries
from campaign.accounts.forms import PASSWORD_LENGTH
from campaign.accounts.models import ROLES, Role, User, user_role
from campaign.clock import utcnow
from campaign.extensions import db
from campaign.web import tokens

LINK_AGE = 3 * 24 * 3600
"""Seconds for which a link to set a password is good."""


class AccountError(ValueError):
    """What the person asked for cannot be; the text says why."""


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
    invite: bool = False,
) -> tuple[User, bool]:
    """Makes the staff account for ``email``, or updates the one there is; returns it and whether it is new.

    ``invite`` lets a new account begin without a password (see password_token). A changed role or password
    ends the account's open sessions. Raises AccountError.
    """
    email = email.strip()
    if role == "lead" and organization_id is None:
        raise AccountError("A lead belongs to one organization: name it.")
    if password is not None and len(password) < PASSWORD_LENGTH:
        raise AccountError(f"The password needs at least {PASSWORD_LENGTH} characters.")
    new_role = _role(role)
    user = queries.by_email(email)
    is_new = user is None
    if user is None:
        if password is None and not invite:
            raise AccountError("A new account needs a password.")
        user = User(email=email, active=True, created_at=utcnow())
        db.session.add(user)
    elif user.role == "administrator" and role != "administrator":
        _keep_an_administrator(user)
    user.roles = [new_role]
    user.organization_id = organization_id if role == "lead" else None
    user.active = True
    if name is not None:
        user.name = name
    if password is not None:
        user.password = hash_password(password)
    _end_sessions(user)
    db.session.commit()
    return user, is_new


def set_role(
    user_id: int, role: str, organization_id: int | None = None, name: str | None = None
) -> None:
    """Changes what someone may do, which ends their open sessions. Raises AccountError."""
    user = _known(user_id)
    if role == "lead" and organization_id is None:
        raise AccountError("A lead belongs to one organization: name it.")
    new_role = _role(role)
    new_organization = organization_id if role == "lead" else None
    if name is not None:
        user.name = name
    if user.role != role or user.organization_id != new_organization:
        if user.role == "administrator":
            _keep_an_administrator(user)
        user.roles = [new_role]
        user.organization_id = new_organization
        _end_sessions(user)
    db.session.commit()


def set_active(user_id: int, active: bool) -> None:
    """Closes an account, or opens it again; closing ends its open sessions. Raises AccountError."""
    user = _known(user_id)
    if not active and user.role == "administrator":
        _keep_an_administrator(user)
    user.active = active
    _end_sessions(user)
    db.session.commit()


def password_token(user: User) -> str:
    """The key of a link that sets the account's password once; any change of the account ends it."""
    return tokens.sign("staff.password", [user.id, user.fs_uniquifier[:12]])


def user_of_token(token: str) -> User | None:
    """Whose password the link sets; None where it is forged, old or used."""
    try:
        user_id, mark = tokens.read("staff.password", token, LINK_AGE)
    except (tokens.BadToken, ValueError, TypeError):
        return None
    user = queries.by_id(int(user_id))
    good = (
        user is not None
        and user.active
        and secrets.compare_digest(user.fs_uniquifier[:12], str(mark))
    )
    return user if good else None


def renew_link(user_id: int) -> str:
    """A new link's token; the account's older links and open sessions end. Raises AccountError."""
    user = _known(user_id)
    if not user.active:
        raise AccountError("The account is closed: open it first.")
    _end_sessions(user)
    db.session.commit()
    return password_token(user)


def set_password(token: str, password: str) -> User:
    """Sets the password behind a link, which is used up by it. Raises AccountError."""
    found = user_of_token(token)
    if found is None:
        raise AccountError("This link is used up or too old: ask an administrator for a new one.")
    user = (
        db.session.execute(
            select(User)
            .where(User.id == found.id)
            .with_for_update(of=User)
            .execution_options(populate_existing=True)
        )
        .unique()
        .scalar_one()
    )
    if user_of_token(token) is None:
        db.session.rollback()
        raise AccountError("This link is used up or too old: ask an administrator for a new one.")
    user.password = hash_password(password)
    _end_sessions(user)
    db.session.commit()
    return user


def _known(user_id: int) -> User:
    user = queries.by_id(user_id)
    if user is None:
        raise AccountError("There is no such account.")
    return user


def _end_sessions(user: User) -> None:
    user.fs_uniquifier = secrets.token_hex(32)


def _keep_an_administrator(leaving: User) -> None:
    """Refuses to take away the last one, who alone could let others in again."""
    # All who might leave at this moment wait here for each other.
    db.session.execute(select(Role.id).where(Role.name == "administrator").with_for_update())
    others = db.session.execute(
        select(func.count())
        .select_from(User)
        .join(user_role, user_role.c.user_id == User.id)
        .join(Role, Role.id == user_role.c.role_id)
        .where(Role.name == "administrator", User.active, User.id != leaving.id)
    ).scalar_one()
    if not others:
        db.session.rollback()
        raise AccountError("This is the only administrator: make another one first.")
