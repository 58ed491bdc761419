"""Supporters in from CSV and out again."""

from collections.abc import Callable, Iterable

import pytest

from campaign.counts import queries as counts
from campaign.importing import COLUMNS
from campaign.supporters import commands, queries
from campaign.supporters.erasing import erase
from campaign.supporters.exporting import export_rows
from campaign.supporters.importing import import_rows
from tests.working import an_organization

AGREED = {"organization": "Test Coalition", "consented_at": "2026-09-16T14:05:00Z"}


def rows(*changes: dict[str, str]) -> Iterable[dict[str, str]]:
    empty = dict.fromkeys(COLUMNS["supporters"], "")
    return [{**empty, "email": "ana@mail.example", **change} for change in changes]


def test_people_who_consented_count_and_others_wait(
    campaign: int, deliver: Callable, sql: Callable
) -> None:
    given = rows(
        {"given_name": "Ana", "postal_code": "60608", "tags": "faith; student", **AGREED},
        {"email": "bo@mail.example", "language": "es"},
    )
    report = import_rows(given, campaign="test")
    assert (report.created, report.updated, report.unchanged, report.refused) == (2, 0, 0, [])
    assert sql(
        "SELECT email, state, tags, language, confirmed_at::date::text FROM supporter ORDER BY id"
    ) == [
        ("ana@mail.example", "IL", ["faith", "student"], "en", "2026-09-16"),
        ("bo@mail.example", "", [], "es", None),
    ]
    assert queries.consenting(1, [1, 2]) == {1}
    deliver()
    assert counts.total("supporters.confirmed") == 1
    assert counts.total("supporters.joined", campaign) == 1


def test_a_second_run_changes_nothing(campaign: int, sql: Callable) -> None:
    given = rows(AGREED, {"email": "bo@mail.example"})
    import_rows(given, campaign="test")
    before = (
        sql("SELECT count(*) FROM journal"),
        sql("SELECT * FROM consent"),
        sql("SELECT * FROM supporter"),
    )
    report = import_rows(given, campaign="test")
    assert (report.created, report.updated, report.unchanged) == (0, 0, 2)
    assert before == (
        sql("SELECT count(*) FROM journal"),
        sql("SELECT * FROM consent"),
        sql("SELECT * FROM supporter"),
    )


def test_a_dry_run_keeps_nothing(campaign: int, sql: Callable) -> None:
    report = import_rows(rows(AGREED), campaign="test", dry_run=True)
    assert report.created == 1
    assert sql("SELECT count(*) FROM supporter") == [(0,)]


def test_one_person_on_two_lines_agrees_twice(campaign: int, sql: Callable) -> None:
    an_organization("Parish Network")
    report = import_rows(
        rows(AGREED, {**AGREED, "email": "ANA@mail.example", "organization": "Parish Network"})
    )
    assert (report.created, report.updated) == (1, 1)
    assert queries.consenting(1, [1]) == queries.consenting(2, [1]) == {1}


def test_nobody_is_subscribed_again(campaign: int) -> None:
    import_rows(rows(AGREED))
    commands.unsubscribe(1, 1)
    report = import_rows(rows(AGREED))
    assert report.unchanged == 1
    assert queries.consenting(1, [1]) == set()


def test_who_stopped_everything_or_never_agreed_is_not_subscribed_either(campaign: int) -> None:
    commands.ensure_supporter("ana@mail.example")
    commands.unsubscribe(1, None)
    an_organization("Parish Network")
    import_rows(rows({**AGREED, "organization": "Parish Network"}))
    assert queries.consenting(2, [1]) == set()


def test_who_was_deleted_is_refused(campaign: int, sql: Callable) -> None:
    import_rows(rows(AGREED))
    erase(1)
    report = import_rows(rows({"email": "Ana@mail.example", **AGREED}))
    assert report.refused == [(2, "this person asked to be deleted")]
    assert sql("SELECT count(*) FROM supporter WHERE erased_at IS NULL") == [(0,)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"email": "nonsense"}, "email is not an email address"),
        ({**AGREED, "organization": "Nobody"}, "there is no organization 'Nobody'"),
        ({"consented_at": "2026-09-16"}, "organization is empty"),
        ({**AGREED, "consented_at": "yesterday"}, "write it like"),
        ({**AGREED, "consented_at": "2999-01-01"}, "lies in the future"),
        ({"language": "tlh"}, "language is 'tlh'"),
        ({"country": "USA"}, "two letters"),
        ({"state": "zz"}, "state is 'zz': use a code"),
        ({"state": "Illinois"}, "use a code of the Postal Service like IL"),
        ({"phone": "call me"}, "not a telephone number"),
        ({"source": "Parish Supper!"}, "lower-case letters"),
        ({"given_name": "x" * 81}, "longer than 80"),
        ({"family_name": "a\u202eb"}, "invisible"),
    ],
)
def test_a_line_that_cannot_be_used_says_why_and_stops_no_other(
    campaign: int, change: dict[str, str], reason: str
) -> None:
    report = import_rows(rows(change, {"email": "good@mail.example"}))
    assert report.created == 1
    [(line, said)] = report.refused
    assert line == 2
    assert reason in said


def test_the_same_columns_come_back(campaign: int) -> None:
    an_organization("Parish Network")
    given = rows(
        {
            "email": "ana@mail.example", "given_name": "Ana", "family_name": "Ruiz", "postal_code": "60608",
            "state": "IL", "country": "US", "language": "es", "phone": "+1 312 555 0134", "tags": "faith;student",
            "source": "parish", **AGREED,
        },
        {"email": "bo@mail.example", "country": "US", "language": "en"},
    )  # fmt: skip
    import_rows(given)
    assert list(export_rows()) == given
    commands.unsubscribe(1, 1)
    out = list(export_rows())
    assert [(row["organization"], row["consented_at"]) for row in out] == [("", ""), ("", "")]


def test_export_of_one_campaign(campaign: int) -> None:
    import_rows(rows(AGREED), campaign="test")
    import_rows(rows({**AGREED, "email": "bo@mail.example"}))
    assert [row["email"] for row in export_rows("test")] == ["ana@mail.example"]
    with pytest.raises(ValueError, match="no campaign"):
        list(export_rows("nothing"))


def test_through_the_command_line(campaign: int, cli: Callable, tmp_path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(
        "email,given_name,organization,consented_at,shoe\n"
        "ana@mail.example,Ana,Test Coalition,2026-09-16T14:05:00Z,38\n"
        "broken,Bo,,,\n"
    )
    answer = cli("import", "supporters", file, "--campaign", "test")
    assert "broken" not in answer.output, "what was typed is not repeated"
    assert "3" in answer.output and "not an email address" in answer.output
    assert "shoe" in answer.output
    out = tmp_path / "out.csv"
    assert cli("export", "supporters", "--output", out).exit_code == 0
    assert out.read_text().splitlines()[1].startswith("ana@mail.example,Ana,,")
