"""Letters as the mass comments of a docket: the files, what does not fit, and how many are alike."""

import csv
import io
import re
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from campaign.letters import similarity
from campaign.papers import comment_fields
from campaign.papers.comment_fields import ANONYMOUS, INDIVIDUAL, ORGANIZATION, misfits
from campaign.supporters.keys import own_page_token
from tests.coalition.test_public import words
from tests.papers.conftest import pdf_text
from tests.working import post

OPEN = datetime(2026, 11, 20, 17, tzinfo=UTC)
DESK = "/desk/campaigns/petitions/1/comments"


@pytest.fixture
def docket(campaign_id: int, office: Any, sql: Any) -> None:
    office()
    sql(
        "INSERT INTO petition (campaign_id, slug, agency, docket_number, document_id, comment_opens, comment_closes) "
        f"VALUES ({campaign_id}, 'dot', 'DOT', 'DOT-2026-0012', 'DOT-2026-0012-0001', '2026-11-01', '2026-12-01')"
    )


def table(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(name).decode())))


def test_a_zip_holds_each_letter_and_names_what_does_not_fit(
    docket: None, letters: Any, staff: Any, deliver: Any, sql: Any
) -> None:
    with time_machine.travel(OPEN):
        letters(4)
        sql("UPDATE letter SET named_in_public = true WHERE id IN (1, 2)")
        sql("UPDATE letter SET given_name = 'Wolfeschlegelsteinhausenberger' WHERE id = 2")
        sql("UPDATE letter SET fingerprint = 5")
        sql("UPDATE letter SET body = body || ' \U0001f600', fingerprint = -77 WHERE id = 3")
        desk = staff("organizer")
        assert post(desk, DESK, layout="zip").status_code == 303
        assert "The files are being made" in desk.get(DESK).get_data(as_text=True)
        deliver()
        page = desk.get(DESK).get_data(as_text=True)
        assert "1 unlike any other, 3 in 1 group of" in page and "2 letters do not fit" in page
        answer = desk.get(f"{DESK}/1/1")
        assert answer.headers["Content-Length"] == str(len(answer.data))
        which = desk.get(f"{DESK}/1").get_data(as_text=True)
        assert "30 characters, 25 allowed" in which and "an emoji at character" in which
        which = desk.get(f"/es{DESK}/1").get_data(as_text=True)
        assert "30 caracteres, se admiten 25" in which and "un emoji en el carácter" in which
    archive = zipfile.ZipFile(io.BytesIO(answer.data))
    assert archive.testzip() is None
    index = table(archive, "index.csv")
    assert list(index[0]) == list(comment_fields.COLUMNS)
    assert [row["submitterType"] for row in index] == [
        ORGANIZATION, INDIVIDUAL, INDIVIDUAL, ANONYMOUS, ANONYMOUS
    ]  # fmt: skip
    assert {row["commentOnDocumentId"] for row in index} == {"DOT-2026-0012-0001"}
    assert index[1]["firstName"] == "Writer1" and index[1]["email"] == "w1@people.example"
    assert not any(index[4][name] for name in ("firstName", "lastName", "email", "zip"))
    assert index[2]["firstName"] == "Wolfeschlegelsteinhausenberger", "nothing is cut"
    assert [row["formLetterGroup"] for row in index] == ["", "1", "1", "", "1"]
    missing = [(row["row"], row["field"]) for row in table(archive, "does-not-fit.csv")]
    assert missing == [("0", "organizationType"), ("2", "firstName"), ("3", "comment")]
    assert {row["sendEmailReceipt"] for row in index} == {"false"}
    first, last = (archive.read(f"letters/00000{n}.txt").decode() for n in (1, 4))
    assert "Writer1 Ruiz" in first and "my grandmother waited" in first and "Dear DOT:" in first
    about = archive.read("about.txt").decode()
    assert "Of these letters, 1 is unlike any other, 3 are in 1 group of nearly identical" in about
    assert "Anonymous" in last and "Ruiz" not in last and "people.example" not in first + last


def test_a_letter_that_its_writer_took_back_is_not_filed(
    docket: None, office: Any, letters: Any, staff: Any, deliver: Any, client: Any, sql: Any
) -> None:
    with time_machine.travel(OPEN):
        office("Director of Tests")
        sql("UPDATE target SET paused = true WHERE role LIKE 'Director%%'")
        letters(2)
        deliver()
        assert sql("SELECT state, count(*) FROM delivery GROUP BY 1 ORDER BY 1") == [
            ("sent", 2), ("waiting", 2)
        ]  # fmt: skip
        with client.application.app_context():
            url = f"/me/{own_page_token(1)}/letters/1/withdraw"
        assert client.post(url).status_code == 303
        assert sql("SELECT state FROM letter WHERE id = 1") == [("confirmed",)], "one office has it"
        desk = staff("organizer")
        post(desk, DESK, layout="zip")
        deliver()
        archive = zipfile.ZipFile(io.BytesIO(desk.get(f"{DESK}/1/1").data))
    index = table(archive, "index.csv")
    assert len(index) == 2 and "number 2" in index[1]["comment"]


def test_a_letter_of_the_last_evening_bears_its_day_in_washington(
    docket: None, letters: Any, staff: Any, deliver: Any, tmp_path: Any
) -> None:
    with time_machine.travel(datetime(2026, 12, 2, 3, tzinfo=UTC)):
        letters(1)
        desk = staff("organizer")
        for number, layout in enumerate(("zip", "pdf"), 1):
            assert post(desk, DESK, layout=layout).status_code == 303
            deliver()
            made = desk.get(f"{DESK}/{number}/1").data
            if layout == "zip":
                said = zipfile.ZipFile(io.BytesIO(made)).read("letters/000001.txt").decode()
            else:
                said = pdf_text(made, tmp_path)
            assert "December 1, 2026" in said and "December 2" not in said


