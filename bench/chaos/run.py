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
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))
ORIGIN = "chaos"
WORKERS = 2
CONNECTIONS = 16
"""Of a worker that sends an alert."""
AT_RISK = 32 * CONNECTIONS
"""Messages of an alert that a worker may have sent without having recorded it: so many on each connection."""
FILLER = "A line of a letter that somebody wrote in words of their own.\n" * 30


def main() -> int:
    """Runs it; exit code 1 where something was lost or repeated more than promised."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipients", type=int, default=20_000)
    parser.add_argument("--letters", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--pace", type=float, default=3.0, help="seconds between kills, about")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--process", choices=["worker", "cron"])
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
    from campaign.mail import compose, domains, leases, streams
    from campaign.mail.streams import STREAMS

    for name, stream in list(STREAMS.items()):
        os.environ[f"MAIL_RETRY_{name.upper()}"] = "1s 4s 1h"
        os.environ[f"MAIL_UNCERTAIN_{name.upper()}"] = "1s"
        streams.STREAMS[name] = replace(stream, doubts=50)
    domains.FIRST = domains.LONGEST = timedelta(seconds=2)
    leases.LEASE_S = 6
    leases.RENEW_S = 2
    compose.register_origin(ORIGIN, render)
    app = create_app()
    if kind == "cron":
        workers.run_cron(app)
    else:
        workers.run_worker(app, ["confirmations", "letters", "default", "alerts"])
    return 0


def render(rows: list[Any]) -> list[Any]:
    """The trial's messages."""
    from campaign.mail.compose import Rendered

    return [Rendered(f"Message {row.unit_id}", f"Dear {row.unit_id},\n{FILLER}") for row in rows]


@dataclass
class Moods:
    """What the mail server does to us: a chance for each answer, and times when it is away."""

    dice: random.Random
    away_until: float = 0
    drops_after_dot: Counter[str] = field(default_factory=Counter)
    calm: bool = False
    pause: float = 0
    """Seconds that the server takes for a message, so that there is something left to kill."""

    def __call__(self, step: str, recipient: str) -> str | None:
        """The answer to a step; None: the usual one."""
        from tests.mail.server import DROP

        if time.monotonic() < self.away_until:
            return "421 4.3.2 back soon" if step == "connect" else DROP
        if self.calm or step == "connect":
            return None
        roll = self.dice.random()
        if step == "dot":
            time.sleep(self.pause)
            if roll < 0.002:
                self.drops_after_dot[recipient] += 1
                return DROP
            return "450 4.2.0 later" if roll < 0.012 else "554 5.7.1 no" if roll < 0.016 else None
        if roll < 0.0008:
            return DROP
        if roll < 0.0016:
            return "421 4.3.2 going down"
        if step == "rcpt" and roll < 0.03:
            return "451 4.7.1 greylisted" if roll < 0.02 else "550 5.1.1 unknown"
        return None


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
        for name in ["cron", *(f"worker{i}" for i in range(WORKERS))]:
            self.start(name)
        # Eight connections share the alert; it should last about as long as the killing.
        self.moods.pause = min(options.kills * options.pace * 6 / options.recipients, 0.2)
        while not self.server.got:
            time.sleep(0.1)
        kills = self.kill_in_turn(options)
        self.moods.calm = True
        finished = self.settle(300)
        result = self.compare(kills)
        return {**result, "finished": finished, "seconds": round(time.monotonic() - start)}

    def start(self, name: str) -> None:
        """Starts a worker or the scheduler."""
        kind = "cron" if name == "cron" else "worker"
        log = (self.data / f"{name}.log").open("ab")
        command = [sys.executable, "-m", "bench.chaos.run", "--process", kind]
        self.children[name] = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def kill_in_turn(self, options: argparse.Namespace) -> Counter[str]:
        """Kills one process after another at random instants, and sends the mail server away now and then."""
        kills: Counter[str] = Counter()
        turns = ["worker0", "postgres", "worker1", "valkey"]
        while kills.total() < options.kills:
            time.sleep(self.dice.uniform(0.2, 1.8) * options.pace)
            name = turns[kills.total() % len(turns)]
            if self.kill(name):
                kills[name.rstrip("01")] += 1
                self.killed.append((name.rstrip("01"), len(self.server.got)))
            if self.dice.random() < 0.1:
                self.moods.away_until = time.monotonic() + self.dice.uniform(0.5, 3)
            print(f"{kills.total()} kills, last {name}; {self.states()}", file=sys.stderr)
        return kills

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

    def compare(self, kills: Counter[str]) -> dict[str, Any]:
        """The ledger's rows against what the server got."""
        from sqlalchemy import text

        from campaign.extensions import db

        got = Counter(self.server.recipients())
        rows = db.session.execute(
            text("SELECT stream, to_address, state, doubts, message_id FROM message")
        ).all()
        db.session.rollback()
        lost = [row for row in rows if row.state == "sent" and not got[row.to_address]]
        lost += [row for row in rows if row.state not in ("sent", "failed", "held")]
        after = self.repeated_after_each_kill({row.to_address for row in rows})
        twice = Counter(
            {stream: sum(one[stream] for one in after) for stream in ("alerts", "letters")}
        )
        drops = self.moods.drops_after_dot.total()
        return {
            "lost": len(lost),
            "repeated": twice.total(),
            "repeated_alerts": twice["alerts"],
            "repeated_letters": twice["letters"],
            "uncertain": sum(row.doubts > 0 for row in rows),
            "dropped_after_last_byte": drops,
            "kills": kills.total(),
            "kills_of": dict(kills),
            "rows": len(rows),
            "states": dict(Counter(row.state for row in rows)),
            "arrived": got.total(),
            "worst_kill": {
                stream: max((one[stream] for one in after), default=0) for stream in twice
            },
            "within_promise": all(
                one["alerts"] <= AT_RISK * hit and one["letters"] <= hit
                for one, hit in zip(after, self.workers_hit(), strict=True)
            ),
        }

    def workers_hit(self) -> list[int]:
        """By kill, how many workers' unrecorded messages it could take along: AT_RISK of alerts, one letter.

        A killed database takes every worker's; what was repeated before any kill is none's.
        """
        of = {"worker": 1, "postgres": WORKERS, "valkey": 0}
        return [0, *(of[name] for name, _ in self.killed)]

    def repeated_after_each_kill(self, addresses: set[str]) -> list[Counter[str]]:
        """How many messages went once more by stream: first those of no kill, then those of each kill, in order.

        One that arrived twice is the work of a kill between the two times; of several, of the first that can have done it:
        what leaves by a slow server is in flight for longer than from one kill to the next. What a killed worker had
        written, a message a connection, arrives a moment after its death.
        """
        most = {"alerts": AT_RISK, "letters": 1}
        hit = self.workers_hit()
        after = [Counter[str]() for _ in range(len(self.killed) + 1)]
        # The server broke the connection after the last byte: nobody can know, and going again is right.
        excused = self.moods.drops_after_dot.copy()
        arrived: dict[str, int] = {}
        for number, address in enumerate(self.server.recipients()):
            before = arrived.get(address)
            arrived[address] = number
            if before is None or address not in addresses:
                continue
            if excused[address]:
                excused[address] -= 1
                continue
            between = [
                i for i, (_, had) in enumerate(self.killed, 1)
                if before < had + WORKERS * CONNECTIONS and had <= number
            ]  # fmt: skip
            stream = "letters" if address.startswith("letters") else "alerts"
            able = (i for i in between if after[i][stream] < most[stream] * hit[i])
            after[next(able, min(between, default=0))][stream] += 1
        return after


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
