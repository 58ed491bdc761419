"""Packets: paper for delivery by hand, from the check list to the day it is handed over."""

import re
from typing import Any

import psycopg
import pytest

from tests.letters.conftest import Writer, own_page
from tests.papers.conftest import made_on, pdf_text
from tests.working import csrf_token, post


def test_a_packet_is_made_printed_handed_over_and_told_of(
    desk: Any, client: Any, confirm: Any, deliver: Any, sql: Any, tmp_path: Any
) -> None:
    sql("UPDATE target SET email = '' WHERE id = 1")
    writer = Writer(client, "wait-in-freedom")
    writer.send()
    own = confirm().get_data(as_text=True)
    deliver()
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
    handed = "/desk/targets/1/bundles/1/handed"
    early = post(desk, "/desk/targets/1/bundles", handed, on="2020-01-02")
    assert "before the packet was made" in early.get_data(as_text=True)
    assert sql("SELECT state FROM bundle") == [("ready",)], "nor before there was a packet"
    day = made_on(sql)
    post(desk, "/desk/targets/1/bundles", handed, on=day, note="Mail room")
    assert sql("SELECT state, handed_on::text, note FROM bundle") == [("handed", day, "Mail room")]
    assert sql("SELECT state FROM delivery WHERE target_id = 1") == [("sent",)]
    link = re.search(r'href="([^"]*/me/[^"#]+)', own)
    assert link and "Handed over on paper" in client.get(link[1]).get_data(as_text=True)
    words = pdf_text(answer.data, tmp_path)
    for said in ("Petition for Rulemaking", "100 Example Street", "245 Murray Lane", "Contents", "my grandmother waited",
                 "Ana Ruiz", "Physicians for Human Rights", "1. What we ask"):  # fmt: skip
        assert said in words, said


def test_what_was_typed_of_a_packet_stays_where_the_day_is_wrong(packet: Any, staff: Any) -> None:
    packet(1)
    desk = staff("organizer")
    where = "/es/desk/targets/1/bundles"
    for day, problem in (
        ("", "Complete este campo, por favor."),
        ("31/12/2026", "fecha"),
        ("2099-01-01", "Ese día todavía no ha llegado."),
    ):
        answer = post(desk, where, f"{where}/1/handed", on=day, note="Al portero, recibo 7019")
        page = answer.get_data(as_text=True)
        assert answer.status_code == 422 and 'value="Al portero, recibo 7019"' in page
        said = re.search(r'class="problem" id="on-1-error">([^<]*)<', page)
        assert said and problem in said[1], said
        assert 'aria-describedby="on-1-error"' in page and f'value="{day}"' in page


def test_what_was_typed_stays_where_the_packet_cannot_be_handed_over(
    desk: Any, one_in_a_packet: Any, sql: Any
) -> None:
    where = "/desk/targets/1/bundles"
    sql("UPDATE petition_version SET facts = facts - 'petitioner_address'")
    answer = post(desk, where, f"{where}/1/handed", on=made_on(sql), note="Receipt 7019")
    page = answer.get_data(as_text=True)
    assert "cannot be called handed over" in page and 'value="Receipt 7019"' in page
    assert sql("SELECT state FROM bundle") == [("ready",)]


def test_a_packet_whose_letters_were_cancelled_is_not_handed_over(
    desk: Any, client: Any, one_in_a_packet: Any, deliver: Any, sql: Any
) -> None:
    where = "/desk/targets/1/bundles"
    own = own_page(one_in_a_packet)
    assert "In a packet on paper" in client.get(own).get_data(as_text=True)
    opened = desk.get(where).get_data(as_text=True)
    post(desk, "/desk/letters/campaigns", "/desk/letters/campaigns/1/cancel", sure="1")
    told = {"csrf_token": csrf_token(opened), "on": made_on(sql), "note": "Mail room"}
    answer = desk.post(f"{where}/1/handed", data=told)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422 and 'value="Mail room"' in page
    assert "no packet of them is made or handed over" in page
    assert sql("SELECT state, handed_on FROM bundle") == [("undone", None)]
    assert sql("SELECT DISTINCT state FROM delivery") == [("cancelled",)]
    assert "In a packet on paper" not in client.get(own).get_data(as_text=True)
    again = post(desk, where, campaign="1")
    assert "no packet of them" in desk.get(again.location).get_data(as_text=True)
    # Its letters were cancelled, not its petition.
    post(desk, where, campaign="1", alone="1")
    deliver()
    post(desk, where, f"{where}/2/handed", on=made_on(sql))
    assert sql("SELECT state, letters FROM bundle WHERE id = 2") == [("handed", 0)]


def test_a_packet_of_a_paused_campaign_is_handed_over_by_who_knows_that_it_is(
    desk: Any, client: Any, one_in_a_packet: Any, confirm: Any, deliver: Any, sql: Any
) -> None:
    where = "/desk/targets/1/bundles"
    assert "are paused" not in desk.get(where).get_data(as_text=True)
    post(desk, "/desk/letters/campaigns", "/desk/letters/campaigns/1/pause")
    page = desk.get(where).get_data(as_text=True)
    assert "nothing leaves by itself" in page and "It can be handed over all the same" in page
    post(desk, where, f"{where}/1/handed", on=made_on(sql))
    assert sql("SELECT state FROM bundle") == [("handed",)]
    assert "handed over all the same" not in desk.get(where).get_data(as_text=True)
    Writer(client, "wait-in-freedom").send("bo@people.example")
    confirm("bo@people.example")
    post(desk, where, campaign="1")
    deliver()
    assert sql("SELECT state, letters FROM bundle ORDER BY id DESC LIMIT 1") == [("ready", 1)]


