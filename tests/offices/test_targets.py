"""Offices at the desk: their history, entries nobody has checked, files both ways, and the petition that they read about."""

import io
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine

from tests.letters.conftest import Writer, own_page, text_of
from tests.working import a_campaign, csrf_token, post


def load(desk: Any, content: str, action: str = "load", page: str = "/desk/targets/import") -> Any:
    token = csrf_token(desk.get(page).get_data(as_text=True))
    data = {"csrf_token": token, "action": action, "file": (io.BytesIO(content.encode()), "t.csv")}
    return desk.post(page, data=data)


def test_a_file_goes_out_and_comes_in_and_says_what_it_changed(
    campaign_id: int, office: Any, staff: Any, sql: Any
) -> None:
    office()
    desk = staff("organizer")
    said = desk.get("/desk/targets/export.csv").get_data(as_text=True)
    assert load(desk, said).status_code == 303
    assert sql("SELECT count(*) FROM target_change") == [(1,)], "nothing has changed"
    changed = said.replace("secretary@", "office@").replace("DOT,", "DOT,", 1)
    more = changed + ",DOT,,,,x@dot.example,,,,,,,\r\n,DOT,Deputy,,,deputy@dot.example,,,,,,,\r\n"
    page = load(desk, more, "look").get_data(as_text=True)
    assert "1 new, 1 changed" in page and "agency and role must both be filled in" in page
    assert sql("SELECT count(*) FROM target") == [(1,)], "only looked at"
    assert load(desk, more).status_code == 200
    assert sql("SELECT what, old, new, by FROM target_change WHERE what = 'email'") == [
        ("email", "secretary@dot.example", "office@dot.example", "import")
    ]
    assert load(desk, "no,thing\r\n1,2\r\n").status_code == 422
    wrong = more + ",DOT,Deputy,,,deputy@dot.example,,,US,,,,\r\n"
    said = load(desk, wrong, "look", "/es/desk/targets/import").get_data(as_text=True)
    assert "agency y role deben estar rellenados" in said
    assert "timezone es «US»: escriba una como America/New_York" in said


def test_the_entry_tells_who_changed_what_and_what_nobody_checked(
    campaign_id: int, office: Any, staff: Any, sql: Any
) -> None:
    office()
    office(role="Deputy of Tests")
    desk = staff("organizer")
    post(desk, "/desk/targets/1", "/desk/targets/1/holders", name="Ruiz, Ana", since="2026-01-02")
    post(desk, "/desk/targets/1", "/desk/targets/1/pause", reason="Moving house")
    post(desk, "/desk/targets/1", "/desk/targets/1/resume")
    page = desk.get("/desk/targets/1").get_data(as_text=True)
    for said in ("Ruiz, Ana", "Moving house", "Resumed", "organizer@"):
        assert said in page, said
    sql("UPDATE target SET checked_on = '2026-01-01', checked_by = 'Ana' WHERE id = 1")
    page = desk.get("/desk/targets?unchecked=1").get_data(as_text=True)
    assert "Secretary of Tests" in page and "Deputy of Tests" in page, "old, and never checked"
    post(desk, "/desk/targets/2", "/desk/targets/2/checked")
    page = desk.get("/desk/targets?unchecked=1").get_data(as_text=True)
    assert "Secretary of Tests" in page and "Deputy of Tests" not in page
    post(desk, "/desk/targets/1", "/desk/targets/1/checked")
    assert "Secretary of Tests" not in desk.get("/desk/targets?unchecked=1").get_data(as_text=True)


def test_a_letter_that_waits_goes_by_the_entry_of_the_day_on_which_it_leaves(
    writer: Writer, confirm: Any, deliver: Any, smtp: Any, staff: Any, client: Any
) -> None:
    from campaign.offices import commands as offices

    desk = staff("organizer")
    post(desk, "/desk/targets/1", "/desk/targets/1/pause", reason="Moving house")
    writer.send()
    confirm()
    with client.application.app_context():
        offices.set_holder(1, "Ruiz, Ana", date(2026, 1, 2), "someone")
        offices.save(1, {"email": "new@dot.example"}, "someone")
    post(desk, "/desk/targets/1", "/desk/targets/1/resume")
    deliver()
    (mail,) = smtp.to("new@dot.example")
    assert text_of(mail).startswith("Dear Secretary Ruiz:")


def test_a_campaign_chooses_its_offices_and_the_petition_of_each(
    demo: Any, staff: Any, client: Any, sql: Any
) -> None:
    desk = staff("organizer")
    where = "/desk/campaigns/wait-in-freedom/targets"
    _, (doj,) = sql("SELECT id FROM petition ORDER BY slug = 'doj'")
    ids = [str(n) for (n,) in sql("SELECT target_id FROM campaign_target ORDER BY position")]
    page = desk.get(where).get_data(as_text=True)
    assert page.count("selected>DHS") and page.count("selected>DOJ")
    data = {"targets": ids[:2], f"about-{ids[0]}": str(doj), f"about-{ids[1]}": "99"}
    assert post(desk, where, **data).status_code == 303
    assert sql("SELECT petition_id FROM campaign_target ORDER BY position") == [(doj,), (None,)]
    letter = client.get("/c/wait-in-freedom/letter").get_data(as_text=True)
    assert "/petitions/doj" in letter


