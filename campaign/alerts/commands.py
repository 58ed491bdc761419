"""What an organizer does with an alert: one function a use case, one transaction, and twice is the same as once."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from campaign.alerts.models import Alert
from campaign.clock import utcnow
from campaign.counts import journal
from campaign.extensions import db
from campaign.mail import ledger, wake

EDITABLE = ("draft",)
"""A scheduled alert is taken back to draft before it is changed, so that nobody changes what is about to leave."""


class Refused(ValueError):
    """The alert is not in a state that allows this; ``state`` says which it is in."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class Stale(Exception):
    """Somebody else has changed the alert since this person opened it."""


def create_in_transaction(
    campaign_id: int, organization_id: int, values: Mapping[str, Any]
) -> Alert:
    """A new draft; ``values`` are the alert's texts, name and audience."""
    alert = Alert(
        campaign_id=campaign_id,
        organization_id=organization_id,
        state="draft",
        created_at=utcnow(),
        **values,
    )
    db.session.add(alert)
    journal.record(journal.moved("alerts", None, "draft", campaign_id=campaign_id))
    db.session.flush()
    return alert


def create(
    campaign_id: int, organization_id: int, values: Mapping[str, Any], by: int | None = None
) -> Alert:
    """``create_in_transaction``, committed; ``by`` is the user who writes it."""
    alert = create_in_transaction(campaign_id, organization_id, {**values, "created_by": by})
    db.session.commit()
    return alert


def edit(alert_id: int, values: Mapping[str, Any], seen: int) -> Alert:
    """Changes a draft; ``seen`` is the version its editor began with. Raises Refused, Stale."""
    alert = _held(alert_id, *EDITABLE)
    if alert.version != seen:
        db.session.rollback()
        raise Stale
    for key, value in values.items():
        setattr(alert, key, value)
    alert.version += 1
    db.session.commit()
    return alert


def copy(alert_id: int, by: int | None = None) -> Alert:
    """A new draft with the texts and the audience of another alert."""
    one = db.session.get_one(Alert, alert_id)
    kept = ("name", "subject", "preheader", "body", "audience")
    return create(
        one.campaign_id, one.organization_id, {key: getattr(one, key) for key in kept}, by
    )


def schedule(alert_id: int, at: datetime | None) -> Alert:
    """Has a draft, or one whose time passed, leave at ``at``; None is at once. Raises Refused."""
    alert = _held(alert_id, "draft", "scheduled", "overdue")
    alert.scheduled_at = at or utcnow()
    move_in_transaction(alert, "scheduled")
    db.session.commit()
    return alert


def take_back(alert_id: int) -> Alert:
    """Makes a scheduled alert that has not begun a draft again. Raises Refused."""
    alert = _held(alert_id, "scheduled", "overdue", "draft")
    alert.scheduled_at = None
    move_in_transaction(alert, "draft")
    db.session.commit()
    return alert


def cancel(alert_id: int) -> Alert:
    """Ends an alert: what has not left never will, within the batch in flight. Raises Refused."""
    alert = _held(alert_id, "draft", "scheduled", "overdue", "sending", "paused", "cancelled")
    if alert.state in ("sending", "paused"):
        ledger.cancel("alert", alert.id)
    if alert.state != "cancelled":
        alert.finished_at = utcnow()
        move_in_transaction(alert, "cancelled")
    db.session.commit()
    return alert


def pause(alert_id: int) -> Alert:
    """Stops an alert that is being sent, within the batch in flight. Raises Refused."""
    alert = _held(alert_id, "sending", "paused")
    if alert.state == "sending":
        ledger.hold("alert", alert.id)
        move_in_transaction(alert, "paused")
    db.session.commit()
    return alert


def resume(alert_id: int) -> Alert:
    """Goes on where a paused alert stopped: nobody gets it twice. Raises Refused."""
    alert = _held(alert_id, "paused", "sending")
    if alert.state == "paused":
        ledger.release("alert", alert.id)
        move_in_transaction(alert, "sending")
    db.session.commit()
    wake.wake("alerts")
    return alert


def settle_doubts(alert_id: int, again: bool) -> Alert:
    """Messages of which nobody knows whether they arrived go once more, or never again. Raises Refused."""
    alert = _held(alert_id, "sending")
    ledger.settle_doubts("alert", alert.id, again)
    db.session.commit()
    wake.wake("alerts")
    return alert


def _held(alert_id: int, *states: str) -> Alert:
    """The alert, locked for this transaction, if it is in one of the states."""
    alert = db.session.execute(
        select(Alert)
        .where(Alert.id == alert_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one()
    if alert.state not in states:
        state = alert.state
        db.session.rollback()
        raise Refused(state)
    return alert


def move_in_transaction(alert: Alert, new: str) -> None:
    """Changes a locked alert's state, and the counts with it."""
    if alert.state != new:
        journal.record(journal.moved("alerts", alert.state, new, campaign_id=alert.campaign_id))
        alert.state = new
