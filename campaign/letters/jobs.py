"""RQ entry points of the letters."""

from campaign.extensions import rq
from campaign.letters import drip


@rq.job(queue="letters")
def give_out_slots() -> int:
    """Gives the mail engine the letters of the next minute; cron calls it every few seconds."""
    return drip.sweep()


rq.cron_register(give_out_slots, 3, queue="letters", result_ttl=0, ttl=10)
