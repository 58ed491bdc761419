"""A letter is taken out of a packet that nobody has handed over: by its writer, or by who moderates."""

import re
from typing import Any

from tests.letters.conftest import BODY, Writer, own_page
from tests.papers.conftest import made_on, pdf_text
from tests.working import post

WHERE = "/desk/targets/1/bundles"


def write(client: Any, confirm: Any, name: str) -> str:
    """Someone's confirmed letter; the address of their own page."""
    writer = Writer(client, "wait-in-freedom")
    writer.send(f"{name}@people.example", given_name=name, body=f"{BODY} So says {name}.")
    return own_page(confirm(f"{name}@people.example"))


def take_back(client: Any, url: str, letter_id: int) -> None:
    page = client.get(url).get_data(as_text=True)
    assert "In a packet on paper" in page and "Take it back where it still waits" in page
    assert client.post(f"{url}/letters/{letter_id}/withdraw").status_code == 303


def bundles(desk: Any) -> str:
    return str(desk.get(WHERE).get_data(as_text=True))


def test_a_letter_is_taken_back_out_of_a_packet_which_is_made_again_without_it(
    desk: Any, client: Any, confirm: Any, deliver: Any, sql: Any, tmp_path: Any
) -> None:
    sql("UPDATE target SET paused = true WHERE id <> 1")
    ana, ben = (write(client, confirm, name) for name in ("Ana", "Ben"))
    post(desk, WHERE, campaign="1")
    deliver()
    assert "ready to print" in bundles(desk)
    take_back(client, ana, 1)
    page = client.get(ana).get_data(as_text=True)
    assert "You took this letter back" in page and "In a packet" not in page
    assert sql("SELECT state FROM letter ORDER BY id") == [("withdrawn",), ("confirmed",)]

    page = bundles(desk)
    assert (
        "1 letter was taken out since this packet was made" in page and "ready to print" not in page
    )
    assert "It was handed over" not in page and f"{WHERE}/1.pdf" not in page
    assert "to be made again" in desk.get("/desk/").get_data(as_text=True)
    refused = desk.get(f"{WHERE}/1.pdf", follow_redirects=True)
    assert "make it again first" in refused.get_data(as_text=True)
    post(desk, WHERE, f"{WHERE}/1/handed", on=made_on(sql))
    assert sql("SELECT state FROM bundle") == [("ready",)], "a button of a page opened before"

    post(desk, WHERE, f"{WHERE}/1/again")
    assert 'max="1" value="0"' in bundles(desk), "the bar begins again"
    deliver()
    words = pdf_text(desk.get(f"{WHERE}/1.pdf").data, tmp_path)
    assert "So says Ben" in words and "So says Ana" not in words
    post(desk, WHERE, f"{WHERE}/1/handed", on=made_on(sql))
    states = "SELECT letter_id, state, bundle_id FROM delivery WHERE target_id = 1 ORDER BY id"
    assert sql(states) == [(1, "cancelled", None), (2, "sent", 1)]
    page = client.get(ben).get_data(as_text=True)
    assert "Handed over on paper" in page
    client.post(f"{ben}/letters/2/withdraw")
    assert sql(states)[1] == (2, "sent", 1), "too late"


def test_the_last_letter_leaves_no_packet_behind(
    desk: Any, client: Any, confirm: Any, deliver: Any, sql: Any
) -> None:
    ana = write(client, confirm, "Ana")
    post(desk, WHERE, campaign="1")
    deliver()
    take_back(client, ana, 1)
    answer = post(desk, WHERE, f"{WHERE}/1/again")
    assert "it is taken apart" in desk.get(answer.location).get_data(as_text=True)
    assert sql("SELECT state, content FROM bundle") == [("undone", None)]
    assert sql("SELECT state, bundle_id FROM delivery WHERE target_id = 1") == [("cancelled", None)]
    answer = post(desk, WHERE, f"{WHERE}/1/again")
    assert "in another state now" in desk.get(answer.location).get_data(as_text=True)


def test_what_is_taken_back_before_the_paper_is_set_is_not_in_it(
    desk: Any, client: Any, confirm: Any, deliver: Any, sql: Any, tmp_path: Any
) -> None:
    ana, _ben = (write(client, confirm, name) for name in ("Ana", "Ben"))
    post(desk, WHERE, campaign="1")
    take_back(client, ana, 1)
    deliver()
    assert "ready to print" in bundles(desk) and "taken out" not in bundles(desk)
    assert "So says Ana" not in pdf_text(desk.get(f"{WHERE}/1.pdf").data, tmp_path)
    assert sql("SELECT letters FROM bundle") == [(1,)]
    # Taken apart, the one that was taken back does not wait again.
    post(desk, WHERE, f"{WHERE}/1/undo")
    states = "SELECT letter_id, state, bundle_id FROM delivery WHERE target_id = 1 ORDER BY id"
    assert sql(states) == [(1, "cancelled", None), (2, "waiting", None)]


