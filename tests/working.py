"""What several tests do with the application: work the queues off, sign in, arrange the least that is needed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient


def work_off(app: Flask, rounds: int = 20) -> None:
    """Runs cron's jobs and whatever they enqueue, round after round, until a round changes nothing."""
    from campaign.extensions import rq

    crons = {item["func"]: int(item["interval"]) for item in rq._cron_job_data}
    before = None
    for number in range(rounds):
        for job, every_s in crons.items():
            if number == 0 or every_s <= 60:  # the others are not about mail that waits
                job()
        queues = list(rq.queues.values())
        if any(queue.count for queue in queues):
            _work(queues)
        after = fingerprint()
        if after == before:
            return
        before = after


def _work(queues: list[Any]) -> None:
    """Runs what is in the queues, and what that enqueues."""
    from flask_rq._job_class import FlaskJob
    from rq import SimpleWorker

    worker = SimpleWorker(queues, connection=queues[0].connection, job_class=FlaskJob)
    worker.log.setLevel("ERROR")
    # RQ's own housekeeping takes as long as the work.
    vars(worker)["run_maintenance_tasks"] = lambda: None
    worker.work(burst=True)


def fingerprint() -> object:
    """What a round of work would change: the ledger's and the deliveries' rows by state, and the unfolded journal."""
    from sqlalchemy import text

    from campaign.extensions import db

    queries = (
        "SELECT state, count(*) FROM message GROUP BY 1 ORDER BY 1",
        "SELECT state, count(*) FROM delivery GROUP BY 1 ORDER BY 1",
        "SELECT state, expanded_to, count(*) FROM alert GROUP BY 1, 2 ORDER BY 1, 2",
        "SELECT count(*) FROM journal WHERE folded_at IS NULL",
    )
    found = tuple(tuple(map(tuple, db.session.execute(text(query)))) for query in queries)
    db.session.rollback()
    return found


def csrf_token(html: str) -> str:
    """The CSRF token of a desk page's form."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', html)
    assert found, "the page has no csrf_token"
    return found.group(1)


def sign_in(app: Flask, email: str, password: str) -> FlaskClient:
    """A client that went through the log-in page."""
    client = app.test_client()
    page = client.get("/desk/login")
    answer = client.post(
        "/desk/login",
        data={
            "email": email,
            "password": password,
            "csrf_token": csrf_token(page.get_data(as_text=True)),
        },
    )
    assert answer.status_code == 302, answer.get_data(as_text=True)
    return client


def an_organization(name: str = "Test Coalition", kind: str = "national") -> int:
    """An organization's number; made if there is none of that name."""
    from sqlalchemy import select

    from campaign.clock import utcnow
    from campaign.coalition.models import Organization
    from campaign.extensions import db

    slug = name.lower().replace(" ", "-")
    found = db.session.execute(select(Organization.id).where(Organization.slug == slug)).scalar()
    if found:
        return int(found)
    row = Organization(slug=slug, name=name, kind=kind, created_at=utcnow())
    db.session.add(row)
    db.session.commit()
    return row.id


def a_campaign(slug: str = "test", **changes: object) -> int:
    """The number of an open campaign in English and Spanish, without petitions or targets."""
    from campaign.clock import utcnow
    from campaign.coalition.models import Campaign
    from campaign.extensions import db

    values: dict[str, object] = {
        "slug": slug,
        "lead_organization_id": an_organization(),
        "languages": ["en", "es"],
        "title": {"en": "A test cause", "es": "Una causa de prueba"},
        "tagline": {"en": "Why it matters", "es": "Por qué importa"},
        "summary": {"en": "In short", "es": "En breve"},
        "body": {"en": "What we ask.", "es": "Lo que pedimos."},
        "goal": 1000,
        "opens_at": utcnow() - timedelta(days=1),
        "closes_at": None,
        "created_at": utcnow(),
        **changes,
    }
    row = Campaign(**values)
    db.session.add(row)
    db.session.commit()
    return row.id


def post(client: Any, page: str, url: str = "", **data: Any) -> Any:
    """Sends a desk page's form, with what it says of the letters that were seen."""
    html = client.get(page).get_data(as_text=True)
    read = dict(re.findall(r'name="(seen[0-9-]*)"[^>]* value="([^"]*)"', html))
    return client.post(url or page, data={"csrf_token": csrf_token(html), **read, **data})


@contextmanager
def asked() -> Iterator[list[tuple[str, Any]]]:
    """What is asked of the database meanwhile: statements with their values."""
    from sqlalchemy import event

    from campaign.extensions import db

    found: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        found.append((statement, values))

    event.listen(db.engine, "before_cursor_execute", note)
    yield found
    event.remove(db.engine, "before_cursor_execute", note)


def pages(statement: str, values: Any) -> tuple[int, str]:
    """How many pages a statement touches, which is rolled back, and its plan."""
    from campaign.extensions import db

    explained = f"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS) {statement}"
    plan = "\n".join(db.session.connection().exec_driver_sql(explained, values).scalars())
    db.session.rollback()
    touched = re.search(r"Buffers: shared([^\n]*)", plan)
    return sum(map(int, re.findall(r"(?:hit|read)=(\d+)", touched[1] if touched else ""))), plan
