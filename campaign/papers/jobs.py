"""RQ entry points of the papers."""

import time

from campaign.engines import stopping
from campaign.extensions import rq
from campaign.papers import daily, filing, making


@rq.job(queue="default")
def make_papers() -> int:
    """Begins the digests that are due and makes the PDFs and filings that wait, for some twenty seconds; cron calls it."""
    daily.begin_due()
    made, until = 0, time.monotonic() + 20
    while time.monotonic() < until and not stopping.requested():
        if not making.make_next() and not filing.make_next():
            break
        made += 1
    return made


rq.cron_register(make_papers, 10, queue="default", result_ttl=0, ttl=20)
