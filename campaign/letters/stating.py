"""The states of letters and deliveries in words, for the desk, and the usual reasons of a rejection."""

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from campaign.web import languages

REASONS = (
    _l("It is not about this campaign."),
    _l("It advertises something."),
    _l("It threatens or insults someone."),
    _l("It tells private things about a person who is not in office."),
    _l("The same letter came under several names."),
)
"""Offered to whoever rejects a letter; the writer reads them in the letter's language."""


def reason(text: str, language: str | None = None) -> str:
    """A reason as a writer of ``language`` (default: the page's) reads it: one of REASONS translated, others as they are."""
    wanted = language or languages.current()
    for one in REASONS:
        texts = {}
        for code in languages.LANGUAGES:
            with languages.speaking(code):
                texts[code] = str(one)
        if text in texts.values():
            return texts.get(wanted, text)
    return text


def letter_label(state: str) -> str:
    """A letter's state."""
    texts = {
        "unconfirmed": gettext("not confirmed"),
        "confirmed": gettext("confirmed"),
        "held": gettext("on hold"),
        "rejected": gettext("rejected"),
        "replaced": gettext("replaced by a newer one"),
        "withdrawn": gettext("taken back by its writer"),
    }
    return texts.get(state, state)


def delivery_label(state: str) -> str:
    """A delivery's state."""
    texts = {
        "waiting": gettext("waits for its turn"),
        "queued": gettext("about to leave"),
        "sent": gettext("accepted by the office’s mail server"),
        "deferred": gettext("refused for now, tried again"),
        "failed": gettext("returned"),
        "uncertain": gettext("not certain"),
        "held": gettext("on hold"),
        "cancelled": gettext("not sent"),
    }
    return texts.get(state, state)
