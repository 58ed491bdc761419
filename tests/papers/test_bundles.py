"""Digests and packets: a day's letters in one message with a PDF, and paper for delivery by hand."""

import re
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
        assert "The letters are in the attached file, letters-2026-05-04.pdf." in text_of(mail)
        assert sql("SELECT state, count(*) FROM delivery GROUP BY 1") == [("sent", 3)]
        tried = sql("SELECT last_value FROM bundle_id_seq")
        letters(2, first=4)
        deliver()
        assert len(smtp.to("secretary@dot.example")) == 1, "once a day"
        assert sql("SELECT last_value FROM bundle_id_seq") == tried, "and nobody tries in vain"
        from campaign.letters import queries

        with app.app_context():
            (receipt,) = queries.receipts(4)
            assert str(receipt.expected) == "2026-05-05"
        clock.shift(timedelta(days=1).total_seconds())
        deliver()
    assert len(smtp.to("secretary@dot.example")) == 2
    assert sql("SELECT state, letters FROM bundle ORDER BY id") == [("sent", 3), ("sent", 2)]
    assert sql("SELECT sum(delta) FROM journal WHERE name = 'deliveries.sent'") == [(5,)]


def test_a_day_with_many_letters_has_a_digest_in_parts(
    office: Any, letters: Any, deliver: Any, smtp: Any, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from campaign.papers import digests

    monkeypatch.setattr(digests, "IN_A_DIGEST", 2)
    with time_machine.travel(MONDAY_NOON, tick=False):
        office(**HOURS, channel="digest")
        letters(5)
        deliver()
        letters(1, first=6)
        deliver()
    said = sorted(
        str(mail.message["Subject"]).partition(":")[0] for mail in smtp.to("secretary@dot.example")
    )
    assert said == [
        "1 letter to your office, part 3",
        "2 letters to your office",
        "2 letters to your office, part 2",
    ]
    assert sql("SELECT state, count(*) FROM delivery GROUP BY 1 ORDER BY 1") == [
        ("sent", 5),
        ("waiting", 1),
    ]


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


def facts(**changes: str) -> str:
    import json

    return f"UPDATE petition_version SET facts = facts || '{json.dumps(changes)}'"


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        (facts(submit_to="P.O. Box 1"), "The address to mail it to is given, with 20528-0485."),
        ("UPDATE petition_version SET body = jsonb_build_object('en', '## The problem\n\n## How the rule solves it\n\nSo.')",
         "It has a section on the problem."),
    ],
)  # fmt: skip
def test_the_check_list_reads_what_is_there_under_any_name_of_the_agency(
    demo: Any, staff: Any, sql: Any, change: str, missing: str
) -> None:
    sql(
        "UPDATE target SET channel = 'packet', agency = 'U.S. Department of Homeland Security' WHERE id = 1"
    )
    sql("UPDATE campaign_target SET petition_id = (SELECT id FROM petition WHERE slug = 'dhs')")
    desk = staff("organizer")
    page = desk.get("/desk/targets/1/bundles").get_data(as_text=True)
    assert "6 CFR 3.5" in page and ">missing<" not in page
    sql(change)
    page = desk.get("/desk/targets/1/bundles").get_data(as_text=True)
    assert re.search(rf">missing</span>\s*{re.escape(missing)}", page), page
    post(desk, "/desk/targets/1", "/desk/targets/1/bundles", campaign="1")
    assert sql("SELECT count(*) FROM bundle") == [(0,)]


def test_the_petition_goes_alone_where_no_letter_waits(
    demo: Any, staff: Any, deliver: Any, sql: Any, tmp_path: Any
) -> None:
    sql("UPDATE target SET channel = 'packet' WHERE id = 1")
    desk = staff("organizer")
    where = "/desk/targets/1/bundles"
    assert "a packet of the petition alone" in desk.get(where).get_data(as_text=True)
    post(desk, where, campaign="1")
    assert sql("SELECT count(*) FROM bundle") == [(0,)], "a press of the other button, twice"
    post(desk, where, campaign="1", alone="1")
    deliver()
    ((number,),) = sql("SELECT id FROM bundle")
    words = pdf_text(desk.get(f"{where}/{number}.pdf").data, tmp_path)
    assert "Petition for Rulemaking" in words and "is enclosed, with its" in words
    assert "that they support" not in words and "The letters" not in words
    post(desk, where, f"{where}/{number}/handed", on="2026-11-24")
    assert sql("SELECT state, letters FROM bundle") == [("handed", 0)]


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
    from campaign.extensions import db
    from campaign.letters import deciding
    from campaign.letters.models import Letter
    from campaign.papers import commands

    office(channel="packet")
    letters(2)
    with app.app_context():
        commands.begin_packet(1, 1, "someone")
    deliver()
    with app.app_context():
        read = deciding.seen(db.session.get_one(Letter, 1))
        assert deciding.reject(1, "Threatens someone", "an organizer", read)
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


def letter_on_paper(n: int, *paragraphs: str) -> dict[str, Any]:
    return {
        "heading": f"{n}. Writer{n} Ruiz", "date": "", "subject": "Please", "salutation": "Dear Secretary:",
        "language": "en", "paragraphs": [{"text": words, "rtl": False} for words in paragraphs],
        "signoff": "Sincerely,", "name": f"Writer{n} Ruiz", "place": "", "email": "", "note": "",
    }  # fmt: skip


