"""``campaign user``: staff accounts from the command line."""

import sys

import click

from campaign.cli import Refused, print_json, with_app


@click.group()
def user() -> None:
    """Makes and updates staff accounts."""


@user.command()
@click.argument("email")
@click.option("--role", type=click.Choice(["administrator", "organizer", "lead"]), required=True)
@click.option("--organization", metavar="SLUG", help="The organization of a lead.")
@click.option("--name", help="The person's name, as the desk shows it.")
@click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from the first line of standard input.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_app
def add(
    email: str,
    role: str,
    organization: str | None,
    name: str | None,
    password_stdin: bool,
    as_json: bool,
) -> None:
    """Makes the staff account EMAIL, or updates it; a change ends its open sessions."""
    from email_validator import EmailNotValidError, validate_email

    from campaign.accounts.commands import AccountError, save_user
    from campaign.coalition.queries import organization_by_slug

    try:
        email = validate_email(email, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise Refused(f"{email!r} is not an email address: {error}") from error
    organization_id = None
    if organization is not None:
        row = organization_by_slug(organization)
        if row is None:
            raise Refused(
                f"There is no organization {organization!r}: import it first, or check the name."
            )
        organization_id = row.id
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    try:
        account, is_new = save_user(
            email, role, password, name=name, organization_id=organization_id
        )
    except AccountError as error:
        raise Refused(
            f"{error} (Give a password with --password-stdin.)" if password is None else str(error)
        ) from error
    if as_json:
        print_json({"email": account.email, "role": role, "created": is_new})
    else:
        click.echo(f"{'Made' if is_new else 'Updated'} the account {account.email} ({role}).")
