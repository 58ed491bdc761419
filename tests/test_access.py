"""Every route of the site, with every role: who gets in, what is refused, and what public pages never do.

The routes are read off the application, so that a new one is covered by being there. One whose address has a part that
VALUES does not know fails here, and says so.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import AnyConverter, Rule

from tests.conftest import PASSWORD
from tests.letters.conftest import Writer
from tests.working import csrf_token

pytestmark = pytest.mark.usefixtures("world")

SLUG = "wait-in-freedom"
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
STRANGERS = ("anonymous", "lead", "organizer", "administrator")

# Answers to a plain GET that are neither a page nor a redirect, because the route wants more than a GET gives.
OTHER_ANSWERS = {
    "static": {404},
    "security.static": {404},
    "health.metrics_page": {200, 404},
}


class World(NamedTuple):
    """What the addresses of the walk lead to."""

    confirm: str
    supporter: int
    letter: int
    captured: int
    user: int
    draft: int


_ONE = "SELECT min(id) FROM {}"


@pytest.fixture
def world(demo: Flask, client: FlaskClient, deliver: Callable[[], None], sql: Any) -> World:
    """The founding case, a letter that waits for confirmation, one that is confirmed, and mail in the inbox."""
    for email in ("waits@people.example", "ana@people.example"):
        assert Writer(client, SLUG).send(email).status_code == 303
    deliver()
    keys = {}
    for captured, to, raw in sql("SELECT id, envelope_to, raw FROM captured_message ORDER BY id"):
        text = raw.decode().replace("=\r\n", "").replace("=3D", "=")
        if found := re.search(r"/confirm/([\w.-]+)", text):
            keys[to] = (captured, found[1])
    assert client.post(f"/confirm/{keys['ana@people.example'][1]}").status_code in (200, 303)
    deliver()
    (supporter,) = sql("SELECT id FROM supporter WHERE email = 'ana@people.example'")[0]
    (letter,) = sql("SELECT id FROM letter WHERE supporter_id = %s", supporter)[0]
    (captured, waiting) = keys["waits@people.example"]
    with demo.app_context():
        from campaign.accounts.commands import save_user
        from campaign.petitions.commands import draft

        user = save_user("colleague@staff.example", "organizer", PASSWORD)[0].id
        version = draft(sql(_ONE.format("petition"))[0][0]).id
    sql(
        "INSERT INTO bundle (kind, target_id, campaign_id, state, day, content, created_at) "
        "SELECT 'packet', min(id), 1, 'ready', current_date, 'a paper', now() FROM target"
    )
    sql(
        "INSERT INTO suppression (address, scope, reason, since) VALUES ('b@c', 'alerts', 'person', now())"
    )
    sql(
        'INSERT INTO petition_event (petition_id, kind, "on", recorded_at) '
        "SELECT min(id), 'filed', current_date, now() FROM petition"
    )
    sql(
        "INSERT INTO filing (petition_id, campaign_id, layout, state, upto, created_at) "
        "SELECT min(id), 1, 'zip', 'ready', 1, now() FROM petition"
    )
    sql(
        "INSERT INTO filing_part (filing_id, file, name, number, size, content) "
        "SELECT min(id), 1, 'comments.zip', 0, 1, 'x' FROM filing"
    )
    return World(waiting, supporter, letter, captured, user, version)


def values(app: Flask, world: World, sql: Any) -> dict[str, Callable[[str], Any]]:
    """A value for each part that an address can have, by the part's name; it is told the endpoint."""

    def number(table: str) -> Callable[[str], int]:
        def ask(_: str) -> int:
            found = sql(_ONE.format(table))[0][0]
            assert found, f"the founding case has no row in {table}"
            return int(found)

        return ask

    return {
        "slug": lambda _: SLUG,
        "petition": lambda _: "dhs",
        "agency": lambda _: "DHS",
        "update": lambda _: sql('SELECT slug FROM "update"')[0][0],
        "filename": lambda endpoint: "campaign.css" if endpoint == "static" else
        sql("SELECT filename FROM document ORDER BY id")[0][0] if "document" in endpoint else "x",
        "language": lambda _: "es",
        "file": lambda _: 1,
        "token": lambda endpoint: _key(app, world, sql, endpoint),
        "letter_id": lambda _: world.letter,
        "supporter_id": lambda _: world.supporter,
        "captured_id": lambda _: world.captured,
        "user_id": lambda _: world.user,
        "version_id": lambda _: world.draft,
        **{
            f"{name}_id": number(table)
            for name, table in {
                "update": '"update"', "organization": "organization", "petition": "petition",
                "document": "document", "endorsement": "endorsement", "alert": "alert", "target": "target",
                "campaign": "campaign", "bundle": "bundle", "delivery": "delivery", "message": "message", "holder": "holder",
                "template": "letter_template", "suppression": "suppression", "event": "petition_event",
                "filing": "filing",
            }.items()
        },
    }  # fmt: skip


