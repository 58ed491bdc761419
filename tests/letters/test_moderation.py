"""Rules that hold letters for a person, decisions about many at once, and how alike letters are."""

import random
import re
from typing import Any

from tests.letters.conftest import BODY, Writer, text_of
from tests.working import post


def held(sql: Any) -> list[Any]:
    return sql("SELECT state, hold_reason FROM letter ORDER BY id")


def test_a_rule_holds_a_letter_and_no_other(
    writer: Writer, confirm: Any, staff: Any, deliver: Any, smtp: Any, sql: Any
) -> None:
    desk = staff("organizer")
    assert (
        post(
            desk,
            "/desk/letters/rules",
            links="2",
            words="Threat\nbomb",
            same="2",
            longest="0",
            network="0",
        ).status_code
        == 303
    )
    assert "Threat" in desk.get("/desk/letters/rules").get_data(as_text=True)
    writer.send(body=BODY + " This is no THREAT to anyone.")
    assert "reads it before it leaves" in confirm().get_data(as_text=True)
    writer.send("ben@people.example", body=BODY + " Threatening is another word. Ben")
    confirm("ben@people.example")
    writer.send(
        "cy@people.example", body=BODY + " See https://a.example and https://b.example here."
    )
    confirm("cy@people.example")
    deliver()
    assert held(sql) == [
        ("held", "It contains “Threat”."),
        ("confirmed", ""),
        ("held", "It has 2 links."),
    ]
    assert len(smtp.to("secretary@dot.example")) == 1
    page = desk.get("/desk/letters").get_data(as_text=True)
    assert "It has 2 links." in page and "ana@people.example" in page
    post(
        desk,
        "/desk/letters?state=held",
        "/desk/letters/decide",
        id=["1"],
        decision="reject",
        reason="Please leave that word out.",
    )
    post(desk, "/desk/letters?state=held", "/desk/letters/decide", id=["3"], decision="release")
    deliver()
    assert len(smtp.to("secretary@dot.example")) == 2
    notice = text_of(smtp.to("ana@people.example")[-1])
    assert "Please leave that word out." in notice and "/me/" in notice
    assert sql("SELECT state, count(*) FROM delivery GROUP BY 1 ORDER BY 1") == [
        ("cancelled", 1),
        ("sent", 2),
    ]


def test_one_link_can_be_enough(writer: Writer, confirm: Any, staff: Any, sql: Any) -> None:
    desk = staff("organizer")
    post(
        desk,
        "/desk/letters/rules",
        links="1",
        words="",
        same="0",
        longest="0",
        network="0",
    )
    writer.send(body=f"{BODY} See cheap-shop.com for more.")
    confirm()
    assert held(sql) == [("held", "It has a link.")]
    assert "Tiene un enlace." in desk.get("/es/desk/letters?state=held").get_data(as_text=True)


def test_all_that_a_page_shows_is_read_and_decided_there(
    writer: Writer, confirm: Any, staff: Any, sql: Any
) -> None:
    desk = staff("organizer")
    post(desk, "/desk/letters/rules", links="0", words="threat", same="0", longest="0", network="0")
    for name in ("ana", "ben"):
        writer.send(f"{name}@people.example", body=f"{BODY} No threat, says {name}.")
        confirm(f"{name}@people.example")
    page = desk.get("/desk/letters?state=held").get_data(as_text=True)
    assert "No threat, says ana." in page and "No threat, says ben." in page
    none = post(desk, "/desk/letters", "/desk/letters/decide", decision="release")
    assert none.status_code == 422 and "Choose the letters first." in none.get_data(as_text=True)
    marks = dict(re.findall(r'name="(seen-\d+)" value="(\w+)"', page))
    post(desk, "/desk/letters", "/desk/letters/decide", decision="release", all="1", **marks)
    assert [state for state, _ in held(sql)] == ["confirmed", "confirmed"]