def paper_of(letters: list[dict[str, Any]]) -> dict[str, Any]:
    from campaign.papers import paper

    return {
        "title": "Letters", "lead": "Test Coalition", "running": "Test Coalition", "form": None, "words": paper.WORDS,
        "cover": {
            "title": "Letters to your office", "date": "", "office": "", "salutation": "", "paragraphs": [],
            "signoff": "", "sign": "",
        },
        "petition": {"title": "Release", "blocks": [{"kind": "par", "runs": [{"text": "We ask."}]}]},
        "letters": letters, "cosigners": [{"name": "An Organization", "detail": "national"}],
    }  # fmt: skip


def tagged(reader: Any) -> dict[int, str]:
    """The number of the page on which each tagged piece of a PDF's structure tree lies, by its first heading's text."""
    found: dict[int, str] = {}
    pages = {page.indirect_reference.idnum: n for n, page in enumerate(reader.pages, start=1)}

    def walk(node: Any) -> None:
        node = node.get_object()
        if isinstance(node, list):
            for kid in node:
                walk(kid)
        elif isinstance(node, dict):
            if node.get("/S") == "/H2":
                found[pages[node.raw_get("/Pg").idnum]] = str(node.get("/T", ""))
            if node.get("/Type") in ("/StructElem", "/StructTreeRoot") and "/K" in node:
                walk(node["/K"])

    walk(reader.root_object["/StructTreeRoot"])
    return found


def test_a_large_paper_is_set_in_groups_as_if_it_were_set_at_once(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    from pypdf import PdfReader

    from campaign.papers import assembling, paper

    letters = [
        letter_on_paper(n, *["Let people wait in freedom."] * (60 if n == 2 else 1))
        for n in range(1, 6)
    ]
    told: list[int] = []

    def made() -> Any:
        with app.app_context():
            pdf = assembling.assemble(paper_of(letters), paper.compile_, told.append)
        return PdfReader(io.BytesIO(pdf))

    at_once = made()
    monkeypatch.setattr(assembling, "GROUP", 2)
    in_groups = made()
    assert told == sorted(told) and told[-1] == 5
    assert [page.extract_text() for page in in_groups.pages] == [
        page.extract_text() for page in at_once.pages
    ], "the same pages, contents and numbers"
    assert "page 9 of 10" in in_groups.pages[8].extract_text()
    assert "5. Writer5 Ruiz" in in_groups.pages[8].extract_text()

    def bookmarks(reader: Any, entries: Any) -> list[Any]:
        return [
            bookmarks(reader, one)
            if isinstance(one, list)
            else (one.title, reader.get_destination_page_number(one))
            for one in entries
        ]

    assert bookmarks(in_groups, in_groups.outline) == bookmarks(at_once, at_once.outline)
    assert tagged(in_groups).keys() == tagged(at_once).keys() == {4, 5, 7, 8, 9}
    numbers = in_groups.root_object["/StructTreeRoot"]["/ParentTree"]["/Nums"][::2]
    assert numbers == sorted(set(numbers))
    assert {int(page["/StructParents"]) for page in in_groups.pages} <= set(numbers)
    targets = [
        in_groups.get_page_number(one.get_object()["/Dest"][0].get_object()) + 1
        for one in in_groups.pages[1]["/Annots"]
    ]
    assert sorted(set(targets)) == [1, 3, 4, 5, 7, 8, 9, 10], "its contents lead there"


def test_a_long_word_stays_on_the_page_and_what_runs_from_the_right_does(app: Any) -> None:
    import io

    from pypdf import PdfReader

    from campaign.papers import glyphs, paper

    assert glyphs.runs_right_to_left("12 ليلى") and not glyphs.runs_right_to_left("Ana ليلى")
    letter = letter_on_paper(1, "x" * 300)
    letter["paragraphs"].append({"text": "אני כותבת", "rtl": True})
    ends: list[float] = []
    with app.app_context():
        page = PdfReader(io.BytesIO(paper.compile_(paper_of([letter])))).pages[3]
    page.extract_text(
        visitor_text=lambda text, cm, tm, font, size: ends.append(cm[4] + tm[4]) if text else None
    )
    assert page.extract_text().replace("\n", "").replace("\u200b", "").count("x" * 300) == 1
    assert page.extract_text().count("\n") > 8, "on several lines"
    assert max(ends) > 400, "from the right"


def test_a_letter_that_cannot_be_printed_whole_says_so(
    app: Any, office: Any, letters: Any, deliver: Any, staff: Any, sql: Any, tmp_path: Any
) -> None:
    from campaign.papers import commands, glyphs

    office(channel="packet")
    letters(3)
    # No font has a character that is none: the last of a plane for private use.
    sql("UPDATE letter SET body = body || %s WHERE id = 2", " \u3200 \U0001fbff \U0001d8ff")
    assert glyphs._missing({"a", "\U0001d8ff"}) == {"\U0001d8ff"}
    with app.app_context():
        commands.begin_packet(1, 1, "someone")
    deliver()
    page = staff("organizer").get("/desk/targets/1/bundles").get_data(as_text=True)
    assert "1 letter has characters that no font of this machine can print" in page
    words = pdf_text(sql("SELECT content FROM bundle")[0][0], tmp_path)
    assert words.count("they stand as empty boxes") == 1
