"""A restored ledger is held until a person says what goes.

The backup may be older than what has been sent since: its open messages, and those that its waiting letters and
unfinished alerts would add, could be second copies. So a restore stops every stream; a person lets each go on.
"""

from datetime import datetime

from campaign import settings
from campaign.extensions import db
from campaign.mail import orders, wake
from campaign.mail.models import STREAMS

KEY = "restored"
"""The setting that says since when, and which streams are still held."""


def held() -> tuple[str, ...]:
    """The streams that wait for a person's word, in their order."""
    found = settings.get(KEY) or {}
    return tuple(stream for stream in STREAMS if stream in found.get("held", ()))


def taken_at() -> datetime | None:
    """When the backup was taken that this site was restored from."""
    found = settings.get(KEY) or {}
    return datetime.fromisoformat(found["backup_of"]) if found.get("backup_of") else None


def hold(backup_of: str, by: str = "restore") -> None:
    """Stops every stream, and commits."""
    for stream in STREAMS:
        orders.pause_stream(stream, by)
    settings.put(KEY, {"held": list(STREAMS), "backup_of": backup_of}, by)
    db.session.commit()


def release(stream: str, by: str) -> bool:
    """Lets a stream go on, and commits; returns whether it was held. Raises ValueError for no stream of ours."""
    if stream not in STREAMS:
        raise ValueError(f"there is no stream {stream!r}")
    found = settings.get(KEY) or {}
    if stream not in found.get("held", ()):
        return False
    orders.resume_stream(stream)
    found["held"] = [one for one in found["held"] if one != stream]
    settings.put(KEY, found, by)
    db.session.commit()
    wake.wake(stream)
    return True
