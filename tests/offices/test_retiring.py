"""An office that is no more: out of every choice, and what waits for it is a person's to decide."""

from datetime import timedelta
from typing import Any

import time_machine

from campaign.clock import utcnow
from tests.letters.conftest import Writer, campaign_id, confirm, office, own_page, writer  # noqa: F401  # fixtures
from tests.working import post

DESK = "/desk/targets/1"


def test_a_retired_office_is_offered_nowhere_and_a_person_decides_about_its_letters(
    writer: Writer,  # noqa: F811  # the fixture
    office: Any,  # noqa: F811  # the fixture
    confirm: Any,  # noqa: F811  # the fixture
    client: Any,
    staff: Any,
    deliver: Any,
    smtp: Any,
    cli: Any,
    sql: Any,
    tmp_path: Any,
) -> None:
    office(role="Director of Tests")
    sql("UPDATE target SET paused = true WHERE id = 1")
    writer.send()
    own = own_page(confirm())
    sql("UPDATE target SET paused = false WHERE id = 1")
    desk = staff("organizer")
    post(desk, DESK, f"{DESK}/retire")
    assert sql("SELECT retired_at FROM target WHERE id = 1") == [(None,)], "not without a reason"
    post(desk, DESK, f"{DESK}/retire", **{"retire-reason": "Abolished by law"})

    assert "Secretary of Tests" not in desk.get("/desk/campaigns/test/targets").get_data(True)
    assert "Secretary of Tests" not in writer.open()
    page = desk.get(DESK).get_data(as_text=True)
    assert "Abolished by law" in page and "1 letter still waits for it" in page
    assert "retired" in desk.get("/desk/targets").get_data(as_text=True)
    saved = desk.get("/desk/targets/export.csv").get_data(as_text=True)
    assert "Director of Tests" in saved and "Secretary of Tests" not in saved
    file = tmp_path / "targets.csv"
    file.write_text("agency,role,campaign\nDOT,Secretary of Tests,test\n")
    assert "retired" in cli("import", "targets", str(file)).output
    post(desk, DESK, f"{DESK}/resume")
    with time_machine.travel(utcnow() + timedelta(hours=1)):
        deliver()
    assert [len(smtp.to(f"{who}@dot.example")) for who in ("secretary", "director")] == [0, 1]
    assert "This office is no more. The campaign decides" in client.get(own).get_data(as_text=True)

    answer = post(desk, DESK, f"{DESK}/cancel-waiting")
    assert "1 letter does not go to this office" in desk.get(answer.location).get_data(True)
    page = client.get(own).get_data(as_text=True)
    assert "Not sent" in page and "This office is no more." in page
    assert sql("SELECT state FROM delivery ORDER BY id") == [("cancelled",), ("sent",)]

    post(desk, DESK, f"{DESK}/bring-back")
    assert sql("SELECT retired_at, paused FROM target WHERE id = 1") == [(None, True)]
    post(desk, DESK, f"{DESK}/cancel-waiting")
    post(desk, DESK, f"{DESK}/resume")
    assert sql("SELECT paused FROM target WHERE id = 1") == [(False,)]
    assert "Secretary of Tests" in desk.get("/desk/campaigns/test/targets").get_data(as_text=True)


def test_what_a_retired_office_returned_is_not_put_in_its_queue_again(
    writer: Writer,  # noqa: F811  # the fixture
    confirm: Any,  # noqa: F811  # the fixture
    staff: Any,
    deliver: Any,
    smtp: Any,
    sql: Any,
) -> None:
    smtp.answer = lambda address: "554 5.7.1 Blocked" if "secretary" in address else "250 OK"
    writer.send()
    confirm()
    deliver()
    desk = staff("organizer")
    assert "Send what was returned once more" in desk.get(DESK).get_data(as_text=True)
    post(desk, DESK, f"{DESK}/retire", **{"retire-reason": "Abolished by law"})
    assert "Send what was returned once more" not in desk.get(DESK).get_data(as_text=True)
    answer = post(desk, DESK, f"{DESK}/again")
    assert "bring it back first" in desk.get(answer.location).get_data(as_text=True)
    assert sql("SELECT state FROM delivery") == [("failed",)]
