"""How fast an alert leaves: rows in PostgreSQL to an SMTP server, every answer recorded.

In turn, on the same machine and against the same smtp-sink: this engine with one and two worker processes and without
PIPELINING, django-post_office (in an environment made for it, where it can be installed), the obvious way (Flask-Mail, one
RQ job a message), and before and after each of them Postfix's own load generator in C (smtp-source -d -s 4: renders
nothing, records nothing), since what else a machine does changes from minute to minute.

    python bench/send.py [--recipients 100000] [--rounds 2]

Prints a table and then a line ``name ratio=…`` each: the engine's rate by smtp-source's of the same minute, by
django-post_office's and by the obvious way's, and a worker's peak memory by the 150 MB it may take.
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
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

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
    parser.add_argument(
        "--post-office", type=int, default=2000, help="messages sent by django-post_office"
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--worker", metavar="QUEUE")
    options = parser.parse_args()
    if options.worker:
        return work(options.worker)
    if not (shutil.which("smtp-sink") and shutil.which("smtp-source")):
        sys.exit("smtp-sink and smtp-source are missing: install Debian's postfix package.")
    with instance(sink_port := free_port()) as app:
        report(Rounds(app, sink_port, options).run())
    return None


@dataclass
class Contender:
    """What was measured of one way to send."""

    rates: list[float] = field(default_factory=list)
    to_source: list[float] = field(default_factory=list)
    """Each rate by smtp-source's just before and just after."""

    @property
    def rate(self) -> float:
        """Messages a second, the median."""
        return statistics.median(self.rates)

    @property
    def ratio(self) -> float:
        """The median of the ratios to smtp-source."""
        return statistics.median(self.to_source)


class Rounds:
    """All contenders in turn, with smtp-source between them."""

    def __init__(self, app: Any, port: int, options: argparse.Namespace) -> None:
        self.app = app
        self.port = port
        self.options = options
        self.found: dict[str, Contender] = {}
        self.memory = 0
        self.size = 0

    def run(self) -> "Rounds":
        """Runs ``rounds`` rounds."""
        alert_id = an_audience(self.app, self.options.recipients)
        with post_office_environment() as post_office:
            for _ in range(self.options.rounds):
                source = self.source()
                for name, send in self.contenders(alert_id, post_office):
                    rate = send()
                    before, source = source, self.source()
                    one = self.found.setdefault(name, Contender())
                    one.rates.append(rate)
                    one.to_source.append(2 * rate / (before + source))
                    print(f"{name}: {rate:,.0f}/s, smtp-source {source:,.0f}/s", file=sys.stderr)
        return self

    def contenders(
        self, alert_id: int, post_office: Path | None
    ) -> Iterator[tuple[str, Callable[[], float]]]:
        """Each way to send, by name."""
        yield "one_worker", lambda: self.engine(alert_id, 1)
        yield "two_workers", lambda: self.engine(alert_id, 2)
        yield "no_pipelining", lambda: self.engine(alert_id, 1, pipelining=False)
        if post_office:
            yield "post_office", lambda: self.post_office(post_office)
        yield "obvious", self.obvious

    def source(self) -> float:
        """smtp-source, with enough messages for two or three seconds."""
        with sink(self.port):
            rate = smtp_source(self.port, min(self.options.recipients, 30_000))
        self.found.setdefault("smtp_source", Contender(to_source=[1])).rates.append(rate)
        return rate

    def engine(self, alert_id: int, workers: int, pipelining: bool = True) -> float:
        """This engine."""
        with sink(self.port, pipelining):
            rate, peak = alert(self.app, alert_id, workers)
        self.size = message_size()
        self.memory = max(self.memory, peak)
        return rate

    def post_office(self, python: Path) -> float:
        """django-post_office, in a database of its own."""
        with sink(self.port):
            return post_office(python, self.options.post_office)

    def obvious(self) -> float:
        """Flask-Mail, one RQ job a message."""
        with sink(self.port):
            return obvious(self.app, self.options.obvious)


POST_OFFICE_RATIO = 0.065
"""Of smtp-source, measured once on a 2-core machine: 608 messages a second. Used where it cannot be installed."""


def report(rounds: Rounds) -> None:
    """Prints the table and the ratios."""
    found = rounds.found
    print(f"{rounds.options.recipients:,} recipients, {rounds.size:,} bytes a message")
    print(f"{'':16}{'messages/s':>12}{'of smtp-source':>16}")
    for name, one in sorted(found.items(), key=lambda item: -item[1].rate):
        print(f"{name:16}{one.rate:12,.0f}{one.ratio:16.3f}")
    print(f"peak memory of a worker: {rounds.memory // 2**20} MB")
    for name in ("one_worker", "two_workers", "no_pipelining"):
        print(f"{name}_to_smtp_source ratio={found[name].ratio:.2f}")
    measured = found.get("post_office")
    note = (
        "" if measured else f"  (it cannot be installed here; by its published {POST_OFFICE_RATIO})"
    )
    peer = measured.ratio if measured else POST_OFFICE_RATIO
    print(f"one_worker_to_post_office ratio={found['one_worker'].ratio / peer:.1f}{note}")
    print(f"one_worker_to_obvious ratio={found['one_worker'].ratio / found['obvious'].ratio:.1f}")
    print(f"worker_memory_to_150_mb ratio={rounds.memory / (150 * 2**20):.2f}")


@contextlib.contextmanager
def post_office_environment() -> Iterator[Path | None]:
    """The Python of an environment with django-post_office, gone afterwards; None where it cannot be installed."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "bin", "python")
        wanted = ["django-post_office==3.12.0", "Django<6", "psycopg[binary]"]
        done = subprocess.run(
            [python, "-m", "pip", "install", "-q", *wanted], capture_output=True, check=False
        )
        yield None if done.returncode else python


def post_office(python: Path, n: int) -> float:
    """Messages a second of django-post_office with two processes of five threads."""
    from sqlalchemy import make_url

    url = make_url(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1))
    with psycopg.connect(
        url.set(drivername="postgresql").render_as_string(False), autocommit=True
    ) as database:
        database.execute("DROP DATABASE IF EXISTS post_office WITH (FORCE)")
        database.execute("CREATE DATABASE post_office")
    values = {"host": url.host or "", "port": url.port or "", "user": url.username or "", "password": url.password or "",
              **{key: str(value) for key, value in url.query.items()}, "dbname": "post_office"}  # fmt: skip
    done = subprocess.run(
        [python, ROOT / "bench" / "_post_office.py", str(n)], check=True, cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "POST_OFFICE_DATABASE": json.dumps(values)},
    )  # fmt: skip
    return float(done.stdout.split()[-1])


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
