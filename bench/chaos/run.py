"""Kill -9 at random instants while mail goes out: what is lost, what goes twice?

Workers, PostgreSQL and Valkey are killed in turn during an alert and letters, against a mail server that also answers
4xx, 5xx and 421, breaks connections before and after the last byte, and goes away for a while. In the end every row
is compared with what the server really got. The last line is one JSON object; ``lost`` must be 0.

    python -m bench.chaos.run [--recipients 20000] [--letters 2000] [--kills 50] [--seed 1]
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from bench.chaos.moods import Moods  # noqa: E402  # after the path
from bench.chaos.verdict import verdict  # noqa: E402  # after the path

ORIGIN = "chaos"
QUEUES = {
    "worker0": ["confirmations", "letters", "default", "alerts"],
    # A worker seldom lives long enough for its second job, and the alert is to go out while others die too.
    "worker1": ["alerts", "default", "letters", "confirmations"],
}
FILLER = "A line of a letter that somebody wrote in words of their own.\n" * 30


def main() -> int:
    """Runs it; exit code 1 where something was lost or repeated more than promised."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipients", type=int, default=20_000)
    parser.add_argument("--letters", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--pace", type=float, default=3.0, help="seconds between kills, about")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--process", choices=["cron", *QUEUES])
    options = parser.parse_args()
    if options.process:
        return process(options.process)
    dice = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        with Site(Path(folder), dice) as site:
            result = site.trial(options)
    print(json.dumps(result))
    return 0 if result["lost"] == 0 and result["within_promise"] else 1


def process(kind: str) -> int:
    """A worker or the scheduler, as ``python worker.py`` runs them, with waits short enough for a trial."""
    from campaign import create_app
    from campaign.engines import workers
    from campaign.extensions import rq
    from campaign.mail import compose, domains, leases, recovering, streams
    from campaign.mail.jobs import sweep
    from campaign.mail.streams import STREAMS

    for name, stream in list(STREAMS.items()):
        os.environ[f"MAIL_RETRY_{name.upper()}"] = "1s 4s 1h"
        os.environ[f"MAIL_UNCERTAIN_{name.upper()}"] = "1s"
        streams.STREAMS[name] = replace(stream, doubts=50)
    domains.FIRST = domains.LONGEST = timedelta(seconds=2)
    leases.LEASE_S = 6
    leases.RENEW_S = 2
    recovering.STEADY_S = 3
    compose.register_origin(ORIGIN, render)
    app = create_app()
    if kind == "cron":
        # What a killed worker had begun goes on with the next sweep: at its usual pace nobody would be at work most of the time.
        for job in rq._cron_job_data:
            if job["func"] is sweep:
                job["interval"] = 1
        workers.run_cron(app)
    else:
        workers.run_worker(app, QUEUES[kind])
    return 0


def render(rows: list[Any]) -> list[Any]:
    """The trial's messages."""
    from campaign.mail.compose import Rendered

    return [Rendered(f"Message {row.unit_id}", f"Dear {row.unit_id},\n{FILLER}") for row in rows]


