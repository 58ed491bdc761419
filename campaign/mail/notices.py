"""Single messages to staff (a password reset, a warning): their text is ready when they are queued."""

import secrets

from campaign.mail import compose, ledger, letterhead
from campaign.mail.compose import Rendered
from campaign.mail.states import Row

ORIGIN = "notice"


def enqueue(
    to_address: str, subject: str, text: str, html: str | None = None, language: str = "en"
) -> int:
    """Queues one message in the stream of confirmations, in the caller's transaction; returns its row number."""
    draft = ledger.Draft(
        origin=ORIGIN,
        # Two notices are never the same one; a random number of 62 bits keeps them apart.
        unit_id=secrets.randbits(62),
        to_address=to_address,
        language=language,
        data={"subject": subject, "text": text, "html": html},
    )
    return ledger.enqueue("confirmations", [draft])[0]


def _render(rows: list[Row]) -> list[Rendered | compose.Skip]:
    name = letterhead.from_name()
    return [
        Rendered(row.data["subject"], row.data["text"], row.data["html"], from_name=name)
        for row in rows
    ]


compose.register_origin(ORIGIN, _render)