def _key(app: Flask, world: World, sql: Any, endpoint: str) -> str:
    """A good key for a link route."""
    from campaign.accounts import commands
    from campaign.accounts.queries import by_id
    from campaign.endorsements.keys import own_page_token
    from campaign.supporters import keys

    with app.app_context():
        if endpoint == "accounts.set_password":
            user = by_id(world.user)
            assert user
            return commands.password_token(user)
        if endpoint == "supporters.confirm":
            return world.confirm
        if "unsubscribe" in endpoint:
            return keys.unsubscribe_token(world.supporter, 0)
        if endpoint.startswith("endorsements."):
            return own_page_token(sql(_ONE.format("endorsement"))[0][0])
        return keys.own_page_token(world.supporter)


def _listed(rule: Rule) -> dict[str, str]:
    """A value for each part of an address that is one of a few words: ``<any(hold, release):decision>``."""
    converters = rule._converters.items()
    return {name: sorted(one.items)[0] for name, one in converters if isinstance(one, AnyConverter)}


class Route(NamedTuple):
    """One route with an address that exists."""

    rule: Rule
    endpoint: str
    level: str
    address: str
    gets: bool
    unsafe: tuple[str, ...]


def routes(app: Flask, world: World, sql: Any) -> Iterator[Route]:
    """Every route of the map; fails where an address has a part of unknown name."""
    from campaign.web import access

    known = values(app, world, sql)
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        arguments = _listed(rule)
        missing = rule.arguments - known.keys() - arguments.keys() - set(rule.defaults or {})
        assert not missing, (
            f"{rule.rule} ({rule.endpoint}) has {sorted(missing)}: "
            "give values() in tests/test_access.py a value of that name"
        )
        arguments |= {name: known[name](rule.endpoint) for name in rule.arguments & known.keys()}
        with app.test_request_context():
            adapter = app.url_map.bind("localhost")
            address = adapter.build(rule.endpoint, arguments)
        level = access.level_of(app, rule.endpoint)
        assert level
        methods = rule.methods or set()
        yield Route(
            rule,
            rule.endpoint,
            level,
            address,
            "GET" in methods,
            tuple(m for m in UNSAFE if m in methods),
        )


def sign_in_as(who: str, app: Flask, staff: Any, sql: Any) -> FlaskClient:
    """A client of that role; the lead belongs to an organization of the founding case."""
    if who == "anonymous":
        return app.test_client()
    if who == "lead":
        return staff(
            "lead", organization_id=sql("SELECT organization_id FROM endorsement LIMIT 1")[0][0]
        )
    return staff(who)


def admitted(level: str, who: str) -> bool:
    """Whether the level lets this role in."""
    from campaign.web import access

    return access.admits(level, "" if who == "anonymous" else who)


@pytest.mark.parametrize("who", STRANGERS)
def test_every_route_admits_those_whom_it_declares(
    who: str, app: Flask, world: World, staff: Any, sql: Any
) -> None:
    me = sign_in_as(who, app, staff, sql)
    every = list(routes(app, world, sql))
    wrong = _pages(me, who, every)
    wrong += _without_a_token(me, who, every)
    if who != "anonymous":
        wrong += _with_a_token(me, who, every)
    assert not wrong, "\n".join(wrong)


def _pages(me: FlaskClient, who: str, every: list[Route]) -> list[str]:
    """GET of each route."""
    wrong = []
    for route in every:
        if route.gets:
            answer = me.get(route.address)
            if not _right_get(route, who, answer):
                wrong.append(
                    f"GET {route.endpoint} {route.address}: {answer.status_code} ({route.level})"
                )
    return wrong


