"""CSV files as every import and export reads and writes them."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.importing import Row, Unreadable, clean, guard, read_csv, table, unguard, write_csv

COLUMNS = ("name", "kind", "website")


def read(text: str) -> tuple[list[str], list[Row]]:
    """Unknown columns and rows of a file with that text."""
    found = table(io.StringIO(text, newline=""), COLUMNS, ("name",), "file.csv")
    return found.unknown, list(found.rows)


@given(st.text())
def test_the_guard_comes_off_again(value: str) -> None:
    assert unguard(guard(value)) == value


@given(st.text())
def test_no_guarded_cell_is_a_formula(value: str) -> None:
    assert (
        guard(value).lstrip()[:1] not in ("=", "+", "-", "@", "＝", "＋", "－", "＠")
        or guard(value) == ""
    )


# As features keep texts: composed, no white space around them, no NUL.
KEPT = st.text(st.characters(codec="utf-8", exclude_characters="\x00")).map(clean)


@given(st.lists(st.tuples(KEPT.filter(bool), KEPT, KEPT), max_size=8))
def test_rows_come_back_as_they_went(rows: list[tuple[str, str, str]]) -> None:
    file = io.StringIO(newline="")
    count = write_csv(file, COLUMNS, (dict(zip(COLUMNS, row, strict=True)) for row in rows))
    assert count == len(rows)
    _, found = read(file.getvalue())
    assert [tuple(row[column] for column in COLUMNS) for row in found] == rows


def test_order_case_and_unknown_columns() -> None:
    unknown, rows = read(
        "\ufeffcolour,Kind, NAME \nred,state,One\n\n,,\nblue,,Two\n".removeprefix("\ufeff")
    )
    assert unknown == ["colour"]
    assert [(row["name"], row["kind"], row.line) for row in rows] == [
        ("One", "state", 2),
        ("Two", "", 5),
    ]


def test_lines_are_those_of_the_file() -> None:
    _, rows = read('name,kind\n"One\nof two",state\nTwo,local\n')
    assert [(row["name"], row.line) for row in rows] == [("One\nof two", 2), ("Two", 4)]


def test_a_row_with_too_many_cells_is_named() -> None:
    _, rows = read("name,kind\nOne, Two,state\nThree,local,\n")
    assert "3 cells" in rows[0].problem and rows[1].problem == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("kind,website\n", "lacks the column name"),
        ("name,name\n", "twice"),
    ],
)
def test_what_cannot_be_read(text: str, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        read(text)


def test_encodings(tmp_path: Path) -> None:
    file = tmp_path / "o.csv"
    file.write_bytes("name,kind\nCafé,state\n".encode("utf-8-sig"))
    assert [row["name"] for row in read_csv(file, "organizations").rows] == ["Café"]
    for encoding in ("latin-1", "utf-16"):
        file.write_bytes("name,kind\nCafé,state\n".encode(encoding))
        with pytest.raises(Unreadable, match="not UTF-8"):
            list(read_csv(file, "organizations").rows)


def test_spreadsheets_show_what_was_meant() -> None:
    file = io.StringIO(newline="")
    write_csv(file, ("name",), [{"name": "=1+1"}, {"name": "'tis"}, {"name": None}])
    assert list(csv.reader(io.StringIO(file.getvalue()))) == [["name"], ["'=1+1"], ["'tis"], [""]]
