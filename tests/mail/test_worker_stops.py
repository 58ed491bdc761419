"""A real ``python worker.py`` is asked to stop while it sends: it ends in under ten seconds and nothing is lost or repeated."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from campaign.extensions import db, rq
from campaign.mail import jobs, recovering, wake
from tests.between import Between
from tests.mail.conftest import ONE_KIND_OF_SERVER
from tests.mail.server import SmtpServer
from tests.servers import Urls

pytestmark = ONE_KIND_OF_SERVER

ROOT = Path(__file__).resolve().parent.parent.parent
N = 200

Process = subprocess.Popen[bytes]


@pytest.fixture
def worker(environment: dict[str, str], live: SmtpServer) -> Iterator[Callable[..., Process]]:
    """Starts ``python worker.py`` for the stream of alerts."""
    started: list[Process] = []

    def start(**more: str) -> Process:
        mail = {
            "MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(live.port), "MAIL_DEFAULT_SENDER": "us@coalition.example"
        }  # fmt: skip
        outer = {k: v for k, v in os.environ.items() if not k.startswith("MAIL_")}
        started.append(
            subprocess.Popen(
                [sys.executable, "worker.py", "--queues", "alerts"], cwd=ROOT,
                env={**outer, **environment, **mail, **more}, start_new_session=True,
            )
        )  # fmt: skip
        return started[-1]

    yield start
    for one in started:
        if one.poll() is None:
            os.killpg(one.pid, signal.SIGKILL)
        one.wait(10)


def until(what: Callable[[], Any], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


class Slow:
    """Each answer takes a third of a second; some never come."""

    def __init__(self, server: SmtpServer, hangs: str) -> None:
        self.server = server
        self.hangs = hangs
        self.hung: list[str] = []
        self.end = threading.Event()

    def __call__(self, step: str, recipient: str) -> None:
        if self.end.is_set():
            return
        if step == self.hangs and len(self.server.got) >= 3:
            self.hung.append(recipient)
            self.end.wait(60)
        else:
            self.end.wait(0.3)


@pytest.mark.parametrize("hangs", ["never", "dot", "connect"])
def test_a_worker_that_is_asked_to_stop(
    worker: Callable[[], Process], live: SmtpServer, queue: Any, sql: Any, rows: Any, hangs: str
) -> None:
    slow = live.script = Slow(live, hangs)
    if hangs == "connect":
        # The first connection is greeted and closed after some messages, none of the later ones ever is.
        slow.hangs = "never"
        asked = []

        def script(step: str, recipient: str) -> str | None:
            asked.append(step)
            if step == "connect" and asked.count("connect") > 1:
                slow.hung.append("")
                slow.end.wait(60)
            slow(step, recipient)
            return None

        live.script = script
    data = {"subject": "Hello", "text": "Dear friend", "html": None}
    queue("alerts", N, origin="notice", data=data)
    wake.wake("alerts")
    process = worker()
    until(lambda: slow.hung if hangs != "never" else len(live.got) >= 10)
    asked_at = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) is not None
    assert time.monotonic() - asked_at < 10
    found = rows()
    assert found.keys() <= {"sent", "queued", "uncertain"}
    assert sum(found.values()) == N
    arrived = set(live.recipients())
    assert found.get("sent", 0) == len(arrived) == len(live.got)
    assert found.get("uncertain", 0) == (len(slow.hung) if hangs == "dot" else 0)
    assert sql("SELECT max(attempts) FROM message WHERE state = 'queued'") == [(0,)]
    assert sql("SELECT count(*) FROM message WHERE lease_owner IS NOT NULL") == [(0,)]

    live.script = lambda step, recipient: None
    slow.end.set()
    if hangs == "dot":
        # The server takes these after all, long after the worker has gone.
        until(lambda: len(live.got) == len(arrived) + len(slow.hung))
    sql("UPDATE message SET next_attempt_at = now() WHERE state <> 'sent'")
    before = len(live.got)
    recovering.retry_uncertain()
    db.session.commit()
    if hangs == "never":
        wake.wake("alerts")
        again = worker()
        until(lambda: rows() == {"sent": N})
        again.send_signal(signal.SIGTERM)
        assert again.wait(15) is not None
    else:
        jobs.deliver("alerts")
        assert rows() == {"sent": N}
    later = [one.recipient for one in live.got[before:] if one.answered]
    assert len(later) == len(set(later))
    assert not arrived & set(later), "nobody gets it twice"


def test_the_second_of_two_machines_ends_as_quietly_as_the_first(
    environment: dict[str, str], live: SmtpServer
) -> None:
    """Their schedulers share a name, and the second did not find it in Valkey any more."""
    process = subprocess.Popen(
        [sys.executable, "worker.py"], cwd=ROOT, env={**os.environ, **environment},
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        connection = next(iter(rq.queues.values())).connection
        until(lambda: connection.zcard("rq:cron_schedulers"))
        connection.delete("rq:cron_schedulers")
        process.send_signal(signal.SIGTERM)
        assert b"Traceback" not in process.communicate(timeout=15)[1]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def between(urls: Urls) -> Iterator[Between]:
    """Between a worker and the database."""
    found = Between(urls)
    yield found
    found.close()


@pytest.mark.parametrize("how", ["frozen", "silent"])
def test_a_worker_whose_database_answers_nothing(
    worker: Callable[..., Process], live: SmtpServer, queue: Any, between: Between, how: str
) -> None:
    """It goes on talking to the mail server about what it has, and ends in time when it is asked to."""
    came: list[float] = []

    def slowly(step: str, recipient: str) -> None:
        if step == "dot":
            came.append(time.monotonic())
            time.sleep(0.1)

    live.script = slowly
    data = {"subject": "Hello", "text": "Dear friend", "html": None}
    queue("alerts", 2000, origin="notice", data=data)
    wake.wake("alerts")
    process = worker(DATABASE_URL=between.url)
    until(lambda: len(live.got) >= 100)
    at = time.monotonic()
    between.freeze() if how == "frozen" else between.fall_silent()
    # What each connection was given still leaves, while others that open hear nothing for five seconds.
    until(lambda: came[-1] > at + 0.7, seconds=4)
    asked_at = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) is not None
    assert time.monotonic() - asked_at < 10
