"""Counting the rows themselves, and saying where the counters differ from them.

Rows, counters and what of the journal is not folded yet are read in one snapshot of the database, so that it can run
beside everything else. A difference goes back as an entry of the journal: it stays true whatever happened since.
"""

import re
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import Text, cast, func, select

from campaign.alerts.models import STATES as ALERT_STATES
from campaign.alerts.models import Alert
from campaign.coalition.models import KINDS
from campaign.counts import commands as folding
from campaign.counts import journal
from campaign.counts.models import ALL_DAYS, WHOLE_SITE, Counter, JournalEntry
from campaign.endorsements.models import STATES as ENDORSEMENT_STATES
from campaign.endorsements.models import Cosigner, Endorsement
from campaign.extensions import db
from campaign.letters.confirming import ALIVE
from campaign.letters.models import DELIVERY_STATES, LETTER_STATES, Delivery, Letter, Reply
from campaign.mail.models import STATES as MESSAGE_STATES
from campaign.mail.models import Message
from campaign.petitions.models import Petition
from campaign.supporters.models import CampaignSupporter, Supporter, Unsubscribe


class Count(NamedTuple):
    """``n`` of ``name`` in a campaign and a part of it, as the rows say."""

    campaign_id: int
    name: str
    part: str
    n: int


class Difference(NamedTuple):
    """A counter that is not what the rows say."""

    campaign_id: int
    name: str
    part: str
    rows: int
    counter: int


def _states(*names: str) -> str:
    return "|".join(names)


def letters() -> Iterator[Count]:
    """``letters.<state>`` of each campaign, and ``alert.letters`` of each alert that brought some."""
    query = select(Letter.campaign_id, Letter.state, func.count()).group_by(
        Letter.campaign_id, Letter.state
    )
    for campaign_id, state, n in db.session.execute(query):
        yield Count(campaign_id, f"letters.{state}", "", n)
    brought = select(Letter.campaign_id, cast(Letter.alert_id, Text), func.count()).where(
        Letter.alert_id.is_not(None), Letter.state.in_(ALIVE)
    )
    for campaign_id, alert_id, n in db.session.execute(
        brought.group_by(Letter.campaign_id, Letter.alert_id)
    ):
        yield Count(campaign_id, "alert.letters", alert_id, n)


def deliveries() -> Iterator[Count]:
    """``deliveries.<state>`` of each campaign, by target."""
    columns = (Delivery.campaign_id, Delivery.state, Delivery.target_id)
    for campaign_id, state, target_id, n in db.session.execute(
        select(*columns, func.count()).group_by(*columns)
    ):
        yield Count(campaign_id, f"deliveries.{state}", str(target_id), n)


def supporters() -> Iterator[Count]:
    """``supporters.confirmed`` of the site, ``supporters.joined`` of each campaign."""
    confirmed = select(func.count()).where(Supporter.confirmed_at.is_not(None))
    yield Count(WHOLE_SITE, "supporters.confirmed", "", db.session.execute(confirmed).scalar_one())
    joined = select(CampaignSupporter.campaign_id, func.count()).group_by(
        CampaignSupporter.campaign_id
    )
    for campaign_id, n in db.session.execute(joined):
        yield Count(campaign_id, "supporters.joined", "", n)


def endorsements() -> Iterator[Count]:
    """``endorsements.<state>`` by petition, ``endorsers.<kind>``."""
    columns = (Endorsement.campaign_id, Endorsement.state, Petition.slug)
    query = select(*columns, func.count()).join(Petition, Petition.id == Endorsement.petition_id)
    for campaign_id, state, slug, n in db.session.execute(query.group_by(*columns)):
        yield Count(campaign_id, f"endorsements.{state}", slug, n)
    kinds = (Cosigner.campaign_id, Cosigner.kind)
    for campaign_id, kind, n in db.session.execute(select(*kinds, func.count()).group_by(*kinds)):
        yield Count(campaign_id, f"endorsers.{kind}", "", n)


def messages() -> Iterator[Count]:
    """``messages.<state>`` by stream, ``<origin>.<state>`` by the alert … that they are of."""
    streams = (Message.state, Message.stream)
    for state, stream, n in db.session.execute(select(*streams, func.count()).group_by(*streams)):
        yield Count(WHOLE_SITE, f"messages.{state}", stream, n)
    origin = cast(Message.origin_id, Text)
    columns = (Message.campaign_id, Message.origin, Message.state, origin)
    query = select(*columns, func.count()).where(Message.origin_id != 0).group_by(*columns)
    for campaign_id, name, state, part, n in db.session.execute(query):
        yield Count(campaign_id, f"{name}.{state}", part, n)


