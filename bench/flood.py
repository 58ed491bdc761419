"""A flood of letter POSTs with invented addresses from one network: how many mails it causes, and what others notice.

The site runs with the limits of a fresh installation. wrk sends from the addresses of one /24 (as a trusted proxy tells
them); meanwhile a neighbour from elsewhere opens the form and sends a letter each second. Prints a table and, as the last
line, ``flood_mails_to_100 ratio=…``.

    python bench/flood.py [--posts 50000]

Needs wrk (Debian: apt install wrk).
"""

import argparse
import json
import re
import statistics
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from flask import Flask  # noqa: E402  # after the path

from bench import letters  # noqa: E402  # after the path
from bench.posting.rows import filled  # noqa: E402  # after the path

LUA = """
local body = %s
local n = 0
local thread_number = 0
function setup(thread) thread:set("id", thread_number); thread_number = thread_number + 1 end
function request()
  n = n + 1
  return wrk.format("POST", nil, {["Content-Type"] = "application/x-www-form-urlencoded",
    ["X-Forwarded-For"] = "203.0.113." .. n %% 254}, body .. "&email=%s" .. id .. "x" .. n .. "@people.example")
end
"""


def main() -> None:
    """Floods, and prints what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--posts", type=int, default=5000)
    options = parser.parse_args()
    with letters.instance(PUBLIC_POSTS="", TRUSTED_PROXIES="1") as (app, url):
        form = f"{url}/c/bench/letter"
        stop = threading.Event()
        neighbour = Neighbour(form, stop)
        neighbour.start()
        begun, sent, run = time.time(), 0, 0
        while sent < options.posts:
            run += 1
            sent += flood(form, f"r{run}t{time.time_ns()}")
        seconds = time.time() - begun
        stop.set()
        neighbour.join()
        found = {
            "posts": sent, "posts_s": round(sent / seconds, 1), **counted(app), **neighbour.told(),
        }  # fmt: skip
        for name, value in found.items():
            print(f"{name:28}{value!s:>14}")
        print(f"flood_mails_to_100 ratio={found['mails'] / 100:.2f}")


def typed(form: str) -> dict[str, str]:
    """A filled-in form without its address."""
    return filled(urllib.request.urlopen(form).read().decode())


def flood(form: str, run: str) -> int:
    """Ten seconds of it; returns how many were sent."""
    import subprocess

    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(LUA % (json.dumps(urlencode(typed(form))), run))
        file.flush()
        command = ["wrk", "-t", "2", "-c", "16", "-d", "10s", "-s", file.name, form]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+) requests in", out)
    assert found
    return int(found[1])


class Neighbour(threading.Thread):
    """Someone of another network, who opens the form and sends a letter each second."""

    def __init__(self, form: str, stop: threading.Event) -> None:
        super().__init__()
        self.form = form
        self.stop = stop
        self.answers: list[tuple[int, float]] = []

    def run(self) -> None:
        while not self.stop.wait(1):
            # A letter a second is more than one network may send without a solved task: many neighbours.
            far = f"198.51.{len(self.answers) % 250}.7"
            begun = time.time()
            data = {**typed(self.form), "email": f"neighbour{len(self.answers)}@people.example"}
            request = urllib.request.Request(
                self.form, urlencode(data).encode(), {"X-Forwarded-For": far}
            )
            try:
                status = urllib.request.urlopen(request).status
            except urllib.error.HTTPError as error:
                status = error.code
            self.answers.append((status, time.time() - begun))

    def told(self) -> dict[str, float]:
        """How many were taken, and how long opening and sending took together."""
        seconds = sorted(took for _, took in self.answers)
        return {
            "neighbours": len(self.answers),
            "neighbours_taken": sum(status == 200 for status, _ in self.answers),
            "neighbours_median_s": round(statistics.median(seconds), 3),
            "neighbours_worst_s": round(seconds[-1], 3),
        }


def counted(app: Flask) -> dict[str, int]:
    """The mails and letters that the flood left in the tables."""
    from sqlalchemy import text

    from campaign.extensions import db

    with app.app_context():
        row = db.session.execute(
            text(
                "SELECT (SELECT count(*) FROM message WHERE to_address LIKE 'r%') AS mails,"
                " (SELECT count(*) FROM letter l JOIN supporter s ON s.id = l.supporter_id WHERE s.email LIKE 'r%') AS letters"
            )
        ).one()
        db.session.remove()
    return {"mails": row.mails, "letters": row.letters}


if __name__ == "__main__":
    main()
