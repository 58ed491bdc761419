"""The mail that brings a member of staff the link to set a password.

Its key is made when the message is rendered, so that no table and no backup holds it. It is sent only while delivery
is live: in the capture inbox every organizer could read it.
"""

import secrets

from flask_babel import gettext

from campaign.accounts import commands, queries
from campaign.accounts.models import User
from campaign.extensions import db
from campaign.mail import compose, ledger, letterhead, settings
from campaign.mail.compose import Rendered, Skip
from campaign.mail.states import Row
from campaign.web import languages

ORIGIN = "invitation"


def link(user: User) -> str:
    """The address at which ``user`` sets a password, good once and for three days."""
    token = commands.password_token(user)
    return languages.external("accounts.set_password", user.language, token=token)


def send(user: User) -> bool:
    """Queues the mail and commits; returns False where delivery is not live and nothing is sent."""
    if settings.delivery_mode() != "live":
        return False
    draft = ledger.Draft(
        origin=ORIGIN,
        unit_id=secrets.randbits(62),
        to_address=user.email,
        language=user.language,
        data={"user": user.id},
    )
    ledger.enqueue("confirmations", [draft])
    db.session.commit()
    from campaign.mail import wake

    wake.wake("confirmations")
    return True


def _render(rows: list[Row]) -> list[Rendered | Skip]:
    return [_one(row) for row in rows]


def _one(row: Row) -> Rendered | Skip:
    user = queries.by_id(int(row.data["user"]))
    if user is None or not user.active or settings.delivery_mode() != "live":
        return Skip("the account is closed, or delivery is not live")
    with languages.speaking(row.language):
        text = gettext(
            "You have an account at this site's desk. Please set your password here, within three days:\n\n"
            "%(link)s\n\nThe link works once. If you did not expect this message, you need not do anything.",
            link=link(user),
        )
        return Rendered(gettext("Your account at the desk"), text, from_name=letterhead.from_name())


def register() -> None:
    """Tells the mail engine how these messages are rendered."""
    compose.register_origin(ORIGIN, _render)
