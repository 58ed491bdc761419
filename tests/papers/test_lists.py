"""Lists of packets, digests and filings that are longer than a page, and how many pages a paper has."""

import io
import re
from typing import Any

from tests.papers.test_filing import DESK, docket  # noqa: F401  # fixture
from tests.working import post

BUNDLES = "/desk/targets/1/bundles"


def following(html: str) -> str:
    found = re.search(r'rel="next" href="([^"]*)"', html)
    assert found
    return found[1]


def test_packets_are_leafed_through_and_an_older_one_is_handed_over(
    packet: Any, staff: Any, sql: Any
) -> None:
    packet(1)
    sql("INSERT INTO bundle (kind, target_id, campaign_id, state, day, letters, created_at) SELECT 'packet', 1, 1, 'undone', '2020-01-01', 1, now() FROM generate_series(1, 51)")  # fmt: skip
    desk = staff("organizer")
    page = desk.get(BUNDLES).get_data(as_text=True)
    assert page.count("<h2>Packet,") == 50 and "ready to print" not in page
    there = following(page)
    page = desk.get(there).get_data(as_text=True)
    assert "ready to print" in page
    handed = re.search(r'action="([^"]*/1/handed[^"]*)"', page)
    assert handed
    answer = post(desk, there, handed[1], on="", note="Mail room")
    assert answer.status_code == 422 and 'value="Mail room"' in answer.get_data(as_text=True)
    ((day,),) = sql("SELECT day::text FROM bundle WHERE id = 1")
    answer = post(desk, there, handed[1], on=day, note="Mail room")
    assert answer.status_code == 303 and answer.headers["Location"].endswith(there)


def test_progress_counts_all_pieces_of_a_packet(
    packet: Any, staff: Any, app: Any, sql: Any
) -> None:
    packet(1)
    sql("INSERT INTO bundle (kind, target_id, campaign_id, state, day, letters, done, created_at) SELECT 'packet', 1, 1, CASE WHEN n > 20 THEN 'making' ELSE 'ready' END, '2026-01-01', 1000, CASE WHEN n > 20 THEN 0 ELSE 1000 END, '2026-01-01' FROM generate_series(1, 80) AS n")  # fmt: skip
    page = staff("organizer").get(BUNDLES).get_data(as_text=True)
    assert '<progress id="making" max="80000" value="20000"' in page


def test_the_desk_says_how_many_pages_a_packet_has(packet: Any, staff: Any, sql: Any) -> None:
    from pypdf import PdfReader

    packet(2)
    ((pages,),) = sql("SELECT pages FROM bundle")
    desk = staff("organizer")
    assert len(PdfReader(io.BytesIO(desk.get(f"{BUNDLES}/1.pdf").data)).pages) == pages
    assert pages > 2 and f"2 letters, {pages} pages" in desk.get(BUNDLES).get_data(as_text=True)


def test_filings_are_leafed_through(
    docket: None,  # noqa: F811  # the fixture
    staff: Any,
    sql: Any,
) -> None:
    sql("INSERT INTO filing (petition_id, campaign_id, layout, state, upto, letters, created_at) SELECT 1, 1, 'zip', CASE WHEN n = 1 THEN 'making' ELSE 'ready' END, 1, n, now() FROM generate_series(1, 52) AS n")  # fmt: skip
    desk = staff("organizer")
    page = desk.get(DESK).get_data(as_text=True)
    assert re.findall(r">(\d+) letters?:", page) == [str(n) for n in range(52, 2, -1)]
    assert "The files are being made" in page, "also where that one is on another page"
    there = following(page)
    page = desk.get(there).get_data(as_text=True)
    discard = re.search(r'action="([^"]*/2/discard[^"]*)"', page)
    assert discard
    answer = post(desk, there, discard[1])
    assert answer.status_code == 303 and answer.headers["Location"].endswith(there)


def test_what_does_not_fit_says_whether_there_is_more(
    docket: None,  # noqa: F811  # the fixture
    letters: Any,
    staff: Any,
    sql: Any,
) -> None:
    letters(1)
    sql("INSERT INTO filing (petition_id, campaign_id, layout, state, upto, created_at) VALUES (1, 1, 'zip', 'ready', 1, now())")  # fmt: skip
    sql("INSERT INTO filing_misfit (filing_id, row, letter_id, field, why) SELECT 1, n, 1, 'comment', 'too long' FROM generate_series(1, 200) AS n")  # fmt: skip
    desk = staff("organizer")
    assert "does-not-fit.csv" not in desk.get(f"{DESK}/1").get_data(as_text=True)
    sql("INSERT INTO filing_misfit (filing_id, row, letter_id, field, why) VALUES (1, 201, 1, 'comment', 'too long')")  # fmt: skip
    assert "does-not-fit.csv" in desk.get(f"{DESK}/1").get_data(as_text=True)
