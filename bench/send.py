"""How fast an alert leaves: rows in PostgreSQL to an SMTP server, every answer recorded.

In turn, on the same machine and against the same smtp-sink: Postfix's own load generator in C (smtp-source: renders
nothing, records nothing), this engine with one and two worker processes and without PIPELINING, and the obvious way
(Flask-Mail, one RQ job a message). Prints one JSON object.

    python bench/send.py [--recipients 100000] [--rounds 2]

Needs smtp-source and smtp-sink (Debian: apt install postfix).
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SIZE = 8000
PARAGRAPH = (
    "The rule that we ask for would let a person see what is held against them before they answer it, in a "
    "language that they read, with time to find someone who can help them answer. Two agencies can make it, and "
    "both have said that they listen to letters that are written in their writers' own words."
)


def main() -> None:
    """Runs the rounds and prints the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipients", type=int, default=100_000)
    parser.add_argument("--obvious", type=int, default=300, help="messages sent the obvious way")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--worker", metavar="QUEUE")
    options = parser.parse_args()
    if options.worker:
        return work(options.worker)
    if not (shutil.which("smtp-sink") and shutil.which("smtp-source")):
        sys.exit("smtp-sink and smtp-source are missing: install Debian's postfix package.")
    with instance(sink_port := free_port()) as app:
        print(json.dumps(compare(app, sink_port, options)))
    return None


