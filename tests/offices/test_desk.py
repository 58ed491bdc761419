"""The desk: the directory of offices, used as an organizer uses it."""

from datetime import date
from typing import Any

import pytest

from tests.letters.conftest import Writer
from tests.working import post

OFFICE = {
    "agency": "DOT", "role": "Director of Tests", "email": "director@dot.example", "salutation": "Dear Director {surname}",
    "channel": "email", "timezone": "America/Chicago", "opens": "09:00", "closes": "17:00", "days": ["1", "2", "3"],
    "per_hour": "30",
}  # fmt: skip


def test_an_organizer_keeps_the_directory(campaign_id: int, staff: Any, sql: Any) -> None:
    desk = staff("organizer")
    wrong = post(
        desk,
        "/desk/targets/new",
        **{**OFFICE, "closes": "08:00", "timezone": "Nowhere", "email": ""},
    )
    page = wrong.get_data(as_text=True)
    assert wrong.status_code == 422
    assert (
        "later than opening" in page
        and "America/New_York" in page
        and "packets on paper needs none" in page
    )
    assert post(desk, "/desk/targets/new", **OFFICE).status_code == 303
    assert "already has an entry" in post(desk, "/desk/targets/new", **OFFICE).get_data(
        as_text=True
    )
    assert sql("SELECT role, days, per_hour, checked_by FROM target") == [
        ("Director of Tests", [1, 2, 3], 30, "organizer@staff.example")
    ]
    post(desk, "/desk/targets/1", "/desk/targets/1/holders", name="Ada Old", since="2020-01-01")
    post(desk, "/desk/targets/1", "/desk/targets/1/holders", name="Ben New", since="2024-01-01")
    assert sql("SELECT name, until FROM holder ORDER BY since") == [
        ("Ada Old", date(2024, 1, 1)),
        ("Ben New", None),
    ]
    page = desk.get("/desk/targets").get_data(as_text=True)
    assert "Ben New" in page and "in order" in page
    sql("UPDATE target SET checked_on = '2020-01-01'")
    assert "to be checked" in desk.get("/desk/targets").get_data(as_text=True)
    post(desk, "/desk/targets/1", "/desk/targets/1/checked")
    assert "to be checked" not in desk.get("/desk/targets").get_data(as_text=True)
    post(desk, "/desk/targets/1/edit", **{**OFFICE, "email": "new@dot.example"})
    assert sql("SELECT email FROM target") == [("new@dot.example",)]
    post(desk, "/desk/targets/1", "/desk/targets/1/pause", reason="Ask the office first")
    assert "Ask the office first" in desk.get("/desk/targets/1").get_data(as_text=True)
    post(desk, "/desk/targets/1", "/desk/targets/1/resume")
    assert sql("SELECT paused FROM target") == [(False,)]


@pytest.mark.parametrize(
    "path",
    ["/desk/targets", "/desk/targets/new", "/desk/targets/1", "/desk/campaigns/test/targets"],
)
def test_these_pages_are_the_organizers(writer: Writer, staff: Any, client: Any, path: str) -> None:
    assert client.get(path).status_code == 302
    assert staff("lead").get(path).status_code == 403
    assert staff("administrator").get(path).status_code == 200