def test_what_was_ticked_and_typed_stays_where_the_reason_is_missing(
    writer: Writer, confirm: Any, staff: Any, sql: Any
) -> None:
    desk = staff("organizer")
    post(desk, "/desk/letters/rules", links="0", words="threat", same="0", longest="0", network="0")
    for name in ("ana", "ben", "cy"):
        writer.send(f"{name}@people.example", body=f"{BODY} No threat, says {name}.")
        confirm(f"{name}@people.example")

    def ticked(answer: Any) -> list[str]:
        assert answer.status_code == 422
        return re.findall(r'name="id" value="(\d+)" checked', answer.get_data(as_text=True))

    seen = "/desk/letters?state=held"
    many = {"id": ["1", "3"], "decision": "reject", "q": "", "campaign": "1", "after": "0"}
    answer = post(desk, seen, "/desk/letters/decide", **many)
    page = answer.get_data(as_text=True)
    assert ticked(answer) == ["3", "1"] and "Please say why." in page
    assert 'name="campaign" value="1"' in page, "the same part of the list"
    # One that its writer has changed meanwhile is to be read again first.
    many["seen-3"] = "other words"
    assert ticked(post(desk, seen, "/desk/letters/decide", **many)) == ["1"]
    everything = post(desk, seen, "/desk/letters/decide", all="1", decision="reject", reason=" ")
    assert re.search(r'<input [^>]*name="all"[^>]* checked', everything.get_data(as_text=True))
    none = post(desk, seen, "/desk/letters/decide", decision="reject", reason="Some reason")
    assert 'value="Some reason"' in none.get_data(as_text=True)
    long = post(desk, "/desk/letters/1", "/desk/letters/1/reject", reason="long " * 100)
    assert long.status_code == 422 and "long long" in long.get_data(as_text=True)
    other = post(desk, "/desk/letters/1", "/desk/letters/1/reject", reason="Mine", seen="before")
    page = other.get_data(as_text=True)
    assert "changed meanwhile" in page and 'value="Mine"' in page
    assert {state for state, _ in held(sql)} == {"held"}


def test_a_listed_word_is_seen_through_its_disguises(
    writer: Writer, confirm: Any, staff: Any, sql: Any
) -> None:
    post(
        staff("organizer"),
        "/desk/letters/rules",
        links="0",
        words="Bombé",
        same="0",
        longest="0",
        network="0",
    )
    for n, word in enumerate(("bom\u00adbé", "BOM\u200bBÉ", "ｂｏｍｂé", "bombés")):
        writer.send(f"p{n}@people.example", body=f"{BODY} A {word} it is.")
        confirm(f"p{n}@people.example")
    writer.send("p4@people.example", given_name="Bombé")
    confirm("p4@people.example")
    assert [state for state, _ in held(sql)] == ["held", "held", "held", "confirmed", "held"]


def test_the_same_own_words_from_many_confirmed_addresses_are_held(
    writer: Writer, confirm: Any, app: Any, sql: Any
) -> None:
    from campaign.letters import moderation

    with app.app_context():
        moderation.save(moderation.Rules(same=3), by="an organizer")
    for name in ("ana", "ben", "cy", "dee", "eve"):
        writer.send(f"{name}@people.example")
    for name in ("ana", "ben", "cy", "dee", "eve"):
        confirm(f"{name}@people.example")
    found = held(sql)
    # What others only typed with an address that need not be theirs holds nobody up.
    assert [state for state, _ in found] == ["confirmed"] * 3 + ["held"] * 2
    assert "from at least 3 other addresses" in found[3][1]


