"""``campaign recount``: are the counters what the rows say?"""

import click

from campaign.cli import print_json, with_app


@click.command()
@click.option("--fix", is_flag=True, help="Correct the counters where they differ.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_app
def recount(fix: bool, as_json: bool) -> None:
    """Counts the rows and says where the counters differ; exit code 1 where they do and are not corrected."""
    from campaign.reports import recount as counting

    found = counting.compare()
    others = counting.not_compared()
    if found and fix:
        counting.fix(found)
    if as_json:
        print_json(
            {
                "differences": [one._asdict() for one in found],
                "fixed": bool(found and fix),
                "not_compared": others,
            }
        )
    else:
        for one in found:
            where = f"campaign {one.campaign_id}" if one.campaign_id else "whole site"
            part = f", {one.part}" if one.part else ""
            click.echo(
                f"{one.name} ({where}{part}): {one.rows:,} rows, the counter says {one.counter:,}"
            )
        click.echo(_summary(len(found), fix))
        if others:
            click.echo(f"Counted as they happen, with no rows to compare: {', '.join(others)}.")
    if found and not fix:
        raise SystemExit(1)


def _summary(n: int, fixed: bool) -> str:
    if not n:
        return "Every counter is what the rows say."
    numbers = f"{n} number{'s' if n > 1 else ''}"
    if fixed:
        return f"{numbers} corrected."
    return f"{numbers} differ{'' if n > 1 else 's'}: run `campaign recount --fix` to correct the counters."
