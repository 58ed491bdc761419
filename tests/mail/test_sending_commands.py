"""``campaign pause``, ``resume`` and ``cancel``."""

from collections.abc import Callable
from typing import Any

from campaign.extensions import db
from campaign.mail import jobs
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


def test_what_cannot_be_done_is_one_sentence(cli: Callable[..., Any]) -> None:
    for arguments, code in (
        (("cancel", "alerts"), 1),
        (("cancel", "alert:4711"), 1),
        (("pause", "alert:4711"), 1),
        (("pause", "everything"), 2),
    ):
        assert cli(*arguments).exit_code == code
