"""``campaign delivery``: where mail goes."""

import click

from campaign.cli import Refused, print_json, with_app


@click.command()
@click.argument("mode", type=click.Choice(["live", "capture"]))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_app
def delivery(mode: str, yes: bool, as_json: bool) -> None:
    """Sends mail through MAIL_SERVER from now on (live), or keeps it in the desk's inbox (capture).

    Going live first asks the mail server: connection, TLS, log-in and whether it sends for MAIL_DEFAULT_SENDER.
    """
    from campaign.mail import settings
    from campaign.reports import delivery as switch

    by = "command line"
    if mode == "live" and settings.delivery_mode() != "live":
        waiting = _waiting()
        if not yes:
            click.confirm(
                f"Real people will get mail from {settings.sender().address}"
                + (f", {waiting} messages at once" if waiting else "")
                + ". Go live?",
                abort=True,
                err=True,
            )
        problem = switch.go_live(by)
        if problem:
            raise Refused(problem)
        _warn_of_known_passwords()
    elif mode == "capture":
        switch.capture(by)
    if as_json:
        print_json({"delivery": settings.delivery_mode()})
    elif mode == "live":
        click.echo("Delivery is live: mail goes out through the mail server.")
    else:
        click.echo("Delivery is captured: every message goes to the desk's inbox and none leaves.")


def _warn_of_known_passwords() -> None:
    from campaign import demo

    known = [email for _, email, _ in demo.open_logins()]
    if known:
        click.echo(
            "The demonstration's log-ins still work, with passwords that everyone can read: close them at "
            f"/desk/users, or give them others ({', '.join(known)}).",
            err=True,
        )


def _waiting() -> int:
    """How many messages would leave at once, as far as the counters know."""
    from campaign.mail import ledger

    totals = ledger.totals()
    return totals.get("queued", 0) + totals.get("deferred", 0)
