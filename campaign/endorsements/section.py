"""The signers on a campaign's public page."""

from typing import Any

from campaign.coalition.models import Campaign
from campaign.endorsements import queries
from campaign.endorsements.views import line
from campaign.petitions import queries as petitions

SHOWN = 40
"""Signers on the campaign's page; the list has them all."""


def signers(campaign: Campaign) -> dict[str, Any]:
    """The first signers in listing order, and how many there are as of the last fold."""
    current = petitions.of_campaign(campaign.id)
    found = queries.first_signers(campaign.id, SHOWN)
    several = len(current) > 1 and any(len(one.petition_ids) < len(current) for one in found)
    return {
        "signers": [line(one, current, several) for one in found],
        "signer_count": queries.counts(campaign.id).signers,
    }


ON_PAPER = 5000
"""Co-signers that a packet lists at most."""


def on_paper(campaign_id: int) -> list[tuple[str, str]]:
    """The co-signers in listing order, for packets on paper: (name, an expert's title)."""
    return [(one.name, one.title) for one in queries.first_signers(campaign_id, ON_PAPER)]
