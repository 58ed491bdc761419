"""Somebody edits an alert while it is scheduled, begun and leased: what leaves is one text, and the one that stands."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from campaign.alerts import commands, sending
from campaign.extensions import db
from campaign.mail import leases, recovering
from campaign.mail.streams import STREAMS
from tests.alerts.conftest import Organizer
from tests.mailbox import Mailbox

Run = Callable[..., "Future[Any]"]


@pytest.fixture
def at_once(app: Flask) -> Iterator[Run]:
    """Runs functions at the same time, each on a database connection of its own."""

    def inside(function: Callable[..., Any], *args: Any) -> Any:
        with app.app_context():
            try:
                return function(*args)
            finally:
                db.session.remove()

    with ThreadPoolExecutor(4) as pool:
        yield lambda function, *args: pool.submit(inside, function, *args)


class Held(dict[str, Any]):
    """Values whose use waits: the alert is locked by then, and not yet changed."""

    def __init__(self, body: str) -> None:
        super().__init__(body={"en": body})
        self.reached, self.go = threading.Event(), threading.Event()

    def items(self) -> Any:
        self.reached.set()
        assert self.go.wait(10)
        return super().items()


def number(path: str) -> int:
    return int(path.rstrip("/").rsplit("/", 1)[1])


def test_a_schedule_waits_for_an_edit_that_has_begun(
    organizer: Organizer, person: Any, smtp: Mailbox, deliver: Any, at_once: Run
) -> None:
    person("Ana")
    alert_id = number(organizer.write())
    values = Held("Changed at the last moment")
    edit = at_once(commands.edit, alert_id, values, 1)
    assert values.reached.wait(10)
    schedule = at_once(commands.schedule, alert_id, None)
    with pytest.raises(TimeoutError):
        schedule.result(0.3)
    values.go.set()
    edit.result(10), schedule.result(10)
    deliver()
    [mail] = smtp.to("ana@people.example")
    assert "Changed at the last moment" in mail.text()


def test_what_is_begun_can_be_neither_taken_back_nor_edited(
    organizer: Organizer, person: Any, smtp: Mailbox, deliver: Any, at_once: Run,
    monkeypatch: pytest.MonkeyPatch, sql: Any,
) -> None:  # fmt: skip
    monkeypatch.setattr(recovering, "STEADY_S", 0)
    person("Ana")
    alert_id = number(organizer.write())
    at_once(commands.schedule, alert_id, None).result(10)
    begun, go = threading.Event(), threading.Event()
    move = commands.move_in_transaction

    def slowly(alert: Any, new: str) -> None:
        begun.set()
        assert go.wait(10)
        move(alert, new)

    monkeypatch.setattr(sending, "move_in_transaction", slowly)
    advance = at_once(sending.advance)
    assert begun.wait(10)
    back = at_once(commands.take_back, alert_id)
    edit = at_once(commands.edit, alert_id, {"body": {"en": "Too late"}}, 1)
    with pytest.raises(TimeoutError):
        back.result(0.3)
    go.set()
    advance.result(10)
    for refused in (back, edit):
        with pytest.raises(commands.Refused):
            refused.result(10)
    at_once(sending.advance).result(10)
    # Leased, and still to leave.
    assert len(at_once(leases.claim, STREAMS["alerts"]).result(10).rows) == 1
    with pytest.raises(commands.Refused):
        at_once(commands.edit, alert_id, {"body": {"en": "Too late"}}, 1).result(10)
    sql("UPDATE message SET lease_expires_at = now() - interval '1 second'")
    deliver()
    [mail] = smtp.to("ana@people.example")
    assert "Too late" not in mail.text()


def test_a_beginning_passes_over_an_alert_that_is_being_taken_back(
    organizer: Organizer, person: Any, at_once: Run, sql: Any, app: Flask
) -> None:
    person("Ana")
    alert_id = number(organizer.write())
    at_once(commands.schedule, alert_id, None).result(10)
    with app.app_context():
        commands._held(
            alert_id, "scheduled"
        )  # a transaction of somebody's that is about to take it back
        at_once(sending.advance).result(10)
        db.session.rollback()
    assert sql("SELECT state FROM alert") == [("scheduled",)]
    assert sql("SELECT count(*) FROM message WHERE stream = 'alerts'") == [(0,)]


def test_whoever_comes_first(
    organizer: Organizer, person: Any, smtp: Mailbox, deliver: Any, at_once: Run, sql: Any
) -> None:
    """Everything at the same time, again and again: each alert leaves with the text that its row has."""
    person("Ana")
    for n in range(6):
        alert_id = number(organizer.write(name=f"Alert {n}"))
        all_of_it = [
            at_once(commands.schedule, alert_id, None),
            at_once(commands.edit, alert_id, {"body": {"en": f"Edited {n}"}}, 1),
            at_once(sending.advance),
            at_once(commands.take_back, alert_id),
        ]
        for one in all_of_it:
            assert one.exception(10) is None or isinstance(one.exception(), commands.Refused)
        [(state,)] = sql("SELECT state FROM alert WHERE id = %s", alert_id)
        if state == "draft":
            at_once(commands.schedule, alert_id, None).result(10)
        deliver()
        [(state, body, version)] = sql(
            "SELECT state, body, version FROM alert WHERE id = %s", alert_id
        )
        assert state == "sent"
        text = smtp.to("ana@people.example")[-1].text()
        assert (f"Edited {n}" in text) == (body["en"] == f"Edited {n}") == (version == 2)
    assert len(smtp.to("ana@people.example")) == 6
