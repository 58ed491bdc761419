"""``campaign backup`` and ``campaign restore``: one file with everything, and the way back."""

from pathlib import Path
from typing import Any

import click

from campaign.cli import Refused, print_json, with_app

STREAMS = ("confirmations", "letters", "alerts")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--with-secret",
    is_flag=True,
    help="Put the secret key in too: whoever has the file can forge links.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_app
def backup(file: Path, with_secret: bool, as_json: bool) -> None:
    """Writes everything to FILE while the site runs."""
    from campaign.reports import backups

    try:
        manifest = backups.backup(file, with_secret)
    except backups.BackupError as error:
        raise Refused(str(error)) from error
    if as_json:
        print_json({"file": str(file), **manifest._asdict()})
        return
    click.echo(f"Everything is in {file} ({file.stat().st_size / 1e6:,.1f} MB).")
    if not with_secret:
        click.echo(
            "The secret key is not in it: keep SECRET_KEY elsewhere, since links in mail depend on it."
        )


@click.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Replace what is in the database.")
@click.option("--release", type=click.Choice(STREAMS), help="After a restore: let a stream go on.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def restore(file: Path | None, replace: bool, release: str | None, as_json: bool) -> None:
    """Puts back what FILE holds; mail is then held until a person says what goes."""
    if (file is None) == (release is None):
        raise click.UsageError("Give either a FILE or --release STREAM.")
    if release is not None:
        _release(release, as_json)
    else:
        assert file is not None
        _restore(file, replace, as_json)


@with_app
def _release(stream: str, as_json: bool) -> None:
    from campaign.reports import restored

    done = restored.release(stream, "command line")
    if as_json:
        print_json({"released": done, "held": list(restored.held())})
    else:
        click.echo(f"The {stream} go on." if done else f"The {stream} were not held by a restore.")


def _restore(file: Path, replace: bool, as_json: bool) -> None:
    from sqlalchemy.exc import OperationalError

    from campaign import create_app
    from campaign.cli.database import unreachable_sentence
    from campaign.config import ConfigError
    from campaign.reports import backups

    try:
        app = create_app()
        with app.app_context():
            manifest = backups.read_manifest(file)
            if not replace and not backups.is_empty():
                raise Refused(
                    "The database is not empty: give --replace to put the backup in its place."
                )
            backups.restore(file, manifest)
            _finish(app, file, manifest, as_json)
    except (ConfigError, backups.BackupError) as error:
        raise Refused(str(error)) from error
    except OperationalError as error:
        raise Refused(unreachable_sentence(error)) from error


def _finish(app: Any, file: Path, manifest: Any, as_json: bool) -> None:
    from campaign.cli import database
    from campaign.extensions import db
    from campaign.reports import backups

    db.engine.dispose()
    database.upgrade()
    secret = backups.secret_of(file)
    differs = secret is not None and secret != app.config["SECRET_KEY"]
    if as_json:
        print_json({"file": str(file), "taken_at": manifest.taken_at, "held": list(STREAMS)})
        return
    click.echo(f"Restored what {file} held on {manifest.taken_at[:16].replace('T', ' ')} UTC.")
    click.echo(
        "Mail is held: look at what is open, then `campaign restore --release STREAM` for each of"
    )
    click.echo(f"{', '.join(STREAMS)}, or {app.config['SITE_URL']}/desk/restored.")
    if differs:
        click.echo(
            "The backup's secret key differs from this site's: to keep the links in mail alive, set SECRET_KEY to"
        )
        click.echo(f"what `unzip -p {file} secret_key` prints, and start the site again.")
