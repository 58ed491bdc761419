"""The ``campaign`` command. Each subcommand's module is imported only when it is called, so that help is instant."""

import functools
import json
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

COMMANDS = {
    "run": "campaign.cli.run:run",
    "status": "campaign.cli.status:status",
    "user": "campaign.cli.users:user",
    "delivery": "campaign.cli.delivery:delivery",
    "pause": "campaign.cli.sending:pause",
    "resume": "campaign.cli.sending:resume",
    "cancel": "campaign.cli.sending:cancel",
    "settle": "campaign.cli.settling:settle",
    "inbound": "campaign.cli.inbound:inbound",
    "import": "campaign.cli.importing:import_",
    "export": "campaign.cli.exporting:export",
    "doctor": "campaign.cli.doctor:doctor",
    "recount": "campaign.cli.recount:recount",
    "backup": "campaign.cli.backups:backup",
    "restore": "campaign.cli.backups:restore",
    "db": "campaign.cli.database:db",
    "demo": "campaign.cli.demo:demo",
}


class Refused(click.ClickException):
    """The command could not do what was asked: one sentence, exit code 1."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        """Prints the sentence alone."""
        click.echo(self.format_message(), err=True)


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def group() -> None:
    """Runs and looks after a Campaign site: the instance that DATA, DATABASE_URL and REDIS_URL name."""


def with_app(command: Callable[..., Any]) -> Callable[..., Any]:
    """Runs a command inside the application, on the instance that the environment names.

    A wrong configuration or an engine that does not answer becomes one sentence and exit code 1.
    """

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        from sqlalchemy.exc import DBAPIError, OperationalError

        from campaign import create_app
        from campaign.cli import database
        from campaign.config import ConfigError

        try:
            app = create_app()
            with app.app_context():
                database.require_current()
                return command(*args, **kwargs)
        except ConfigError as error:
            raise Refused(str(error)) from error
        except OperationalError as error:
            raise Refused(database.unreachable_sentence(error)) from error
        except DBAPIError as error:
            raise Refused(database.unwilling_sentence(error)) from error

    return wrapper


def print_json(value: Any) -> None:
    """One JSON object on one line."""
    click.echo(json.dumps(value, ensure_ascii=False, separators=(", ", ": "), default=str))


def main() -> None:
    """The entry point."""
    from campaign.config import ConfigError

    try:
        group(prog_name="campaign")
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
