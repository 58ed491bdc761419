"""A Valkey that is stuck, a worker that was killed, a job that failed: none of them costs more than it must."""

import logging
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
from flask import Flask
from rq.job import Job
from sqlalchemy.exc import InvalidRequestError, OperationalError

from campaign import config
from campaign.engines import processes, workers
from campaign.engines.away import is_away
from campaign.engines.connection import Connection
from campaign.extensions import rq
from campaign.reports import probes


def test_a_stuck_valkey_is_waited_for_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Connection.from_url(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        began = time.monotonic()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        assert time.monotonic() - began < 1.5
        began = time.monotonic()
        with pytest.raises(redis.ConnectionError, match="a moment ago"):
            client.ping()
        assert time.monotonic() - began < 0.2


def test_a_killed_worker_is_not_counted(app_context: Flask) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    queue = rq.queues["default"]
    worker = workers.Worker([queue], name=processes.name(process.pid), job_class=queue.job_class)
    worker.register_birth()
    assert probes.workers() == 1
    process.kill()
    process.communicate()
    assert probes.workers() == 0


def test_a_worker_is_known_again_after_a_flush(app_context: Flask) -> None:
    queue = rq.queues["default"]
    worker = workers.Worker([queue], job_class=queue.job_class)
    worker.register_birth()
    queue.connection.flushdb()
    assert probes.workers() == 0
    worker.heartbeat()
    assert probes.workers() == 1


def test_only_processes_of_this_machine_are_known_to_be_gone() -> None:
    mine = processes.name(os.getpid())
    assert not processes.is_gone(mine)
    assert processes.is_gone(mine + "0")
    assert not processes.is_gone(f"elsewhere-1/{os.getpid()}/12")
    assert not processes.is_gone("0a1b2c3d")


def test_a_failed_job_is_one_line(app_context: Flask, caplog: pytest.LogCaptureFixture) -> None:
    queue = rq.queues["default"]
    worker = workers.Worker([queue], job_class=queue.job_class)
    job = Job.create("campaign.counts.jobs.fold", connection=queue.connection)
    for error in (OperationalError("SELECT 1", {}, Exception("gone")), ValueError("words")):
        try:
            raise error
        except type(error):
            worker.handle_exception(job, *sys.exc_info())
    away, failed = caplog.records
    assert (
        away.getMessage()
        == "counts.jobs.fold stopped: an engine went away; it runs again by itself"
    )
    assert (away.levelno, away.exc_info) == (logging.WARNING, None)
    assert "Traceback" not in failed.getMessage()


def test_a_pooler_whose_server_is_away_counts_as_away() -> None:
    assert is_away(InvalidRequestError("This connection is closed"))
    assert not is_away(InvalidRequestError("Object is already attached to session"))
    assert not is_away(ValueError("words"))


def test_a_folder_marked_read_only_is_refused_even_to_root(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(config.ConfigError, match=r"cannot be written|read-only"):
            config.writable(tmp_path)
    finally:
        tmp_path.chmod(0o755)


def test_a_worker_is_born_again_where_valkey_still_knows_it(app_context: Flask) -> None:
    """Valkey was killed and came back with what it knew: the worker ended over its own name."""
    queue = rq.queues["default"]
    for _ in range(2):
        worker = workers.Worker(
            [queue], name=processes.name(os.getpid()), job_class=queue.job_class
        )
        worker.register_birth()
    assert probes.workers() == 1


def test_letters_and_alerts_take_turns(app_context: Flask) -> None:
    """A long queue of letters left an alert standing until its last one had gone."""
    queues = [rq.queues[name] for name in ("letters", "alerts", "confirmations")]
    worker = workers.Worker(queues, job_class=queues[0].job_class)
    worker.register_birth()
    served = []
    for _ in range(4):
        for queue in queues[:2]:
            if not queue.count:
                queue.enqueue(print)
        job, queue = worker.dequeue_job_and_maintain_ttl(timeout=None) or (None, None)
        assert job and queue
        served.append(queue.name)
    assert served == ["letters", "alerts", "letters", "alerts"]
    queues[2].enqueue(print)
    _, queue = worker.dequeue_job_and_maintain_ttl(timeout=None) or (None, None)
    assert queue and queue.name == "letters"
    _, queue = worker.dequeue_job_and_maintain_ttl(timeout=None) or (None, None)
    assert queue and queue.name == "confirmations"