def test_a_holder_entered_by_mistake_leaves_no_gap(
    campaign_id: int, office: Any, staff: Any, sql: Any
) -> None:
    office()
    desk = staff("organizer")
    where = "/desk/targets/1"
    for name, since in (("Ada Old", "2020-01-01"), ("Ben Wrong", "2024-01-01")):
        post(desk, where, f"{where}/holders", name=name, since=since)
    post(desk, where, f"{where}/holders", name="Cy Later", since="2199-01-20")
    page = desk.get(where).get_data(as_text=True)
    assert page.count("Left today") == 0, (
        "whoever holds it now is followed, and the other is not there yet"
    )
    assert "Cy Later, 2199-01-20" in page, "the history tells since when"
    post(desk, where, f"{where}/holders/2", remove="1")
    assert sql("SELECT name, until::text FROM holder ORDER BY since") == [
        ("Ada Old", "2199-01-20"), ("Cy Later", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "holder", "opening"),
    [
        ("Dear Secretary {surname}", "Robert F. Kennedy Jr.", "Dear Secretary Kennedy:"),
        ("Dear {holder}", "Kennedy Jr., Robert F.", "Dear Robert F. Kennedy Jr.:"),
        ("Dear {holder}", "", "Dear Secretary of Tests:"),
        ("The Honorable {holder}", "", "Dear Secretary of Tests:"),
        ("Dear Ms. {surname}", "", "Dear Secretary of Tests:"),
        ("Dear Secretary {surname}", "", "Dear Secretary:"),
        ("Dear {holder}", "山田 太郎", "Dear 山田太郎:"),
        ("Dear Minister {surname}", "山田 太郎", "Dear Minister 山田:"),
        ("Dear Minister {surname}", "山田, 太郎", "Dear Minister 山田:"),
    ],
)
def test_a_letter_opens_with_a_name_or_with_the_role(
    office: Any, client: Any, campaign_id: int, staff: Any, pattern: str, holder: str, opening: str
) -> None:
    office(salutation=pattern)
    if holder:
        desk = staff("organizer")
        post(desk, "/desk/targets/1", "/desk/targets/1/holders", name=holder, since="2020-01-01")
    answer = Writer(client).send(action="preview")
    assert opening in answer.get_data(as_text=True)


def test_only_letters_that_leave_by_themselves_have_a_day_on_which_the_last_one_leaves(
    office: Any, letters: Any, staff: Any, deliver: Any, sql: Any
) -> None:
    office(channel="packet", email="", per_hour=1)
    letters(3)
    deliver()
    desk = staff("organizer")
    page = desk.get("/desk/targets/1").get_data(as_text=True)
    assert "until a packet is made" in page and "the last letter that waits now leaves" not in page
    sql("UPDATE target SET channel = 'email', paused = true")
    page = desk.get("/desk/targets/1").get_data(as_text=True)
    assert "the last letter that waits now leaves" not in page, "paused"
    sql("UPDATE target SET paused = false")
    page = desk.get("/desk/targets/1").get_data(as_text=True)
    assert "the last letter that waits now leaves" in page


def shown(client: Any, page: str) -> str:
    """What a page says, without its tags."""
    return re.sub(r"<[^>]+>", "", client.get(page).get_data(as_text=True))


def test_the_day_is_that_of_the_letters_that_move_and_those_of_a_paused_campaign_are_told_beside_it(
    app: Any,
    writer: Any,
    letters: Any,
    staff: Any,
    deliver: Any,
    client: Any,
    confirm: Any,
    sql: Any,
) -> None:
    monday_noon = datetime(2026, 5, 4, 16, 0, 5, tzinfo=UTC)
    with app.app_context():
        a_campaign("other")
    sql("UPDATE campaign SET opens_at = '2026-01-01'")
    with time_machine.travel(monday_noon, tick=False):
        desk = staff("organizer")
        entry = {
            "agency": "DOT", "role": "Secretary of Tests", "email": "secretary@dot.example", "salutation": "",
            "channel": "email", "timezone": "America/New_York", "opens": "09:00", "closes": "17:00",
            "days": ["1", "2", "3", "4", "5"], "per_hour": "1",
        }  # fmt: skip
        post(desk, "/desk/targets/1", "/desk/targets/1/pause", reason="so that all wait")
        post(desk, "/desk/targets/1/edit", **entry)
        writer.send()
        own = own_page(confirm())
        letters(7, first=2)
        post(desk, "/desk/campaigns/other/targets", targets=["1"])
        letters(6, first=9, slug="other")
        deliver()
        post(desk, "/desk/targets/1", "/desk/targets/1/resume")
        # Five slots are left on Monday, eight a day after it.
        assert "leaves on May 6, 2026" in shown(desk, "/desk/targets/1")
        assert "Expected to leave on May 4, 2026" in shown(client, own)
        post(desk, "/desk/letters/campaigns", "/desk/letters/campaigns/1/pause")
        page = shown(desk, "/desk/targets/1")
        assert "leaves on May 5, 2026" in page
        assert "8 letters of paused campaigns have no day" in page
        listed = shown(desk, "/desk/targets")
        assert "May 5, 2026" in listed and "but for 8 of paused campaigns" in listed
        assert "leaves on May 5, 2026" in shown(desk, "/desk/campaigns/other/templates")
        mine = shown(desk, "/desk/campaigns/test/templates")
        assert "have no day until they go on" in mine and "leaves on" not in mine
        said = shown(client, own)
        assert "has paused its letters. Yours keeps its place." in said and "Expected" not in said
        post(desk, "/desk/letters/campaigns", "/desk/letters/campaigns/2/pause")
        page = shown(desk, "/desk/targets/1")
        assert "14 letters of paused campaigns" in page and "leaves on" not in page
        listed = shown(desk, "/desk/targets")
        assert "when their campaign goes on" in listed and "ten years" not in page + listed
