"""The way most applications send mail: one RQ job a message, and in it Flask-Mail with a template. For comparison only."""

import os

from flask import Flask, render_template_string
from flask_mail import Mail, Message

from bench.sending.texts import HTML, TEXT


def send_one(address: str) -> None:
    """Renders and sends one message of some 8 KB."""
    app = Flask(__name__)
    app.config.update(
        MAIL_SERVER=os.environ["MAIL_SERVER"],
        MAIL_PORT=int(os.environ["MAIL_PORT"]),
        MAIL_DEFAULT_SENDER=os.environ["MAIL_DEFAULT_SENDER"],
    )
    mail = Mail(app)
    fields = {"name": address, "link": f"https://act.coalition.example/{address}"}
    with app.app_context():
        mail.send(
            Message(
                "Two agencies are listening",
                [address],
                body=render_template_string(TEXT, **fields),
                html=render_template_string(HTML, **fields),
            )
        )
