"""What the offices add to a campaign's public page."""

from typing import Any

from campaign.coalition.models import Campaign
from campaign.offices import queries


def section(campaign: Campaign) -> dict[str, Any]:
    """The offices that letters go to, with whoever holds them today."""
    return {
        "targets": [
            {
                "role": one.target.role,
                "agency": one.target.agency,
                "holder": one.holder_name,
            }
            for one in queries.of_campaign(campaign.id)
        ]
    }
