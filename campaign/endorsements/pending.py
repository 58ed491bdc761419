"""Signatures as acts that wait for the confirmation of an address."""

from collections.abc import Sequence

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import func, or_, select

from campaign.clock import utcnow
from campaign.coalition.models import Campaign
from campaign.endorsements import commands, keys, kinds, queries
from campaign.endorsements.deciding import by_submission
from campaign.endorsements.models import DUPLICATE, Endorsement
from campaign.extensions import db
from campaign.petitions.models import PetitionVersion
from campaign.supporters.confirmation import LINK_AGE, Outcome, PendingAct, oldest_waiting
from campaign.web import languages

KIND = "endorsement"


class Signatures:
    """The confirmation page's provider (campaign.supporters.confirmation.Provider): one act a sending of the form."""

    def pending(self, address: str, limit: int, own: int) -> Sequence[PendingAct]:
        """The unconfirmed sendings of this address, newest first, each with what it would agree to."""
        sent = (
            select(func.min(Endorsement.id))
            .where(
                func.lower(Endorsement.signer_email) == address.lower(),
                Endorsement.state == "unconfirmed",
                Endorsement.created_at > oldest_waiting(),
            )
            .group_by(Endorsement.submission)
        )
        newest = sent.order_by(func.min(Endorsement.id).desc()).limit(limit)
        submissions = select(Endorsement.submission).where(
            or_(Endorsement.id.in_(newest), Endorsement.id == own)
        )
        rows = db.session.execute(
            select(Endorsement, PetitionVersion, Campaign)
            .join(PetitionVersion, PetitionVersion.id == Endorsement.petition_version_id)
            .join(Campaign, Campaign.id == Endorsement.campaign_id)
            .where(
                func.lower(Endorsement.signer_email) == address.lower(),
                Endorsement.state == "unconfirmed",
                Endorsement.created_at > oldest_waiting(),
                Endorsement.submission.in_(submissions),
            )
            .order_by(Endorsement.id.desc())
        ).all()
        groups: dict[str, list[tuple[Endorsement, PetitionVersion, Campaign]]] = {}
        for row, version, campaign in rows:
            groups.setdefault(row.submission, []).insert(0, (row, version, campaign))
        return [_act(group) for group in groups.values()]

    def confirm(self, address: str, ids: Sequence[int]) -> Sequence[Outcome]:
        """Confirms the sendings whose first rows these are; the caller commits."""
        whole = queries.ids_of_submissions(ids)
        rows = commands.confirm(address, whole)
        return [_outcome(group) for group in by_submission(rows).values()]

    def done(self, address: str) -> Sequence[Outcome]:
        """What this address confirmed while its link worked."""
        since = utcnow().timestamp() - LINK_AGE
        rows = db.session.execute(
            select(Endorsement)
            .where(
                func.lower(Endorsement.signer_email) == address.lower(),
                Endorsement.confirmed_at.is_not(None),
            )
            .order_by(Endorsement.id.desc())
            .limit(50)
        ).scalars()
        recent = [row for row in rows if row.confirmed_at and row.confirmed_at.timestamp() >= since]
        return [_outcome(group) for group in by_submission(recent).values()]


def _act(group: list[tuple[Endorsement, PetitionVersion, Campaign]]) -> PendingAct:
    first, _version, campaign = group[0]
    return PendingAct(
        kind=KIND,
        id=first.id,
        at=first.created_at,
        title=_("Your signature for %(name)s", name=first.name),
        template="endorsements/act.html",
        details={
            "campaign": languages.pick(campaign.title),
            "slug": campaign.slug,
            "name": first.name,
            "kind": kinds.label(first.kind),
            "individual": first.kind == "individual",
            "website": first.website,
            "signer_name": first.signer_name,
            "signer_title": first.signer_title,
            "petitions": [
                {"title": languages.pick(version.title), "number": version.number}
                for _row, version, _campaign in group
            ],
        },
        group=f"{KIND}:{first.name_key}:{sorted(row.petition_id for row, _v, _c in group)}",
    )


def _outcome(group: list[Endorsement]) -> Outcome:
    first = min(group, key=lambda row: row.id)
    titles = queries.titles([row.petition_version_id for row in group if row.decision == DUPLICATE])
    signed = [row for row in group if row.decision != DUPLICATE]
    texts = []
    if signed:
        texts.append(
            _("Your signature for %(name)s is confirmed. The coalition will look at it and write to you.",
              name=first.name)
        )  # fmt: skip
    if titles:
        listed = "; ".join(f"“{title}”" for title in titles)
        texts.append(
            ngettext(
                "%(name)s is already among the co-signers of %(titles)s, so nothing more is needed there. If yours is "
                "another organization of the same name, please sign again with its place in the name.",
                "%(name)s is already among the co-signers of %(titles)s, so nothing more is needed there. If yours is "
                "another organization of the same name, please sign again with its place in the name.",
                len(titles), name=first.name, titles=listed,
            )
        )  # fmt: skip
    elif signed and queries.same_website(signed[0]):
        texts.append(
            _(
                "A signer with the same website is already among the co-signers; the coalition will see whether you are one."
            )
        )
    return Outcome(KIND, " ".join(texts), keys.own_page_link(first.id, languages.current()))
