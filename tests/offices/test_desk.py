"""The desk: the directory of offices, used as an organizer uses it."""

import re
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
    assert "Mon–Wed" in desk.get("/desk/targets/1").get_data(as_text=True)
    assert "lun–mié" in desk.get("/es/desk/targets/1").get_data(as_text=True)
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


def test_who_changes_an_entry_in_an_old_window_takes_nobodys_change_back(
    campaign_id: int, staff: Any, sql: Any
) -> None:
    desk = staff("organizer")
    post(desk, "/desk/targets/new", **OFFICE)
    edit = "/desk/targets/1/edit"
    opened = desk.get(edit).get_data(as_text=True)
    old = re.findall(r'name="seen"[^>]* value="([^"]*)"', opened)[0]
    post(desk, edit, **{**OFFICE, "email": "moved@dot.example"})
    late = post(desk, edit, **{**OFFICE, "per_hour": "7"}, seen=old)
    page = late.get_data(as_text=True)
    assert late.status_code == 409 and "Someone else changed this" in page
    assert 'value="7"' in page, "what was typed stays"
    assert sql("SELECT email FROM target") == [("moved@dot.example",)]
    again = re.findall(r'name="seen"[^>]* value="([^"]*)"', page)[0]
    post(desk, edit, **{**OFFICE, "email": "moved@dot.example", "per_hour": "7"}, seen=again)
    assert sql("SELECT email, per_hour FROM target") == [("moved@dot.example", 7)]


def test_what_was_typed_on_an_offices_page_stays_where_it_is_wrong(
    writer: Writer, staff: Any, sql: Any
) -> None:
    desk = staff("organizer")
    where = "/es/desk/targets/1"
    answer = post(desk, where, f"{where}/holders", name="Ruiz, Ana", since="ayer")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422 and 'value="Ruiz, Ana"' in page and 'value="ayer"' in page
    assert re.search(r'class="problem" id="since-error">[^<]*fecha', page)
    long = "porque sí " * 50
    for action, prefix in (("pause", ""), ("retire", "retire-")):
        answer = post(desk, where, f"{where}/{action}", **{f"{prefix}reason": long})
        page = answer.get_data(as_text=True)
        assert answer.status_code == 422 and long.strip() in page
        assert re.search(rf'class="problem" id="{prefix}reason-error">[^<]*400', page)
    assert sql("SELECT paused, retired_at FROM target") == [(False, None)]
    assert sql("SELECT count(*) FROM holder WHERE name = 'Ruiz, Ana'") == [(0,)]


def test_what_was_chosen_stays_where_an_office_was_retired_meanwhile(
    demo: Any, staff: Any, sql: Any
) -> None:
    desk = staff("organizer")
    where = "/desk/campaigns/wait-in-freedom/targets"
    (chosen,), (gone,), *_ = sql("SELECT id FROM target ORDER BY id")
    about = sql("SELECT max(id) FROM petition")[0][0]
    sql("UPDATE target SET retired_at = now() WHERE id = %s", gone)
    sql("DELETE FROM campaign_target WHERE target_id = %s", gone)
    answer = post(
        desk, where, targets=[str(chosen), str(gone)], urgent="y", **{f"about-{chosen}": str(about)}
    )
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422 and 'class="problem"' in page
    assert re.search(rf'<input checked[^>]*value="{chosen}"', page)
    assert re.search(r'<input [^>]*checked [^>]*name="urgent"', page)
    assert re.search(rf'name="about-{chosen}".*?<option value="{about}" selected', page)


@pytest.mark.parametrize(
    "path",
    ["/desk/targets", "/desk/targets/new", "/desk/targets/1", "/desk/campaigns/test/targets"],
)
def test_these_pages_are_the_organizers(writer: Writer, staff: Any, client: Any, path: str) -> None:
    assert client.get(path).status_code == 302
    assert staff("lead").get(path).status_code == 403
    assert staff("administrator").get(path).status_code == 200
