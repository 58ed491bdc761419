"""The states of packets and digests in words, for the desk."""

from flask_babel import gettext


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
