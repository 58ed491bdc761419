"""The kinds and states of endorsements in plain words."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext

CHOICES: list[tuple[str, Any]] = [
    ("national", _l("A national organization")),
    ("state", _l("A state or regional organization")),
    ("local", _l("A local organization")),
    ("international", _l("An international organization")),
    ("academic", _l("A university, clinic or institute")),
    ("individual", _l("I endorse as an individual expert")),
]
"""The form's choices."""

LABELS: dict[str, Any] = {
    "national": _l("National"),
    "state": lazy_pgettext("kind", "State"),
    "local": _l("Local"),
    "international": _l("International"),
    "academic": _l("Academic"),
    "individual": _l("Individual expert"),
}
"""What stands beside a signer's name."""

STATES: dict[str, tuple[Any, str]] = {
    "unconfirmed": (_l("Not confirmed by the signer"), "held"),
    "confirmed": (_l("Waits for approval"), "waiting"),
    "approved": (_l("Public"), "done"),
    "declined": (_l("Declined"), "failed"),
    "withdrawn": (_l("Withdrawn"), "off"),
}
"""A state in words, and the tone of its badge."""


def label(kind: str) -> str:
    """A kind as the list shows it."""
    return str(LABELS.get(kind, kind))


def counted(kind: str, n: int) -> str:
    """``n`` signers of a kind, in words, without the number."""
    from flask_babel import ngettext

    words = {
        "national": lambda: ngettext("national organization", "national organizations", n),
        "state": lambda: ngettext("state organization", "state organizations", n),
        "local": lambda: ngettext("local organization", "local organizations", n),
        "international": lambda: ngettext(
            "international organization", "international organizations", n
        ),
        "academic": lambda: ngettext("academic institution", "academic institutions", n),
        "individual": lambda: ngettext("individual expert", "individual experts", n),
    }
    return str(words[kind]())
