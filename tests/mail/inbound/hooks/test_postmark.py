"""Postmark's webhook, called as it calls, and the header that has it tell our Message-ID back."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from tests.mail.inbound.conftest import Sent

Make = Callable[..., Sent]
HARD = [("ana@there.example", "alerts", "hard-bounce")]


def test_postmark_is_told_our_message_id_and_nobody_else_is(
    receiving_app: Any, smtp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from campaign.extensions import db
    from campaign.mail import compose, jobs, ledger
    from tests.mail.conftest import render

    compose.register_origin("test", render)
    for n, secret in enumerate((None, "postmark:secret")):
        monkeypatch.setitem(receiving_app.config, "HOOK_POSTMARK", secret)
        ledger.enqueue("alerts", [ledger.Draft("test", n, "ana@there.example", "en", 7)])
        db.session.commit()
        jobs.deliver("alerts")
    before, told = (mail.message for mail in smtp.arrived)
    assert before["X-PM-Metadata-campaign"] is None
    assert f"<{told['X-PM-Metadata-campaign']}>" == told["Message-ID"]


def test_postmark(
    hook: Callable[..., int], receiving_app: Any, sent: Make, suppressed: Any, sql: Any
) -> None:
    first, second = sent(), sent(to="bea@there.example")
    bounce = {
        "RecordType": "Bounce", "ID": 4323372036854775807, "Type": "HardBounce", "TypeCode": 1,
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483", "Email": first.address,
        "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist.",
        "Metadata": {"campaign": first.message_id.strip("<>")},
    }  # fmt: skip
    key = {"Authorization": "Basic " + base64.b64encode(b"postmark:secret").decode()}
    assert hook("postmark", bounce, key) == 404
    receiving_app.config["HOOK_POSTMARK"] = "postmark:secret"
    wrong = {"Authorization": "Basic " + base64.b64encode(b"postmark:guess").decode()}
    for headers in (None, wrong, {"Authorization": "Bearer secret"}):
        assert hook("postmark", bounce, headers) == 406
    for broken in (b"", b"[]", b"null"):
        assert hook("postmark", broken, key) == 400
    assert hook("postmark", bounce | {"Type": "AutoResponder", "ID": 1}, key) == 200
    assert suppressed() == []
    for _ in range(2):
        assert hook("postmark", bounce, key) == 200
    assert suppressed() == HARD
    assert sql("SELECT note FROM suppression") == [
        ("550 5.1.1 The email account that you tried to reach does not exist.",)
    ]
    about = {"RecordType": "SpamComplaint", "ID": 2, "Metadata": {"campaign": second.message_id}}
    assert hook("postmark", about | {"Type": "SpamComplaint"}, key) == 200
    assert suppressed()[1] == ("bea@there.example", "alerts", "complaint")
