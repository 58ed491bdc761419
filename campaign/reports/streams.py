"""Cancelling all that a stream has not sent: each kind of mail ends as its own feature ends it. What is written later goes as ever."""

import contextlib

from campaign.alerts import commands as alerts
from campaign.alerts import queries as alert_queries
from campaign.letters import desk_queries, stopping
from campaign.mail import orders


def cancel(stream: str, by: str) -> None:
    """Ends for good what waits of a stream now, within the batch in flight, and commits.

    Letters end as all letters of each campaign, the waiting ones with them; alerts as those that are being sent or paused.
    """
    if stream == "letters":
        for campaign in desk_queries.campaigns():
            stopping.cancel(campaign.id, by)
    elif stream == "alerts":
        for alert_id in alert_queries.under_way():
            with contextlib.suppress(alerts.Refused):  # it has just ended by itself
                alerts.cancel(alert_id)
    else:
        orders.cancel_stream_now(stream, by)
