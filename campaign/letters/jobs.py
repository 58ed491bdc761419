"""RQ entry points of the letters."""

import time

from campaign.engines import stopping
from campaign.extensions import rq
from campaign.letters import bundles, drip, filing


@rq.job(queue="letters")
def give_out_slots() -> int:
    """Gives the mail engine the letters of the next minute; cron calls it every few seconds."""
    return drip.sweep()


@rq.job(queue="default")
def make_papers() -> int:
    """Begins the digests that are due and makes the PDFs and filings that wait, for some twenty seconds; cron calls it."""
    bundles.begin_digests()
    made, until = 0, time.monotonic() + 20
    while time.monotonic() < until and not stopping.requested():
        if not bundles.make_next() and not filing.make_next():
            break
        made += 1
    return made


rq.cron_register(make_papers, 10, queue="default", result_ttl=0, ttl=20)
rq.cron_register(give_out_slots, 3, queue="letters", result_ttl=0, ttl=10)