def compare(app: Any, port: int, options: argparse.Namespace) -> dict[str, Any]:
    """All contenders in turn, ``rounds`` times; the medians."""
    n = options.recipients
    alert_id = an_audience(app, n)
    found: dict[str, list[float]] = {}
    memory = 0
    size = 0

    def note(name: str, rate: float) -> None:
        found.setdefault(name, []).append(rate)
        print(f"{name}: {rate:,.0f}/s", file=sys.stderr)

    for _ in range(options.rounds):
        with sink(port):
            note("smtp_source", smtp_source(port, n))
        for name, workers, pipelining in (
            ("one_worker", 1, True),
            ("two_workers", 2, True),
            ("no_pipelining", 1, False),
        ):
            with sink(port, pipelining):
                rate, peak = alert(app, alert_id, workers)
                size = message_size()
            memory = max(memory, peak)
            note(name, rate)
        with sink(port):
            note("obvious", obvious(app, options.obvious))
    result: dict[str, Any] = {
        name: round(statistics.median(rates)) for name, rates in found.items()
    }
    base = statistics.median(found["smtp_source"])
    for name in ("one_worker", "two_workers", "no_pipelining"):
        rate = statistics.median(found[name])
        result[f"{name}_to_smtp_source"] = round(rate / base, 2)
        result[f"{name}_to_obvious"] = round(rate / statistics.median(found["obvious"]), 1)
    return {"recipients": n, "message_bytes": size, **result, "peak_worker_mb": memory // 2**20}


@contextlib.contextmanager
def instance(sink_port: int) -> Iterator[Any]:
    """An instance of its own, with real engines that write to disk as in production."""
    from campaign import config, create_app, engines
    from campaign.cli import database
    from campaign.extensions import db
    from campaign.mail import settings

    with engines.temporary(fsync=True) as urls, tempfile.TemporaryDirectory() as data:
        os.environ.update(
            DATABASE_URL=urls.database_url,
            REDIS_URL=urls.redis_url,
            SECRET_KEY="only for this benchmark",
            SITE_URL="https://act.coalition.example",
            DATA=data,
            MAIL_SERVER="127.0.0.1",
            MAIL_PORT=str(sink_port),
            MAIL_DEFAULT_SENDER="us@coalition.example",
        )
        app = create_app(config.load(os.environ))
        with app.app_context():
            database.upgrade()
            settings.set_delivery("live", by="bench")
            db.session.commit()
            yield app
            db.session.remove()
            db.engine.dispose()


@contextlib.contextmanager
def sink(port: int, pipelining: bool = True) -> Iterator[None]:
    """smtp-sink on ``port``."""
    command = ["smtp-sink", *([] if pipelining else ["-p"])]
    if os.geteuid() == 0:
        command += ["-u", "nobody"]
    process = subprocess.Popen(
        [*command, f"127.0.0.1:{port}", "1000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: reachable(port), 10)
        yield
    finally:
        process.terminate()
        process.wait()


def message_size() -> int:
    """The size of the alert's message to the first recipient."""
    from sqlalchemy import text

    from campaign.extensions import db
    from campaign.mail import sender
    from campaign.mail.states import Row

    columns = ", ".join(f"m.{name}" for name in Row._fields if name != "old_state")
    row = db.session.execute(
        text(
            f"SELECT {columns}, m.state FROM message m WHERE stream = 'alerts' ORDER BY id LIMIT 1"
        )
    ).one()
    one = Row(*row)
    [said] = sender.render([one])
    envelope = said.message(one, sender.frame())
    db.session.rollback()
    return len(envelope.data)


def smtp_source(port: int, n: int) -> float:
    """Messages a second of ``smtp-source -d -s 4 -l 8000``."""
    start = time.perf_counter()
    subprocess.run(
        ["smtp-source", "-d", "-s", "4", "-l", str(SIZE), "-m", str(n), "-f", "a@coalition.example",
         "-t", "b@there.example", f"127.0.0.1:{port}"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return n / (time.perf_counter() - start)


def an_audience(app: Any, n: int) -> int:
    """``n`` supporters who agreed to hear from an organization, and its alert; returns the alert's number."""
    from sqlalchemy import text

    from campaign.alerts import commands
    from campaign.clock import utcnow
    from campaign.coalition.models import Campaign, Organization
    from campaign.extensions import db

    now = utcnow()
    organization = Organization(
        slug="bench", name="Bench Coalition", kind="national", created_at=now
    )
    db.session.add(organization)
    db.session.flush()
    texts = {key: {"en": key.title()} for key in ("title", "tagline", "summary", "body")}
    campaign = Campaign(
        slug="bench", lead_organization_id=organization.id, languages=["en"], goal=1000,
        opens_at=now - timedelta(days=1), closes_at=None, created_at=now, **texts,
    )  # fmt: skip
    db.session.add(campaign)
    db.session.flush()
    values = {"n": n, "now": now, "organization": organization.id, "campaign": campaign.id}
    for statement in (
        "INSERT INTO supporter (email, given_name, family_name, state, language, created_at, confirmed_at) "
        "SELECT 'r' || i || '@d' || i % 500 || '.example', 'Name' || i, 'Family', 'IL', 'en', :now, :now "
        "FROM generate_series(1, :n) i",
        "INSERT INTO consent (supporter_id, organization_id, given_at) SELECT id, :organization, :now FROM supporter",
        "INSERT INTO campaign_supporter (campaign_id, supporter_id, joined_at) SELECT :campaign, id, :now FROM supporter",
    ):
        db.session.execute(text(statement), values)
    db.session.commit()
    for table in ("supporter", "consent", "campaign_supporter"):
        db.session.execute(text(f"ANALYZE {table}"))
    db.session.commit()
    body = "\n\n".join(
        [
            'Dear {{ given_name | default("friend", true) }},',
            f"**{PARAGRAPH}**",
            "[Write to both agencies]({{ action_url }})",
            *[PARAGRAPH] * 4,
            "- One letter\n- Two agencies\n- Your own words",
            "[Write now]({{ action_url }})",
        ]
    )
    words = {
        "name": "bench", "subject": {"en": "{{ given_name }}, two agencies are listening"},
        "body": {"en": body}, "audience": {},
    }  # fmt: skip
    return commands.create(campaign.id, organization.id, words).id


def alert(app: Any, alert_id: int, workers: int) -> tuple[float, int]:
    """Sends a copy of the alert with so many worker processes; messages a second and the peak memory of one."""
    from sqlalchemy import text

    from campaign.alerts import commands, sending
    from campaign.alerts.models import Alert
    from campaign.extensions import db
    from campaign.mail.wake import wake

    copy = commands.schedule(commands.copy(alert_id).id, None)
    copy_id = copy.id
    while not db.session.get_one(Alert, copy_id, populate_existing=True).expanded:
        sending.advance()
    recipients = db.session.get_one(Alert, copy_id).recipients
    db.session.execute(text("COMMIT"))
    command = [sys.executable, __file__, "--worker", "alerts"]
    processes = []
    app.extensions["rq"].queues["alerts"].empty()
    for _ in range(workers):
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE))
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    time.sleep(0.5)
    start = time.perf_counter()
    wake("alerts")
    wait_for(lambda: not unfinished(), 600, 0.02)
    took = time.perf_counter() - start
    peak = max(peak_memory(process.pid) for process in processes)
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        process.wait(20)
    states = db.session.execute(
        text("SELECT state, count(*) FROM message WHERE origin_id = :id GROUP BY 1"),
        {"id": copy_id},
    ).all()
    db.session.rollback()
    assert [tuple(row) for row in states] == [("sent", recipients)], states
    return recipients / took, peak


def unfinished() -> bool:
    """Whether a message is still to go or on its way."""
    from sqlalchemy import text

    from campaign.extensions import db

    query = text(
        "SELECT EXISTS (SELECT FROM message WHERE stream = 'alerts' AND state IN ('queued', 'deferred')) "
        "OR EXISTS (SELECT FROM message WHERE state = 'leased')"
    )
    found: bool = db.session.execute(query).scalar_one()
    db.session.rollback()
    return found


def work(queue: str) -> None:
    """A worker process, as ``python worker.py`` runs it."""
    from campaign import config, create_app
    from campaign.engines import workers

    app = create_app(config.load(os.environ))
    print("ready", flush=True)
    workers.run_worker(app, [queue])


def obvious(app: Any, n: int) -> float:
    """The obvious way: Flask-Mail, one RQ job a message, RQ's stock worker."""
    from rq import Queue

    from bench import _obvious_way as obvious_way

    queue = Queue("obvious", connection=app.extensions["rq"].queues["alerts"].connection)
    queue.empty()
    for i in range(n):
        queue.enqueue(obvious_way.send_one, f"r{i}@there.example", result_ttl=0)
    command = [
        sys.executable,
        "-m",
        "rq.cli",
        "worker",
        "--burst",
        "obvious",
        "-u",
        os.environ["REDIS_URL"],
    ]
    start = time.perf_counter()
    subprocess.run(
        command, check=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return n / (time.perf_counter() - start)


def peak_memory(pid: int) -> int:
    """A process's peak resident memory in bytes (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def wait_for(done: Callable[[], bool], seconds: float, step: float = 0.05) -> None:
    """Waits until ``done()``; raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(step)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def reachable(port: int) -> bool:
    """Whether someone listens."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