def test_a_new_letter_takes_the_place_of_one_in_a_packet(
    desk: Any, client: Any, confirm: Any, deliver: Any, sql: Any
) -> None:
    sql("UPDATE target SET paused = true WHERE id <> 1")
    write(client, confirm, "Ana")
    post(desk, WHERE, campaign="1")
    deliver()
    Writer(client, "wait-in-freedom").send("Ana@people.example", subject="Other words now")
    confirm("Ana@people.example")
    assert sql("SELECT state FROM letter ORDER BY id") == [("replaced",), ("confirmed",)]
    assert re.search(r"1 letter was taken out", bundles(desk))


def two_in_a_packet(desk: Any, client: Any, confirm: Any, deliver: Any, sql: Any) -> list[str]:
    """Ana's and Ben's letters in a packet that is ready; the addresses of their own pages."""
    sql("UPDATE target SET paused = true WHERE id <> 1")
    pages = [write(client, confirm, name) for name in ("Ana", "Ben")]
    post(desk, WHERE, campaign="1")
    deliver()
    assert "ready to print" in bundles(desk)
    return pages


STATES = "SELECT letter_id, state, bundle_id FROM delivery WHERE target_id = 1 ORDER BY id"


def test_a_letter_that_is_rejected_leaves_the_others_in_the_packet(
    desk: Any, client: Any, confirm: Any, deliver: Any, sql: Any, tmp_path: Any
) -> None:
    ana, _ben = two_in_a_packet(desk, client, confirm, deliver, sql)
    post(desk, "/desk/letters/1", "/desk/letters/1/reject", reason="Threatens someone")
    assert sql(STATES) == [(1, "cancelled", 1), (2, "queued", 1)]
    assert "Threatens someone" in client.get(ana).get_data(as_text=True)
    assert "1 letter was taken out since this packet was made" in bundles(desk)
    assert "to be made again" in desk.get("/desk/").get_data(as_text=True)
    answer = post(desk, WHERE, f"{WHERE}/1/handed", on=made_on(sql))
    assert "make it again first" in answer.get_data(as_text=True)
    post(desk, WHERE, f"{WHERE}/1/again")
    deliver()
    words = pdf_text(desk.get(f"{WHERE}/1.pdf").data, tmp_path)
    assert "So says Ben" in words and "So says Ana" not in words
    post(desk, WHERE, f"{WHERE}/1/handed", on=made_on(sql))
    assert sql(STATES) == [(1, "cancelled", None), (2, "sent", 1)]


def test_a_letter_that_is_held_is_in_the_packet_again_when_it_is_let_go(
    desk: Any, client: Any, confirm: Any, deliver: Any, sql: Any, tmp_path: Any
) -> None:
    ana, _ben = two_in_a_packet(desk, client, confirm, deliver, sql)
    hold = "/desk/letters/1/hold"
    post(desk, "/desk/letters/1", hold, reason="Names a child")
    assert sql(STATES) == [(1, "held", 1), (2, "queued", 1)]
    assert "Waits for a person" in client.get(ana).get_data(as_text=True)
    answer = post(desk, WHERE, f"{WHERE}/1/handed", on=made_on(sql))
    assert "make it again first" in answer.get_data(as_text=True)
    # The paper has it still.
    post(desk, "/desk/letters/1", "/desk/letters/1/release")
    assert sql(STATES) == [(1, "queued", 1), (2, "queued", 1)]
    assert "ready to print" in bundles(desk)
    # Once the packet is made again without it, it waits for the next one.
    post(desk, "/desk/letters/1", hold, reason="Names a child")
    post(desk, WHERE, f"{WHERE}/1/again")
    deliver()
    assert "So says Ana" not in pdf_text(desk.get(f"{WHERE}/1.pdf").data, tmp_path)
    assert sql(STATES) == [(1, "held", None), (2, "queued", 1)]
    post(desk, "/desk/letters/1", "/desk/letters/1/release")
    post(desk, WHERE, f"{WHERE}/1/handed", on=made_on(sql))
    assert sql(STATES) == [(1, "waiting", None), (2, "sent", 1)]


def test_a_held_letter_can_be_taken_back_and_goes_nowhere_with_a_packet_taken_apart(
    desk: Any, client: Any, confirm: Any, deliver: Any, sql: Any
) -> None:
    ana, _ben = two_in_a_packet(desk, client, confirm, deliver, sql)
    for n in (1, 2):
        post(desk, f"/desk/letters/{n}", f"/desk/letters/{n}/hold", reason="Names a child")
    client.post(f"{ana}/letters/1/withdraw")
    assert sql(STATES) == [(1, "cancelled", 1), (2, "held", 1)]
    post(desk, WHERE, f"{WHERE}/1/undo")
    assert sql(STATES) == [(1, "cancelled", None), (2, "held", None)]
    assert sql("SELECT state FROM letter ORDER BY id") == [("withdrawn",), ("held",)]
