"""Against a real Postfix: it refuses, greylists, and bounces what it took back into our door."""

import time
from typing import Any

import pytest

from tests.mail.inbound import postfix
from tests.mail.inbound.conftest import DOMAIN

pytestmark = pytest.mark.skipif(bool(postfix.missing()), reason=postfix.missing() or "-")

TO = (
    "known@there.example",
    "no.such.person@there.example",
    "grey@there.example",
    "x@strict.example",
)


def test_refusals_greylisting_and_bounces_of_a_real_server(
    receiving_app: Any,
    doors: tuple[int, int],
    sql: Any,
    suppressed: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from campaign.extensions import db
    from campaign.mail import compose, jobs, ledger, settings
    from tests.mail.conftest import render

    def states() -> dict[str, str]:
        return dict(sql("SELECT to_address, state FROM message"))

    compose.register_origin("test", render)
    with postfix.running(DOMAIN, doors[0]) as port:
        monkeypatch.setitem(receiving_app.config, "MAIL_SERVER", "127.0.0.1")
        monkeypatch.setitem(receiving_app.config, "MAIL_PORT", port)
        settings.set_delivery("live", by="test")
        ledger.enqueue("alerts", [ledger.Draft("test", n, to, "en", 7) for n, to in enumerate(TO)])
        db.session.commit()
        jobs.deliver("alerts")
        assert (states()["grey@there.example"], states()["x@strict.example"]) == (
            "deferred", "failed",
        )  # fmt: skip
        sql("UPDATE message SET next_attempt_at = now() WHERE state = 'deferred'")
        jobs.deliver("alerts")
        give_up = time.monotonic() + 20
        while states()["no.such.person@there.example"] != "failed" and time.monotonic() < give_up:
            time.sleep(0.1)
    assert states() == dict(zip(TO, ("sent", "failed", "sent", "failed"), strict=True))
    assert suppressed() == [
        ("no.such.person@there.example", "alerts", "hard-bounce"),
        ("x@strict.example", "alerts", "hard-bounce"),
    ]
    rows = sql("SELECT smtp_enhanced, smtp_text, smtp_server FROM message WHERE to_address ~ '^no'")
    assert rows == [("5.1.1", 'unknown user: "no.such.person"', "mx.there.example")]
    assert sql("SELECT source FROM inbound_event ORDER BY 1") == [("answer",), ("smtp",)]
