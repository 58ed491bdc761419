"""What every page shares: assets, dates and numbers, Markdown, paging by key, caching."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

import nh3
from flask import Flask, Response, abort, make_response, request, url_for
from markdown_it import MarkdownIt
from markupsafe import Markup
from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

from campaign.extensions import db

PAGE = 50
"""Rows of a list on one page."""

T = TypeVar("T")


@lru_cache
def _fingerprint(path: str, changed: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:10]


def following(address: str) -> Response:
    """Sends the browser on to the page that follows what was sent (303, RFC 9110 15.4.4): without a text, which nobody sees."""
    return Response(status=303, headers={"Location": address})


def asset(name: str) -> str:
    """The address of a static file, the same in every language, changing when the file does."""
    from flask import current_app

    path = Path(current_app.static_folder or "") / name
    mark = _fingerprint(str(path), path.stat().st_mtime_ns) if path.exists() else "0"
    root = request.script_root
    from campaign.web import languages

    return f"{root.removesuffix(languages.prefix(languages.current()))}/static/{name}?v={mark}"


_markdown = MarkdownIt("commonmark", {"html": False, "typographer": True}).enable(
    # Not "replacements": it would make © of paragraph (c) of a rule.
    ["table", "smartquotes"]
)


def markdown(text: str) -> Markup:
    """Organizers' Markdown as safe HTML: no raw HTML, no scripts, no images from elsewhere."""
    html = nh3.clean(
        _markdown.render(text or ""),
        tags=nh3.ALLOWED_TAGS - {"img", "map", "area"},
        link_rel="noopener noreferrer",
    )
    return Markup(html)  # noqa: S704  # nh3 has just cleaned it


@dataclass(frozen=True)
class Page(Generic[T]):
    """A page of a list, with the keys that lead on and back (None: there is no more)."""

    rows: Sequence[T]
    next_key: int | None
    previous_key: int | None


def page_by_key(
    query: Select[*tuple[Any, ...]],
    key: InstrumentedAttribute[int],
    *,
    size: int = PAGE,
    args: Any = None,
) -> Page[Any]:
    """One page of ``query``, newest key first, from the request's ``before`` or ``after`` key.

    Costs the same on every page, since it seeks to a key instead of counting rows off.
    """
    args = request.args if args is None else args
    before, after = args.get("before", type=int), args.get("after", type=int)
    if after is not None:
        rows = list(
            db.session.execute(query.where(key > after).order_by(key.asc()).limit(size + 1)).all()
        )
        more = len(rows) > size
        rows = rows[:size][::-1]
        previous = _key(rows[0], key) if more and rows else None
        return Page(rows, _key(rows[-1], key) if rows else None, previous)
    if before is not None:
        query = query.where(key < before)
    rows = list(db.session.execute(query.order_by(key.desc()).limit(size + 1)).all())
    more = len(rows) > size
    rows = rows[:size]
    return Page(
        rows,
        _key(rows[-1], key) if more else None,
        _key(rows[0], key) if before is not None and rows else None,
    )


def place() -> dict[str, Any]:
    """Which page of a list the request is about, for the addresses of its forms and the way back to it."""
    return {key: n for key in ("before", "after") if (n := request.args.get(key, type=int))}


def _key(row: Any, key: InstrumentedAttribute[int]) -> int:
    first = row[0]
    return int(getattr(first, key.key) if hasattr(first, key.key) else getattr(row, key.key))


def in_zone(value: datetime, zone: str) -> datetime:
    """The same moment on the clock of ``zone`` (tz database)."""
    return value.astimezone(ZoneInfo(zone))


def with_query(**changes: Any) -> str:
    """This page's address with some query arguments changed; None leaves one out."""
    args = {**request.args.to_dict(), **changes}
    values = {**(request.view_args or {}), **{k: v for k, v in args.items() if v is not None}}
    return url_for(request.endpoint or "", **values)


def cacheable(body: str, seconds: int = 60, status: int = 200) -> Response:
    """A public page that a cache in front of the site may keep and hand to everyone."""
    response = make_response(body, status)
    response.headers["Cache-Control"] = f"public, max-age={seconds}, stale-while-revalidate=60"
    return response


def private(body: str, status: int = 200) -> Response:
    """A page that holds what someone typed, or what is only theirs: nothing keeps it."""
    response = make_response(body, status)
    response.headers["Cache-Control"] = "no-store"
    return response


def or_404(row: T | None, **owner: int) -> T:
    """The row; a 404 page where there is none, or where it is another ``owner``'s than the address says."""
    if row is None or any(getattr(row, name) != value for name, value in owner.items()):
        abort(404)
    return row


def init_app(app: Flask) -> None:
    """Makes the helpers known to templates."""
    app.jinja_env.globals.update(asset=asset, with_query=with_query)
    app.jinja_env.filters.update(markdown=markdown, in_zone=in_zone)
