"""Letters a second through the whole form: validation, supporter, letter, journal, confirmation and its message.

In one run, on the same machine and database: the site under granian with two workers (POST of the form from wrk), a route
of the same site that does nothing, and the very SQL of one POST replayed by pgbench. Then, with --large, the same with
1,000,000 supporters and 3,000,000 deliveries in the tables. Prints a table and a line ``name ratio=…`` for each aim.

    python bench/letters.py [--seconds 4] [--rounds 7] [--large]

Needs wrk (Debian: apt install wrk); pgbench comes with the embedded PostgreSQL.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.posting.replay import pgbench, pgbench_script  # noqa: E402  # after the path
from bench.posting.rows import arrange, fill, filled  # noqa: E402  # after the path
from bench.sending.waiting import free_port  # noqa: E402  # after the path
from campaign.cli.run import THREADS  # noqa: E402  # after the path

WORKERS = 2

SITE = """
from campaign import create_app
from campaign.web import access

app = create_app()

@app.get("/noop")
@access.public
def noop():
    return "done"
"""
LUA = """
local body = %s
local run = tostring(os.time()) .. tostring(math.random(1, 1e9))
local n = 0
local thread_number = 0
function setup(thread) thread:set("id", thread_number); thread_number = thread_number + 1 end
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
function request()
  n = n + 1
  return wrk.format(nil, nil, nil, body .. "&email=w" .. id .. "x" .. n .. "r%s@people.example")
end
local bad = 0
function response(status) if status ~= 303 then bad = bad + 1; wrk.thread:set("bad", bad) end end
"""


def main() -> None:
    """Runs the contenders and prints the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--large", action="store_true", help="also with a million supporters")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: install Debian's wrk package.")
    with instance() as (app, url):
        small = compare(app, url, options)
        report("few rows", small)
        if options.large:
            fill(app)
            large = compare(app, url, options)
            report("a million supporters", large)
            print(f"large_to_small ratio={large['letters'].best / small['letters'].best:.2f}")


@dataclass
class Rates:
    """How often a second something was done, a round each."""

    rounds: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        """The round that the rest of the machine disturbed least."""
        return max(self.rounds)

    def to(self, other: "Rates") -> float:
        """The median of the rounds' ratios."""
        return statistics.median(
            mine / its for mine, its in zip(self.rounds, other.rounds, strict=True)
        )


def report(where: str, found: dict[str, Rates]) -> None:
    """Prints the table and the ratios."""
    print(f"{where:24}{'a second':>12}{'letters by it':>16}")
    for name, rates in found.items():
        print(f"{name:24}{rates.best:12,.0f}{found['letters'].to(rates):16.3f}")
    for name in ("pgbench", "noop"):
        print(f"letters_to_{name} ratio={found['letters'].to(found[name]):.2f}")


def compare(app: Any, url: str, options: argparse.Namespace) -> dict[str, Rates]:
    """The three in turn, ``rounds`` times.

    A machine that is busy with other things slows whichever runs at that time; rounds far from each other say so.
    """
    found = {name: Rates() for name in ("letters", "noop", "pgbench")}
    # Afterwards both processes have read the campaign, and have their statements prepared.
    letters(url, options.seconds, f"first{time.time_ns()}")
    script = pgbench_script(app)
    for number in range(options.rounds):
        found["letters"].rounds.append(letters(url, options.seconds, f"{number}{time.time_ns()}"))
        found["noop"].rounds.append(wrk(url + "/noop", options.seconds))
        found["pgbench"].rounds.append(pgbench(script, options.seconds))
        last = ", ".join(f"{name} {rates.rounds[-1]:,.0f}/s" for name, rates in found.items())
        print(last, file=sys.stderr)
    return found


@contextlib.contextmanager
def instance(**environment: str) -> Iterator[tuple[Any, str]]:
    """A site with two workers on engines of its own, and one campaign that takes letters."""
    from campaign import config, create_app, engines
    from campaign.cli import database
    from campaign.extensions import db

    with engines.temporary(fsync=True) as urls, tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            DATABASE_URL=urls[0], REDIS_URL=urls[1], SECRET_KEY="only for this benchmark", DATA=folder,
            SITE_URL="https://act.coalition.example", PUBLIC_POSTS="100000000 per hour",
        )  # fmt: skip
        os.environ.update(environment)
        app = create_app(config.load(os.environ))
        with app.app_context():
            database.upgrade()
            arrange()
            db.session.remove()
        Path(folder, "bench_site.py").write_text(SITE)
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, "-m", "granian", "--interface", "wsgi", "bench_site:app", "--host", "127.0.0.1",
             "--port", str(port), "--workers", str(WORKERS), "--log-level", "error",
             "--blocking-threads", str(THREADS)],
            cwd=folder, env={**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"},
        )  # fmt: skip
        try:
            wait_for(f"http://127.0.0.1:{port}/noop")
            yield app, f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
            with app.app_context():
                db.engine.dispose()


def letters(url: str, seconds: int, run: str) -> float:
    """POSTs of the letter form a second; stops where one is not taken."""
    from urllib.parse import urlencode

    page = urllib.request.urlopen(f"{url}/c/bench/letter").read().decode()
    data = {**filled(page), "action": "send"}
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(LUA % (json.dumps(urlencode(data)), run))
        file.flush()
        return wrk(f"{url}/c/bench/letter", seconds, "-s", file.name)


def wrk(url: str, seconds: int, *more: str) -> float:
    """Requests a second; stops where an answer is an error."""
    command = ["wrk", "-t", "1", "-c", str(WORKERS * THREADS), "-d", f"{seconds}s", *more, url]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx or 3xx" in out:
        sys.exit(f"some requests were refused:\n{out}")
    return float(re.search(r"Requests/sec:\s*([\d.]+)", out)[1])  # type: ignore[index]  # wrk always says so


def wait_for(url: str) -> None:
    """Until the site answers, at most 30 seconds."""
    for _ in range(300):
        try:
            urllib.request.urlopen(url, timeout=1).read()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit("the site did not start")


if __name__ == "__main__":
    main()
