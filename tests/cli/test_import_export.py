"""`campaign import` and `campaign export`, as an operator uses them."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.endorsements.arrange import two_petitions

HEAD = "petition,name,kind,signer_name,signer_title,signer_email,signed_on,website\n"
ROWS = (
    "dhs,Zeta Fund,national,Zoe,Director,zoe@zeta.example,2026-02-03,https://zeta.example\n"
    "dhs,Jo Expert,individual,Jo Expert,Professor,jo@expert.example,2026-02-04,\n"
    "dhs,Alpha Aid,local,Al,,,2026-02-05,\n"
    "doj,Zeta Fund,national,Zoe,Director,zoe@zeta.example,2026-02-03,https://zeta.example\n"
)
BAD = (
    "fbi,Beta,national,B,,,,\n"
    "dhs,,national,B,,,,\n"
    "dhs,Beta,cult,B,,,,\n"
    "dhs,Beta,national,,,,,\n"
    "dhs,Beta,national,B,,nonsense,,\n"
    "dhs,Beta,national,B,,,yesterday,\n"
    "dhs,Beta,national,B,,,,javascript:1\n"
)


@pytest.fixture(autouse=True)
def campaign_id(app: Flask) -> int:
    """The campaign ``test`` with the petitions dhs and doj."""
    with app.app_context():
        return two_petitions()


@pytest.fixture
def load(cli: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Imports endorsements from that text."""

    def run(text: str, *args: str) -> Any:
        file = tmp_path / "in.csv"
        file.write_bytes(text.encode())
        return cli("import", "endorsements", file, *args)

    return run


def counters(app: Flask) -> dict[str, int]:
    """Co-signers by kind."""
    from campaign.counts import queries
    from campaign.counts.commands import fold

    with app.app_context():
        fold()
        return queries.states("endorsers", campaign_id=None)


def test_loading_twice_changes_nothing(load: Any, app: Flask, client: Any) -> None:
    first = json.loads(load(HEAD + ROWS, "--json").stdout)
    assert (first["created"], first["unchanged"], first["refused"]) == (4, 0, 0)
    assert counters(app) == {"national": 1, "local": 1, "individual": 1}
    again = json.loads(load(HEAD + ROWS, "--json").stdout)
    assert (again["created"], again["unchanged"]) == (0, 4)
    assert counters(app) == {"national": 1, "local": 1, "individual": 1}
    page = client.get("/c/test/endorsements").get_data(as_text=True)
    assert page.index("Zeta Fund") < page.index("Alpha Aid") < page.index("Jo Expert")
    assert "zoe@" not in page


def test_every_refused_line_is_named(load: Any, sql: Any) -> None:
    answer = load("\ufeff" + HEAD.replace("petition", "colour,petition").replace("\n", ",\n")
                  + "".join(f"red,{row}" for row in (ROWS + BAD).splitlines(keepends=True)))  # fmt: skip
    assert answer.exit_code == 0
    assert "colour" in answer.stderr
    assert "endorsements: 4 new, 0 there already, 7 refused" in answer.stdout
    assert "line 6: there is no published petition 'fbi'" in answer.stdout
    for line, reason in ((7, "name"), (8, "kind"), (9, "signer_name"), (10, "signer_email"),
                         (11, "signed_on"), (12, "website")):  # fmt: skip
        assert f"line {line}: {reason}" in answer.stdout
    assert sql("SELECT count(*) FROM endorsement") == [(4,)]


def test_a_dry_run_changes_nothing_and_says_the_same(load: Any, sql: Any) -> None:
    dry = json.loads(load(HEAD + ROWS + BAD, "--dry-run", "--json").stdout)
    assert sql("SELECT (SELECT count(*) FROM endorsement), (SELECT count(*) FROM cosigner)") == [
        (0, 0)
    ]
    assert sql("SELECT count(*) FROM journal WHERE name LIKE 'endors%%'") == [(0,)]
    real = json.loads(load(HEAD + ROWS + BAD, "--json").stdout)
    assert {**dry, "dry_run": False} == real


