"""Reading staff accounts."""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.orm import selectinload

from campaign.accounts.models import User
from campaign.extensions import db
from campaign.web.pages import Page, page_by_key


class Named(NamedTuple):
    """An organization as accounts know it: number, short name, name."""

    id: int
    slug: str
    name: str


class Directory(NamedTuple):
    """How accounts ask about organizations, which are a floor above."""

    like: Callable[[str], list[Named]]
    """Those that a typed text may mean; exactly one where it is clear."""
    names: Callable[[list[int]], dict[int, str]]


_directory: list[Directory] = []


def use_directory(directory: Directory) -> None:
    """The feature that knows the organizations says how to ask it."""
    _directory[:] = [directory]


def organizations_like(text: str) -> list[Named]:
    """The organizations that ``text`` may mean: one where it is clear, a few where not."""
    return _directory[0].like(text) if _directory and text else []


def organization_names(ids: list[int]) -> dict[int, str]:
    """The names of organizations by number."""
    return _directory[0].names(ids) if _directory and ids else {}


def by_email(email: str) -> User | None:
    """The account of an address, whatever its case."""
    query = select(User).where(func.lower(User.email) == email.strip().lower())
    return db.session.execute(query).unique().scalar_one_or_none()


def by_id(user_id: int) -> User | None:
    """The account of that number."""
    return db.session.get(User, user_id)


def page(text: str = "") -> Page[Any]:
    """A page of the accounts, newest first; ``text`` is part of an address or a name."""
    query = select(User).options(selectinload(User.roles))
    if text:
        query = query.where(
            or_(
                func.lower(User.email).contains(text.lower(), autoescape=True),
                func.lower(User.name).contains(text.lower(), autoescape=True),
            )
        )
    return page_by_key(query, User.id)
