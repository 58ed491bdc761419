"""``campaign pause``, ``resume`` and ``cancel``."""

from collections.abc import Callable
from typing import Any

from campaign.extensions import db
from campaign.mail import jobs, orders
from tests.mail.server import SmtpServer


def test_a_stream_is_paused_and_resumed(
    live: SmtpServer, queue: Callable[..., list[int]], cli: Callable[..., Any]
) -> None:
    queue("alerts", 3)
    assert cli("pause", "alerts").exit_code == 0
    db.session.rollback()
    assert jobs.deliver("alerts") == 0
    assert '"done": "resumed"' in cli("resume", "alerts", "--json").output
    db.session.rollback()
    assert jobs.deliver("alerts") == 3
    assert len(live.got) == 3


def test_a_stream_is_cancelled_and_what_comes_later_goes(
    live: SmtpServer, queue: Callable[..., list[int]], cli: Callable[..., Any], rows: Any
) -> None:
    queue("confirmations", 4)
    queue("alerts", 2, first=101)
    live.script = lambda step, recipient: "451 4.3.0 later" if step == "rcpt" else None
    jobs.deliver("confirmations")
    queue("confirmations", 2100, first=1001)
    live.script = lambda step, recipient: None
    assert cli("cancel", "confirmations", "--yes", "--json").exit_code == 0
    db.session.rollback()
    queue("confirmations", 3, first=5001)
    # Before the sweep has carried on with it: the claim obeys it, too.
    jobs.deliver("confirmations")
    jobs.sweep()
    assert (len(live.got), rows()) == (3, {"cancelled": 2104, "sent": 3, "queued": 2})
    assert not orders.standing()


def test_what_cannot_be_done_is_one_sentence(cli: Callable[..., Any]) -> None:
    for arguments, code in (
        (("cancel", "alerts"), 1),  # nobody has said yes
        (("cancel", "alert:4711"), 1),
        (("pause", "alert:4711"), 1),
        (("pause", "everything"), 2),
    ):
        assert cli(*arguments).exit_code == code
