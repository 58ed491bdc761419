"""Migrations: bringing the tables to what this version of the code expects."""

from typing import Any

import click

from campaign.engines import tables


def upgrade() -> bool:
    """Migrates to ``head`` where needed, one process at a time; returns whether anything was to be done."""
    if tables.at_migration() == tables.head():
        return False
    import flask_migrate
    from flask import Flask, current_app

    from campaign.extensions import bind_migrations

    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # werkzeug's proxy
    bind_migrations(app)
    flask_migrate.upgrade()
    return True


def require_current() -> None:
    """Migrates an embedded database by itself; for a server of one's own, refuses until a person has."""
    if tables.at_migration() == tables.head():
        return
    from flask import current_app

    from campaign.cli import Refused

    if current_app.config.get("EMBEDDED_POSTGRESQL") or tables.at_migration() is None:
        upgrade()
        return
    raise Refused("The database is not at this version's tables: run `campaign db upgrade`.")


def require_ready(app: Any) -> None:
    """What a site or a worker asks before it begins; see require_current.

    Raises ConfigError with a sentence where the database does not answer, or waits for a person to migrate it.
    """
    from sqlalchemy.exc import OperationalError

    from campaign.cli import Refused
    from campaign.config import ConfigError
    from campaign.extensions import db

    with app.app_context():
        try:
            require_current()
        except OperationalError as error:
            raise ConfigError(unreachable_sentence(error)) from error
        except Refused as error:
            raise ConfigError(error.format_message()) from error
        finally:
            # Processes forked from this one must not share its connection.
            db.session.remove()
            db.engine.dispose()


def unreachable_sentence(error: Exception) -> str:
    """What to tell an operator whose database does not answer; never the URL, which may hold a password."""
    reason = str(getattr(error, "orig", error)).strip().splitlines()
    return (
        f"The database does not answer ({reason[0] if reason else 'no reason given'}): "
        "see that DATABASE_URL names a PostgreSQL server that runs, or unset it to use the built-in one."
    )


def unwilling_sentence(error: Exception) -> str:
    """What to tell an operator whose database answers and does not do what it was asked."""
    reason = str(getattr(error, "orig", error)).strip().splitlines()
    return f"The database refused ({reason[0] if reason else type(error).__name__}): `campaign doctor` says what it lacks."


@click.group()
def db() -> None:
    """Looks after the tables."""


@db.command("upgrade")
def upgrade_command() -> None:
    """Migrates the database to this version's tables."""
    from sqlalchemy.exc import OperationalError

    from campaign import create_app
    from campaign.cli import Refused

    app = create_app()
    with app.app_context():
        try:
            done = upgrade()
        except OperationalError as error:
            raise Refused(unreachable_sentence(error)) from error
    click.echo("Migrated." if done else "Nothing to do: the tables are current.")
