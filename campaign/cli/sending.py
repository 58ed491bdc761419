"""``campaign pause``, ``resume`` and ``cancel``: a stream of mail, or one alert."""

from collections.abc import Callable

import click

from campaign.cli import Refused, print_json, with_app

STREAMS = ("confirmations", "letters", "alerts")
BY = "command line"

_what = click.argument("what")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.command()
@_what
@_json
@with_app
def pause(what: str, as_json: bool) -> None:
    """Stops WHAT until it is resumed: a stream (confirmations, letters, alerts) or an alert (alert:12)."""
    from campaign.alerts import commands
    from campaign.extensions import db
    from campaign.mail import orders

    number = _alert(what)
    if number is None:
        orders.pause_stream(what, BY)
        db.session.commit()
    else:
        _order(commands.pause, number)
    _say("paused", what, as_json)


@click.command()
@_what
@_json
@with_app
def resume(what: str, as_json: bool) -> None:
    """Lets WHAT go on where it stopped: nobody gets anything twice."""
    from campaign.alerts import commands
    from campaign.extensions import db
    from campaign.mail import orders, wake

    number = _alert(what)
    if number is None:
        orders.resume_stream(what)
        db.session.commit()
        wake.wake(what)
    else:
        _order(commands.resume, number)
    _say("resumed", what, as_json)


@click.command()
@_what
@_json
@with_app
def cancel(what: str, as_json: bool) -> None:
    """Ends an alert (alert:12) for good: what has not left never will."""
    from campaign.alerts import commands

    number = _alert(what)
    if number is None:
        raise Refused("A whole stream can be paused, not cancelled: name an alert like alert:12.")
    _order(commands.cancel, number)
    _say("cancelled", what, as_json)


def _alert(what: str) -> int | None:
    """The alert's number; None where ``what`` is a stream."""
    if what in STREAMS:
        return None
    kind, _, number = what.partition(":")
    if kind == "alert" and number.isascii() and number.isdecimal() and len(number) < 19:
        return int(number)
    raise click.UsageError(
        f"{what!r} is neither a stream ({', '.join(STREAMS)}) nor like alert:12."
    )


def _order(command: Callable[[int], object], number: int) -> None:
    from sqlalchemy.exc import NoResultFound

    from campaign.alerts.commands import Refused as NotNow

    try:
        command(number)
    except NoResultFound as error:
        raise Refused(f"There is no alert {number}.") from error
    except NotNow as error:
        raise Refused(f"Alert {number} is {error.state}: that cannot be done now.") from error


def _say(verb: str, what: str, as_json: bool) -> None:
    if as_json:
        print_json({"done": verb, "what": what})
    else:
        click.echo(f"{verb.capitalize()}: {what}, within the batch in flight.")
