"""Letters and deliveries out as CSV, through the command line."""

import csv
from pathlib import Path
from typing import Any

from tests.letters.conftest import Writer


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
