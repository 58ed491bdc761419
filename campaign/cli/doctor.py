"""``campaign doctor``: is the site well, and how to mend it."""

from typing import Any

import click

from campaign.cli import Refused, print_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(as_json: bool) -> None:
    """Looks at engines, workers, mail, DNS records, clock and disk; one line each. Exit code 1 where one fails."""
    from sqlalchemy.exc import OperationalError

    from campaign import create_app
    from campaign.cli.database import unreachable_sentence
    from campaign.config import ConfigError
    from campaign.reports import doctor as examination

    found: list[Any] = []
    try:
        app = create_app()
        with app.app_context():
            # Tables that are not current are a finding here, where other commands refuse.
            for one in examination.examine():
                found.append(one)
                if not as_json:
                    click.echo(_line(one))
    except ConfigError as error:
        raise Refused(str(error)) from error
    except OperationalError as error:
        raise Refused(unreachable_sentence(error)) from error
    failed = [one for one in found if one.state == examination.FAIL]
    if as_json:
        print_json({"well": not failed, "findings": [one._asdict() for one in found]})
    if failed:
        raise SystemExit(1)


def _line(one: Any) -> str:
    mend = f" {one.mend}" if one.mend else ""
    return f"{one.state:<5} {one.what}: {one.seen}.{mend}".replace("..", ".")