def test_where_nothing_could_be_done_the_exit_code_is_1(
    load: Any, cli: Any, tmp_path: Path
) -> None:
    assert load(HEAD + BAD).exit_code == 1
    assert load(HEAD).exit_code == 0
    for text, said in (("name,kind\n", "lacks the columns"), ("", "is empty")):
        answer = load(text)
        assert answer.exit_code == 1 and said in answer.stderr and answer.stderr.count("\n") == 1
    assert load(HEAD + ROWS, "--campaign", "nope").exit_code == 1
    assert cli("import", "endorsements", tmp_path / "none.csv").exit_code == 1
    assert cli("import", "nonsense", tmp_path / "in.csv").exit_code == 2
    assert cli("import", "endorsements").exit_code == 2


def test_latin_1_is_one_sentence(cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes((HEAD + ROWS.replace("Zeta", "Zèta")).encode("latin-1"))
    answer = cli("import", "endorsements", file)
    assert answer.exit_code == 1 and "in.csv is not UTF-8" in answer.stderr


def test_an_ambiguous_petition_needs_its_campaign(load: Any, app: Flask) -> None:
    with app.app_context():
        two_petitions("second")
    answer = load(HEAD + ROWS)
    assert answer.exit_code == 1 and "--campaign" in answer.stdout
    assert json.loads(load(HEAD + ROWS, "--campaign", "second", "--json").stdout)["created"] == 4


def test_who_withdrew_is_not_signed_anew(load: Any, app: Flask, sql: Any) -> None:
    from campaign.endorsements import commands

    load(HEAD + ROWS)
    ids = [row[0] for row in sql("SELECT id FROM endorsement WHERE name = 'Zeta Fund'")]
    with app.app_context():
        commands.withdraw(ids)
    again = json.loads(load(HEAD + ROWS, "--json").stdout)
    assert (again["created"], again["unchanged"], again["refused"]) == (0, 2, 2)
    assert "withdrawn" in again["refused_lines"][0]["reason"]
    assert counters(app) == {"local": 1, "individual": 1}


def test_out_and_in_again_is_the_same(
    load: Any, cli: Any, app: Flask, emptier: Any, tmp_path: Path, sql: Any
) -> None:
    tricky = (
        'doj,"=HYPERLINK(""x""), ""Ltd"" é",academic,@risk,-,,2026-03-01,https://a.example/?q=1\n'
    )
    load(HEAD + ROWS + tricky)
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    said = json.loads(cli("export", "endorsements", "--output", one, "--json").stdout)
    assert said["rows"] == 5
    assert "'=HYPERLINK" in one.read_text() and ",'@risk,'-," in one.read_text()
    assert stat.S_IMODE(one.stat().st_mode) == 0o600
    emptier.empty()
    with app.app_context():
        two_petitions()
    answer = cli("import", "endorsements", one, "--campaign", "test")
    assert "5 new" in answer.stdout
    cli("export", "endorsements", "--campaign", "test", "--output", two)
    assert one.read_bytes() == two.read_bytes()
    assert sql("SELECT name FROM endorsement WHERE kind = 'academic'") == [
        ('=HYPERLINK("x"), "Ltd" é',)
    ]


def test_only_what_is_approved_goes_out(client: Any, cli: Any, tmp_path: Path) -> None:
    from tests.endorsements.arrange import sign

    sign(client)
    file = tmp_path / "out.csv"
    assert cli("export", "endorsements", "--output", file).exit_code == 0
    assert file.read_text().splitlines() == [HEAD.strip()]


def test_an_export_that_fails_leaves_no_file(cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    file.write_text("the old one")
    assert cli("export", "endorsements", "--campaign", "nope", "--output", file).exit_code == 1
    assert cli("export", "endorsements").exit_code == 2
    assert cli("export", "endorsements", "--output", tmp_path / "no" / "such.csv").exit_code == 1
    assert file.read_text() == "the old one" and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("what", ["supporters", "letters", "deliveries"])
def test_the_other_exports_open(cli: Any, tmp_path: Path, what: str) -> None:
    file = tmp_path / "out.csv"
    answer = cli("export", what, "--output", file)
    assert answer.exit_code == 0, answer.output
    assert len(file.read_text().splitlines()) == 1
