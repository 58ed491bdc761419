"""``campaign demo``: the founding case, end to end; ``campaign demo load`` puts it into this instance."""

import click

from campaign.cli import Refused, print_json, with_app


@click.group(invoke_without_command=True)
@click.option(
    "--supporters", type=click.IntRange(10, 2000), default=200, show_default=True,
    help="How many people write and confirm.",
)  # fmt: skip
@click.option("--keep", is_flag=True, help="Keep the data folder afterwards.")
@click.pass_context
def demo(context: click.Context, supporters: int, keep: bool) -> None:
    """Proves the main job on an instance of its own and prints one JSON object; `load` loads the demo data here."""
    if context.invoked_subcommand is None:
        from campaign.cli import demo_run

        demo_run.run(supporters, keep)


@demo.command("load")
@click.option("--without-endorsements", is_flag=True, help="Leave the co-signers out.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_app
def load(without_endorsements: bool, as_json: bool) -> None:
    """Loads the demonstration campaign; what is there already stays as it is."""
    from campaign import demo
    from campaign.frontmatter import FileRefused

    try:
        reports = demo.load(without_endorsements=without_endorsements)
    except FileRefused as error:
        raise Refused(str(error)) from error
    made = demo.add_logins()
    if as_json:
        print_json(
            {
                what: {"created": one.created, "unchanged": one.unchanged}
                for what, one in reports.items()
            }
        )
        return
    for what, one in reports.items():
        click.echo(
            f"{what}: {one.created} new, {one.unchanged} there already, {len(one.refused)} refused"
        )
        for line, reason in one.refused:
            click.echo(f"  line {line}: {reason}", err=True)
    if made:
        click.echo("Staff of the demonstration (well-known passwords: for your own machine only):")
        for role, email, password in demo.LOGINS:
            click.echo(f"  {role:<14} {email}  {password}")
