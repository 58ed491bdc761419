"""From a schedule to the last answer: an alert is begun when due, its audience written into the ledger in pieces,
and called sent only when every row is in a final state.

Where it stands is in the alert's row (``expanded_to``), in the transaction that wrote the rows; a stop at any instant
goes on behind the last piece, and the ledger's own key lets no one get it twice.
"""

import time
from datetime import timedelta

import structlog
from flask import current_app
from sqlalchemy import and_, exists, or_, select
from sqlalchemy.exc import OperationalError

from campaign.alerts import audience
from campaign.alerts.commands import move_in_transaction
from campaign.alerts.models import Alert
from campaign.clock import utcnow
from campaign.engines import stopping
from campaign.extensions import db
from campaign.mail import ledger, wake
from campaign.mail.models import Message

log = structlog.get_logger()

ORIGIN = "alert"

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
    ids = _due()
    db.session.commit()
    until = time.monotonic() + BOX_S
    going = list(ids)
    while going and not stopping.requested():
        # One step each in turn: a large audience keeps no small one waiting.
        going = [alert_id for alert_id in going if _tried(alert_id) and time.monotonic() < until]
    return len(ids)


def _due() -> list[int]:
    """Alerts with something to do now: to begin, to expand, or to call sent.

    One with messages that wait is not among them, so that no number of those, however long a server or a person lets
    them wait, comes before a new one.
    """
    # These states have an index of their own (ix_message_waiting): one look, however large the alert.
    waits = exists().where(
        Message.origin == ORIGIN,
        Message.origin_id == Alert.id,
        Message.state.in_(("queued", "deferred", "held")),
    )
    query = (
        select(Alert.id)
        .where(
            or_(
                and_(Alert.state == "scheduled", Alert.scheduled_at <= utcnow()),
                and_(Alert.state == "sending", or_(~Alert.expanded, ~waits)),
            ),
        )
        .order_by(Alert.scheduled_at, Alert.id)
    )
    return list(db.session.scalars(query))


def _tried(alert_id: int) -> bool:
    """``_step``; an alert that cannot be taken on is told of in the log and keeps no other one back."""
    try:
        return _step(alert_id)
    except OperationalError:
        raise
    except Exception:
        db.session.rollback()
        log.exception("alert_step_failed", alert=alert_id)
        return False


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
    alert.recipients += ledger.enqueue_select("alerts", ORIGIN, alert.id, alert.campaign_id, people)
    alert.expanded_to = last
    return True


def _finish(alert: Alert) -> bool:
    if ledger.open_messages(ORIGIN, alert.id):
        return False
    alert.finished_at = utcnow()
    move_in_transaction(alert, "sent")
    return False
