"""This engine: real worker processes that send a copy of an alert. Run as a module it is one of them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.sending.waiting import wait_for

ROOT = Path(__file__).resolve().parent.parent.parent


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
    tidy()
    command = [sys.executable, "-m", "bench.sending.ours", "alerts"]
    processes = []
    app.extensions["rq"].queues["alerts"].empty()
    for _ in range(workers):
        processes.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE))
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    time.sleep(0.5)
    start = time.perf_counter()
    wake("alerts")
    wait_for(lambda: unfinished(copy_id) < 2000, 600, 0.1)
    wait_for(lambda: not unfinished(copy_id), 60, 0.01)
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


def tidy() -> None:
    """Has the database do now what an earlier contender's rows would have it do meanwhile."""
    from sqlalchemy import text

    from campaign.extensions import db

    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in ("VACUUM (ANALYZE) message", "CHECKPOINT"):
            connection.execute(text(statement))


def unfinished(alert_id: int) -> int:
    """How many messages of the alert may still go."""
    from campaign.alerts.mailing import ORIGIN
    from campaign.extensions import db
    from campaign.mail import ledger

    # By the counts: a search for a row would walk past all that have gone.
    found = ledger.open_messages(ORIGIN, alert_id)
    db.session.rollback()
    return found


def message_size() -> int:
    """The size of the alert's message to the first recipient."""
    from sqlalchemy import text

    from campaign.extensions import db
    from campaign.mail import batches
    from campaign.mail.compose import Envelope
    from campaign.mail.states import Row

    columns = ", ".join(f"m.{name}" for name in Row._fields if name != "old_state")
    row = db.session.execute(
        text(
            f"SELECT {columns}, m.state FROM message m WHERE stream = 'alerts' ORDER BY id LIMIT 1"
        )
    ).one()
    one = Row(*row)
    [said] = batches.render([one])
    envelope = batches.build(one, said, batches.frame())
    db.session.rollback()
    assert isinstance(envelope, Envelope)
    return envelope.size


def peak_memory(pid: int) -> int:
    """A process's peak resident memory in bytes (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def work(queue: str) -> None:
    """A worker process, as ``python worker.py`` runs it."""
    from campaign import config, create_app
    from campaign.engines import workers

    app = create_app(config.load(os.environ))
    print("ready", flush=True)
    workers.run_worker(app, [queue])


if __name__ == "__main__":
    work(sys.argv[1])
