"""RQ entry points of the supporters."""

from campaign.extensions import rq
from campaign.supporters import retention


@rq.job(queue="default")
def delete_unconfirmed() -> int:
    """Deletes what was typed and never confirmed, once it is old enough; cron calls it every ten minutes."""
    return sum(retention.sweep().values())


rq.cron_register(delete_unconfirmed, 600, queue="default", result_ttl=0, ttl=300)
