"""Offices in and out as CSV, through the command line."""

import re
import threading
from pathlib import Path
from typing import Any

HEAD = "campaign,agency,role,holder,holder_since,email,salutation,channel,timezone,opens,closes,days,per_hour\n"
GOOD = 'test,DOT,Secretary,"Del Toro, Carlos",2020-01-01,s@dot.example,Dear Secretary {surname},email,America/New_York,09:00,17:00,mon-fri,60\n'


def write(path: Path, *lines: str) -> Path:
    path.write_text(HEAD + "".join(lines))
    return path


def test_offices_come_in_once_and_changes_follow(
    cli: Any, campaign_id: int, sql: Any, tmp_path: Path
) -> None:
    file = write(tmp_path / "targets.csv", GOOD)
    assert '"created": 1' in cli("import", "targets", file, "--json").output
    assert '"unchanged": 1' in cli("import", "targets", file, "--json").output
    changed = GOOD.replace('"Del Toro, Carlos",2020-01-01', "Ada New,2024-05-01").replace(
        ",60", ","
    )
    assert '"updated": 1' in cli("import", "targets", write(file, changed), "--json").output
    assert sql("SELECT name, until::text FROM holder ORDER BY since") == [
        ("Del Toro, Carlos", "2024-05-01"), ("Ada New", None),
    ]  # fmt: skip
    assert sql("SELECT per_hour, email, days FROM target") == [
        (None, "s@dot.example", [1, 2, 3, 4, 5])
    ]
    assert sql("SELECT count(*) FROM campaign_target") == [(1,)]


def test_each_refused_line_says_why_and_stops_no_other(
    cli: Any, campaign_id: int, sql: Any, tmp_path: Path
) -> None:
    file = write(
        tmp_path / "targets.csv",
        GOOD.replace("test,", "nowhere,", 1),
        GOOD.replace("mon-fri", "someday"),
        GOOD.replace("America/New_York", "Mars/Olympus"),
        GOOD.replace("17:00", "08:00"),
        GOOD.replace("s@dot.example", "nobody"),
        GOOD.replace(",email,", ",pigeon,"),
        GOOD.replace(",60", ",0"),
        GOOD.replace("2020-01-01", "soon"),
        GOOD.replace("Secretary,", "Other,", 1),
    )
    output = cli("import", "targets", file).output
    for text in (
        "nowhere",
        "someday",
        "Mars/Olympus",
        "closes",
        "email",
        "pigeon",
        "per_hour",
        "soon",
    ):
        assert text in output
    assert sql("SELECT role FROM target") == [("Other",)]


def test_a_dry_run_changes_nothing(cli: Any, campaign_id: int, sql: Any, tmp_path: Path) -> None:
    assert (
        '"created": 1'
        in cli("import", "targets", write(tmp_path / "t.csv", GOOD), "--dry-run", "--json").output
    )
    assert sql("SELECT count(*) FROM target") == [(0,)]


def test_offices_go_out_as_they_came_in(
    app: Any, cli: Any, campaign_id: int, tmp_path: Path
) -> None:
    from campaign.offices.exporting import export_rows

    cli("import", "targets", write(tmp_path / "t.csv", GOOD))
    with app.app_context():
        (row,) = export_rows()
    assert row.pop("digest_at") == ""
    assert ",".join(f'"{v}"' if "," in v else v for v in row.values()) + "\n" == GOOD


def brought(cli: Any, path: Path, text: str) -> str:
    path.write_text(text)
    return str(cli("import", "targets", path).output)


def test_what_a_file_has_no_column_for_stays(
    cli: Any, campaign_id: int, sql: Any, tmp_path: Path
) -> None:
    cli("import", "targets", write(tmp_path / "t.csv", GOOD.replace("09:00,17:00", "08:00,16:00")))
    brought(cli, tmp_path / "a.csv", "agency,role,email\nDOT,Secretary,new@dot.example\n")
    kept = "SELECT email, salutation, opens::text, per_hour FROM target"
    entry = ("new@dot.example", "Dear Secretary {surname}", "08:00:00", 60)
    assert sql(kept) == [entry]
    brought(cli, tmp_path / "b.csv", "agency,role,per_hour,opens\nDOT,Secretary,,\n")
    assert sql(kept) == [(*entry[:3], None)], "no limit was said; hours cannot be empty"
    said = brought(cli, tmp_path / "c.csv", "agency,role,opens\nDOT,Secretary,18:00\n")
    assert "closes must be later than opens" in said, "than those of the entry"


def test_a_holder_without_a_day_is_todays(
    cli: Any, campaign_id: int, sql: Any, tmp_path: Path
) -> None:
    cli("import", "targets", write(tmp_path / "t.csv", GOOD))
    head = "agency,role,holder\nDOT,Secretary,"
    brought(cli, tmp_path / "a.csv", f'{head}"Del Toro, Carlos"\n')
    holders = "SELECT name, until IS NULL FROM holder ORDER BY since"
    assert sql(holders) == [("Del Toro, Carlos", True)]
    brought(cli, tmp_path / "b.csv", f"{head}Ada New\n")
    assert sql(holders) == [("Del Toro, Carlos", False), ("Ada New", True)]


