"""The key in an alert's link: whoever comes with it has proved the address already.

The letters make and read it, so that alerts, which stand above them, only ask for one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from campaign.supporters import queries as supporters
from campaign.supporters.models import Supporter
from campaign.web import tokens

PURPOSE = "act"
LINK_AGE = 90 * 24 * 3600
"""Seconds for which the link in an alert spares the confirmation; after that the form works as for anyone."""


@dataclass(frozen=True)
class Act:
    """Who came, and through which alert."""

    supporter: Supporter
    alert_id: int
    token: str

    @property
    def masked(self) -> str:
        """The address as it may be shown to whoever holds the mail: the first letter and the domain."""
        local, _, domain = self.supporter.email.rpartition("@")
        return f"{local[:1]}•••@{domain}"


def act_token(supporter_id: int, alert_id: int) -> str:
    """The value of ``k`` in the link to the letter form that an alert carries for one supporter."""
    return tokens.sign(PURPOSE, [supporter_id, alert_id])


def act_tokens(alert_id: int) -> Callable[[int], str]:
    """:func:`act_token` by supporter, for the many messages of a batch."""
    sign = tokens.signer(PURPOSE)
    return lambda supporter_id: sign(supporter_id, alert_id)


def read_act(token: str) -> Act | None:
    """Who holds this key; None where it is empty, forged, too old, or its supporter is gone or not confirmed."""
    if not token:
        return None
    try:
        payload = tokens.read(PURPOSE, token, LINK_AGE)
    except tokens.BadToken:
        return None
    if not (
        isinstance(payload, list) and len(payload) == 2 and all(isinstance(n, int) for n in payload)
    ):
        return None
    found = supporters.supporter(payload[0])
    return Act(found, payload[1], token) if found is not None else None