def test_what_was_filed_is_written_into_the_history_once(
    docket: None, letters: Any, staff: Any, deliver: Any, sql: Any
) -> None:
    with time_machine.travel(OPEN):
        letters(3)
        sql("UPDATE letter SET fingerprint = 5 WHERE id > 1")
        sql("UPDATE letter SET fingerprint = -77 WHERE id = 1")
        desk = staff("organizer")
        post(desk, DESK, layout="zip")
        deliver()
        late = post(desk, DESK, f"{DESK}/1/filed", on="2026-11-21")
        page = late.get_data(as_text=True)
        assert late.status_code == 422 and 'value="2026-11-21"' in page
        assert re.search(r'class="problem" id="on-1-error">That day has not come yet\.<', page)
        answer = post(desk, DESK, f"{DESK}/1/filed", on="2026-11-20")
        assert "receipt can be attached" in desk.get(answer.location).get_data(as_text=True)
        again = post(desk, DESK, f"{DESK}/1/filed", on="2026-11-20")
        page = desk.get(again.location).get_data(as_text=True)
    assert "already" in page and "1 comment unlike any other, 2 form letters" in page
    event = 'SELECT kind, "on"::text, document_id, alone, forms FROM petition_event'
    assert sql(event) == [("commented", "2026-11-20", "DOT-2026-0012-0001", 1, 2)]


def test_a_pdf_says_what_it_is_and_names_nobody_who_did_not_agree(
    docket: None, letters: Any, staff: Any, deliver: Any, sql: Any, tmp_path: Any
) -> None:
    with time_machine.travel(OPEN):
        letters(2)
        sql("UPDATE letter SET named_in_public = true WHERE id = 1")
        desk = staff("organizer")
        post(desk, DESK, layout="pdf")
        deliver()
        answer = desk.get(f"{DESK}/1/1")
    words = pdf_text(answer.data, tmp_path)
    for said in (
        "Public comments",
        "DOT-2026-0012-0001",
        "November 20, 2026",
        "Writer1 Ruiz",
        "2. Anonymous",
    ):
        assert said in words, said
    assert "Writer2" not in words and "people.example" not in words


def test_nothing_is_made_while_no_comment_period_is_open(
    docket: None, letters: Any, staff: Any, sql: Any
) -> None:
    letters(1)
    desk = staff("organizer")
    sql("UPDATE petition SET comment_opens = '2020-01-01', comment_closes = '2020-02-01'")
    answer = words(desk.get(DESK))
    assert "Make the files" not in answer and "ended on February 1, 2020" in answer
    assert post(desk, DESK, layout="zip").status_code == 303
    page = desk.get(DESK).get_data(as_text=True)
    assert "No comment period is open" in page and sql("SELECT count(*) FROM filing") == [(0,)]


def test_a_job_that_died_is_begun_again_and_a_deleted_writer_leaves_the_files(
    docket: None, letters: Any, deliver: Any, sql: Any, app: Any
) -> None:
    from campaign.papers import filing

    with time_machine.travel(OPEN) as clock, app.app_context():
        letters(3)
        filing.begin(1, "zip", "an organizer")
        with pytest.raises(filing.Refused):
            filing.begin(1, "zip", "an organizer")
        assert filing._claim() is not None
        assert not filing.make_next(), "someone is at it"
        clock.shift(200)
        assert filing.make_next() and not filing.make_next()
        assert sql("SELECT state, letters, done FROM filing") == [("ready", 3, 3)]
        from campaign.supporters import erasing

        erasing.erase(1)
        assert sql("SELECT count(*) FROM filing_part") == [(0,)]


def test_fields_have_a_length_in_characters_and_one_in_bytes() -> None:
    any_ = {"commentOnDocumentId": "DOT-2026-0012-0001", "submissionType": "API"}
    good = {**any_, "comment": "x" * 5000, "firstName": "Ana", "lastName": "R" * 25}
    assert misfits(good, INDIVIDUAL) == []
    assert misfits({**good, "comment": "é" * 2501}, INDIVIDUAL) == [
        ("comment", "5,002 bytes, 5,000 allowed")
    ]
    assert misfits({**good, "lastName": "R" * 26}, INDIVIDUAL) == [
        ("lastName", "26 characters, 25 allowed")
    ]
    assert misfits({**any_, "comment": "x"}, ORGANIZATION) == [
        ("organization", "empty, and needed"),
        ("organizationType", "empty, and needed"),
    ]
    assert misfits({"comment": "x"}, ANONYMOUS)[0] == ("commentOnDocumentId", "empty, and needed")
    assert misfits({**any_, "comment": "well \u2764\ufe0f"}, ANONYMOUS) == [
        ("comment", "an emoji at character 6")
    ]
    assert misfits({**any_, "comment": "© § “quoted” – ½"}, ANONYMOUS) == []


def test_groups_of_nearly_the_same_fingerprint_are_numbered_by_size() -> None:
    marks = {0: 5, 0b111: 2, -1: 1, 0x0F0F0F0F0F0F0F0F: 8}
    assert similarity.numbered(marks) == ({0: 2, 0b111: 2, 0x0F0F0F0F0F0F0F0F: 1}, {1: 8, 2: 7})
