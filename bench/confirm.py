"""How long a confirmation takes while a large alert is going out.

The whole site runs as it does in production: granian, both workers, the scheduler, PostgreSQL, Valkey, and smtp-sink as the
mail server. An alert to 100,000 people is started; then somebody signs up four times a second until it has left. Each
confirmation's time runs from the POST of the form to the answer of the mail server, as the ledger recorded it, which is
some milliseconds after the message had arrived.

    python bench/confirm.py [--recipients 100000] [--every 0.25]

Prints a table and, as the last line, the 99th percentile by the 2 seconds it may take: ``confirmation_p99_to_2_s ratio=…``.
Needs smtp-sink (Debian: apt install postfix).
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
AIM_S = 2.0


def main() -> None:
    """Runs the trial and prints the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipients", type=int, default=100_000)
    parser.add_argument("--every", type=float, default=0.25, help="seconds between two sign-ups")
    options = parser.parse_args()
    if not shutil.which("smtp-sink"):
        sys.exit("smtp-sink is missing: install Debian's postfix package.")
    from bench import send

    sink_port, port = send.free_port(), send.free_port()
    os.environ["PUBLIC_POSTS"] = "100000000 per hour"
    os.environ["PUBLIC_MAILS"] = "100000"
    with send.instance(sink_port) as app, send.sink(sink_port):
        alert_id = send.an_audience(app, options.recipients)
        with site(port):
            report(trial(app, f"http://127.0.0.1:{port}", alert_id, options), options.recipients)


@contextlib.contextmanager
def site(port: int) -> Iterator[None]:
    """The web server, the workers and the scheduler."""
    from bench import send

    web = [sys.executable, "-m", "granian", "--interface", "wsgi", "wsgi:app", "--host", "127.0.0.1",
           "--port", str(port), "--workers", "1", "--log-level", "warning", "--blocking-threads", "4"]  # fmt: skip
    children = [
        subprocess.Popen(command, cwd=ROOT) for command in (web, [sys.executable, "worker.py"])
    ]
    try:
        send.wait_for(lambda: send.reachable(port), 60)
        yield
    finally:
        for child in children:
            child.send_signal(signal.SIGTERM)
        for child in children:
            child.wait(20)


class SignUps(threading.Thread):
    """Somebody new signs up, again and again, until told to stop."""

    def __init__(self, url: str, every: float) -> None:
        super().__init__()
        self.url = f"{url}/c/bench/signup"
        self.every = every
        self.posted: dict[str, float] = {}
        self.ending = threading.Event()

    def run(self) -> None:
        page = urllib.request.urlopen(self.url).read().decode()
        token = re.search(r'name="form_token"[^>]*value="([^"]+)"', page)
        assert token
        while not self.ending.wait(self.every):
            address = f"new{len(self.posted)}@people.example"
            fields = {
                "form_token": token[1], "email": address, "given_name": "Ana", "family_name": "Ruiz",
                "postal_code": "60604", "consent": "y",
            }  # fmt: skip
            self.posted[address] = time.time()
            urllib.request.urlopen(self.url, urlencode(fields).encode()).read()


def trial(
    app: Any, url: str, alert_id: int, options: argparse.Namespace
) -> tuple[list[float], float]:
    """Sends the alert and signs up meanwhile; each confirmation's seconds, and the alert's."""
    from sqlalchemy import text

    from bench import send
    from campaign.alerts import commands
    from campaign.extensions import db

    def ask(query: str) -> list[Any]:
        rows = list(db.session.execute(text(query)))
        db.session.rollback()
        return rows

    started = time.time()
    commands.schedule(commands.copy(alert_id).id, None)
    send.wait_for(lambda: bool(ask("SELECT FROM message WHERE state = 'sent' LIMIT 1")), 60)
    people = SignUps(url, options.every)
    people.start()
    send.wait_for(lambda: ask("SELECT FROM alert WHERE state = 'sending'") == [], 1800, 0.5)
    took = time.time() - started
    people.ending.set()
    people.join()
    waiting = "SELECT FROM message WHERE stream = 'confirmations' AND state <> 'sent' LIMIT 1"
    send.wait_for(lambda: not ask(waiting), 60)
    rows = ask("SELECT to_address, finished_at FROM message WHERE stream = 'confirmations'")
    arrived: dict[str, datetime] = dict(map(tuple, rows))
    assert arrived.keys() == people.posted.keys(), (len(arrived), len(people.posted))
    seconds = [
        (arrived[address] - datetime.fromtimestamp(posted, UTC)).total_seconds()
        for address, posted in people.posted.items()
    ]
    return sorted(seconds), took


def report(found: tuple[list[float], float], recipients: int) -> None:
    """Prints the table and the ratio."""
    seconds, took = found
    print(
        f"{recipients:,} recipients in {took:.0f} s ({recipients / took:,.0f}/s); {len(seconds)} confirmations meanwhile"
    )
    print(f"{'percentile':>10}{'seconds':>10}")
    for percent in (50, 90, 99, 100):
        print(f"{percent:10}{percentile(seconds, percent):10.3f}")
    print(f"confirmation_p99_to_2_s ratio={percentile(seconds, 99) / AIM_S:.2f}")


def percentile(ordered: list[float], percent: int) -> float:
    """The value that ``percent`` of the ordered ones do not exceed."""
    return ordered[max(-(-len(ordered) * percent // 100) - 1, 0)]


if __name__ == "__main__":
    main()
