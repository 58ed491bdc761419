"""From a schedule to the last answer: an alert is begun when due, its audience written into the ledger in pieces,
and called sent only when every row is in a final state.

Where it stands is in the alert's row (``expanded_to``), in the transaction that wrote the rows; a stop at any instant
goes on behind the last piece, and the ledger's own key lets no one get it twice.
"""

import time
from datetime import timedelta

from flask import current_app
from sqlalchemy import select

from campaign.alerts import audience
from campaign.alerts.commands import move_in_transaction
from campaign.alerts.models import Alert
from campaign.clock import utcnow
from campaign.engines import stopping
from campaign.extensions import db
from campaign.mail import ledger, wake

PIECE = 5_000
"""People written into the ledger in one transaction."""

BOX_S = 3.0
"""How long one job goes on; then others get their turn."""


def grace() -> timedelta:
    """How late an alert may still leave by itself; later, an organizer decides."""
    return timedelta(hours=float(current_app.config.get("ALERT_GRACE_HOURS", 2)))


def advance() -> int:
    """Begins what is due and carries on with what is being sent; returns how many alerts it touched.

    Cron calls it every few seconds; it costs one look at an index where there is nothing to do.
    """
    ids = db.session.scalars(
        select(Alert.id)
        .where(
            Alert.state.in_(("scheduled", "sending")),
            Alert.scheduled_at <= utcnow(),
        )
        .order_by(Alert.scheduled_at)
        .limit(50)
    ).all()
    db.session.commit()
    until = time.monotonic() + BOX_S
    for alert_id in ids:
        while _step(alert_id) and time.monotonic() < until and not stopping.requested():
            pass
    return len(ids)


def _step(alert_id: int) -> bool:
    """Takes one alert one step on, in one transaction; returns whether another step can follow at once."""
    alert = db.session.execute(
        select(Alert)
        .where(Alert.id == alert_id, Alert.state.in_(("scheduled", "sending")))
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if alert is None:
        db.session.rollback()
        return False
    if alert.state == "scheduled":
        more = _begin(alert)
    elif not alert.expanded:
        more = _expand(alert)
    else:
        more = _finish(alert)
    db.session.commit()
    if more:
        wake.wake("alerts")
    return more


def _begin(alert: Alert) -> bool:
    now = utcnow()
    if alert.scheduled_at is None or alert.scheduled_at > now:
        return False
    if now - alert.scheduled_at > grace():
        move_in_transaction(alert, "overdue")
        return False
    alert.started_at = now
    move_in_transaction(alert, "sending")
    return True


def _expand(alert: Alert) -> bool:
    last = audience.up_to(alert, alert.expanded_to, PIECE)
    if last is None:
        alert.expanded = True
        return True
    people = audience.between(alert, alert.expanded_to, last)
    alert.recipients += ledger.enqueue_select(
        "alerts", "alert", alert.id, alert.campaign_id, people
    )
    alert.expanded_to = last
    return True


def _finish(alert: Alert) -> bool:
    if ledger.open_messages("alert", alert.id):
        return False
    alert.finished_at = utcnow()
    move_in_transaction(alert, "sent")
    return False
