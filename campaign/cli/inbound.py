"""``campaign inbound``: the doors through which mail comes back, and the pipe from another mail server."""

import asyncio
import os
import re
import signal
import sys
from typing import NoReturn

import click
from flask import Flask

from campaign.cli import Refused

EX_DATAERR, EX_NOUSER, EX_TEMPFAIL = 65, 67, 75
"""sysexits.h: what Postfix (pipe(8), local(8)), Exim and Sendmail understand."""

_DELIVERED_TO = re.compile(
    rb"^(?:delivered-to|x-original-to|envelope-to):[ \t]*<?([^\s<>]+@[^\s<>]+)>?", re.I | re.M
)
_RETURN_PATH = re.compile(rb"^(?:return-path:[ \t]*<([^<>\n]*)>|from (\S+))", re.I | re.M)


@click.command()
@click.option(
    "--stdin",
    is_flag=True,
    help="Take one message from standard input (a pipe from a mail server).",
)
@click.option(
    "--recipient",
    metavar="ADDRESS",
    help="Whom the piped message was for (Postfix: ${original_recipient}).",
)
@click.option(
    "--sender",
    metavar="ADDRESS",
    help="Its envelope sender (Postfix: ${sender}); empty is the null return path.",
)
def inbound(stdin: bool, recipient: str | None, sender: str | None) -> None:
    """Takes bounces, complaints, unsubscribes and replies, by SMTP and LMTP or from a pipe.

    MAIL_INBOUND_DOMAIN names the domain, MAIL_INBOUND_SMTP and MAIL_INBOUND_LMTP where to listen (host:port). With
    --stdin the exit code is 0 where the message was taken, 67 where the address is none of ours, 65 where it is too
    large, no report or one answer too many, 75 where it should be tried again.
    """
    if stdin:
        _pipe(recipient, sender)
    if recipient is not None or sender is not None:
        raise click.UsageError("--recipient and --sender go with --stdin.")
    _serve()


def _pipe(recipient: str | None, sender: str | None) -> NoReturn:
    """Handles one message; everything unforeseen is worth another try, since the sender's server keeps the message."""
    from campaign.config import ConfigError

    try:
        sys.exit(_piped(recipient, sender))
    except (ConfigError, Refused) as error:
        click.echo(str(error), err=True)
        sys.exit(EX_TEMPFAIL)
    except Exception as error:
        click.echo(f"Could not be handled now ({type(error).__name__}).", err=True)
        sys.exit(EX_TEMPFAIL)


def _piped(recipient: str | None, sender: str | None) -> int:
    from campaign import create_app
    from campaign.cli import database
    from campaign.mail.inbound import receiving
    from campaign.mail.inbound.incoming import Incoming

    app = create_app()
    limit = app.config["MAIL_INBOUND_SIZE"]
    raw: bytes = sys.stdin.buffer.read(limit + 1)
    if len(raw) > limit:
        click.echo("The message is too large.", err=True)
        return EX_DATAERR
    head = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    recipient = recipient or _named(head)
    if raw.startswith(b"From "):
        raw = raw.partition(b"\n")[2]  # an mbox's line, which is no header
    with app.app_context():
        database.require_current()
        if not receiving.takes(recipient):
            if not app.config["MAIL_INBOUND_DOMAIN"]:
                # A pipe that forgot its environment must not have bounces thrown away as nobody's.
                raise Refused(
                    "MAIL_INBOUND_DOMAIN is not set: give the pipe the site's environment."
                )
            click.echo("There is no such address here.", err=True)
            return EX_NOUSER
        mail = Incoming(raw, _sender(head, sender), recipient, "pipe")
        verdict = receiving.receive(mail)
    codes = {
        receiving.DONE: 0,
        receiving.NOBODY: EX_NOUSER,
        receiving.LATER: EX_TEMPFAIL,
        receiving.REFUSED: EX_DATAERR,
        receiving.FULL: EX_DATAERR,
    }
    return codes[verdict]


def _named(head: bytes) -> str:
    """Whom the message is for, where no option says so: Postfix' and Exim's variables, then the delivering server's headers."""
    for name in ("ORIGINAL_RECIPIENT", "RECIPIENT"):
        if "@" in os.environ.get(name, ""):
            return os.environ[name]
    found = _DELIVERED_TO.search(head)
    return found[1].decode("ascii", "replace") if found else ""


def _sender(head: bytes, given: str | None) -> str:
    """Its envelope sender, by the option, the environment or the header; empty is the null return path."""
    name = os.environ.get("SENDER") if given is None else given
    if name is None:
        found = _RETURN_PATH.search(head)
        name = (found[1] or found[2] or b"").decode("ascii", "replace") if found else ""
    name = name.strip("<>")
    # So Postfix and mbox files write the null return path.
    return "" if name.upper() == "MAILER-DAEMON" else name


def _serve() -> None:
    from campaign import create_app
    from campaign.cli import database
    from campaign.config import ConfigError

    try:
        app = create_app()
        database.require_ready(app)
    except ConfigError as error:
        raise Refused(str(error)) from error
    if not app.config["MAIL_INBOUND_DOMAIN"]:
        raise Refused(
            "MAIL_INBOUND_DOMAIN is not set: name the domain whose mail comes here, like bounces.example.org."
        )
    if not (app.config["MAIL_INBOUND_SMTP"] or app.config["MAIL_INBOUND_LMTP"]):
        app.config["MAIL_INBOUND_SMTP"] = ("127.0.0.1", 2525)
    try:
        asyncio.run(_until_stopped(app))
    except OSError as error:
        raise Refused(
            f"A door cannot be opened ({error.strerror or error}): see to MAIL_INBOUND_SMTP, MAIL_INBOUND_LMTP "
            "and the certificate; ports below 1024 need the right to open them."
        ) from error


async def _until_stopped(app: Flask) -> None:
    from campaign.mail.inbound import door

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def say(opened: list[str]) -> None:
        click.echo(f"Mail for {app.config['MAIL_INBOUND_DOMAIN']} is taken at {', '.join(opened)}.")

    await door.serve(app, stop, say)
