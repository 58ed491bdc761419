"""RQ entry points of the counts."""

from campaign.counts import commands
from campaign.extensions import rq


@rq.job(queue="default")
def fold() -> int:
    """Brings the counters up to date; cron calls it each second."""
    return commands.fold()


rq.cron_register(fold, 1, queue="default", result_ttl=0, ttl=5)
