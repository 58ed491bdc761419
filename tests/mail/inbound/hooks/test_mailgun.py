"""Mailgun's webhook, called as it calls: signed with a key made here."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

from tests.mail.inbound.conftest import Sent

Make = Callable[..., Sent]
HARD = [("ana@there.example", "alerts", "hard-bounce")]
COMPLAINT = [("ana@there.example", "alerts", "complaint")]


def mailgun(event: dict[str, Any], key: str = "a key", **changes: str) -> dict[str, Any]:
    """A call of Mailgun's."""
    token = hashlib.sha256(json.dumps(event).encode()).hexdigest()[:50]
    made = {"timestamp": str(int(time.time())), "token": token} | changes
    text = made["timestamp"] + made["token"]
    made["signature"] = hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {"signature": made, "event-data": event}


def failed(message: Sent, **changes: Any) -> dict[str, Any]:
    """Mailgun's word of a bounce."""
    return {
        "event": "failed", "severity": "permanent", "id": f"event-{message.id}", "recipient": message.address,
        "delivery-status": {"code": 550, "message": "5.1.1 No such user <b>here</b>"},
        "message": {"headers": {"message-id": message.message_id.strip("<>")}},
    } | changes  # fmt: skip


def test_mailgun(
    hook: Callable[..., int],
    receiving_app: Any,
    sent: Make,
    suppressed: Any,
    counted: Any,
    sql: Any,
) -> None:
    message = sent()
    assert hook("mailgun", mailgun(failed(message))) == 404  # no key is configured
    receiving_app.config["HOOK_MAILGUN_KEY"] = "a key"
    stale = str(int(time.time()) - 10 * 3600)
    for wrong in (
        b"[" * 100_000, b'{"signature": {"token": "\\ud800", "timestamp": 1e999}}', b"{}", b"[1]", b"\xff", mailgun(failed(message), key="another"), mailgun(failed(message), timestamp=stale),
    ):  # fmt: skip
        assert hook("mailgun", wrong) == 406
    assert suppressed() == []
    assert hook("mailgun", mailgun(failed(message, severity="temporary", id="delay"))) == 200
    assert suppressed() == []
    call = mailgun(failed(message))
    assert hook("mailgun", call) == 200
    assert suppressed() == HARD
    assert sql("SELECT note FROM suppression") == [("550 5.1.1 No such user <b>here</b>",)]
    assert hook("mailgun", call) == 406  # the token was used
    assert hook("mailgun", mailgun(failed(message, again=1))) == 200  # the event told again
    assert hook("mailgun", mailgun(failed(message, event="complained", id="c"))) == 200
    assert suppressed() == COMPLAINT
    counts = counted()
    assert (counts["hard"], counts["repeated"], counts["complaint"]) == (1, 1, 1)


def test_a_call_about_a_message_that_is_leaving_comes_again_with_its_token(
    hook: Callable[..., int], receiving_app: Any, sent: Make, suppressed: Any, sql: Any
) -> None:
    receiving_app.config["HOOK_MAILGUN_KEY"] = "a key"
    message = sent(state="leased")
    call = mailgun(failed(message))
    assert hook("mailgun", call) == 503
    sql("UPDATE message SET state = 'sent'")
    assert hook("mailgun", call) == 200
    assert suppressed() == HARD
