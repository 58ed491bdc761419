"""`campaign run`: the whole site on one machine, which is what `make run` starts."""

import hashlib
import os
import signal
import smtplib
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import click

from campaign import config as configuration
from campaign import engines
from campaign.cli import Refused
from campaign.engines import processes
from campaign.engines.supervisor import Supervisor
from campaign.engines.tables import head

FIRST_ANSWER_SECONDS = 60.0
THREADS = 64
"""Requests that a web process works on at a time. Those that write letters wait for one commit together (campaign.gathering):
the more of them there are in a flood, the fewer commits it takes."""
PREPARED = "prepared"
"""The file in the data folder that says which database has been prepared."""


@click.command()
def run() -> None:
    """Start engines, site and worker, and stay until Ctrl-C or SIGTERM."""
    # From here on a stop is kept until everything that was started can be stopped in order.
    stopped: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda signum, frame: stopped.append(signum))
    if "MAKELEVEL" in os.environ:  # a killed `make run` ends what it started
        processes.follow_parent(signal.SIGTERM)
    config = configuration.load(os.environ)
    data, port = Path(config["DATA"]), config["PORT"]
    configuration.writable(data)
    supervisor = Supervisor(data, port, configuration.ROOT)
    try:
        _require_free_port(port)
        _require_mail_server(config, first=not (data / PREPARED).exists())
        engines.ensure(config)
        _require_valkey(config)
        if not stopped:
            _bring_up_to_date(config, data)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, supervisor.request_stop)
        if not stopped:
            _serve(supervisor, config)
    finally:
        if supervisor.children:
            supervisor.say("Stopping")
        supervisor.stop()
        engines.release()


def _serve(supervisor: Supervisor, config: dict[str, Any]) -> None:
    port = config["PORT"]
    supervisor.add("site", _site_command(port), "36")
    if not supervisor.watch(lambda: _answers(port), FIRST_ANSWER_SECONDS):
        if supervisor.stopping.is_set():
            return
        raise Refused(f"The site did not answer on port {port}: its lines above say why.")
    click.echo(f"\n  The site is at {config['SITE_URL']}/", nl=True)
    click.echo(f"  Staff sign in at {config['SITE_URL']}/desk/")
    supervisor.add("worker", [sys.executable, "worker.py"], "33")
    if config["MAIL_INBOUND_SMTP"] or config["MAIL_INBOUND_LMTP"]:
        supervisor.add("inbound", _inbound_command(), "35")
    described = subprocess.Popen(
        _function("describe"), cwd=configuration.ROOT, start_new_session=True
    )
    # A stop that is asked for meanwhile does not wait for it.
    if not supervisor.watch(lambda: described.poll() is not None, FIRST_ANSWER_SECONDS):
        described.terminate()
    supervisor.watch()


def _inbound_command() -> list[str]:
    return [sys.executable, "-c", "from campaign.cli import main; main()", "inbound"]


def _site_command(port: int) -> list[str]:
    workers = str(min(4, max(2, os.cpu_count() or 2)))
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "wsgi:app"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", workers]
    # granian warns of more than five threads on two cores, each time it starts.
    command += ["--blocking-threads", str(THREADS), "--no-ws", "--log-level", "error"]
    command += ["--respawn-failed-workers", "--respawn-interval", "0.5"]
    return [*command, "--workers-kill-timeout", "5"]


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _require_free_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Refused(
                f"Port {port} cannot be used ({error.strerror}): stop what has it, or choose "
                f"another, like make run PORT={port + 1}."
            ) from error


def _require_mail_server(config: dict[str, Any], first: bool) -> None:
    """At the ``first`` start its silence is a wrong setting; later it may be away, and the site is not to stay away with it."""
    if not config["MAIL_SERVER_SET"]:
        return
    host, port = config["MAIL_SERVER"], config["MAIL_PORT"]
    connect = smtplib.SMTP_SSL if config["MAIL_USE_SSL"] else smtplib.SMTP
    try:
        with connect(host, port, timeout=10) as connection:
            connection.noop()
    except (OSError, smtplib.SMTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        said = f"The mail server {host}:{port} does not answer ({reason})"
        if not first:
            click.echo(f"  {said}: mail waits until it does.", err=True)
            return
        raise Refused(
            f"{said}: see to MAIL_SERVER, MAIL_PORT, MAIL_USE_TLS and MAIL_USE_SSL, or unset MAIL_SERVER."
        ) from error


def _require_valkey(config: dict[str, Any]) -> None:
    if not os.environ.get("REDIS_URL"):
        return
    import redis

    from campaign.engines.connection import Connection

    try:
        Connection.from_url(config["RQ_CONNECTION"]).ping()
    except (redis.RedisError, OSError, ValueError) as error:
        raise Refused(
            f"No Redis or Valkey answers at REDIS_URL ({error}): see that it names a server that "
            "runs, or unset it to use the built-in Valkey."
        ) from error


def _bring_up_to_date(config: dict[str, Any], data: Path) -> None:
    """Migrate and load the demo campaign; without loading the application where that is done."""
    import psycopg

    # Holds which database that was, so that another DATABASE_URL is prepared in its turn.
    done = data / PREPARED
    url = config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg", "", 1)
    state = f"{head()} {hashlib.sha256(url.encode()).hexdigest()}"
    try:
        with psycopg.connect(url, connect_timeout=5, prepare_threshold=None) as connection:
            version = _version(connection)
    except psycopg.OperationalError as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0].strip()
        raise Refused(
            f"The database does not answer ({reason}): see that DATABASE_URL names a PostgreSQL "
            "server that runs, or unset it to use the built-in one."
        ) from error
    if version == head() and done.exists() and done.read_text() == state:
        return
    click.echo("Preparing the database …")
    if _python("prepare") != 0:
        raise Refused("The database could not be prepared: the lines above say why.")
    done.write_text(state)


def _version(connection: Any) -> str | None:
    import psycopg

    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        connection.rollback()
        return None
    return row[0] if row else None


def _python(function: str) -> int:
    """Run one of the functions below in a process of its own: the supervisor stays small."""
    # In a session of its own: Ctrl-C is for us, and a half-made migration is worse than a wait.
    done = subprocess.run(
        _function(function), cwd=configuration.ROOT, start_new_session=True, check=False
    )
    return done.returncode


def _function(name: str) -> list[str]:
    return [sys.executable, "-c", f"from campaign.cli import run; run.{name}()"]


def prepare() -> None:
    """Migrate, and load the demo campaign into an empty database."""
    from campaign import create_app, demo
    from campaign.cli import database

    try:
        app = create_app()
        with app.app_context():
            database.upgrade()
            demo.load_once()
    except configuration.ConfigError as error:
        sys.exit(str(error))


def describe() -> None:
    """Print who can sign in and where mail goes."""
    from sqlalchemy.exc import SQLAlchemyError

    from campaign import create_app, demo
    from campaign.mail import settings

    app = create_app()
    try:
        with app.app_context():
            mode = settings.delivery_mode()
            logins = demo.open_logins()
    except SQLAlchemyError:
        sys.exit("  The database went away; `campaign status` says where mail goes.")
    site = app.config["SITE_URL"]
    for role, email, password in logins:
        click.echo(f"    {role:<14} {email}  {password}")
    if mode == "live":
        server = f"{app.config['MAIL_SERVER']}:{app.config['MAIL_PORT']}"
        click.echo(f"  Mail is live: it leaves through {server}.")
    else:
        click.echo(f"  Mail is kept here and reaches nobody: read it at {site}/desk/inbox")
    click.echo("  Ctrl-C stops everything.\n")
