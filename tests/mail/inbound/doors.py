"""What the tests of the doors do at them."""

import smtplib
from collections.abc import Callable
from typing import Any

import pytest

from tests.mail.inbound.conftest import Sent

Make = Callable[..., Sent]
Doors = tuple[int, int]


def post(doors: Doors, to: str | list[str], raw: bytes, sender: str = "") -> dict[str, Any]:
    """Hands a message to the SMTP door as a server on the net would."""
    with smtplib.SMTP("127.0.0.1", doors[0], timeout=20) as client:
        return client.sendmail(sender, to, raw)


def refusal(doors: Doors, to: str, raw: bytes = b"Subject: x\r\n\r\nx", sender: str = "") -> int:
    """The code with which the door refuses a message."""
    with pytest.raises(smtplib.SMTPException) as refused:
        post(doors, to, raw, sender)
    error = refused.value
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next(iter(error.recipients.values()))[0]
    assert isinstance(error, smtplib.SMTPResponseException)
    return error.smtp_code
