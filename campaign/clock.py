"""The one place that says what time it is, so that tests can move it, and what is a time zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def utcnow() -> datetime:
    """The current time, timezone-aware, in UTC."""
    return datetime.now(UTC)


def is_zone(name: str) -> bool:
    """Whether a name is a zone of the tz database. ``US`` is a folder there, and no file has a name of 300 characters."""
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return False
    return True
