"""The states of packets and digests in words, for the desk, what became of the wish to send a digest now, and what does not fit."""

import re

from flask_babel import format_datetime, gettext, ngettext
from flask_babel import lazy_gettext as _l

from campaign.offices.models import Target
from campaign.papers.daily import NextDigest, Sent
from campaign.web.pages import in_zone


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


def _when(next_one: NextDigest | None, target: Target) -> str:
    if next_one is None or next_one.at is None:
        return gettext("a day more than ten years from now")
    local = in_zone(next_one.at, target.timezone)
    return format_datetime(local, gettext("EEEE, MMMM d, h:mm a '(office time)'"), rebase=False)


def sent_sentence(sent: Sent, target: Target, next_one: NextDigest | None) -> str:
    """What an organizer is told who has pressed "Send the digest now"."""
    when = _when(next_one, target)
    if sent.letters:
        return ngettext(
            "%(num)s letter is on its way. What is confirmed from now on leaves on %(when)s.",
            "%(num)s letters are on their way in one digest. What is confirmed from now on leaves on %(when)s.",
            sent.letters, when=when,
        )  # fmt: skip
    texts = {
        "channel": gettext("Letters to this office do not go by digest: change its entry first."),
        "paused": gettext("Letters to this office are paused: let them go on first. Nothing was sent."),
        "closed": gettext(
            "The office is closed now, and letters reach it only in its hours. The next digest leaves on %(when)s.",
            when=when,
        ),
        "campaigns": gettext("The letters that wait are of campaigns whose letters are paused. Nothing was sent."),
        "leaving": gettext("The digest is on its way already, and no other letter waits."),
        "none": gettext("No letter waits for this office: there is nothing to send."),
    }  # fmt: skip
    return texts[sent.why_not]


_MISFITS = (
    ("empty, and needed", _l("empty, and needed")),
    (
        r"(?P<n>[\d,]+) characters, (?P<most>[\d,]+) allowed",
        _l("%(n)s characters, %(most)s allowed"),
    ),
    (r"(?P<n>[\d,]+) bytes, (?P<most>[\d,]+) allowed", _l("%(n)s bytes, %(most)s allowed")),
    (r"an emoji at character (?P<n>[\d,]+)", _l("an emoji at character %(n)s")),
)


def why_misfit(why: str) -> str:
    """What campaign.papers.comment_fields.misfits says in English, for the agency, in the language of the page."""
    for pattern, sentence in _MISFITS:
        if found := re.fullmatch(pattern, why):
            return str(sentence) % found.groupdict()
    return why
