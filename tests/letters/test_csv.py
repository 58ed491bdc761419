"""Offices in and out as CSV, letters and deliveries out, through the command line."""

import csv
from pathlib import Path
from typing import Any

from tests.letters.conftest import Writer

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
    from campaign.letters.exporting import export_targets

    cli("import", "targets", write(tmp_path / "t.csv", GOOD))
    with app.app_context():
        (row,) = export_targets()
    assert ",".join(f'"{v}"' if "," in v else v for v in row.values()) + "\n" == GOOD


def test_letters_and_deliveries_go_out(
    writer: Writer, confirm: Any, deliver: Any, cli: Any, tmp_path: Path
) -> None:
    writer.send(subject="=1+1 is what I mean")
    confirm()
    deliver()
    writer.send("ben@people.example")
    letters, deliveries = tmp_path / "letters.csv", tmp_path / "deliveries.csv"
    assert cli("export", "letters", "--output", letters).exit_code == 0
    assert cli("export", "deliveries", "--campaign", "test", "--output", deliveries).exit_code == 0
    (row,) = csv.DictReader(letters.open())
    assert row["email"] == "ana@people.example" and row["subject"] == "'=1+1 is what I mean"
    assert row["own_share"] == "1.00" and row["confirmed_at"].endswith("+00:00")
    (row,) = csv.DictReader(deliveries.open())
    assert (
        row["state"] == "sent"
        and row["role"] == "Secretary of Tests"
        and row["answer"].startswith("250")
    )
    assert cli("export", "letters", "--campaign", "nowhere", "--output", letters).exit_code == 1
