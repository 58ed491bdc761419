"""What a sweep of the drip costs with 100,000 letters waiting for one office, beside 1,000.

Real PostgreSQL; each sweep gives out the slots of a minute (an office of 600 an hour). The two queues take turns, so that
a busy machine treats both alike. Prints a table and ``sweep_of_many_to_few ratio=…``; aim: within 1.5 times.

    python bench/plan.py [--sweeps 60] [--large 100000]
"""

import argparse
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
START = datetime(2026, 5, 4, 16, 0, 5, tzinfo=UTC)
"""A Monday, 12:00 in New York."""
PEOPLE = (
    "INSERT INTO organization (slug, name, kind, created_at) VALUES ('o', 'O', 'national', now())",
    "INSERT INTO campaign (slug, lead_organization_id, languages, title, tagline, summary, body, goal, opens_at, created_at)"
    " VALUES ('c', 1, '{en}', '{}', '{}', '{}', '{}', 1, now(), now())",
    "INSERT INTO supporter (email, created_at) SELECT 'w' || n || '@people.example', now() FROM generate_series(1, :n) n",
    "INSERT INTO letter (campaign_id, supporter_id, submission, state, language, given_name, family_name, postal_code,"
    " subject, body, created_at, confirmed_at) SELECT 1, n, n::text, 'confirmed', 'en', 'A', 'B', '60604', 'Subject',"
    " 'Body', now(), now() FROM generate_series(1, :n) n",
)
"""A campaign, and ``n`` people who have each written one letter."""
OFFICE = (
    "INSERT INTO target (agency, role, email, opens, closes, days, per_hour, created_at)"
    " VALUES ('A', :role, 'a@office.example', '00:00', '00:00', '{1,2,3,4,5,6,7}', 600, now())"
)
WAITING = (
    "INSERT INTO delivery (letter_id, target_id, campaign_id, state)"
    " SELECT n, :target, 1, 'waiting' FROM generate_series(:first + 1, :first + :n) n"
)
"""The next ``n`` letters wait for an office."""


def main() -> None:
    """Runs both and prints the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sweeps", type=int, default=60)
    parser.add_argument("--small", type=int, default=1000)
    parser.add_argument("--large", type=int, default=100_000)
    options = parser.parse_args()
    from campaign import config, create_app, engines
    from campaign.cli import database

    with engines.temporary() as urls:
        environ = {"DATABASE_URL": urls[0], "REDIS_URL": urls[1], "SECRET_KEY": "only for this"}
        app = create_app(config.load(environ))
        with app.app_context():
            database.upgrade()
            report(options, measure(options))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Sweeps of an office with few and of one with many letters waiting, in turn."""
    from campaign.extensions import db
    from campaign.letters import drip
    from campaign.offices import waiting
    from campaign.offices.models import Target

    sizes = {1: options.small, 2: options.large}
    arrange(sizes)
    took: dict[int, list[float]] = {1: [], 2: []}
    given: dict[int, int] = {1: 0, 2: 0}
    with time_machine.travel(START, tick=False) as clock:
        for sweep in range(options.sweeps + 5):
            for target_id in sizes:
                began = time.monotonic_ns()
                n = len(drip.give_out(target_id))
                if sweep >= 5:  # the first ones warm the caches
                    took[target_id].append((time.monotonic_ns() - began) / 1e6)
                    given[target_id] += n
            clock.shift(timedelta(seconds=60))
        began = time.monotonic_ns()
        ends = waiting.at_office(db.session.get_one(Target, 2)).ends
        plan_ms = (time.monotonic_ns() - began) / 1e6
    small, large = (statistics.median(took[n]) for n in sizes)
    return {
        "letters_a_sweep": [round(given[n] / options.sweeps, 1) for n in sizes],
        "sweep_ms_median": [round(small, 2), round(large, 2)],
        "ratio": round(large / small, 3),
        "end_of_plan_ms": round(plan_ms, 2),
        "end_of_plan": str(ends),
    }


def report(options: argparse.Namespace, found: dict[str, Any]) -> None:
    """Prints the table and the ratio; the aim is 1.5."""
    print(f"{'waiting':>10}{'letters a sweep':>18}{'ms a sweep':>14}")
    for n, waiting in enumerate((options.small, options.large)):
        print(f"{waiting:10,}{found['letters_a_sweep'][n]:18}{found['sweep_ms_median'][n]:14}")
    print(f"the end of the larger plan ({found['end_of_plan']}) in {found['end_of_plan_ms']} ms")
    print(f"sweep_of_many_to_few ratio={found['ratio']:.2f}")


def arrange(sizes: dict[int, int]) -> None:
    """An office a queue, and its waiting letters, written straight into the tables."""
    from sqlalchemy import text

    from campaign.counts import journal
    from campaign.counts.commands import fold
    from campaign.extensions import db

    run = db.session.execute
    for statement in PEOPLE:
        run(text(statement), {"n": sum(sizes.values())} if ":n" in statement else {})
    first = 0
    for target_id, n in sizes.items():
        run(text(OFFICE), {"role": f"Office {target_id}"})
        run(text(WAITING), {"target": target_id, "first": first, "n": n})
        journal.record([journal.Change("deliveries.waiting", n, 1, str(target_id))])
        first += n
    db.session.commit()
    fold()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


if __name__ == "__main__":
    main()
