"""Mail that waits for a person: the page, the command, and that each decision counts once."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient

from campaign.counts.commands import fold
from campaign.extensions import db
from campaign.mail import jobs, ledger
from tests.mail.conftest import ONE_KIND_OF_SERVER, Queue, Rows
from tests.mail.server import DROP, SmtpServer
from tests.working import csrf_token

pytestmark = ONE_KIND_OF_SERVER


@pytest.fixture
def doubtful(live: SmtpServer, queue: Queue, sql: Any) -> list[int]:
    """Two confirmations that are held since the connection broke three times, and one that could not be written."""
    live.script = lambda step, recipient: DROP if step == "dot" else None
    ids = queue("confirmations", 2)
    now = datetime.now(UTC)
    for minutes in range(0, 12, 2):
        with time_machine.travel(now + timedelta(minutes=minutes)):
            jobs.sweep()
            jobs.deliver("confirmations")
    ids += queue("confirmations", 1, first=9, data={"no such": "argument"})
    jobs.deliver("confirmations")
    assert sql("SELECT state, hold_reason, doubts FROM message ORDER BY id") == [
        ("held", "uncertain", 3), ("held", "uncertain", 3), ("held", "render", 0)
    ]  # fmt: skip
    live.script = lambda step, recipient: None
    live.got.clear()
    fold()
    return ids


def choose(
    me: FlaskClient, decision: str, ids: list[int] | None, stream: str = "confirmations"
) -> str:
    token = csrf_token(me.get(f"/desk/held?stream={stream}").get_data(as_text=True))
    data: dict[str, Any] = {"csrf_token": token, "stream": stream, "decision": decision}
    data |= {"all": "1"} if ids is None else {"id": ids}
    return me.post("/desk/held", data=data, follow_redirects=True).get_data(as_text=True)


def test_the_desk_says_what_waits_and_why(doubtful: list[int], staff: Any) -> None:
    me = staff("organizer")
    home = me.get("/desk/").get_data(as_text=True)
    assert "3 messages go no further without a person" in home
    assert "Confirmations and notices" in home, "which of the streams they are of"
    assert 'href="/desk/held?stream=confirmations"' in home
    page = me.get("/desk/held").get_data(as_text=True)
    assert page.count("Nobody knows whether it arrived") == 2
    assert page.count("It could not be written") == 1
    assert "r1@there.example" in page
    assert "r1@" not in me.get("/desk/held?stream=alerts").get_data(as_text=True)


@pytest.mark.parametrize("role", ["lead", None])
def test_who_may_not_see_addresses_sees_none(
    doubtful: list[int], staff: Any, client: FlaskClient, role: str | None
) -> None:
    me = staff(role) if role else client
    answer = me.get("/desk/held")
    assert answer.status_code in (302, 403)
    assert b"there.example" not in answer.data


def test_what_a_person_says_is_done_once(
    doubtful: list[int], live: SmtpServer, staff: Any, rows: Rows, sql: Any
) -> None:
    me = staff("organizer")
    first, second, unwritten = doubtful
    # What could not be written cannot have arrived.
    assert "1 message is decided" in choose(me, "arrived", [first, unwritten])
    assert "0 messages are decided" in choose(me, "again", [first])
    assert rows() == {"sent": 1, "held": 2}
    assert sql("SELECT smtp_text FROM message WHERE id = %s", first) == [
        ("organizer@staff.example found out that it arrived",)
    ]
    assert "1 message is decided" in choose(me, "again", [second])
    assert "0 messages are decided" in choose(me, "again", [second])
    jobs.deliver("confirmations")
    assert live.recipients() == ["r2@there.example"]
    assert "1 message is decided" in choose(me, "drop", None)
    assert rows() == {"sent": 2, "cancelled": 1}
    assert ledger.open_messages("test", 7) == 0
    assert "Choose the messages first" in choose(me, "drop", [])
    assert "without a person" not in me.get("/desk/").get_data(as_text=True)


def test_once_more_is_once(doubtful: list[int], live: SmtpServer, staff: Any, sql: Any) -> None:
    choose(staff("organizer"), "again", doubtful[:1])
    live.script = lambda step, recipient: DROP if step == "dot" else None
    jobs.deliver("confirmations")
    assert len(live.got) == 1
    assert sql("SELECT state, hold_reason, doubts FROM message WHERE id = %s", doubtful[0]) == [
        ("held", "uncertain", 3)
    ]


def test_what_an_order_holds_is_not_in_the_list(
    live: SmtpServer, queue: Queue, staff: Any, rows: Rows
) -> None:
    queue("alerts", 3)
    ledger.hold("test", 7)
    db.session.commit()
    assert rows() == {"held": 3}
    me = staff("organizer")
    assert "Nothing waits" in me.get("/desk/held?stream=alerts").get_data(as_text=True)
    choose(me, "drop", None, stream="alerts")
    assert rows() == {"held": 3}


def test_the_command_lists_and_settles(doubtful: list[int], cli: Any, rows: Rows) -> None:
    listed = json.loads(cli("settle", "confirmations", "--json").output)["messages"]
    assert [one["number"] for one in listed] == doubtful
    assert "there.example" not in cli("settle", "confirmations").output
    assert cli("settle", "confirmations", "again").exit_code == 2
    arrived = cli("settle", "confirmations", "arrived", "--all", "--json")
    assert json.loads(arrived.output) == {"done": "arrived", "messages": 2}
    assert cli("settle", "confirmations", "drop", str(doubtful[2])).output == "1 message: drop.\n"
    db.session.rollback()
    assert rows() == {"sent": 2, "cancelled": 1}
    assert cli("settle", "confirmations").output == "Nothing of confirmations waits for a person.\n"
