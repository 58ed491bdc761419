"""What waits for offices, and when the last of it will have left: what an organizer is told in advance.

Letters of a campaign that is paused keep their places and hold up nobody, so that they have no day until it goes on: they
are told beside the day, and not reckoned in.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from campaign.clock import utcnow
from campaign.counts import queries as counts
from campaign.mail import orders
from campaign.offices import digest_plan, plan
from campaign.offices.hours import office_of
from campaign.offices.models import Target


class Waiting(NamedTuple):
    """What waits for an office, as of the last fold."""

    moving: int = 0
    """Letters whose turn comes by itself, at the office's pace."""
    kept: int = 0
    """Letters of paused campaigns."""
    ends: date | None = None
    """The office's day on which the last of those that move leaves; None where none does, or it takes over ten years."""


def at_office(target: Target) -> Waiting:
    """What waits for one office."""
    return at_offices([target])[target.id]


def at_offices(targets: Sequence[Target]) -> dict[int, Waiting]:
    """What waits for several offices, by office."""
    shares = counts.shares("deliveries.waiting", [str(one.id) for one in targets])
    stopped = orders.stopped_campaigns()
    return {one.id: _waiting(one, shares.get(str(one.id), {}), stopped) for one in targets}


def _waiting(target: Target, shares: Mapping[int, int], stopped: Mapping[int, str]) -> Waiting:
    moving = {campaign_id: n for campaign_id, n in shares.items() if campaign_id not in stopped}
    kept = sum(n for campaign_id, n in shares.items() if stopped.get(campaign_id) == "pause")
    return Waiting(sum(moving.values()), kept, _ends(target, moving))


def _ends(target: Target, moving: Mapping[int, int]) -> date | None:
    if not moving:
        return None
    office, now = office_of(target), utcnow()
    if target.channel != "digest":
        return plan.expected_day(office, sum(moving.values()), now)
    # Each campaign has digests of its own, all of them on the same days.
    full = (max(moving.values()) - 1) // digest_plan.MOST
    at = digest_plan.leaves(office, now, target.digested_until, now, full)
    return plan.local_day(office, at) if at else None