def test_a_packet_that_is_being_made_when_its_letters_are_cancelled_is_taken_apart(
    desk: Any, client: Any, confirm: Any, deliver: Any, sql: Any, urls: Any
) -> None:
    where = "/desk/targets/1/bundles"
    Writer(client, "wait-in-freedom").send()
    confirm()
    post(desk, where, campaign="1")
    with psycopg.connect(urls.libpq()) as job:
        job.execute("SELECT id FROM bundle FOR UPDATE")
        post(desk, "/desk/letters/campaigns", "/desk/letters/campaigns/1/cancel", sure="1")
        assert sql("SELECT state FROM bundle") == [("making",)]
    deliver()
    assert sql("SELECT state, content FROM bundle") == [("undone", None)]
    assert sql("SELECT DISTINCT state FROM delivery") == [("cancelled",)]


def test_a_packet_is_refused_while_something_is_missing(
    desk: Any, client: Any, confirm: Any, sql: Any
) -> None:
    sql("UPDATE petition_version SET facts = facts - 'petitioner_address'")
    Writer(client, "wait-in-freedom").send()
    confirm()
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
    desk: Any, sql: Any, change: str, missing: str
) -> None:
    sql("UPDATE target SET agency = 'U.S. Department of Homeland Security' WHERE id = 1")
    sql("UPDATE campaign_target SET petition_id = (SELECT id FROM petition WHERE slug = 'dhs')")
    page = desk.get("/desk/targets/1/bundles").get_data(as_text=True)
    assert "6 CFR 3.5" in page and ">missing<" not in page
    sql(change)
    page = desk.get("/desk/targets/1/bundles").get_data(as_text=True)
    assert re.search(rf">missing</span>\s*{re.escape(missing)}", page), page
    post(desk, "/desk/targets/1", "/desk/targets/1/bundles", campaign="1")
    assert sql("SELECT count(*) FROM bundle") == [(0,)]


def test_the_petition_goes_alone_where_no_letter_waits(
    desk: Any, deliver: Any, sql: Any, tmp_path: Any
) -> None:
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
    post(desk, where, f"{where}/{number}/handed", on=made_on(sql))
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


def test_each_piece_says_on_its_first_page_and_in_its_name_which_it_is(
    app: Any, office: Any, letters: Any, deliver: Any, staff: Any, monkeypatch: Any, tmp_path: Any
) -> None:
    from campaign.papers import commands

    office(channel="packet")
    letters(3)
    monkeypatch.setattr(commands, "IN_A_PIECE", 2)
    with app.app_context():
        first, second = commands.begin_packet(1, 1, "someone")
    deliver()
    desk = staff("organizer")
    where = "/desk/targets/1/bundles"
    page = desk.get(where).get_data(as_text=True)
    assert "piece 1 of 2" in page and "piece 2 of 2" in page
    for number, said in ((first, "piece 1 of 2"), (second, "piece 2 of 2")):
        answer = desk.get(f"{where}/{number}.pdf")
        assert f"-{said.replace(' ', '-')}.pdf" in answer.headers["Content-Disposition"]
        assert said in pdf_text(answer.data, tmp_path).split("\f")[0]


def test_a_packet_that_cannot_be_set_says_so_in_words_and_its_letters_wait_again(
    office: Any, letters: Any, deliver: Any, staff: Any, app: Any, sql: Any, monkeypatch: Any
) -> None:
    from campaign.papers import commands, paper

    def broken(*_: Any) -> None:
        raise RuntimeError("error: something in the layout")

    office(channel="packet")
    letters(1)
    monkeypatch.setattr(paper, "set_bundle", broken)
    with app.app_context():
        commands.begin_packet(1, 1, "someone")
    deliver()
    page = staff("organizer").get("/desk/targets/1/bundles").get_data(as_text=True)
    assert "could not be made, and its letters wait again" in page
    assert "RuntimeError" not in page and "layout" not in page
    assert sql("SELECT state FROM delivery") == [("waiting",)]


def test_a_packet_that_goes_wrong_in_a_way_that_nobody_thought_of_keeps_no_other_waiting(
    office: Any, letters: Any, deliver: Any, app: Any, sql: Any, monkeypatch: Any
) -> None:
    from campaign.papers import commands, glyphs

    monkeypatch.setattr(glyphs, "LOOK_S", 0.001)
    for role in ("Secretary of Tests", "Undersecretary of Tests"):
        office(role, channel="packet")
    letters(1)
    sql("UPDATE letter SET body = body || ' \u4eba'")  # looked up, which takes too long
    with app.app_context():
        commands.begin_packet(1, 1, "someone")
    letters(1, first=2)
    sql("UPDATE delivery SET state = 'cancelled' WHERE letter_id = 1 AND target_id = 2")
    with app.app_context():
        commands.begin_packet(2, 1, "someone")
    deliver()
    assert sql("SELECT state FROM bundle ORDER BY id") == [("broken",), ("ready",)]


def test_who_is_deleted_is_in_no_pdf(app: Any, packet: Any, sql: Any) -> None:
    from campaign.supporters import erasing

    packet(2)
    with app.app_context():
        assert erasing.erase(1)
    assert sql("SELECT state, content FROM bundle") == [("undone", None)]
    assert sql("SELECT letter_id, state FROM delivery ORDER BY id") == [
        (1, "cancelled"),
        (2, "waiting"),
    ]


def test_the_bar_counts_only_the_packet_that_is_being_made(desk: Any, one_in_a_packet: Any) -> None:
    where = "/desk/targets/1/bundles"
    post(desk, where, f"{where}/1/undo")
    post(desk, where, campaign="1")
    page = desk.get(where).get_data(as_text=True)
    assert 'max="1" value="0"' in page, "not what was taken apart the same day"
