"""RQ entry points: one job is a few seconds of a stream's work, never one message."""

import logging
import threading
import time
from functools import partial

from flask import Flask, current_app
from sqlalchemy.exc import DBAPIError

from campaign.engines import stopping
from campaign.engines.away import apart, is_away, roll_back
from campaign.extensions import db, rq
from campaign.mail import (
    connections,
    domains,
    gate,
    leases,
    orders,
    recovering,
    renewing,
    sender,
    server,
    wake,
)
from campaign.mail.server import ServerAway
from campaign.mail.streams import STREAMS

log = logging.getLogger(__name__)

BOX_S = 3.0
"""How long a job goes on claiming; then others get their turn."""
LONGEST_S = 60.0
"""How long it goes on where no other work waits in any queue: to stop and be called again costs some time each time."""
SOON_S = 2.0
"""For messages due within so many seconds a job stays while some take turns by their domain's rate."""
_in_vain: set[str] = set()
"""The streams for which this process had no connection the last time: until it has one again only the sweep calls it."""


def deliver(stream: str) -> int:
    """Sends what is due of a stream on as many connections as it is worth: for three seconds, or while nobody else waits.

    Returns how many messages it found due. Where more than that is due it wakes another worker first, and
    itself again at the end.
    """
    plan = STREAMS[stream]
    due = 0 if orders.stream_paused(stream) else leases.due(stream, plan.claim * plan.senders + 1)
    db.session.commit()
    if not due:
        return 0
    if due > plan.claim * plan.senders and stream not in _in_vain:
        wake.wake(stream)
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # werkzeug's proxy
    crew = _Crew(app, stream, lanes=min(plan.lanes, -(-due // plan.group)))
    crew.work(min(plan.senders, -(-due // plan.claim)))
    if crew.more and not stopping.requested():
        wake.wake(stream)
    return due


class _Crew:
    """The senders of one job."""

    def __init__(self, app: Flask, stream: str, lanes: int) -> None:
        self.app = app
        self.lanes = lanes
        self.stream = STREAMS[stream]
        self._longest = time.monotonic() + LONGEST_S
        self._until = time.monotonic() + BOX_S
        self.more = False
        """Whether a sender stopped for want of time and not of messages."""

    def work(self, size: int) -> None:
        """Has ``size`` senders work, and renews their leases where that takes long."""
        threads = [
            threading.Thread(target=self._send, args=(number,), name=f"{self.stream.name}-{number}")
            for number in range(size)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(timeout=1)
                if stopping.requested():
                    server.break_off()
                self._renew()
                if self._until - time.monotonic() < 1.5 and not wake.others_wait(self.stream.name):
                    self._until = min(time.monotonic() + BOX_S, self._longest)

    def over(self) -> bool:
        """Whether it is time to let others have their turn."""
        return time.monotonic() > self._until

    def _send(self, number: int) -> None:
        more = False
        with self.app.app_context():
            try:
                more = sender.send_due(self.stream, number, self.lanes, self.over)
                while not more and self._waited():
                    more = sender.send_due(self.stream, number, self.lanes, self.over)
                self.more |= more
                _in_vain.discard(self.stream.name)
            except connections.NoRoom:
                # The others that are at it will send the rest, or the sweep calls again.
                _in_vain.add(self.stream.name)
            except ServerAway as error:
                _in_vain.add(self.stream.name)
                log.warning("%s", error)
            except Exception as error:
                roll_back()
                if is_away(error):
                    reason = error.orig if isinstance(error, DBAPIError) else error
                    log.warning(
                        "an engine went away while %s were sent: %s", self.stream.name, reason
                    )
                else:
                    log.exception("a sender of %s stopped", self.stream.name)
            finally:
                connections.kept.rest(self.stream.name, number, more)

    def _waited(self) -> bool:
        """Waits for what is due in a moment, if there is any and time for it; whether there is."""
        if not gate.taking_turns():
            return False
        wait_s = leases.due_in(self.stream.name, SOON_S)
        db.session.commit()
        if wait_s is None:
            return False
        until = time.monotonic() + wait_s
        while (left := until - time.monotonic()) > 0 and not self._ends():
            time.sleep(min(left, 0.1))
        return not self._ends()

    def _ends(self) -> bool:
        return self.over() or stopping.requested()

    def _renew(self) -> None:
        try:
            renewing.held.renew()
            connections.kept.renew()
        except Exception as error:  # the senders are still at work, so this goes on too
            roll_back()
            if not is_away(error):
                log.exception("leases could not be renewed")


@rq.job(queue="confirmations")
def deliver_confirmations() -> int:
    """Sends confirmations that are due."""
    return deliver("confirmations")


@rq.job(queue="letters")
def deliver_letters() -> int:
    """Sends letters that are due."""
    return deliver("letters")


@rq.job(queue="alerts")
def deliver_alerts() -> int:
    """Sends alerts that are due."""
    return deliver("alerts")


DELIVER = {
    "confirmations": deliver_confirmations,
    "letters": deliver_letters,
    "alerts": deliver_alerts,
}


@rq.job(queue="default")
def sweep() -> int:
    """What must happen even if every wake-up was lost; cron calls it every five seconds.

    Takes back what dead senders had leased, queues what waited in doubt, goes on with standing orders, and
    wakes the streams that have something due. Returns how many streams it woke.
    """
    apart("taking back leases", recovering.expire)
    apart("queueing what waited in doubt", recovering.retry_uncertain)
    apart("putting off what domains do not take", partial(domains.put_off, STREAMS))
    apart("carrying out orders", _carry_out_orders)
    due = [stream for stream in STREAMS if leases.due(stream, 1)]
    db.session.commit()
    wake.note_sweep()
    return sum(wake.wake(stream) for stream in due)


def _carry_out_orders() -> None:
    until = time.monotonic() + BOX_S
    while orders.carry_on() and time.monotonic() < until and not stopping.requested():
        pass


@rq.job(queue="default")
def mend_clocks() -> int:
    """What a clock that was wrong for a while has put off until some other day is due again."""
    return recovering.mend_clocks()


rq.cron_register(mend_clocks, 600, queue="default", result_ttl=0, ttl=300)
rq.cron_register(sweep, 5, queue="default", result_ttl=0, ttl=30)
