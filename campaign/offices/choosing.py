"""Which offices a campaign's letters go to."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from campaign.extensions import db
from campaign.offices.models import CampaignTarget


def choose_for_campaign(
    campaign_id: int,
    chosen: Sequence[int],
    urgent: bool,
    petitions: Mapping[int, int] | None = None,
) -> None:
    """Which offices a campaign's letters go to, in order; letters written before go where they went.

    ``petitions``: the petition on which letters to an office bear, by office; one that is left out has that of its agency.
    """
    about = petitions or {}
    db.session.execute(
        delete(CampaignTarget).where(
            CampaignTarget.campaign_id == campaign_id, CampaignTarget.target_id.not_in(list(chosen))
        )
    )
    for position, target_id in enumerate(chosen, start=1):
        values = {
            "position": position, "urgent": urgent, "petition_id": about.get(target_id)
        }  # fmt: skip
        db.session.execute(
            insert(CampaignTarget)
            .values(campaign_id=campaign_id, target_id=target_id, **values)
            .on_conflict_do_update(
                index_elements=[CampaignTarget.campaign_id, CampaignTarget.target_id], set_=values
            )
        )
    db.session.commit()


def join_in_transaction(campaign_id: int, target_ids: Sequence[int]) -> list[int]:
    """Takes offices among those of a campaign, behind the others; returns those that were not among them."""
    of_it = select(CampaignTarget.target_id, CampaignTarget.position).where(
        CampaignTarget.campaign_id == campaign_id
    )
    there = {row.target_id: row.position for row in db.session.execute(of_it)}
    new = [target_id for target_id in target_ids if target_id not in there]
    db.session.add_all(
        CampaignTarget(campaign_id=campaign_id, target_id=target_id, position=position)
        for position, target_id in enumerate(new, start=max(there.values(), default=0) + 1)
    )
    db.session.flush()
    return new
