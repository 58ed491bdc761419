"""What is done by the clock for mail that came in."""

from campaign.extensions import rq
from campaign.mail.inbound import events


@rq.job(queue="default")
def tidy() -> int:
    """Deletes what is too old to come again; returns how much."""
    return events.clear()


rq.cron_register(tidy, 3600, queue="default", result_ttl=0, ttl=600)
