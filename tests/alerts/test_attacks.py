"""What someone careless, or unkind, does to alerts."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from campaign.alerts import markup
from campaign.clock import utcnow
from tests.alerts.conftest import TEXTS, Organizer
from tests.mailbox import Mailbox


def _filled(body: str) -> str:
    marked = markup.mark(body)
    html = marked.restore(markup.html_body(marked))
    return markup.compile_parts("s", "t", html).fill({**markup.SAMPLE, "unsubscribe_url": ""})[2]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("zqmerge99zq", "zqmerge99zq"),
        (r"\{\{ nobody }}", "{{ nobody }}"),
        ("{# a note }} -- {{ #} Hello", "Hello"),
        ('{{ "}}<b>" }}', "}}&lt;b&gt;"),
        ("{{ given_name }} {{ state }}", "Ana IL"),
    ],
)
def test_braces_are_read_as_jinja_reads_them(body: str, shown: str) -> None:
    assert markup.problem(body) is None
    assert shown in _filled(body).replace("&quot;", '"')


def test_raw_blocks_bring_no_html_in(organizer: Organizer) -> None:
    body = "{% raw %}{{ <script>alert(1)</script> }}{% endraw %}"
    answer = organizer.post("/desk/alerts/new?campaign=test", **{**TEXTS, "body_en": body})
    assert answer.status_code == 422


def test_a_time_that_nobody_means_is_refused(organizer: Organizer) -> None:
    alert = organizer.write()
    for at in (
        "9999-12-31T23:59",
        "0001-01-01T00:00",
        f"{utcnow() + timedelta(days=500):%Y-%m-%dT%H:%M}",
        "",
    ):
        assert organizer.do(alert, "schedule", when="at", at=at).status_code == 422, at
    assert "Draft" in organizer.page(alert)
    assert organizer.client.get("/desk/alerts/").status_code == 200
    organizer.do(alert, "schedule", when="at", at=f"{utcnow() + timedelta(days=5):%Y-%m-%dT09:00}")
    assert re.search("9:00 AM E[SD]T", organizer.page(alert))
    assert re.search("9:00 E[SD]T", organizer.page(f"/es{alert}"))


def test_a_version_that_is_no_number_is_a_stale_one(organizer: Organizer) -> None:
    alert = organizer.write()
    assert organizer.post(f"{alert}/edit", **{**TEXTS, "seen": "²"}).status_code == 422


def test_tags_may_have_blanks_and_source_codes_any_case(
    organizer: Organizer, person: Any, app: Flask
) -> None:
    from campaign.extensions import db
    from campaign.supporters.models import Supporter

    with app.app_context():
        ana = db.session.get_one(Supporter, person("Ana"))
        ana.tags, ana.source = ["health care"], "parish-supper"
        db.session.commit()
    person("Bo")
    page = organizer.page(organizer.write(tags="nurse, health care", sources="Parish-Supper"))
    assert "1 person" in page


def test_no_postal_address_no_live_alert(
    organizer: Organizer, person: Any, smtp: Mailbox, app: Flask
) -> None:
    from campaign.web.frame import Site, save_site

    alert = organizer.write()
    with app.app_context():
        save_site(Site(), "test")
    answer = organizer.do(alert, "schedule", when="now")
    assert answer.status_code == 422 and "postal address" in answer.get_data(as_text=True)


def test_alerts_that_wait_or_fail_keep_no_other_one_back(
    organizer: Organizer, person: Any, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from campaign.alerts import audience, sending

    person("Ana")
    alerts = [organizer.write(name=f"Alert {n}") for n in range(3)]
    broken = int(alerts[1].rpartition("/")[2])
    organizer.do(alerts[0], "schedule", when="now")
    with app.app_context():
        sending.advance()
        assert sending._due() == []  # its message waits: nothing to do for it
    for path in alerts[1:]:
        organizer.do(path, "schedule", when="now")
    people = audience.up_to

    def up_to(alert: Any, *arguments: int) -> int | None:
        if alert.id == broken:
            raise ValueError("broken")
        return people(alert, *arguments)

    monkeypatch.setattr(audience, "up_to", up_to)
    with app.app_context():
        assert sending.advance() == 2
        assert sending._due() == [broken]
    assert "Being sent" in organizer.page(alerts[2])


def test_a_letter_written_anew_is_one_that_the_alert_brought(
    organizer: Organizer, person: Any, campaign_id: int, app: Flask, deliver: Callable[[], None]
) -> None:
    from campaign.alerts import queries
    from campaign.extensions import db
    from campaign.letters import confirming
    from campaign.letters.models import Letter
    from campaign.reports import recount

    ana = person("Ana")
    alert_id = int(organizer.write().rpartition("/")[2])
    with app.app_context():
        for n in range(2):
            letter = Letter(
                campaign_id=campaign_id, supporter_id=ana, submission=str(n), state="unconfirmed",
                language="en", given_name="Ana", family_name="Rivera", postal_code="60601",
                subject="S", body=f"Words {n}", created_at=utcnow(), alert_id=alert_id,
            )  # fmt: skip
            db.session.add(letter)
            db.session.flush()
            confirming.confirm_in_transaction(letter.id)
            db.session.commit()
    deliver()
    with app.app_context():
        assert queries.results(db.session.get_one(queries.Alert, alert_id)).letters == 1
        assert "alert.letters" not in {one.name for one in recount.compare()}


def test_a_person_decides_what_nobody_knows_to_have_arrived(
    organizer: Organizer, person: Any, app: Flask, smtp: Mailbox, deliver: Callable[[], None]
) -> None:
    from campaign.alerts import sending
    from campaign.counts.commands import fold
    from campaign.extensions import db
    from campaign.mail import states
    from campaign.mail.settling import DOUBT

    person("Ana")
    person("Bo")
    alert = organizer.write()
    organizer.do(alert, "schedule", when="now")
    doubt = {"reason": DOUBT}
    for again in ("1", "0"):
        with app.app_context():
            sending.advance()
            one = "m.id = (SELECT max(id) FROM message WHERE state = 'queued')"
            states.move("held", one, doubt, set_="hold_reason = :reason", old=("queued",))
            db.session.commit()
            fold()
        assert "nobody knows" in organizer.page(alert)
        assert "waits: nobody knows" in organizer.page("/desk/")
        if again == "1":
            deliver()
        assert len(smtp.arrived) == 1 and "Being sent" in organizer.page(alert)
        organizer.do(alert, "doubts", again=again)
    deliver()
    assert len(smtp.arrived) == 1 and ">Sent<" in organizer.page(alert).replace(" ", "")
