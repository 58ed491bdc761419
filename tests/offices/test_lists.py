"""Lists of offices and of what happened to them that are longer than a page."""

import re
from typing import Any

from sqlalchemy import event

from tests.working import post

MANY = """INSERT INTO target (agency, role, email, opens, closes, days, created_at)
    SELECT 'DOL', 'Office ' || n, 'o' || n || '@dol.example', '09:00', '17:00', '{1}', now() FROM generate_series(1, %s) AS n"""


def ticks(html: str) -> list[str]:
    return re.findall(r'name="targets" type="checkbox" value="(\d+)"', html)


def test_a_directory_of_more_than_a_page_is_leafed_through_and_what_was_chosen_stays(
    office: Any, campaign_id: int, staff: Any, sql: Any
) -> None:
    office()
    sql(MANY, 501)
    desk = staff("organizer")
    where = "/desk/campaigns/test/targets"
    first = desk.get(where).get_data(as_text=True)
    assert len(ticks(first)) == 501 and "too long for one page" in first
    follow = re.search(r'href="([^"]*)"[^>]*>Next<|rel="next" href="([^"]*)"', first)
    assert follow
    there = follow[1] or follow[2]
    second = desk.get(there).get_data(as_text=True)
    assert ticks(second) == ["1", "2"], "the chosen one and the one that was left"
    assert post(desk, there, targets=["1", "2"]).status_code == 303
    assert sql("SELECT target_id FROM campaign_target ORDER BY position") == [(1,), (2,)]
    chosen = desk.get(where).get_data(as_text=True)
    assert re.findall(r'<input checked[^>]*value="(\d+)"', chosen) == ["1", "2"]
    assert ticks(desk.get(f"{where}?agency=DOT").get_data(as_text=True)) == ["1", "2"]
    sql("INSERT INTO target (agency, role, email, opens, closes, days, created_at) SELECT 'DOS', 'New', 'n@dos.example', '09:00', '17:00', '{1}', now()")  # fmt: skip
    assert post(desk, where, targets=["1", "2", "3"]).status_code == 303, (
        "what was ticked before the page moved on"
    )


def test_the_deliveries_of_an_office_beyond_the_list_can_still_be_seen(
    office: Any, campaign_id: int, staff: Any, sql: Any
) -> None:
    office()
    sql(MANY.replace("DOL", "AAA"), 501)
    desk = staff("organizer")
    page = desk.get("/desk/deliveries").get_data(as_text=True)
    assert "Not every office is in this list" in page and '<option value="1"' not in page
    page = desk.get("/desk/deliveries?target=1&state=waiting").get_data(as_text=True)
    assert '<option value="1" selected' in page
    sql("DELETE FROM target WHERE id > 400")
    assert "Not every office" not in desk.get("/desk/deliveries").get_data(as_text=True)


def test_the_history_of_an_office_is_leafed_through(
    office: Any, campaign_id: int, staff: Any, sql: Any
) -> None:
    office()
    sql("INSERT INTO target_change (target_id, at, by, what, old) SELECT 1, now(), 'x', 'role', 'Old name ' || n || '.' FROM generate_series(1, 60) AS n")  # fmt: skip
    desk = staff("organizer")
    page = desk.get("/desk/targets/1").get_data(as_text=True)
    assert "Old name 60." in page and "Old name 11." in page and "Old name 10." not in page
    follow = re.search(r'rel="next" href="([^"]*)"', page)
    assert follow
    page = desk.get(follow[1]).get_data(as_text=True)
    assert "Old name 10." in page and "Old name 1." in page
    wrong = post(desk, follow[1], "/desk/targets/1/pause", reason="").get_data(as_text=True)
    assert follow[1] in wrong, "also on the page that says what is missing"


def test_a_file_costs_as_many_statements_whether_it_is_short_or_long(
    app: Any, campaign_id: int, sql: Any
) -> None:
    from campaign.extensions import db
    from campaign.offices import importing

    said: list[str] = []

    def rows(n: int, mail: str) -> Any:
        for i in range(n):
            yield {
                "campaign": "test", "agency": "DOL", "role": f"Office {i}", "email": f"{mail}{i}@dol.example",
                "holder": f"Holder {mail}", "holder_since": "2024-01-01" if mail == "a" else "2025-01-01",
            }  # fmt: skip

    def cost(n: int, mail: str, outcome: str) -> int:
        said.clear()
        report = importing.import_rows(rows(n, mail))
        assert getattr(report, outcome) == n
        return len(said)

    with app.app_context():
        listen = (db.engine, "before_cursor_execute", lambda *a: said.append(a[2]))
        event.listen(*listen)
        try:
            few = [cost(5, "a", "created"), cost(5, "b", "updated"), cost(5, "b", "unchanged")]
            sql("TRUNCATE target CASCADE")
            db.session.expunge_all()
            many = [
                cost(200, "a", "created"), cost(200, "b", "updated"), cost(200, "b", "unchanged")
            ]  # fmt: skip
        finally:
            event.remove(*listen)
    assert many == few
    assert sql("SELECT what, by, count(*) FROM target_change GROUP BY 1, 2 ORDER BY 1") == [
        ("email", "import", 200), ("holder", "import", 400), ("made", "import", 200)
    ]  # fmt: skip
    assert sql("SELECT name, until::text, count(*) FROM holder GROUP BY 1, 2 ORDER BY 1") == [
        ("Holder a", "2025-01-01", 200), ("Holder b", None, 200)
    ]  # fmt: skip
    assert sql("SELECT count(*), max(position) FROM campaign_target") == [(200, 200)]
