"""The states of packets and digests in words, for the desk, and what became of the wish to send a digest now."""

from collections.abc import Collection, Mapping

from flask import url_for
from flask_babel import format_date, format_datetime, gettext, ngettext
from sqlalchemy import select

from campaign.extensions import db
from campaign.mail.naming import Key, Thing
from campaign.offices.models import Target
from campaign.papers.daily import NextDigest, Sent
from campaign.papers.models import Bundle
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


def of_digests(keys: Collection[Key]) -> Mapping[Key, Thing]:
    """The digests that messages carry (campaign.mail.naming)."""
    query = (
        select(Bundle.id, Bundle.target_id, Bundle.day, Target.role)
        .join(Target, Target.id == Bundle.target_id)
        .where(Bundle.id.in_({unit for _, unit in keys}))
    )
    found = {
        row.id: Thing(
            gettext(
                "Digest of %(day)s to the %(role)s",
                day=format_date(row.day, "medium"), role=row.role,
            ),
            url_for("papers_desk.index", target_id=row.target_id),
        )
        for row in db.session.execute(query)
    }  # fmt: skip
    return {key: found[key[1]] for key in keys if key[1] in found}


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
