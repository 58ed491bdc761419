"""Two people at the same moment: the unique index decides, and the counts stay exact."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.endorsements.arrange import two_petitions


def at_once(app: Flask, *works: Callable[[], Any]) -> list[Any]:
    """Runs each in its own thread and context, all released together; returns their results."""
    barrier = threading.Barrier(len(works))
    results: list[Any] = [None] * len(works)

    def run(number: int) -> None:
        with app.app_context():
            barrier.wait()
            try:
                results[number] = works[number]()
            except Exception as error:  # the test looks at it
                results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return results


@pytest.fixture(autouse=True)
def campaign_id(app: Flask) -> int:
    """The campaign ``test``."""
    with app.app_context():
        return two_petitions()


def submitted(app: Flask, campaign_id: int, name: str, email: str) -> list[int]:
    """A submitted signature of both petitions; the numbers of its rows."""
    from sqlalchemy import select

    from campaign.endorsements import commands
    from campaign.endorsements.models import Endorsement
    from campaign.extensions import db
    from campaign.petitions import queries

    with app.app_context():
        said = commands.Statement(name, "national", "", "S", "", email)
        commands.submit(campaign_id, queries.of_campaign(campaign_id), said, email)
        return list(
            db.session.scalars(select(Endorsement.id).where(Endorsement.signer_email == email))
        )


def confirm(address: str, ids: list[int]) -> Callable[[], None]:
    """Confirms and commits, as the confirmation page does."""

    def run() -> None:
        from campaign.endorsements import commands
        from campaign.extensions import db

        commands.confirm(address, ids)
        db.session.commit()

    return run


def numbers(app: Flask) -> dict[str, int]:
    """All counters of endorsements after a fold."""
    from campaign.counts import queries
    from campaign.counts.commands import fold

    with app.app_context():
        fold()
        signers = queries.states("endorsers", campaign_id=None)
        return {
            **queries.states("endorsements", campaign_id=None),
            "signers": sum(signers.values()),
        }


def test_one_name_confirmed_by_many_at_once(app: Flask, campaign_id: int, sql: Any) -> None:
    people = [f"p{number}@x.example" for number in range(6)]
    rows = {person: submitted(app, campaign_id, "One Name", person) for person in people}
    results = at_once(app, *(confirm(person, rows[person]) for person in people))
    assert [one for one in results if isinstance(one, Exception)] == []
    assert sql("SELECT state, count(*) FROM endorsement GROUP BY 1 ORDER BY 1") == [
        ("confirmed", 2),
        ("declined", 10),
    ]
    assert numbers(app) == {"confirmed": 2, "declined": 10, "signers": 0}


def test_approved_and_withdrawn_at_once(app: Flask, campaign_id: int, sql: Any) -> None:
    from campaign.endorsements import commands, deciding

    ids = submitted(app, campaign_id, "One Name", "a@x.example")
    others = submitted(app, campaign_id, "Two Name", "b@x.example")
    with app.app_context():
        confirm("a@x.example", ids)()
        confirm("b@x.example", others)()
    results = at_once(
        app,
        lambda: deciding.approve([ids[0], *others], None),
        lambda: deciding.approve([*others, *ids][::-1], None),
        lambda: deciding.approve([ids[1]], None),
        lambda: commands.withdraw(ids),
        lambda: commands.withdraw(ids[::-1]),
    )
    assert [one for one in results if isinstance(one, Exception)] == []
    with app.app_context():
        deciding.approve(ids, None)
    assert sql("SELECT name, state, count(*) FROM endorsement GROUP BY 1, 2 ORDER BY 1") == [
        ("One Name", "withdrawn", 2),
        ("Two Name", "approved", 2),
    ]
    assert sql("SELECT name, cardinality(petition_ids) FROM cosigner") == [("Two Name", 2)]
    assert numbers(app) == {"withdrawn": 2, "approved": 2, "signers": 1}
    assert sql("SELECT count(*) FROM organization WHERE name LIKE '%%Name'")[0][0] <= 2


def test_the_same_form_sent_many_times_at_once(app: Flask, campaign_id: int, sql: Any) -> None:
    results = at_once(
        app, *(lambda: submitted(app, campaign_id, "One Name", "a@x.example") for _ in range(5))
    )
    assert [one for one in results if isinstance(one, Exception)] == []
    assert sql("SELECT count(*) FROM endorsement") == [(2,)]
    assert sql("SELECT count(*) FROM message") == [(1,)]
    assert numbers(app)["unconfirmed"] == 2


def listed(app: Flask, sql: Any) -> None:
    """Fails where the public list is not what is approved."""
    assert sql(
        "SELECT name_key, array_agg(petition_id ORDER BY petition_id) FROM endorsement"
        " WHERE state = 'approved' GROUP BY 1 ORDER BY 1"
    ) == sql("SELECT name_key, petition_ids FROM cosigner ORDER BY 1")


def test_renaming_an_ended_signature_leaves_the_signer_of_that_name(
    app: Flask, campaign_id: int, sql: Any
) -> None:
    from campaign.endorsements import deciding

    ids = submitted(app, campaign_id, "One Name", "a@x.example")
    with app.app_context():
        confirm("a@x.example", ids)()
        deciding.approve(ids, None)
        again = submitted(app, campaign_id, "One Name", "b@x.example")
        confirm("b@x.example", again)()  # declined: a duplicate
        deciding.change_listing(again[0], deciding.Listing("Other", "local", "", "", 1))
    assert sql("SELECT name, kind FROM cosigner") == [("One Name", "national")]
    listed(app, sql)


def test_renamed_moved_and_approved_at_once(app: Flask, campaign_id: int, sql: Any) -> None:
    from campaign.endorsements import commands, deciding

    every = []
    for number in range(4):
        ids = submitted(app, campaign_id, f"Name {number}", f"{number}@x.example")
        with app.app_context():
            confirm(f"{number}@x.example", ids)()
        every.append(ids)
    flat = [one for ids in every for one in ids]

    def rename(number: int, name: str) -> Callable[[], None]:
        return lambda: deciding.change_listing(
            every[number][0], deciding.Listing(name, "local", "", "", number % 2)
        )

    results = at_once(
        app,
        *(rename(number, f"New {number}") for number in range(4)),
        *(lambda order=order: deciding.approve(flat[::order], None) for order in (1, -1)),
        lambda: commands.withdraw(every[0]),
        rename(1, "Newer"),
    )
    assert [one for one in results if isinstance(one, Exception)] == []
    listed(app, sql)
    assert numbers(app)["signers"] == sql("SELECT count(*) FROM cosigner")[0][0]
