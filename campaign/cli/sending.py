"""``campaign pause``, ``resume`` and ``cancel``: a stream of mail, one alert, or one campaign's letters."""

from collections.abc import Callable

import click

from campaign.cli import Refused, print_json, with_app

STREAMS = ("confirmations", "letters", "alerts")
LETTERS = "letters:"
BY = "command line"

_what = click.argument("what")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.command()
@_what
@_json
@with_app
def pause(what: str, as_json: bool) -> None:
    """Stops WHAT until it is resumed: a stream (confirmations, letters, alerts), an alert (alert:12) or a campaign's
    letters (letters:SLUG)."""
    from campaign.alerts import commands
    from campaign.letters import stopping
    from campaign.mail import orders

    number = _alert(what)
    if what.startswith(LETTERS):
        _letters(what, lambda campaign_id: stopping.pause(campaign_id, BY))
    elif number is None:
        orders.pause_stream_now(what, BY)
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
    from campaign.letters import stopping
    from campaign.mail import orders
    from campaign.reports import restored

    number = _alert(what)
    if what.startswith(LETTERS):
        _letters(what, stopping.resume)
    elif number is None:
        # A restored ledger's hold ends with it.
        if not restored.release(what, BY):
            orders.resume_stream_now(what)
    else:
        _order(commands.resume, number)
    _say("resumed", what, as_json)


@click.command()
@_what
@click.option("--yes", is_flag=True, help="Do not ask before a whole stream is cancelled.")
@_json
@with_app
def cancel(what: str, yes: bool, as_json: bool) -> None:
    """Ends for good what has not left of WHAT: an alert (alert:12), a campaign's letters (letters:SLUG), or a whole stream.

    Of a stream that is what waits now: its messages, the alerts that are being sent or paused, the letters of every
    campaign. What is written later goes as ever, but for letters of the campaigns there are.
    """
    from campaign.alerts import commands
    from campaign.letters import stopping
    from campaign.reports import streams

    number = _alert(what)
    if what.startswith(LETTERS):
        _letters(what, lambda campaign_id: stopping.cancel(campaign_id, BY))
        return _say("cancelled", what, as_json)
    if number is None:
        if not yes:
            click.confirm(f"Everything of {what} that waits never leaves. Cancel it?", abort=True)
        streams.cancel(what, BY)
        return _say("cancelled", what, as_json)
    _order(commands.cancel, number)
    return _say("cancelled", what, as_json)


def _alert(what: str) -> int | None:
    """The alert's number; None where ``what`` is a stream or a campaign's letters."""
    if what in STREAMS or what.startswith(LETTERS):
        return None
    kind, _, number = what.partition(":")
    if kind == "alert" and number.isascii() and number.isdecimal() and len(number) < 19:
        return int(number)
    raise click.UsageError(
        f"{what!r} is neither a stream ({', '.join(STREAMS)}) nor like alert:12 or letters:SLUG."
    )


def _letters(what: str, command: Callable[[int], object]) -> None:
    from campaign.coalition import queries
    from campaign.letters.stopping import Cancelled

    slug = what.removeprefix(LETTERS)
    campaign = queries.campaign_by_slug(slug)
    if campaign is None:
        raise Refused(f"There is no campaign {slug!r}.")
    try:
        command(campaign.id)
    except Cancelled as error:
        raise Refused(f"The letters of {slug} were cancelled, and that is for good.") from error


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
        flight = "" if verb == "resumed" else " (what is already in flight still leaves)"
        click.echo(f"{verb.capitalize()}: {what}{flight}.")
