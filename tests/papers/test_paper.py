"""How letters are set on paper: in groups, in every script, and with what no font has."""

import io
from typing import Any

import pytest

from tests.papers.conftest import pdf_text


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
    packet: Any, staff: Any, sql: Any, tmp_path: Any
) -> None:
    from campaign.papers import glyphs

    # No font has a character that is none: the last of a plane for private use.
    packet(3, odd=" \u3200 \U0001fbff \U0001d8ff")
    assert glyphs._missing({"a", "\U0001d8ff"}) == {"\U0001d8ff"}
    page = staff("organizer").get("/desk/targets/1/bundles").get_data(as_text=True)
    assert "1 letter has characters that no font of this machine can print" in page
    words = pdf_text(sql("SELECT content FROM bundle")[0][0], tmp_path)
    assert words.count("they stand as empty boxes") == 1


def test_a_line_separator_is_a_line_on_paper_and_a_pasted_bullet_is_no_unnoticed_hole(
    packet: Any, staff: Any, sql: Any, tmp_path: Any
) -> None:
    packet(2, odd="\u2028A line of its own. \uf0b7\u2029A paragraph of its own.")
    words = pdf_text(sql("SELECT content FROM bundle")[0][0], tmp_path)
    assert "\nA line of its own." in words and "\nA paragraph of its own." in words
    page = staff("organizer").get("/desk/targets/1/bundles").get_data(as_text=True)
    assert "1 letter has characters that no font of this machine can print (\uf0b7)" in page
