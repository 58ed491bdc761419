"""``campaign settle``: messages that go no further without a person, listed and decided about."""

import click

from campaign.cli import print_json, with_app

STREAMS = ("confirmations", "letters", "alerts")
DECISIONS = ("arrived", "again", "drop")
BY = "command line"
LISTED = 100


@click.command()
@click.argument("stream", type=click.Choice(STREAMS))
@click.argument("decision", type=click.Choice(DECISIONS), required=False)
@click.argument("numbers", type=click.IntRange(min=1, max=2**63 - 1), nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that wait in the stream.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_app
def settle(
    stream: str, decision: str | None, numbers: tuple[int, ...], everything: bool, as_json: bool
) -> None:
    """Lists what of STREAM waits for a person, or says what becomes of the messages with these NUMBERS.

    arrived: the mail server has taken them; again: they are sent once more; drop: they never are. Letters to single
    offices are decided on the desk, with their deliveries.
    """
    from campaign.mail import undecided

    if decision is None:
        return _list(stream, as_json)
    if bool(numbers) == everything:
        raise click.UsageError("Say which messages: their numbers, or --all.")
    n = undecided.decide(stream, decision, BY, None if everything else numbers)  # type: ignore[arg-type]  # one of DECISIONS
    if as_json:
        print_json({"done": decision, "messages": n})
    else:
        click.echo(f"{n} message{'' if n == 1 else 's'}: {decision}.")
    return None


def _list(stream: str, as_json: bool) -> None:
    """Numbers and reasons, without addresses: a terminal's output is kept in too many places."""
    from campaign.mail import undecided

    found = [
        {
            "number": one.id, "origin": one.origin, "state": one.state, "reason": one.hold_reason or "uncertain",
            "since": (one.first_attempt_at or one.created_at).isoformat(), "answer": one.smtp_text or "",
        }
        for one in undecided.listed(stream, LISTED)
    ]  # fmt: skip
    if as_json:
        print_json({"stream": stream, "messages": found})
        return
    for row in found:
        click.echo("{number}  {origin}  {state} ({reason})  since {since}  {answer}".format(**row))
    if not found:
        click.echo(f"Nothing of {stream} waits for a person.")
