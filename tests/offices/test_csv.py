"""Offices in and out as CSV, through the command line."""

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
    assert ",".join(f'"{v}"' if "," in v else v for v in row.values()) + "\n" == GOOD
