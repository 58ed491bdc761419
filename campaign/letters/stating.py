"""The states of letters and deliveries in words, for the desk."""

from flask_babel import gettext


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


def bundle_label(state: str) -> str:
    """A packet's or digest's state."""
    texts = {
        "making": gettext("being made"),
        "ready": gettext("ready to print"),
        "broken": gettext("could not be made"),
        "queued": gettext("about to leave"),
        "sent": gettext("accepted by the office’s mail server"),
        "failed": gettext("returned"),
        "handed": gettext("handed over"),
        "undone": gettext("taken apart"),
    }
    return texts.get(state, state)
