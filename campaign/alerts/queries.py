"""Reading alerts and what they brought."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from campaign.alerts.models import Alert
from campaign.coalition.models import Campaign, Organization
from campaign.counts import queries as counts
from campaign.extensions import db
from campaign.mail import ledger
from campaign.web.pages import Page, page_by_key


def alert(alert_id: int) -> Alert | None:
    """The alert of this number; None where there is none."""
    return db.session.get(Alert, alert_id)


def page(args: Any = None) -> Page[Any]:
    """One page of the desk's list, newest first: rows of (Alert, Campaign)."""
    query = select(Alert, Campaign).join(Campaign, Campaign.id == Alert.campaign_id)
    state = (args or {}).get("state", "")
    if state:
        query = query.where(Alert.state == state)
    return page_by_key(query, Alert.id, args=args)


def campaign_of(alert: Alert) -> Campaign:
    """The campaign that an alert belongs to."""
    return db.session.get_one(Campaign, alert.campaign_id)


def organization_of(alert: Alert) -> Organization:
    """Whose message it is."""
    return db.session.get_one(Organization, alert.organization_id)


def campaigns() -> list[Campaign]:
    """The campaigns that an alert can be written for, newest first."""
    return list(db.session.scalars(select(Campaign).order_by(Campaign.id.desc()).limit(100)))


def overdue(limit: int = 20) -> list[Alert]:
    """Alerts whose time passed while nothing ran; an organizer decides about them."""
    query = select(Alert).where(Alert.state == "overdue").order_by(Alert.id).limit(limit)
    return list(db.session.scalars(query))


def under_way() -> list[int]:
    """The numbers of the alerts that are being sent or paused."""
    return list(db.session.scalars(select(Alert.id).where(Alert.state.in_(("sending", "paused")))))


def doubtful(alert: Alert) -> int:
    """How many messages of an alert on its way wait for a person to decide; at most 100 are counted."""
    held = alert.state == "sending" and ledger.progress("alert", alert.id).get("held")
    return ledger.doubtful("alert", alert.id) if held else 0


def refusals(alert: Alert) -> list[ledger.Refusal]:
    """Why messages of an alert were refused for good, the most frequent answers first."""
    return ledger.refusals("alert", alert.id)


def in_doubt(limit: int = 20) -> list[Alert]:
    """Alerts that cannot end before a person has decided about some of their messages."""
    held = [int(part) for part, n in counts.totals("alert.held", None).items() if n and part]
    query = (
        select(Alert)
        .where(Alert.id.in_(held), Alert.state == "sending")
        .order_by(Alert.id)
        .limit(limit)
    )
    return [one for one in db.session.scalars(query).all() if doubtful(one)] if held else []


@dataclass(frozen=True)
class Results:
    """What became of an alert, and what it brought; as of the last fold."""

    states: dict[str, int]
    letters: int
    unsubscribes: int

    @property
    def total(self) -> int:
        """All rows that the alert has in the ledger."""
        return sum(self.states.values())

    @property
    def done(self) -> int:
        """Rows in a final state."""
        return sum(self.states.get(state, 0) for state in ("sent", "failed", "cancelled"))

    @property
    def share(self) -> float | None:
        """Letters a hundred messages sent; None before any is."""
        sent = self.states.get("sent", 0)
        return 100 * self.letters / sent if sent else None


def results(alert: Alert) -> Results:
    """An alert's results, from the counters."""
    part = str(alert.id)
    return Results(
        ledger.progress("alert", alert.id),
        counts.total("alert.letters", alert.campaign_id, part),
        counts.total("alert.unsubscribes", alert.campaign_id, part),
    )
