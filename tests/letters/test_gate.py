"""What stops a flood: limits by network and address, solved tasks, a budget of confirmation mails."""

import base64
import json
import secrets
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import altcha
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from campaign.extensions import db
from campaign.web import frame, gate, proof
from campaign.web.windows import Limit, Memory, Windows, Wish
from tests.letters.conftest import Writer, form_token

FLOOD = 400


def solved(client: FlaskClient, **changes: Any) -> str:
    """A solution of a new task, as a browser sends it."""
    answer = client.get("/proof")
    assert answer.headers["Cache-Control"] == "no-store" and "Set-Cookie" not in answer.headers
    task = altcha.Challenge.from_dict(answer.json)
    solution = altcha.solve_challenge(task)
    assert solution
    sent = {"challenge": answer.json, "solution": solution.to_dict()}
    sent["solution"] |= changes
    return base64.b64encode(json.dumps(sent).encode()).decode()


@pytest.fixture(params=["valkey", "memory"])
def windows(request: pytest.FixtureRequest, app: Flask) -> Windows:
    return Windows(app.config["RQ_CONNECTION"] if request.param == "valkey" else None)


def test_a_window_slides(windows: Windows, time_machine: Any) -> None:
    time_machine.move_to(1_800_000_000, tick=False)
    limit = [Limit("k", 60, 10, 4), Limit("wide", 3600, 1000, 1000)]
    assert [windows.take(limit).refused_by for _ in range(5)] == [-1] * 4 + [0]
    refused = windows.take(limit)
    assert refused.wait == 75, "four of four: in the next window one has gone after a quarter of it"
    time_machine.shift(refused.wait - 1)
    assert windows.take(limit).refused_by == 0
    time_machine.shift(1)
    assert windows.take(limit).refused_by == -1
    windows.give_back("k")
    assert windows.take(limit).refused_by == -1
    time_machine.shift(200)
    assert windows.take(limit).refused_by == -1, "an old window is forgotten"


def test_a_mark_opens_the_wider_limits_once(windows: Windows) -> None:
    limit = [Limit("k", 3600, 3, 1)]
    assert windows.take(limit, "mark", 60)[::2] == (-1, True)
    assert windows.take(limit, "mark", 60)[::2] == (0, False), "used up"
    assert windows.take(limit, "other", 60)[::2] == (-1, True)
    assert windows.take(limit, "third", 60)[::2] == (-1, True)
    assert windows.take(limit, "fourth", 60)[::2] == (0, True)
    assert windows.take([Limit("k2", 60, 1, 1)], "fourth", 60).marked, (
        "what was refused used nothing"
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 90), st.lists(st.integers(0, 2), min_size=1, max_size=20)),
        min_size=1,
        max_size=8,
    )
)
def test_many_at_once_are_counted_as_one_by_one(
    app: Flask, time_machine: Any, rounds: list[tuple[int, list[int]]]
) -> None:
    together, alone = Windows(app.config["RQ_CONNECTION"]), Memory()
    run = secrets.token_hex(8)
    wishes = [
        Wish([Limit(f"{run}{who}", 60, 7, 5), Limit(f"{run}all", 300, 40, 23)]) for who in range(3)
    ]
    now = 1_800_000_000
    for seconds, asked in rounds:
        now += seconds
        time_machine.move_to(now, tick=False)
        # Those that ask for the same are counted together, so the order is theirs.
        inorder = sorted(asked, key=asked.index)
        found = together.take_each([wishes[who] for who in inorder])
        assert found == [alone.take(wishes[who].limits, now, "", 1) for who in inorder]


def test_without_valkey_the_limits_go_on_in_memory(app: Flask) -> None:
    away = Windows("redis://127.0.0.1:1/0")
    assert [away.take([Limit("k", 60, 2, 2)]).refused_by for _ in range(3)] == [-1, -1, 0]
    away.give_back("k")
    assert away.take([Limit("k", 60, 2, 2)]).refused_by == -1
    memory = Memory()
    assert memory.take([Limit("k", 60, 0, 0)], 100.0, "", 1).refused_by == 0


