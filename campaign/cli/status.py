"""``campaign status``: the numbers of the whole site."""

from typing import Any

import click

from campaign.cli import print_json, with_app


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_app
def status(as_json: bool) -> None:
    """Says how the site stands: letters, deliveries, endorsements, alerts, mail, queues, workers."""
    from campaign.reports import status as numbers

    found = numbers.fresh()
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> list[str]:
    where = {"live": "live: mail leaves", "capture": "captured: nothing leaves"}[found["delivery"]]
    lines = [
        f"Mail          {where}",
        f"Supporters    {found['supporters']:,} confirmed",
        f"Letters       {_states(found['letters'])}",
        f"Deliveries    {_states(found['deliveries'])}",
        f"Alerts        {_states(found['alerts'])}",
    ]
    lines += [f"Petition      {slug}: {_states(n)}" for slug, n in found["endorsements"].items()]
    lines += [f"Outbox        {stream}: {_states(n)}" for stream, n in found["outbox"].items()]
    queues = found["queues"]
    lines.append(f"Queues        {'Valkey does not answer' if queues is None else _states(queues)}")
    lines.append(f"Workers       {found['workers']} alive")
    due = found["oldest_due_s"]
    lines.append(f"Oldest due    {f'{due:,} s late' if due else 'nothing waits'}")
    return lines


def _states(found: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {state}" for state, n in sorted(found.items())) or "none"