def test_a_word_more_does_not_hide_the_same_words_from_many_addresses(
    campaign_id: int, office: Any, app: Any, sql: Any
) -> None:
    from campaign.extensions import db
    from campaign.letters import commands, confirming, moderation

    office()
    ghost = random.Random(7)
    vocabulary = [f"word{n}" for n in range(2000)]
    copied = [ghost.choice(vocabulary) for _ in range(150)]
    with app.app_context():
        moderation.save(moderation.Rules(same=3), by="an organizer")
        door = commands.Doorway(campaign_id, "test")
        for n in range(20):
            own = [ghost.choice(vocabulary) for _ in range(150)]
            body = " ".join([*copied[: n * 7], f"mine{n}", *copied[n * 7 :]] if n % 2 else own)
            words = commands.Words("A", "B", "60604", f"Subject {n}", body, "en")
            commands.write_letter(door, f"w{n}@people.example", words, f"nonce{n}")
            confirming.confirm_in_transaction(n + 1)
            db.session.commit()
    found = held(sql)
    assert {state for state, _ in found[::2]} == {"confirmed"}, "each in words of its own"
    copies = [state for state, _ in found[1::2]]
    assert copies[:3] == ["confirmed"] * 3 and copies.count("held") >= 5
    assert "Nearly the same own words came from at least" in "".join(why for _, why in found)


def test_unchanged_templates_are_welcome(demo: Any, client: Any, confirm: Any, sql: Any) -> None:
    body = sql("SELECT body ->> 'en' FROM letter_template LIMIT 1")[0][0]
    writer = Writer(client, "wait-in-freedom")
    for name in ("ana", "ben", "cy", "dee", "eve"):
        writer.send(f"{name}@people.example", body=body)
        confirm(f"{name}@people.example")
    assert {state for state, _ in held(sql)} == {"confirmed"}
    assert sql("SELECT max(own_share) FROM letter") == [(0.0,)]


def test_letters_that_say_nearly_the_same_are_grouped(
    writer: Writer, app: Any, staff: Any, sql: Any
) -> None:
    ghost = random.Random(7)
    vocabulary = [f"word{ghost.choice('abcdefgh')}{n}" for n in range(400)]
    common = [ghost.choice(vocabulary) for _ in range(200)]
    for n in range(6):
        near = [*common[:100], f"mine{n}", *common[101:]]
        text = " ".join(near) if n < 4 else " ".join(ghost.choice(vocabulary) for _ in range(200))
        writer.send(f"w{n}@people.example", body=text)
    sql("UPDATE letter SET state = 'confirmed'")
    with app.app_context():
        from campaign.letters import similarity

        found = similarity.report(1)
    assert found.letters == 6 and found.personal == 6
    assert [one.letters for one in found.groups] == [4]
    assert found.unique == 2
    page = staff("organizer").get("/desk/letters/alike").get_data(as_text=True)
    assert "nearly the same" in page
    # Where all keep the suggested subject, its first words tell which text it is.
    begins = re.search(r'<span[^>]*dir="auto">([^<]+)…</span>', page)
    assert begins and " ".join(common).startswith(begins[1]) and len(begins[1]) > 80


def test_what_a_list_leaves_out_it_says(
    letters: Any, office: Any, staff: Any, sql: Any, monkeypatch: Any
) -> None:
    from campaign.letters import desk_queries, similarity

    office()
    letters(4)
    sql("UPDATE letter SET fingerprint = CASE WHEN id < 3 THEN 1 ELSE -77 END")
    desk = staff("organizer")
    monkeypatch.setattr(similarity, "GROUPS", 2)
    assert "not listed" not in desk.get("/desk/letters/alike").get_data(as_text=True)
    monkeypatch.setattr(similarity, "GROUPS", 1)
    assert "1 smaller group is not listed." in desk.get("/desk/letters/alike").get_data(
        as_text=True
    )
    monkeypatch.setattr(desk_queries, "FOUND", 4)
    search = {"q": "w", "state": ""}
    page = post(desk, "/desk/letters", **search).get_data(as_text=True)
    assert page.count("@people.example") == 4 and "are left out" not in page
    monkeypatch.setattr(desk_queries, "FOUND", 3)
    assert "More than 3 people" in post(desk, "/desk/letters", **search).get_data(as_text=True)


def test_own_words_and_fingerprints() -> None:
    from campaign.letters.words import distance, fingerprint, own_share

    template = "one two three four five six"
    assert own_share(template, [template]) == 0
    assert own_share("", [template]) == 0
    assert own_share("Quite other words stand here", [template]) == 1
    assert own_share("one two three. And my own words", [template]) == 4 / 7
    assert fingerprint("A b c d") == fingerprint("a, B c? d!")
    assert -(2**63) <= fingerprint("x" * 100) < 2**63
    assert distance(-1, 0) == 64