def alerts() -> Iterator[Count]:
    """``alerts.<state>`` of each campaign."""
    query = select(Alert.campaign_id, Alert.state, func.count()).group_by(
        Alert.campaign_id, Alert.state
    )
    for campaign_id, state, n in db.session.execute(query):
        yield Count(campaign_id, f"alerts.{state}", "", n)


def replies() -> Iterator[Count]:
    """``replies.received`` and ``replies.answered`` by office, ``replies.after`` by office and hours."""
    columns = (Reply.campaign_id, Reply.target_id, Reply.after_hours)
    query = select(*columns, func.count()).where(Reply.counted).group_by(*columns)
    for campaign_id, target_id, hours, n in db.session.execute(query):
        yield Count(campaign_id, "replies.received", str(target_id), n)
        if hours is not None:
            yield Count(campaign_id, "replies.answered", str(target_id), n)
            yield Count(campaign_id, "replies.after", f"{target_id}:{hours}", n)


def unsubscribes() -> Iterator[Count]:
    """``alert.unsubscribes`` of each alert."""
    columns = (Unsubscribe.campaign_id, Unsubscribe.alert_id)
    for campaign_id, alert_id, n in db.session.execute(
        select(*columns, func.count()).group_by(*columns)
    ):
        yield Count(campaign_id, "alert.unsubscribes", str(alert_id), n)


SOURCES: list[tuple[Callable[[], Iterable[Count]], str]] = [
    (letters, rf"letters\.({_states(*LETTER_STATES)})|alert\.letters"),
    (deliveries, rf"deliveries\.({_states(*DELIVERY_STATES)})"),
    (supporters, r"supporters\.(confirmed|joined)"),
    (
        endorsements,
        rf"endorsements\.({_states(*ENDORSEMENT_STATES)})|endorsers\.({_states(*KINDS)})",
    ),
    # The names of origins are their features' own; `alerts` (the alerts themselves) is not one.
    (messages, rf"(?!alerts\.|letters\.|deliveries\.)[a-z_]+\.({_states(*MESSAGE_STATES)})"),
    (replies, r"replies\.(received|answered|after)"),
    (unsubscribes, r"alert\.unsubscribes"),
    (alerts, rf"alerts\.({_states(*ALERT_STATES)})"),
]
"""Each function that counts rows, and which counters (a regular expression over names) are all its own."""


_COVERED = re.compile("|".join(f"(?:{pattern})" for _, pattern in SOURCES))


def not_compared() -> list[str]:
    """Counters that no rows stand behind: ``inbound.…`` counts each telling as it comes, also of what is known or unknown
    already, and keeps no row of those; the journal is the only record."""
    names = {name for _, name, _ in _counters()}
    db.session.rollback()
    return sorted(name for name in names if not _COVERED.fullmatch(name))


def compare() -> list[Difference]:
    """Where counters and rows differ. Reads in one snapshot and ends the transaction."""
    db.session.rollback()
    db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    try:
        counted: Tally[tuple[int, str, str]] = Tally()
        for source, _ in SOURCES:
            for one in source():
                counted[one.campaign_id, one.name, one.part] += one.n
        known = _counters()
    finally:
        db.session.rollback()
    keys = {key for key in known if _COVERED.fullmatch(key[1])} | set(counted)
    return [
        Difference(*key, counted[key], known.get(key, 0))
        for key in sorted(keys)
        if counted[key] != known.get(key, 0)
    ]


def fix(differences: Iterable[Difference]) -> None:
    """Writes to the journal what makes the counters agree with the rows, commits and folds."""
    journal.record(
        journal.Change(one.name, one.rows - one.counter, one.campaign_id, one.part)
        for one in differences
    )
    db.session.commit()
    folding.fold()


def _counters() -> dict[tuple[int, str, str], int]:
    """Every total, with what is in the journal and not folded yet."""
    folded = select(Counter.campaign_id, Counter.name, Counter.part, Counter.value).where(
        Counter.day == ALL_DAYS
    )
    columns = (JournalEntry.campaign_id, JournalEntry.name, JournalEntry.part)
    unfolded = (
        select(*columns, func.sum(JournalEntry.delta))
        .where(JournalEntry.folded_at.is_(None))
        .group_by(*columns)
    )
    sums: Tally[tuple[int, str, str]] = Tally()
    for query in (folded, unfolded):
        for campaign_id, name, part, n in db.session.execute(query):
            sums[campaign_id, name, part] += int(n)
    return dict(sums)
