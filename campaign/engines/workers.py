"""The processes behind `python worker.py`: RQ workers and RQ's cron scheduler.

Flask-RQ's own worker starts a new Python for every job, which takes about a second; these run
jobs in their own process, each job in an application context of its own.
"""

import contextlib
import functools
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from flask import Flask
from flask_rq import RQ
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker, worker_registration
from rq.exceptions import SchedulerNotFound
from rq.executions import Execution
from rq.job import Job
from rq.job_lifecycle import call_exception_handlers
from rq.logutils import setup_loghandlers
from rq.worker.base import StopRequested, WorkerStatus

from campaign.engines import processes, stopping, sweeps
from campaign.engines.away import is_away
from campaign.extensions import db

# Every queue is served by two processes or stands first in one, so that a long queue of alerts
# delays neither confirmations nor letters.
SHARES = (
    ("confirmations", "default", "letters"),
    ("letters", "alerts", "confirmations"),
)
TURNS = ("letters", "alerts")
"""A long queue of one leaves the other every second turn."""
PATIENCE_SECONDS = 8.0
log = logging.getLogger(__name__)


class Worker(SimpleWorker):
    """Runs jobs in this process and waits for a Valkey that is away."""

    app: Flask
    max_connection_wait_time = 2.0

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        """Run the job in an application context of its own: its session ends with it."""
        with self.app.app_context():
            return super().perform_job(job, queue, execution)

    def register_birth(self) -> None:
        """Also where Valkey, away for a while, still has this process from before: nobody else has its name."""
        self.connection.delete(self.key)
        super().register_birth()

    def reorder_queues(self, reference_queue: Queue) -> None:
        """Letters and alerts take turns: whichever had the last one stands last for the next."""
        home = list(self.queues)
        if reference_queue.name in TURNS:
            home.sort(key=lambda queue: queue.name == reference_queue.name)
        self._ordered_queues = home

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Say that it lives, and again who it is: Valkey may have been flushed since its birth."""
        connection = self.connection if pipeline is None else pipeline
        connection.hset(self.key, mapping=self.serialize())
        worker_registration.register(self, pipeline)
        super().heartbeat(timeout, pipeline)

    def _install_signal_handlers(self) -> None:
        _on_stop(self.request_stop)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """End after the job in hand, or now where there is none."""
        stopping.request()
        _end_in_any_case()
        if self.get_state() == WorkerStatus.BUSY:
            self._stop_requested = True
        else:
            raise StopRequested

    def subscribe(self) -> None:
        """Nothing: we send workers no commands, so they need no listening thread."""

    def unsubscribe(self) -> None:
        """Nothing, see subscribe."""

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """One line for a job that failed: cron calls each again. The traceback is kept with the job for an hour."""
        error = exc_info[1]
        name = (job.func_name or "a job").removeprefix("campaign.")
        if is_away(error):
            log.warning("%s stopped: an engine went away; it runs again by itself", name)
        else:
            log.error("%s failed; it runs again by itself", name, exc_info=error)
        call_exception_handlers(self._exc_handlers, job, *exc_info)


class _Calm(logging.Filter):
    """Valkey being away is one line in half a minute, not a hundred."""

    said = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        unreachable = "could not connect to Redis" in str(record.msg)
        if not unreachable and not (record.exc_info and isinstance(record.exc_info[1], RedisError)):
            return True
        if time.monotonic() - self.said < 30:
            return False
        self.said = time.monotonic()
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg, record.args = "Valkey is away; waiting until it is back", ()
        record.exc_info = None
        return True


def run_worker(app: Flask, names: Sequence[str]) -> None:
    """Work on the queues until asked to stop; comes back when stopped."""
    logging.getLogger("rq.worker").addFilter(_Calm())
    # What the start has made stays for good: no use in walking through it again with every collection.
    gc.collect()
    gc.freeze()
    # Messages come and go by the thousand and hold no circles: they are looked through less often.
    gc.set_threshold(10_000, 20, 20)
    while not stopping.requested():
        with contextlib.suppress(RedisError, StopRequested):
            with app.app_context():
                extension: RQ = app.extensions["rq"]
                queues = [extension.queues[name] for name in names]
            worker = Worker(
                queues,
                name=processes.name(os.getpid()),
                job_class=queues[0].job_class,
                worker_ttl=60,
                log_job_description=False,
            )
            worker.app = app
            worker.work(logging_level="WARNING")
        _pause(1)


def run_cron(app: Flask) -> None:
    """Enqueue the registered jobs at their times until asked to stop."""
    setup_loghandlers(level=logging.WARNING, name="rq.cron")  # else a line for every wake-up
    while not stopping.requested():
        # Schedulers of several machines share a name: the second to end finds that the first has taken it off the list.
        with contextlib.suppress(RedisError, StopRequested, SchedulerNotFound):
            scheduler = sweeps.make(app)
            # RQ's own handlers know nothing of our flag.
            vars(scheduler)["_install_signal_handlers"] = lambda: _on_stop(_stop_cron)
            scheduler.start()
        with contextlib.suppress(StopRequested):
            # The handler may still be the raising one, where Valkey went away under the scheduler.
            _pause(1)


def _end_in_any_case() -> None:
    """Has this process end soon, whatever it waits for: a database that does not answer lets nothing be recorded.

    It is as if it were killed then, which loses nothing.
    """
    timer = threading.Timer(PATIENCE_SECONDS, os._exit, (1,))
    timer.daemon = True
    timer.start()


def _stop_cron(signum: int, frame: FrameType | None) -> None:
    stopping.request()
    raise StopRequested


def _on_stop(handler: Callable[[int, FrameType | None], None]) -> None:
    """Call the handler at the first SIGTERM or SIGINT only: the second of a pair changes nothing.

    Raises StopRequested when one has come already.
    """

    def once(signum: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, _note)
        signal.signal(signal.SIGINT, _note)
        handler(signum, frame)

    signal.signal(signal.SIGTERM, once)
    signal.signal(signal.SIGINT, once)
    if stopping.requested():
        raise StopRequested


def run_all(app: Flask, cron: bool = True) -> int:
    """Run a worker for each of SHARES and the scheduler, each in a process of its own.

    One that dies is started again. Returns when asked to stop and all have ended.
    """
    tasks: dict[str, Callable[[], None]] = {
        f"worker {','.join(names)}": functools.partial(run_worker, app, names) for names in SHARES
    }
    if cron:
        tasks["scheduler"] = functools.partial(run_cron, app)
    signal.signal(signal.SIGTERM, _note)
    signal.signal(signal.SIGINT, _note)
    with app.app_context():
        db.engine.dispose()  # a connection must not be shared across a fork
    children = {_fork(task): name for name, task in tasks.items()}
    while not stopping.requested():
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            pid, status = 0, 0
        if pid == 0:
            _pause(0.5)
        elif (name := children.pop(pid, "")) and not stopping.requested():
            print(f"{name} ended ({_how(status)}); starting it again", file=sys.stderr, flush=True)
            _pause(1)
            children[_fork(tasks[name])] = name
    _end_all(children)
    return 0


def _note(*_: object) -> None:
    stopping.request()


def _fork(task: Callable[[], None]) -> int:
    tied = processes.dies_with_parent(signal.SIGTERM)
    # A stop that comes between the fork and the child's own handlers is kept until then.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        return pid
    code = 1
    try:
        if tied:
            tied()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        task()
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _end_all(children: dict[int, str]) -> None:
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_SECONDS
    waiting = set(children)
    while waiting:
        for pid in list(waiting):
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG) == (0, 0):
                    continue
            waiting.discard(pid)
        if waiting and time.monotonic() > deadline:
            for pid in waiting:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if waiting:
            time.sleep(0.02)


def _how(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"exit code {os.waitstatus_to_exitcode(status)}"


def _pause(seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not stopping.requested() and time.monotonic() < deadline:
        time.sleep(min(0.1, seconds))