def test_words_of_one_campaign_hold_its_letters_alone(
    writer: Writer, confirm: Any, staff: Any, sql: Any
) -> None:
    desk = staff("organizer")
    assert post(desk, "/desk/letters/rules/test", words="grandmother\n").status_code == 303
    assert "grandmother" in desk.get("/desk/letters/rules/test").get_data(as_text=True)
    assert "1 word" in desk.get("/desk/letters/rules").get_data(as_text=True)
    writer.send()
    confirm()
    assert held(sql) == [("held", "It contains “grandmother”.")]
    assert desk.get("/desk/letters/rules/none").status_code == 404


def test_many_from_one_network_are_held_and_no_address_is_kept(
    writer: Writer, confirm: Any, app: Any, sql: Any
) -> None:
    from campaign.letters import moderation

    with app.app_context():
        moderation.save(moderation.Rules(same=0, network=2), by="an organizer")
    people = ("ana", "ben", "cy", "dee")
    for number, name in enumerate(people):
        # A public network (RFC 5737's are not): three of it, and one from elsewhere.
        address = "9.9.9.9" if name == "dee" else f"8.8.8.{number}"
        writer.client.environ_base["REMOTE_ADDR"] = address
        writer.send(f"{name}@people.example")
    writer.client.environ_base["REMOTE_ADDR"] = "127.0.0.1"
    for name in people:
        confirm(f"{name}@people.example")
    assert [state for state, _ in held(sql)] == ["confirmed", "confirmed", "held", "confirmed"]
    assert "same network" in held(sql)[2][1]
    marks = [mark for (mark,) in sql("SELECT network FROM letter ORDER BY id")]
    assert len(set(marks)) == 2 and not any("8.8" in mark for mark in marks)


def test_the_writer_reads_a_usual_reason_in_their_language(
    writer: Writer, confirm: Any, staff: Any, smtp: Any, deliver: Any
) -> None:
    writer.send("ana@people.example", language="/es")
    confirm("ana@people.example")
    desk = staff("organizer")
    page = desk.get("/desk/letters/1").get_data(as_text=True)
    assert "this one reads Español" in page and "It advertises something." in page
    post(desk, "/desk/letters/1", "/desk/letters/1/reject", reason="It advertises something.")
    deliver()
    assert "Hace publicidad de algo." in text_of(smtp.to("ana@people.example")[-1])


def test_links_are_counted_as_readers_count_them() -> None:
    from campaign.letters.rules import LINK, links

    for text, n in (
        ("See https://www.uscis.gov/asylum and more.", 1),
        ("See www.uscis.gov, https://a.example/www.b and http://c.example.", 3),
        ("Buy at best-casino.com or at shop.best-casino.com/now today.", 2),
        ("Write to ana@people.com, e.g. on Monday; it is and/or U.S. law.", 0),
        ("Shortened: bit.ly/a1 and T.ME/chat, and evil.club/now", 3),
        ("See 8 U.S.C./CFR, the D.C./Maryland line, 1.5/2 and so on etc./more", 0),
    ):
        assert len(LINK.findall(text)) == n, text
        assert len(links(text)) == n, text


def test_a_name_is_no_web_address(writer: Writer) -> None:
    for name in ("evil.com", "Buy casino.shop", "bit.ly/now", "http://x", "a@b"):
        refused = writer.send(given_name=name)
        assert refused.status_code == 422 and "write only the name" in refused.text, name
    for name in ("😀", "…", "12"):
        refused = writer.send(given_name=name)
        assert refused.status_code == 422 and "at least one letter" in refused.text, name
    for number, name in enumerate(("J.R. O'Neil-Smith", "Ma.Teresa", "St. John", "Nuñez y Cía.")):
        assert writer.send(f"w{number}@people.example", given_name=name).status_code == 303, name
