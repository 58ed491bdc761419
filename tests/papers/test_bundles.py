"""Digests and packets: a day's letters in one message with a PDF, and paper for delivery by hand."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine

from tests.letters.conftest import Writer, text_of
from tests.working import post

MONDAY_NOON = datetime(2026, 5, 4, 16, 0, 5, tzinfo=UTC)
HOURS = {"opens": time(9), "closes": time(17), "days": [1, 2, 3, 4, 5]}


def pdf_text(content: bytes, tmp_path: Any) -> str:
    """What a reader finds in the PDF, if the machine has something that reads it."""
    import shutil
    import subprocess

    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext: install Debian's poppler-utils to look into the PDF")
    file = tmp_path / "paper.pdf"
    file.write_bytes(content)
    return subprocess.run(
        ["pdftotext", str(file), "-"], check=True, capture_output=True, text=True
    ).stdout


def test_a_digest_leaves_once_a_day_with_all_letters(
    office: Any,
    letters: Any,
    deliver: Any,
    smtp: Any,
    sql: Any,
    app: Any,
) -> None:
    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        office(**HOURS, channel="digest")
        letters(3)
        deliver()
        (mail,) = smtp.to("secretary@dot.example")
        assert mail.message["Subject"].startswith("3 letters to your office")
        assert mail.message["From"].addresses[0].display_name == "Test Coalition"
        (part,) = mail.message.iter_attachments()
        assert part.get_content_type() == "application/pdf" and part.get_content().startswith(
            b"%PDF"
        )
        assert "3 people have written" in text_of(mail)
        assert sql("SELECT state, count(*) FROM delivery GROUP BY 1") == [("sent", 3)]
        letters(2, first=4)
        deliver()
        assert len(smtp.to("secretary@dot.example")) == 1, "once a day"
        from campaign.letters import queries

        with app.app_context():
            (receipt,) = queries.receipts(4)
            assert str(receipt.expected) == "2026-05-05"
        clock.shift(timedelta(days=1).total_seconds())
        deliver()
    assert len(smtp.to("secretary@dot.example")) == 2
    assert sql("SELECT state, letters FROM bundle ORDER BY id") == [("sent", 3), ("sent", 2)]
    assert sql("SELECT sum(delta) FROM journal WHERE name = 'deliveries.sent'") == [(5,)]


def test_a_digest_waits_for_office_hours_and_a_refused_one_pauses_the_office(
    office: Any,
    letters: Any,
    deliver: Any,
    smtp: Any,
    sql: Any,
    app: Any,
) -> None:
    smtp.answer = lambda address: "550 5.1.1 No such user" if "dot.example" in address else "250 OK"
    with time_machine.travel(MONDAY_NOON - timedelta(hours=6), tick=False) as clock:
        office(**HOURS, channel="digest")
        letters(2)
        deliver()
        assert sql("SELECT count(*) FROM bundle") == [(0,)]
        clock.shift(6 * 3600)
        deliver()
        assert sql("SELECT state FROM bundle") == [("failed",)]
        assert sql("SELECT paused FROM target") == [(True,)]
        assert sql("SELECT state, count(*) FROM delivery GROUP BY 1") == [("failed", 2)]
        smtp.answer = lambda address: "250 OK"
        with app.app_context():
            from campaign.offices import commands as offices
            from campaign.papers import commands

            assert commands.undo(1)
            offices.resume(1, by="an organizer")
        deliver()
    assert sql("SELECT state, count(*) FROM delivery GROUP BY 1") == [("sent", 2)]


def test_a_packet_is_made_printed_handed_over_and_told_of(
    demo: Any, client: Any, confirm: Any, staff: Any, deliver: Any, sql: Any, tmp_path: Any
) -> None:
    sql("UPDATE target SET channel = 'packet', email = '' WHERE id = 1")
    writer = Writer(client, "wait-in-freedom")
    writer.send()
    own = confirm().get_data(as_text=True)
    deliver()
    desk = staff("organizer")
    page = desk.get("/desk/targets/1/bundles").get_data(as_text=True)
    assert "What DHS asks for" in page and "6 CFR 3.5" in page
    assert post(desk, "/desk/targets/1/bundles", campaign="1").status_code == 303
    deliver()
    answer = desk.get("/desk/targets/1/bundles/1.pdf")
    assert answer.mimetype == "application/pdf"
    page = desk.get("/desk/targets/1/bundles").get_data(as_text=True)
    assert "ready to print" in page
    post(desk, "/desk/targets/1/bundles", "/desk/targets/1/bundles/1/handed", on="2099-01-01")
    assert sql("SELECT state FROM bundle") == [("ready",)], "not before that day"
    post(
        desk,
        "/desk/targets/1/bundles",
        "/desk/targets/1/bundles/1/handed",
        on="2026-11-24",
        note="Mail room",
    )
    assert sql("SELECT state, handed_on::text, note FROM bundle") == [
        ("handed", "2026-11-24", "Mail room")
    ]
    assert sql("SELECT state FROM delivery WHERE target_id = 1") == [("sent",)]
    import re

    link = re.search(r'href="([^"]*/me/[^"#]+)', own)
    assert link and "Handed over on paper" in client.get(link[1]).get_data(as_text=True)
    words = pdf_text(answer.data, tmp_path)
    for said in ("Petition for Rulemaking", "100 Example Street", "245 Murray Lane", "Contents", "my grandmother waited",
                 "Ana Ruiz", "Physicians for Human Rights", "1. What we ask"):  # fmt: skip
        assert said in words, said


def test_a_packet_is_refused_while_something_is_missing(
    demo: Any, client: Any, confirm: Any, staff: Any, deliver: Any, sql: Any
) -> None:
    sql("UPDATE target SET channel = 'packet' WHERE id = 1")
    sql("UPDATE petition_version SET facts = facts - 'petitioner_address'")
    Writer(client, "wait-in-freedom").send()
    confirm()
    desk = staff("organizer")
    page = desk.get("/desk/targets/1/bundles").get_data(as_text=True)
    assert "once nothing is missing" in page
    post(desk, "/desk/targets/1", "/desk/targets/1/bundles", campaign="1")
    assert sql("SELECT count(*) FROM bundle") == [(0,)]


def test_a_packet_taken_apart_gives_its_letters_back(
    app: Any,
    office: Any,
    letters: Any,
    deliver: Any,
    sql: Any,
) -> None:
    from campaign.papers import commands

    office(channel="packet")
    letters(5)
    with app.app_context():
        commands.IN_A_PIECE = 2
        assert len(commands.begin_packet(1, 1, "someone")) == 3
        commands.IN_A_PIECE = 1000
    deliver()
    assert sql("SELECT state, piece, letters FROM bundle ORDER BY id") == [
        ("ready", 1, 2),
        ("ready", 2, 2),
        ("ready", 3, 1),
    ]
    with app.app_context():
        assert commands.undo(2)
        assert not commands.undo(2)
    assert sql("SELECT state, count(*) FROM delivery GROUP BY 1 ORDER BY 1") == [
        ("queued", 3),
        ("waiting", 2),
    ]


def test_a_letter_held_or_rejected_leaves_no_packet_with_it(
    app: Any, office: Any, letters: Any, deliver: Any, sql: Any
) -> None:
    from campaign.letters import deciding
    from campaign.papers import commands

    office(channel="packet")
    letters(2)
    with app.app_context():
        commands.begin_packet(1, 1, "someone")
    deliver()
    with app.app_context():
        assert deciding.reject(1, "Threatens someone", "an organizer")
    assert sql("SELECT state FROM bundle") == [("undone",)]
    assert sql("SELECT letter_id, state FROM delivery ORDER BY id") == [
        (1, "cancelled"),
        (2, "waiting"),
    ]


def test_who_is_deleted_is_in_no_pdf(
    app: Any, office: Any, letters: Any, deliver: Any, sql: Any
) -> None:
    from campaign.papers import commands
    from campaign.supporters import erasing

    office(channel="packet")
    letters(2)
    with app.app_context():
        commands.begin_packet(1, 1, "someone")
    deliver()
    with app.app_context():
        assert erasing.erase(1)
    assert sql("SELECT state, content FROM bundle") == [("undone", None)]
    assert sql("SELECT letter_id, state FROM delivery ORDER BY id") == [
        (1, "cancelled"),
        (2, "waiting"),
    ]


def test_markdown_becomes_paper() -> None:
    from campaign.papers.blocks import blocks

    found = blocks("## Head\n\nOne **two** *three*\n\n- a\n- b\n\n1. x\n2. y\n\n> said\n\n---")
    assert [one["kind"] for one in found] == [
        "heading",
        "par",
        "item",
        "item",
        "item",
        "item",
        "quote",
        "rule",
    ]
    assert [one.get("mark") for one in found[2:6]] == ["•", "•", "1.", "2."]
    assert {"text": "two", "strong": True, "em": False} in found[1]["runs"]


def test_a_large_paper_is_set_in_groups_and_its_contents_name_the_right_pages(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    from pypdf import PdfReader

    from campaign.papers import assembling, paper

    monkeypatch.setattr(assembling, "GROUP", 2)
    letters = [
        {
            "heading": f"{n}. Writer{n} Ruiz", "date": "", "subject": "Please", "salutation": "Dear Secretary:",
            "paragraphs": ["Let people wait in freedom."] * (60 if n == 2 else 1), "signoff": "Sincerely,",
            "name": f"Writer{n} Ruiz", "place": "", "email": "", "note": "",
        }
        for n in range(1, 6)
    ]  # fmt: skip
    data = {
        "title": "Letters", "lead": "Test Coalition", "running": "Test Coalition", "form": None, "words": paper.WORDS,
        "cover": {
            "title": "Letters to your office", "date": "", "office": "", "salutation": "", "paragraphs": [],
            "signoff": "", "sign": "",
        },
        "petition": {"title": "Release", "blocks": [{"kind": "par", "runs": [{"text": "We ask."}]}]},
        "letters": letters, "cosigners": [{"name": "An Organization", "detail": "national"}],
    }  # fmt: skip
    told: list[int] = []
    with app.app_context():
        reader = PdfReader(io.BytesIO(assembling.assemble(data, paper.compile_, told.append)))
    assert told == [2, 4, 5]
    pages = [page.extract_text() for page in reader.pages]
    front = next(n for n, text in enumerate(pages) if "The petition" in text and "We ask." in text)
    contents = pages[front - 1]
    for title, at in [("The petition", 1), ("1. Writer1", 2), ("2. Writer2", 3), ("3. Writer3", 5),
                      ("5. Writer5", 7), ("The co-signers", 8)]:  # fmt: skip
        assert title in pages[front + at - 1], (title, at)
        line = next(line for line in contents.splitlines() if title in line)
        assert line.rstrip().endswith(str(at)), line