def _right_get(route: Route, who: str, answer: Any) -> bool:
    status = answer.status_code
    if not admitted(route.level, who):
        if who == "anonymous":
            return bool(status == 302 and "/desk/login" in answer.headers["Location"])
        return bool(status == 403)
    if status in OTHER_ANSWERS.get(route.endpoint, set()):
        return True
    if who == "lead" and route.level == "lead" and route.rule.arguments:
        # A lead's own organization decides, behind the role.
        return status in (200, 302, 303, 403, 404)
    return status in (200, 302, 303)


def _without_a_token(me: FlaskClient, who: str, every: list[Route]) -> list[str]:
    """Unsafe methods as another site could make a signed-in browser send them."""
    wrong = []
    for route in every:
        desk = route.endpoint.startswith("security.") or route.level not in ("public", "link")
        for method in route.unsafe:
            if route.level == "link":
                continue  # the key in the address is the permission; walked with the public pages
            status = me.open(route.address, method=method).status_code
            if desk and admitted(route.level, who):
                right = status == 400
            elif desk:
                right = status == (302 if who == "anonymous" else 403)
            else:
                right = status < 500
            if not right:
                wrong.append(f"{method} {route.endpoint} {route.address}: {status} ({route.level})")
    return wrong


def _with_a_token(me: FlaskClient, who: str, every: list[Route]) -> list[str]:
    """Unsafe methods with nothing but the token: whoever is let in gets an answer that is no failure."""
    token = csrf_token(me.get("/desk/").get_data(as_text=True))
    wrong = []
    for route in every:
        for method in route.unsafe:
            if route.endpoint == "security.logout":
                continue
            status = me.open(route.address, method=method, data={"csrf_token": token}).status_code
            # What earlier steps of the walk have undone may be gone: that is an answer, too.
            right = status < 500 if admitted(route.level, who) else status == 403
            if not right:
                wrong.append(f"{method} {route.endpoint} {route.address}: {status} ({route.level})")
    return wrong


@pytest.mark.parametrize("prefix", ["", "/es"])
def test_public_pages_set_no_cookie_and_send_the_security_headers(
    prefix: str, app: Flask, world: World, sql: Any
) -> None:
    visitor = app.test_client()
    wrong = []
    for route in routes(app, world, sql):
        if route.level not in ("public", "link") or route.endpoint.startswith("security."):
            continue
        for method in ("GET", *route.unsafe) if route.gets else route.unsafe:
            if prefix and route.endpoint == "static":
                continue
            answer = visitor.open(prefix + route.address, method=method)
            headers = answer.headers
            problems = []
            if "Set-Cookie" in headers:
                problems.append("sets a cookie")
            if "cookie" in headers.get("Vary", "").lower():
                problems.append("varies by cookie")
            if "frame-ancestors" not in headers.get("Content-Security-Policy", ""):
                problems.append("has no content security policy")
            if headers.get("X-Content-Type-Options") != "nosniff":
                problems.append("may be sniffed")
            if headers.get("Referrer-Policy") != "no-referrer":
                problems.append("leaks its address")
            if route.level == "link" and "no-store" not in headers.get("Cache-Control", ""):
                problems.append("may be kept by a cache")
            if answer.status_code >= 500:
                problems.append(f"answers {answer.status_code}")
            if problems:
                wrong.append(f"{method} {prefix}{route.address}: {', '.join(problems)}")
    assert not wrong, "\n".join(wrong)


def test_a_session_cookie_changes_no_public_page(
    app: Flask, staff: Any, client: FlaskClient
) -> None:
    me = staff("administrator")
    for address in ("/", f"/c/{SLUG}", f"/es/c/{SLUG}/endorsements"):
        mine = me.get(address)
        assert mine.status_code == 200
        assert "Cookie" not in mine.headers.get("Vary", "")
        assert mine.data == client.get(address).data


def test_a_link_that_is_followed_changes_nothing(
    app: Flask, world: World, client: FlaskClient, sql: Any
) -> None:
    tables = [row[0] for row in sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]

    def picture() -> dict[str, Any]:
        return {
            name: sql(f'SELECT count(*), sum(hashtext(t::text)::bigint) FROM "{name}" t')
            for name in tables
        }

    before = picture()
    for route in routes(app, world, sql):
        if route.level in ("link", "public") and route.gets:
            client.get(route.address)
            client.head(route.address)
    after = picture()
    assert [name for name in tables if before[name] != after[name]] == []
