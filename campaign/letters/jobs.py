"""RQ entry points of the letters."""

import math
import threading
from datetime import datetime

from flask import Flask, current_app

from campaign.clock import utcnow
from campaign.extensions import rq
from campaign.letters import drip
from campaign.mail import wake


@rq.job(queue="letters")
def give_out_slots() -> int:
    """Gives the mail engine the letters of the next minute; cron calls it every few seconds."""
    slots = drip.sweep()
    wake_at(slots)
    return len(slots)


PUNCTUAL = 60
"""Seconds ahead at which a letter's slot wakes the senders by itself; others leave with the engine's sweep."""


def wake_at(slots: list[datetime]) -> None:
    """Wakes the senders at each slot's second, so that letters leave as evenly as they were planned.

    Only a help: what a worker that dies had in mind leaves with the engine's next sweep, at most five seconds late.
    """
    if current_app.testing:
        return
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # werkzeug's proxy
    now = utcnow()
    waits = {math.ceil((at - now).total_seconds() * 4) / 4 for at in slots}
    for seconds in sorted(waits)[: 4 * PUNCTUAL]:
        timer = threading.Timer(max(seconds, 0.0), _wake, [app])
        timer.daemon = True
        timer.start()


def _wake(app: Flask) -> None:
    with app.app_context():
        wake.wake("letters")


rq.cron_register(give_out_slots, 3, queue="letters", result_ttl=0, ttl=10)
