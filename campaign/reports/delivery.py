"""Where mail goes: turning live delivery on and off, and trying the mail server out."""

import email.utils
from email.message import EmailMessage

from flask import current_app
from flask_babel import gettext

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.mail import server, settings, transport
from campaign.mail.answers import Answer
from campaign.mail.compose import Envelope
from campaign.mail.states import Row


def unready() -> list[str]:
    """What must be set before live delivery can be turned on, a sentence each; empty when all is."""
    problems = []
    if not current_app.config.get("MAIL_SERVER_SET"):
        problems.append(
            gettext("No mail server is named: set MAIL_SERVER and start the site again.")
        )
    if not settings.sender_configured():
        problems.append(
            gettext(
                "Nobody is named as the sender: set MAIL_DEFAULT_SENDER to an address of your own domain."
            )
        )
    return problems


def go_live(by: str) -> str | None:
    """Asks the mail server and turns live delivery on; returns None, or the sentence that says why not."""
    problems = unready()
    if problems:
        return " ".join(problems)
    try:
        transport.probe()
    except server.ServerAway as error:
        return str(error)
    settings.set_delivery("live", by)
    db.session.commit()
    return None


def capture(by: str) -> None:
    """Back to the capture inbox, from the next batch on."""
    settings.set_delivery("capture", by)
    db.session.commit()


def send_test(to: str) -> str | None:
    """Sends one short message to ``to`` now; returns None when the server took it, else why not."""
    problems = unready()
    if problems:
        return " ".join(problems)
    sender = settings.sender()
    message = EmailMessage()
    message["From"] = email.utils.formataddr((sender.name, sender.address))
    message["To"] = to
    message["Subject"] = gettext("A test message")
    message["Date"] = email.utils.format_datetime(utcnow())
    message["Message-ID"] = email.utils.make_msgid(domain=sender.domain)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        gettext("Mail from your site's desk arrives: this message was sent to try that out.")
    )
    row = Row(0, "confirmations", "test", 0, 0, 0, to, to.rpartition("@")[2], "en", 1, 0,
              message["Message-ID"], None, None, "leased")  # fmt: skip
    data = message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    envelope = Envelope(
        row, sender.address, to, str(message["Subject"]), (data,), len(data), not to.isascii()
    )
    try:
        session = transport.Session(server.configured())
    except server.ServerAway as error:
        return str(error)
    try:
        [fate] = transport.send(session, [envelope])
    finally:
        session.close()
    if isinstance(fate, Answer) and fate.code is not None and 200 <= fate.code < 300:
        return None
    if isinstance(fate, Answer):
        return gettext(
            "The mail server answered: %(code)s %(text)s",
            code=fate.code or "",
            text=fate.text or "",
        )
    return gettext(
        "The connection to the mail server broke; the message may or may not have arrived."
    )
