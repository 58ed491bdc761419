"""Unsubscribing by mail: what a mail program sends to the address in ``List-Unsubscribe`` (RFC 2369)."""

from campaign.alerts.mailing import ORIGIN
from campaign.alerts.models import Alert
from campaign.extensions import db
from campaign.mail import ledger
from campaign.mail.inbound.incoming import Incoming
from campaign.supporters import commands


def by_mail(mail: Incoming, number: int) -> None:
    """Ends the messages of the organization whose alert carried the address, as the one-click link does.

    The signed address is the key, whoever writes to it and in whatever words: only the alert's recipient has it. In
    the caller's transaction, and answered to nobody (RFC 3834).
    """
    unit = ledger.unit(number)
    if unit is None or unit[0] != ORIGIN:
        return
    alert = db.session.get(Alert, unit[1])
    if alert is not None:
        commands.unsubscribe_in_transaction(unit[2], alert.organization_id, alert.id)
