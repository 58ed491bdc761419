"""An office's history in words, for the desk."""

from flask_babel import gettext


def changed_labels() -> dict[str, str]:
    """What was changed in an office's entry, by TargetChange.what."""
    return {
        "made": gettext("Added"),
        "agency": gettext("Agency"),
        "role": gettext("Role"),
        "email": gettext("Email"),
        "salutation": gettext("Salutation"),
        "channel": gettext("How letters reach it"),
        "timezone": gettext("Time zone"),
        "opens": gettext("Opens"),
        "closes": gettext("Closes"),
        "days": gettext("Office days"),
        "per_hour": gettext("Letters an hour"),
        "digest_at": gettext("Digest leaves at"),
        "holder": gettext("Held by"),
        "holder removed": gettext("Holder removed"),
        "checked": gettext("Checked"),
        "paused": gettext("Paused"),
        "resumed": gettext("Resumed"),
        "retired": gettext("Retired"),
        "brought back": gettext("Brought back"),
    }
