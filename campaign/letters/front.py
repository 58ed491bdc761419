"""What the letters add to a campaign's public page."""

from typing import Any

from campaign.coalition.models import Campaign
from campaign.letters import message, queries


def section(campaign: Campaign) -> dict[str, Any]:
    """The offices that letters go to, with whoever holds them today."""
    return {
        "targets": [
            {
                "role": one.target.role,
                "agency": one.target.agency,
                "holder": message.holder_name(one.holder),
            }
            for one in queries.offices(campaign.id)
        ]
    }
