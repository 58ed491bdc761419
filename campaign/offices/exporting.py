"""The directory of offices as CSV rows, in the columns of the import."""

from collections.abc import Iterator

from sqlalchemy import select

from campaign.clock import utcnow
from campaign.coalition import queries as coalition
from campaign.coalition.models import Campaign
from campaign.extensions import db
from campaign.offices.commands import UNKNOWN_START
from campaign.offices.hours import write_days, write_time
from campaign.offices.models import CampaignTarget, Holder, Target


def export_rows(campaign: str | None = None) -> Iterator[dict[str, str]]:
    """The directory of offices with today's holders, one row a campaign that an office is in, as the import takes it.

    Retired offices are left out: no column says that they are, so that they would come in as offices again.
    """
    campaign_id = coalition.campaign_id(campaign)
    query = (
        select(Target, Campaign.slug)
        .outerjoin(CampaignTarget, CampaignTarget.target_id == Target.id)
        .outerjoin(Campaign, Campaign.id == CampaignTarget.campaign_id)
        .where(Target.retired_at.is_(None))
        .order_by(Campaign.id, CampaignTarget.position, Target.id)
    )
    if campaign_id is not None:
        query = query.where(CampaignTarget.campaign_id == campaign_id)
    holding = _holding()
    for target, slug in db.session.execute(query).all():
        holder = holding.get(target.id)
        since = holder.since.isoformat() if holder and holder.since != UNKNOWN_START else ""
        yield {
            **cells(target),
            "campaign": slug or "",
            "holder": holder.name if holder else "",
            "holder_since": since,
        }


def cells(target: Target) -> dict[str, str]:
    """An office's own entry as its row's cells."""
    return {
        "campaign": "",
        "agency": target.agency,
        "role": target.role,
        "holder": "",
        "holder_since": "",
        "email": target.email,
        "salutation": target.salutation,
        "channel": target.channel,
        "timezone": target.timezone,
        "opens": write_time(target.opens),
        "closes": write_time(target.closes),
        "days": write_days(list(target.days)),
        "per_hour": str(target.per_hour or ""),
        "digest_at": write_time(target.digest_at) if target.digest_at is not None else "",
    }


def _holding() -> dict[int, Holder]:
    today = utcnow().date()
    query = select(Holder).where(
        Holder.since <= today, (Holder.until.is_(None)) | (Holder.until > today)
    )
    return {one.target_id: one for one in db.session.scalars(query)}
