"""The desk's list of addresses that are not mailed says because of which alert or letter."""

from typing import Any

from tests.letters.conftest import Writer, campaign_id, confirm, office, writer  # noqa: F401  # fixtures


def test_a_suppression_names_the_alert_or_the_letter_with_a_link(
    writer: Writer,  # noqa: F811  # the fixture
    confirm: Any,  # noqa: F811  # the fixture
    app: Any,
    staff: Any,
    deliver: Any,
    sql: Any,
) -> None:
    from campaign.extensions import db
    from campaign.mail import ledger, suppressions

    writer.send()
    confirm()
    deliver()
    sql("INSERT INTO alert (campaign_id, organization_id, state, created_at, name, subject, body, audience, recipients, version, expanded)"
        " SELECT c.id, o.id, 'sent', now(), 'March alert', '{}', '{}', '{}', 0, 1, true FROM campaign c, organization o LIMIT 1")  # fmt: skip
    with app.app_context():
        (alert,) = ledger.enqueue(
            "alerts", [ledger.Draft("alert", 1, "ana@people.example", "en", 1)]
        )
        ((letter,),) = sql("SELECT id FROM message WHERE origin = 'delivery'")
        suppressions.suppress("ana@people.example", "alerts", "complaint", alert)
        suppressions.suppress("secretary@dot.example", "letters", "hard-bounce", letter)
        suppressions.suppress("old@people.example", "alerts", "hard-bounce", 10**9)
        db.session.commit()
    page = staff("organizer").get("/desk/suppressions").get_data(as_text=True)
    assert '<a href="/desk/alerts/1">Alert “March alert”</a>' in page
    assert '<a href="/desk/letters/1">Letter “Please let people wait in freedom” to the' in page
    assert "No. 1000000000" in page
