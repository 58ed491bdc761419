"""Fixtures of all tests: one real PostgreSQL and Valkey a run, a database a worker from a migrated template.

With DATABASE_URL and REDIS_URL set the run uses those servers instead of embedded ones.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings

from tests import servers

# The same examples each time, so that a red run is about the change at hand; HYPOTHESIS_PROFILE=search looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

LONGEST = (
    "tests/test_demo.py",
    "tests/engines/test_run.py",
    "tests/mail/test_chaos.py",
    "tests/mail/test_worker_stops.py",
)
"""These begin first, so that no worker is left alone with one at the end, and wait while others compute."""

pytest_plugins = ["tests.mailbox", "tests.browser"]

ROLES = ("lead", "organizer", "administrator")
PASSWORD = "a long enough passphrase"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest tests first."""
    items.sort(key=lambda item: item.nodeid.split("::")[0] not in LONGEST)


def pytest_configure(config: pytest.Config) -> None:
    """Starts the engines once, in the process that hands out the work."""
    # A hundred Pythons start in a run: each would compile the whole application anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if not hasattr(config, "workerinput"):
        config.stash[servers.KEY] = servers.Engines()


def pytest_configure_node(node: Any) -> None:
    """Tells each worker where the engines are."""
    node.workerinput["engines"] = tuple(node.config.stash[servers.KEY].urls())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stops what the run started."""
    if servers.KEY in config.stash:
        config.stash[servers.KEY].stop()


@pytest.fixture(scope="session")
def worker_number(request: pytest.FixtureRequest) -> int:
    """0 without pytest-xdist, else the worker's number."""
    name = getattr(request.config, "workerinput", {}).get("workerid", "gw0")
    return int(name.removeprefix("gw"))


@pytest.fixture(scope="session")
def urls(request: pytest.FixtureRequest, worker_number: int) -> Iterator[servers.Urls]:
    """This worker's own database, made from the template, and its own Valkey database."""
    config = request.config
    if hasattr(config, "workerinput"):
        shared = servers.Urls(*config.workerinput["engines"])
    else:
        shared = config.stash[servers.KEY].urls()
    with servers.worker_database(shared, worker_number) as mine:
        yield mine


@pytest.fixture(scope="session")
def emptier(urls: servers.Urls) -> Iterator[servers.Emptier]:
    """Empties this worker's tables and queues."""
    with contextlib.closing(servers.Emptier(urls)) as one:
        yield one


@pytest.fixture(scope="session")
def environment(urls: servers.Urls, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the application under test, and its commands, run."""
    return {
        "DATABASE_URL": urls.database_url,
        "REDIS_URL": urls.redis_url,
        "SECRET_KEY": "only for tests",
        "SITE_URL": "http://campaign.example",
        "DATA": str(tmp_path_factory.mktemp("data")),
    }


@pytest.fixture(scope="session")
def session_app(environment: dict[str, str]) -> Iterator[Flask]:
    """The application, made once a worker; tests use ``app``."""
    from campaign import config, create_app
    from campaign.extensions import db

    _hash_cheaply()
    settings = config.load(environment)
    settings |= {
        "PROPAGATE_EXCEPTIONS": False,
        "RQ_ASYNC": True,
        "PUBLIC_POSTS": "100000 per hour",
    }
    app = create_app(settings)
    yield app
    with app.app_context():
        db.engine.dispose()


def _hash_cheaply() -> None:
    """The cheapest argon2 for every application of this process, since tests sign in some hundred times.

    Flask-Security keeps how it hashes with the extension: an application that a test or a command makes beside ours
    would bring the full cost back, two fifths of a second a sign-in.
    """
    from flask_security import core

    cheapest = {"argon2__rounds": 1, "argon2__memory_cost": 8, "argon2__parallelism": 1}
    made = core._get_pwd_context

    def make(app: Flask) -> Any:
        app.config["SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS"] = cheapest
        return made(app)

    core._get_pwd_context = make


@pytest.fixture
def app(session_app: Flask, emptier: servers.Emptier) -> Iterator[Flask]:
    """The application with empty tables and empty queues."""
    yield session_app
    with session_app.app_context():
        from campaign.extensions import db
        from campaign.mail import connections

        connections.kept.close()  # and what it has learnt of this test's mail server
        db.session.remove()
    emptier.empty()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A visitor who is not signed in."""
    return app.test_client()


@pytest.fixture
def app_context(app: Flask) -> Iterator[Flask]:
    """An application context, for arranging a test's data through commands."""
    with app.app_context():
        yield app


@pytest.fixture
def cli(
    app: Flask, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Runs ``campaign …`` on the test's instance: ``cli("status", "--json").output``."""
    from click.testing import CliRunner

    from campaign.cli import group

    for name in list(os.environ):
        if name.startswith("MAIL_"):
            monkeypatch.delenv(name)

    def run(*args: str | Path, stdin: str | None = None, **more: str) -> Any:
        for name, value in {**environment, **more}.items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(group, [str(arg) for arg in args], input=stdin)

    return run


@pytest.fixture
def deliver(app: Flask) -> Callable[[], None]:
    """Does what the worker and its cron would, until nothing is due any more."""

    def run() -> None:
        from tests.working import work_off

        with app.app_context():
            work_off(app)

    return run


@pytest.fixture
def staff(app: Flask) -> Callable[..., FlaskClient]:
    """A client signed in to the desk: ``staff("organizer")``, ``staff("lead", organization_id=3)``."""

    def sign_in(role: str, organization_id: int | None = None) -> FlaskClient:
        from campaign.accounts.commands import save_user
        from tests.working import sign_in as go

        email = f"{role}{organization_id or ''}@staff.example"
        with app.app_context():
            if role == "lead" and organization_id is None:
                from tests.working import an_organization

                organization_id = an_organization()
            save_user(email, role, PASSWORD, name=role.title(), organization_id=organization_id)
        return go(app, email, PASSWORD)

    return sign_in


@pytest.fixture(scope="session")
def founding_case(session_app: Flask, emptier: servers.Emptier) -> Callable[[], None]:
    """Loads the founding case; from the second time on by putting back the rows that loading it has made."""
    from campaign.demo import load

    rows: list[servers.Rows] = []

    def again() -> None:
        if rows:
            rows[0].put_back()
            return
        with session_app.app_context():
            load()
        if emptier.is_superuser:
            rows.append(servers.Rows(emptier))

    return again


@pytest.fixture
def demo(app: Flask, founding_case: Callable[[], None]) -> Flask:
    """The application with the founding case loaded."""
    founding_case()
    return app


@pytest.fixture
def sql(app: Flask, urls: servers.Urls) -> Iterator[Callable[..., list[Any]]]:
    """Reads the tables from outside the application, for checks that no page shows."""
    with contextlib.closing(psycopg.connect(urls.libpq(), autocommit=True)) as connection:

        def run(query: str, *args: Any) -> list[Any]:
            cursor = connection.execute(query, args)
            return cursor.fetchall() if cursor.description else []

        yield run