def test_solutions_are_good_once_and_only_ours(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        good = solved(client)
        assert proof.check(good)
        assert proof.check("") is None and proof.check("x" * 20) is None
        assert proof.check(base64.b64encode(b'{"challenge": 7}').decode()) is None
        assert proof.check(solved(client, derivedKey="00" * 32)) is None
        other = altcha.create_challenge(
            "SHA-256", 1, counter=3, hmac_secret="other", hmac_key_secret="other"
        )
        solution = altcha.solve_challenge(other)
        assert solution
        assert proof.check(altcha.Payload(other, solution).to_base64()) is None


def test_a_task_is_neither_made_easier_nor_solved_too_late(
    app: Flask, client: FlaskClient, time_machine: Any
) -> None:
    time_machine.move_to(1_800_000_000, tick=False)
    sent = json.loads(base64.b64decode(solved(client)))

    def worth(**changes: Any) -> Any:
        parameters = sent["challenge"]["parameters"] | changes
        changed = {**sent, "challenge": sent["challenge"] | {"parameters": parameters}}
        with app.app_context():
            return proof.check(base64.b64encode(json.dumps(changed).encode()).decode())

    assert worth()
    assert worth(expiresAt=1_900_000_000) is None
    assert worth(cost=0) is None
    assert worth(keyPrefix="") is None
    time_machine.shift(proof.AGE - 60)
    assert worth()
    time_machine.shift(120)
    assert worth() is None


def test_a_flood_from_one_network_sends_few_mails_and_others_go_on(
    writer: Writer, app: Flask, client: FlaskClient, sql: Callable[..., list[Any]]
) -> None:
    kept = {name: app.config[name] for name in ("PUBLIC_POSTS", "PUBLIC_MAILS")}
    app.config.update(PUBLIC_POSTS="120 per minute; 2000 per hour", PUBLIC_MAILS=None)
    try:
        flood = Writer(client)
        token = flood.open().split('name="form_token"')[1].split('value="')[1].split('"')[0]
        statuses = []
        client.environ_base["REMOTE_ADDR"] = "203.0.113.9"
        for number in range(FLOOD):
            client.environ_base["REMOTE_ADDR"] = f"203.0.113.{number % 250}"
            statuses.append(flood.send(f"random{number}@people.example", token=token).status_code)
        assert set(statuses) == {303, 429}
        mails = sql("SELECT count(*) FROM message")[0][0]
        assert 0 < mails == statuses.count(303) < 100
        assert sql("SELECT count(*) FROM letter")[0][0] == mails, "nothing is kept without its mail"
        refused = flood.send("one@people.example", token=token, given_name="Zoila")
        assert int(refused.headers["Retry-After"]) > 0
        page = refused.get_data(as_text=True)
        assert "Please try again in" in page and "Zoila" in page and "not lost" in page
        client.environ_base["REMOTE_ADDR"] = "198.51.100.7"
        assert flood.send("other@people.example").status_code == 303
    finally:
        app.config.update(kept)
        client.environ_base["REMOTE_ADDR"] = "127.0.0.1"


def test_mails_have_a_budget_and_looking_costs_none(
    writer: Writer, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(client.application.config, "PUBLIC_MAILS", 3)
    for _ in range(4):
        assert writer.send("ana@people.example", action="preview").status_code == 200
        assert writer.send("ana@people.example", given_name="").status_code == 422
    assert writer.send("ana@people.example").status_code == 303
    assert writer.send("ana@people.example").status_code == 303, (
        "no second mail within the hour: none is spent"
    )
    assert writer.send("ben@people.example").status_code == 303
    refused = writer.send("cy@people.example")
    assert refused.status_code == 429
    assert "So many confirmation messages" in refused.get_data(as_text=True)
    assert "JavaScript" in refused.get_data(as_text=True)
    solution = solved(client)
    assert writer.send("cy@people.example", altcha=solution).status_code == 303
    assert writer.send("dee@people.example", altcha=solution).status_code == 429, "used up"
    assert writer.send("eve@people.example", altcha=solved(client)).status_code == 429


def test_a_refusal_asks_the_database_nothing_and_names_the_site(
    writer: Writer, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client.application.app_context():
        frame.save_site(frame.Site(name="Open Doors"), by="test")
        engine = db.engine
    monkeypatch.setitem(client.application.config, "PUBLIC_MAILS", 1)
    token = form_token(writer.open())
    assert writer.send("ana@people.example", token=token).status_code == 303
    asked = Mock()
    event.listen(engine, "checkout", asked)
    try:
        refused = writer.send("ben@people.example", token=token)
    finally:
        event.remove(engine, "checkout", asked)
    assert refused.status_code == 429
    assert "Open Doors" in refused.get_data(as_text=True)
    asked.assert_not_called()


def test_no_word_for_the_action_goes_round_the_budget(
    demo: Any, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, sql: Any
) -> None:
    monkeypatch.setitem(client.application.config, "PUBLIC_MAILS", 4)
    letters = Writer(client, "wait-in-freedom")
    for number, action in enumerate(("send", "Send", "", "other", "edited")):
        told = letters.send(f"w{number}@people.example", action=action)
        assert told.status_code == (303 if number < 3 else 429)
    signup = "/c/wait-in-freedom/signup"
    for action in ("preview", "edit", "answers", "other"):
        token = form_token(client.get(signup).get_data(as_text=True))
        typed = {"form_token": token, "email": f"{action}@people.example", "given_name": "Ana"}
        typed |= {"family_name": "Ruiz", "postal_code": "60604", "consent": "y", "action": action}
        assert client.post(signup, data=typed).status_code == 429
    assert sql("SELECT count(*) FROM message") == [(3,)]


def test_a_letter_that_could_not_be_kept_costs_no_mail(
    writer: Writer, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, sql: Any
) -> None:
    monkeypatch.setitem(client.application.config, "PUBLIC_MAILS", 1)
    sql("ALTER TABLE letter ADD CONSTRAINT not_bad CHECK (given_name <> 'Bad')")
    try:
        for _ in range(3):
            assert writer.send("bad@people.example", given_name="Bad").status_code == 500
    finally:
        sql("ALTER TABLE letter DROP CONSTRAINT not_bad")
    assert writer.send("ana@people.example").status_code == 303
    assert writer.send("ben@people.example").status_code == 429


def test_the_budget_follows_a_raised_limit(
    app_context: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for posts, mails in (
        ("120 per minute; 2000 per hour", 90),
        ("3 per hour", 90),
        ("100000 per hour", 4000),
    ):
        monkeypatch.setitem(app_context.config, "PUBLIC_POSTS", posts)
        assert gate.mails_an_hour() == mails


def test_addresses_of_throw_away_services_are_refused_where_that_is_on(
    writer: Writer, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = writer.send("ana@mailinator.com")
    assert refused.status_code == 422
    assert "Mail to mailinator.com is thrown away" in refused.get_data(as_text=True)
    assert writer.send("ana@sub.mailinator.com").status_code == 422
    monkeypatch.setitem(client.application.config, "DISPOSABLE_DOMAINS", False)
    assert writer.send("ana@mailinator.com").status_code == 303


def test_networks_and_addresses_are_named_by_a_hash_of_the_day(
    app: Flask, time_machine: Any
) -> None:
    from campaign.web import limits

    def names(address: str) -> tuple[str, str]:
        with app.test_request_context(environ_base={"REMOTE_ADDR": address}):
            return limits.network_and_address()

    time_machine.move_to(1_800_000_000, tick=False)
    one, same, other = names("203.0.113.9"), names("203.0.113.77"), names("203.0.112.9")
    assert one[0] == same[0] != other[0] and one[1] != same[1]
    assert names("::ffff:203.0.113.9") == one
    six, near, far = (names(f"2001:db8:0:{part}") for part in ("1::1", "1::2", "2::1"))
    assert six == near and six[0] == far[0] and six[1] != far[1]
    time_machine.shift(24 * 3600)
    assert names("203.0.113.9") != one


def test_who_sends_is_told_apart_by_a_random_key_of_the_day_that_is_forgotten(
    app: Flask, sql: Callable, time_machine: Any
) -> None:
    from campaign.clock import utcnow
    from campaign.extensions import db
    from campaign.letters import retention
    from campaign.web import daily, limits

    time_machine.move_to(1_800_000_000, tick=False)

    def mark() -> str:
        with app.test_request_context(environ_base={"REMOTE_ADDR": "8.8.8.8"}):
            return limits.origin()

    first = mark()
    del app.extensions[daily._EXTENSION]  # as another process, or after a start
    assert mark() == first
    time_machine.shift(24 * 3600)
    assert mark() != first
    assert len(sql("SELECT 1 FROM setting WHERE starts_with(key, 'day.key.')")) == 2
    time_machine.shift(24 * 3600)
    with app.app_context():
        retention.forget_networks(utcnow(), 100)
        db.session.commit()
    assert len(sql("SELECT 1 FROM setting WHERE starts_with(key, 'day.key.')")) == 1
    time_machine.shift(-2 * 24 * 3600)
    assert mark() != first, "nothing that is left can make it again"


def test_a_choice_that_is_not_on_the_list_is_refused_in_our_words(
    demo: Any, client: FlaskClient
) -> None:
    for language, words in (("", "Please choose one of those"), ("/es", "Elija una de las")):
        page = client.get(f"{language}/c/wait-in-freedom/endorse").get_data(as_text=True)
        answer = client.post(
            f"{language}/c/wait-in-freedom/endorse",
            data={"form_token": form_token(page), "organization_kind": "evil", "petition": "evil"},
        )
        assert answer.status_code == 422
        text = answer.get_data(as_text=True)
        assert words in text and "alid choice" not in text and "Opción inválida" not in text
