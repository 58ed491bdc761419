"""What becomes of signatures when the person behind them has everything deleted."""

from collections.abc import Callable
from typing import Any

from flask import Flask

from campaign.coalition.queries import campaign_by_slug
from campaign.extensions import db


def test_a_deleted_expert_leaves_the_list_and_an_organization_keeps_its_signature(
    demo: Flask, sql: Callable[..., list[Any]]
) -> None:
    from campaign.supporters import commands, erasing

    with demo.app_context():
        campaign = campaign_by_slug("wait-in-freedom")
        assert campaign is not None
        expert, signer = (
            sql(
                "SELECT id, lower(signer_email) FROM endorsement WHERE kind = %s ORDER BY id LIMIT 1",
                kind,
            )[0][1]
            for kind in ("individual", "academic")
        )
        names = [
            row[0] for row in sql("SELECT name FROM endorsement WHERE signer_email = %s", expert)
        ]
        for address in (expert, signer):
            person = commands.ensure_supporter_in_transaction(address)
            commands.confirm_person_in_transaction(person, commands.Person("A", "B"))
            db.session.commit()
            assert erasing.erase(person)
    page = demo.test_client().get("/c/wait-in-freedom/endorsements").get_data(as_text=True)
    assert names[0] not in page
    assert "University of California-Davis" in page
    assert sql(
        "SELECT count(*) FROM endorsement WHERE lower(signer_email) IN (%s, %s)", expert, signer
    ) == [(0,)]