def test_what_the_desk_would_refuse_a_file_does_not_bring(
    cli: Any, campaign_id: int, sql: Any, tmp_path: Path
) -> None:
    head = "agency,role,email,timezone\nDOT,"
    for cells, why in (
        ("Clerk,c@dot.example,US", "timezone is “US”"),
        (f"Clerk,c@dot.example,{'A' * 300}", "timezone is"),
        (f"{'C' * 201},c@dot.example,", "role has 201 characters"),
        ('"Head\nof Tests",c@dot.example,', "role holds a line break"),
    ):
        assert why in brought(cli, tmp_path / "t.csv", f"{head}{cells}\n")
    wrong = "agency,role,email,salutation\nDOT,Clerk,c@dot.example,Dear {name}\n"
    assert "salutation has the field {name}" in brought(cli, tmp_path / "t.csv", wrong)
    assert sql("SELECT count(*) FROM target") == [(0,)]


def test_letters_are_confirmed_while_a_file_comes_in(
    app: Any, office: Any, campaign_id: int, sql: Any
) -> None:
    from campaign.offices import importing

    office()
    seen = []

    def rows() -> Any:
        yield {"agency": "DOT", "role": "Secretary of Tests", "email": "new@dot.example"}
        for n in range(1000):  # more than are written at once
            yield {"agency": "DOT", "role": f"Clerk {n}", "email": "clerk@dot.example"}
        seen.extend(sql("SELECT id FROM target FOR KEY SHARE NOWAIT"))
        assert not sql("SELECT id FROM target FOR UPDATE SKIP LOCKED"), "it is being changed"

    with app.app_context():
        assert importing.import_rows(rows(), dry_run=True).updated == 1
    assert seen == [(1,)]


def test_a_file_sent_twice_at_once_is_taken_once(app: Any, campaign_id: int, sql: Any) -> None:
    from campaign.offices import importing

    file = [
        {"agency": "DOT", "role": f"Clerk {n}", "email": "clerk@dot.example"} for n in range(1001)
    ]
    outcomes: list[Any] = []

    def second() -> None:
        with app.app_context():
            outcomes.append(importing.import_rows(file).unchanged)

    thread = threading.Thread(target=second)

    def first() -> Any:
        yield from file[:1000]
        thread.start()
        while not sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            pass
        yield file[1000]

    with app.app_context():
        assert importing.import_rows(first()).created == 1001
    thread.join()
    assert outcomes == [1001]


def test_a_row_goes_by_what_the_rows_before_it_say(
    cli: Any, campaign_id: int, sql: Any, tmp_path: Path
) -> None:
    said = brought(
        cli,
        tmp_path / "t.csv",
        "agency,role,email,holder,holder_since,opens,campaign\n"
        "DOT,Clerk,c@dot.example,Ada New,2024-01-01,07:00,\n"
        "DOT,Clerk,c@dot.example,Ben Newer,2025-01-01,,test\n"
        ",Nobody,c@dot.example,,,,\n"
        "DOT,Clerk,c@dot.example,Ben Newer,2025-01-01,,test\n"
        "DOT,Clerk,c@dot.example,,,18:00,\n"
        "DOT,Too,many,c,e,l,l,s\n",
    )
    assert "1 new, 1 changed, 1 there already, 3 refused" in said
    assert [*map(int, re.findall(r"(?m)^ *line (\d+)", said))] == [4, 6, 7], "in the file's order"
    assert sql("SELECT name, since::text, until::text FROM holder ORDER BY since") == [
        ("Ada New", "2024-01-01", "2025-01-01"), ("Ben Newer", "2025-01-01", None),
    ]  # fmt: skip
    assert sql("SELECT what, old, new FROM target_change ORDER BY id") == [
        ("made", "", ""), ("holder", "", "Ada New, 2024-01-01"),
        ("holder", "Ada New", "Ben Newer, 2025-01-01"),
    ]  # fmt: skip
    assert sql("SELECT opens::text FROM target") == [("07:00:00",)]
    assert sql("SELECT count(*) FROM campaign_target") == [(1,)]


def test_the_hour_of_the_digest_is_a_column_that_a_file_need_not_have(
    app: Any, cli: Any, campaign_id: int, sql: Any, tmp_path: Path
) -> None:
    from campaign.offices.exporting import export_rows

    head = HEAD.replace("\n", ",digest_at\n")
    daily = GOOD.replace(",email,", ",digest,").rstrip("\n")
    hour = "SELECT digest_at::text FROM target"
    assert "1 new" in brought(cli, tmp_path / "a.csv", f"{head}{daily},15:30\n")
    assert sql(hour) == [("15:30:00",)]
    assert "1 there already" in brought(
        cli, tmp_path / "a.csv", HEAD + GOOD.replace(",email,", ",digest,")
    )
    assert sql(hour) == [("15:30:00",)], "a file without the column leaves it"
    with app.app_context():
        (row,) = export_rows()
        assert list(row)[-1] == "digest_at" and row["digest_at"] == "15:30"
    for wrong in ("08:59", "16:56", "17:00", "24:00", "noon"):
        said = brought(cli, tmp_path / "b.csv", f"{head}{daily},{wrong}\n")
        assert wrong in said and "1 refused" in said
    said = brought(cli, tmp_path / "c.csv", "agency,role,closes\nDOT,Secretary,15:00\n")
    assert "write an hour from 09:00 to 14:55" in said, "in the hours of the entry"
    assert "1 changed" in brought(cli, tmp_path / "d.csv", f"{head}{daily},\n")
    assert sql(hour) == [(None,)], "empty is the usual hour"
    assert sql("SELECT old, new, by FROM target_change WHERE what = 'digest_at'") == [
        ("15:30", "", "import")
    ]
