"""RQ entry points of the alerts."""

from campaign.alerts import sending
from campaign.extensions import rq


@rq.job(queue="default")
def advance() -> int:
    """Begins, expands and finishes alerts; cron calls it every three seconds."""
    return sending.advance()


rq.cron_register(advance, 3, queue="default", result_ttl=0, ttl=15)