class Site:
    """The engines, the workers, the scheduler and the mail server of one trial."""

    def __init__(self, data: Path, dice: random.Random) -> None:
        from tests.mail.server import SmtpServer

        self.data = data
        self.dice = dice
        self.moods = Moods(random.Random(dice.random()))
        self.server = SmtpServer(script=self.moods)
        os.environ.update(
            DATA=str(data), MAIL_SERVER="127.0.0.1", MAIL_PORT=str(self.server.port),
            MAIL_DEFAULT_SENDER="us@coalition.example", SITE_URL="https://act.coalition.example",
        )  # fmt: skip
        for name in ("DATABASE_URL", "REDIS_URL"):
            os.environ.pop(name, None)
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.killed: list[tuple[str, int]] = []
        """What was killed, and how many messages the server had by then."""
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Site":
        from campaign import create_app, engines
        from campaign.cli import database

        self.app = create_app()
        self._stack.callback(engines.release, self.data)
        self._stack.enter_context(self.app.app_context())
        database.upgrade()
        return self

    def __exit__(self, *_: object) -> None:
        from campaign.extensions import db

        for child in self.children.values():
            child.send_signal(signal.SIGTERM)
        for child in self.children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(15)
            child.kill()
        with contextlib.suppress(Exception):
            db.session.rollback()
            db.engine.dispose()
        self.server.close()
        self._stack.close()

    def trial(self, options: argparse.Namespace) -> dict[str, Any]:
        """Queues, kills, waits until everything is final, and compares."""
        start = time.monotonic()
        queue_all(options.recipients, options.letters)
        for name in ["cron", *QUEUES]:
            self.start(name)
        # Eight connections share the alert; it should last about as long as the killing.
        self.moods.pause = min(options.kills * options.pace * 6 / options.recipients, 0.2)
        while not self.server.got:
            time.sleep(0.1)
        self.kill_in_turn(options)
        self.moods.calm = True
        finished = self.settle(300)
        result = verdict(
            self.rows(), self.server.recipients(), self.killed, self.moods.drops_after_dot
        )
        return {**result, "finished": finished, "seconds": round(time.monotonic() - start)}

    def start(self, name: str) -> None:
        """Starts a worker or the scheduler."""
        log = (self.data / f"{name}.log").open("ab")
        command = [sys.executable, "-m", "bench.chaos.run", "--process", name]
        self.children[name] = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def kill_in_turn(self, options: argparse.Namespace) -> None:
        """Kills one process after another at random instants, and sends the mail server away now and then."""
        turns = ["worker0", "postgres", "worker1", "valkey"]
        while len(self.killed) < options.kills:
            time.sleep(self.dice.uniform(0.2, 1.8) * options.pace)
            name = turns[len(self.killed) % len(turns)]
            if self.kill(name):
                self.killed.append((name.rstrip("01"), len(self.server.got)))
            if self.dice.random() < 0.1:
                self.moods.away_until = time.monotonic() + self.dice.uniform(0.5, 3)
            print(f"{len(self.killed)} kills, last {name}; {self.states()}", file=sys.stderr)

    def kill(self, name: str) -> bool:
        """Kill -9; a worker is started again as its supervisor would, an engine by its keeper."""
        if name in self.children:
            child = self.children[name]
            child.kill()
            child.wait()
            self.start(name)
            return True
        program = {"postgres": "postgres", "valkey": "valkey-server"}[name]
        victims = [
            one
            for one in psutil.process_iter(["name", "cmdline"])
            if one.info["name"].startswith(program[:15]) and self._ours(one)
        ]
        for one in victims:
            with contextlib.suppress(psutil.Error):
                one.kill()
        from campaign import engines

        with contextlib.suppress(Exception):
            engines.heal(self.data)
        return bool(victims)

    def _ours(self, one: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):
            return one.cwd().startswith(str(self.data)) or str(self.data) in " ".join(one.cmdline())
        return False

    def states(self) -> dict[str, int] | str:
        """How many rows are in each state; a word while the database is away."""
        from sqlalchemy import text

        from campaign.extensions import db

        try:
            query = "SELECT stream || ' ' || state, count(*) FROM message GROUP BY 1 ORDER BY 1"
            found = {row[0]: row[1] for row in db.session.execute(text(query))}
            db.session.rollback()
            return found
        except Exception:
            db.session.rollback()
            return "the database is away"

    def rows(self) -> list[Any]:
        """The ledger in the end."""
        from sqlalchemy import text

        from campaign.extensions import db

        query = text("SELECT stream, to_address, state, doubts, message_id FROM message")
        rows = list(db.session.execute(query))
        db.session.rollback()
        return rows

    def settle(self, seconds: float) -> bool:
        """Waits until every row is final; whether it came to that."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            states = self.states()
            if isinstance(states, dict) and not any(
                key.endswith((" queued", " leased", " deferred", " uncertain")) for key in states
            ):
                return True
            time.sleep(1)
        return False


def queue_all(recipients: int, letters: int) -> None:
    """An alert's and the letters' rows."""
    from campaign.extensions import db
    from campaign.mail import ledger, settings

    settings.set_delivery("live", by="chaos")
    for stream, n, origin_id in (("alerts", recipients, 1), ("letters", letters, 2)):
        ledger.enqueue(
            stream,
            (
                ledger.Draft(ORIGIN, i, f"{stream}{i}@d{i % 50}.example", "en", origin_id)
                for i in range(1, n + 1)
            ),
        )
    db.session.commit()


if __name__ == "__main__":
    sys.exit(main())
