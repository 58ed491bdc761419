"""Campaign folders: read strictly, written once, and a second time changes nothing."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from campaign.demo import LOGINS, load_folder, load_once
from campaign.demo.loader import FOLDER
from campaign.frontmatter import FileRefused

TABLES = (
    "organization", "campaign", "petition", "petition_version", "document", "target", "holder", "campaign_target",
    "letter_template", "endorsement", "supporter", "consent", "source_code", "alert", '"update"', "journal",
)  # fmt: skip


def contents(sql: Callable[..., list[Any]]) -> dict[str, list[Any]]:
    return {table: sql(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES}


def test_the_founding_case_is_there(demo: Flask, sql: Any) -> None:
    assert sql("SELECT count(*) FROM organization")[0][0] == 31
    assert sql("SELECT slug, agency FROM petition ORDER BY position") == [
        ("dhs", "DHS"),
        ("doj", "DOJ"),
    ]
    assert sql("SELECT count(*) FROM document")[0][0] == 4
    assert sql("SELECT agency FROM letter_template ORDER BY position") == [("DHS",), ("DOJ",)]
    assert sql("SELECT count(*) FROM endorsement WHERE state = 'approved'")[0][0] == 62
    assert sql("SELECT name, state FROM alert") == [("First week", "draft")]
    opens, closes = sql("SELECT opens_at, closes_at FROM campaign")[0]
    assert opens.isoformat() == "2026-09-01T04:00:00+00:00"
    # The last day is included: it ends at midnight in New York.
    assert closes.isoformat() == "2028-01-01T05:00:00+00:00"


def test_a_second_load_changes_nothing(demo: Flask, sql: Any) -> None:
    before = contents(sql)
    with demo.app_context():
        reports = load_folder(FOLDER)
    assert {one.created + one.updated + len(one.refused) for one in reports.values()} == {0}
    assert contents(sql) == before


def test_load_once_only_into_an_empty_site(app: Flask, sql: Any, client: Any) -> None:
    with app.app_context():
        assert load_once()
        assert not load_once()
    assert sql("SELECT count(*) FROM campaign")[0][0] == 1
    assert sql('SELECT count(*) FROM "user"')[0][0] == len(LOGINS)
    from tests.working import sign_in

    assert sign_in(app, LOGINS[1][1], LOGINS[1][2]).get("/desk/campaigns/").status_code == 200


def test_load_once_leaves_other_campaigns_alone(app: Flask, sql: Any) -> None:
    from tests.working import a_campaign

    with app.app_context():
        a_campaign()
        assert not load_once()
    assert sql("SELECT slug FROM campaign") == [("test",)]


def test_an_interrupted_first_load_is_taken_up_again(
    app: Flask, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from campaign.petitions import folder as petitions

    def breaks(*_: Any) -> None:
        raise OSError("the disk is full")

    with app.app_context():
        with monkeypatch.context() as patch:
            patch.setattr(petitions, "write_petitions", breaks)
            with pytest.raises(OSError):
                load_once()
        assert sql("SELECT count(*) FROM petition")[0][0] == 0
        assert load_once()
    assert sql("SELECT count(*) FROM petition")[0][0] == 2


def test_well_known_passwords_never_reach_a_live_server(app: Flask, sql: Any) -> None:
    from campaign.demo import add_logins
    from campaign.mail import settings

    with app.app_context():
        load_folder(FOLDER, without_endorsements=True)
        settings.set_delivery("live", "a test")
        assert add_logins() == 0
    assert sql('SELECT count(*) FROM "user"')[0][0] == 0


def test_campaign_demo_load(cli: Any, sql: Any) -> None:
    answer = cli("demo", "load", "--without-endorsements")
    assert answer.exit_code == 0, answer.output
    assert "organizations: 22 new" in answer.output
    assert LOGINS[0][2] in answer.output
    assert sql("SELECT count(*) FROM endorsement")[0][0] == 0
    again = cli("demo", "load", "--json")
    assert '"organizations": {"created": 0' in again.output


@pytest.fixture
def inside(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        yield app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "case"))


def swap(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


SLIPS = {
    "unknown key": ("campaign.en.md", "goal: 5000", "goal: 5000\ncolour: red", "'colour'"),
    "missing key": ("campaign.en.md", "goal: 5000\n", "", "goal is missing"),
    "shared key in another language": ("campaign.es.md", "title:", "goal: 1\ntitle:", "belongs in the en file"),
    "missing translation": ("petitions/dhs/petition.es.md", "summary:", "zzz:", "'zzz'"),
    "not a date": ("campaign.en.md", "2026-09-01", "September", "opens must be a date"),
    "closed before it opens": ("campaign.en.md", "2027-12-31", "2025-12-31", "closes is before opens"),
    "no such zone": ("campaign.en.md", "America/New_York", "America/Atlantis", "America/Atlantis"),
    "no front matter": ("updates/2026-09-15-petitions-filed.en.md", "---\n", "", "front matter"),
    "date and name differ": ("updates/2026-09-15-petitions-filed.en.md", "2026-09-15", "2026-09-16", "begin with the date"),
    "colour without sense": ("campaign.en.md", "#1d5b5e", "teal", "colour like"),
    "wrong folder": ("petitions/doj/petition.en.md", "slug: doj", "slug: dhs", "folder's name"),
    "a document that is not there": ("petitions/doj/documents/documents.csv", "who-decides.en.pdf", "../../campaign.en.md", "no file"),
    "unknown column": ("petitions/doj/documents/documents.csv", "language", "size", "'size'"),
    "audience": ("alerts/first-week.en.md", "audience: campaign", "audience: everyone", "audience must be"),
    "two suggested letters": ("letters/doj.en.md", "I am writing", "I write", "must be the same"),
    "no such field": ("letters/doj.en.md", "request: I ", "request: I {cargo} ", "the request (en): There is no field {cargo}"),
    "field left open": ("letters/dhs.en.md", "request: I ", "request: I {agency ", "A brace stands alone"),
    "lead unknown": ("campaign.en.md", "lead: national-immigrant-justice-center", "lead: nobody", "'nobody'"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_refused_with_file_and_reason(
    slip: str, folder: Path, inside: Flask, sql: Any
) -> None:
    name, old, new, reason = SLIPS[slip]
    swap(folder / name, old, new)
    with pytest.raises(FileRefused) as refused:
        load_folder(folder)
    assert reason in str(refused.value)
    assert Path(name).name in str(refused.value) or Path(name).parent.name in str(refused.value)
    assert sql("SELECT count(*) FROM campaign")[0][0] == 0


def test_a_missing_language_is_refused(folder: Path, inside: Flask) -> None:
    (folder / "alerts" / "first-week.es.md").unlink()
    with pytest.raises(FileRefused, match=r"first-week\.es\.md: the file is missing"):
        load_folder(folder)


def test_a_language_that_the_campaign_lacks_is_refused(folder: Path, inside: Flask) -> None:
    shutil.copy(folder / "campaign.es.md", folder / "campaign.fr.md")
    with pytest.raises(FileRefused, match=r"campaign\.fr\.md: the campaign's languages are en, es"):
        load_folder(folder)


def test_a_document_must_be_what_its_name_says(folder: Path, inside: Flask) -> None:
    (folder / "petitions/dhs/documents/about-the-2009-guidelines.en.pdf").write_text(
        "<html>hello</html>"
    )
    with pytest.raises(FileRefused, match="not what its name says"):
        load_folder(folder)


def test_a_published_version_cannot_be_written_over(folder: Path, inside: Flask, sql: Any) -> None:
    load_folder(folder)
    petition = folder / "petitions/dhs/petition.en.md"
    swap(petition, "1.1. We ask", "1.1. We demand")
    with pytest.raises(FileRefused, match="version 2"):
        load_folder(folder)
    swap(petition, "version: 1", "version: 2")
    assert load_folder(folder)["petitions"].created == 1
    assert sql("SELECT number FROM petition_version ORDER BY id") == [(1,), (1,), (2,)]
