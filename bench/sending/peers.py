"""Other ways to send the same: django-post_office, and what most applications do."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parent.parent.parent


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
        [python, "-m", "bench.sending.django_way", str(n)], check=True, cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "POST_OFFICE_DATABASE": json.dumps(values)},
    )  # fmt: skip
    return float(done.stdout.split()[-1])


def obvious(app: Any, n: int) -> float:
    """The obvious way: Flask-Mail, one RQ job a message, RQ's stock worker."""
    from rq import Queue

    from bench.sending import obvious_way

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
