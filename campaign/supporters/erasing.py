"""Deleting a person: names, words and addresses go; counts stay, linked to nobody.

Features register what they do about it: withdraw what has not left yet, empty what has. The supporter's row stays as
a number without a name, so that the counters still agree with the rows that they count.
"""

from collections.abc import Callable

from sqlalchemy import delete, func, update

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.mail import forgetting, suppressions
from campaign.supporters import queries
from campaign.supporters.confirmation import ORIGIN, unit
from campaign.supporters.models import (
    Confirmation,
    Consent,
    Resubscription,
    SignUp,
    Supporter,
)

Hook = Callable[[Supporter], None]
_hooks: list[Hook] = []


def register(hook: Hook) -> None:
    """Calls ``hook(supporter)`` before the supporter's own row is emptied, in the same transaction; it does not commit."""
    if hook not in _hooks:
        _hooks.append(hook)


def erase(supporter_id: int) -> bool:
    """Deletes all that the site knows of a person; False where there was nothing (left).

    What remains: numbers without a name, and a suppression of the address, so that no import subscribes it again.
    """
    person = queries.supporter(supporter_id)
    if person is None:
        return False
    email = person.email
    # What hangs on a person is locked before the person, here and wherever something is confirmed: no deadlock.
    for hook in _hooks:
        hook(person)
    forget_confirmations(email)
    _empty_sign_ups(supporter_id)
    if not _empty(supporter_id):
        db.session.rollback()
        return False
    for table in (Consent, Resubscription):
        db.session.execute(delete(table).where(table.supporter_id == supporter_id))
    suppressions.suppress(email, "alerts", "erased")
    db.session.commit()
    return True


def _empty(supporter_id: int) -> bool:
    """Empties the supporter's own row; False where another did so first."""
    nobody = {
        "email": f"{supporter_id}@erased.invalid",
        "given_name": "",
        "family_name": "",
        "postal_code": "",
        "state": "",
        "country": "",
        "phone": "",
        "tags": [],
        "source": "",
        "erased_at": utcnow(),
    }
    emptied = db.session.execute(
        update(Supporter)
        .where(Supporter.id == supporter_id, Supporter.erased_at.is_(None))
        .values(**nobody)
        .returning(Supporter.id)
    )
    return emptied.first() is not None


def forget_confirmations(email: str) -> None:
    """Deletes what the site knows of the confirmation mails to an address, in the caller's transaction."""
    row = db.session.execute(
        delete(Confirmation)
        .where(func.lower(Confirmation.address) == func.lower(email))
        .returning(Confirmation.id, Confirmation.round)
    ).first()
    if row is not None:
        units = [unit(row.id, round_) for round_ in range(1, row.round + 1)]
        forgetting.forget(ORIGIN, 0, units)


def _empty_sign_ups(supporter_id: int) -> None:
    mine = SignUp.supporter_id == supporter_id
    db.session.execute(delete(SignUp).where(mine, SignUp.confirmed_at.is_(None)))
    db.session.execute(
        update(SignUp)
        .where(mine)
        .values(given_name="", family_name="", postal_code="", source="", wording="")
    )
