"""How personal a campaign's letters are, and which say nearly the same: what an agency that compares them will see.

ACUS Recommendation 2021-1 (86 FR 36075) advises agencies to group identical and near-identical comments.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from campaign.extensions import db
from campaign.letters import grouping
from campaign.letters.models import Letter

LOOKED_AT = 5000
"""The newest letters of a campaign that are compared."""

PERSONAL = 0.3
"""A letter with at least this share of own words is called personal."""


GROUPS = 50
"""The largest groups, which the report names one by one."""

SHOWN = 120
"""Characters of a letter that the report shows."""


@dataclass(frozen=True)
class Group:
    """Letters that say nearly the same; ``example`` is the number of the newest."""

    letters: int
    example: int
    subject: str
    begins: str
    """Its first words: the subject is often the suggested one in every group."""
    own_share: float


@dataclass(frozen=True)
class Report:
    """Of the newest letters: how many there are, how many are personal, and the groups of two and more."""

    letters: int
    personal: int
    unique: int
    groups: list[Group]
    more: int
    """Groups that are smaller than those in the list."""


def report(campaign_id: int, most: int = LOOKED_AT) -> Report:
    """Compares the newest ``most`` confirmed letters of a campaign."""
    newest = (
        select(Letter.id, Letter.fingerprint, Letter.own_share)
        .where(Letter.campaign_id == campaign_id, Letter.state == "confirmed", Letter.body != "")
        .order_by(Letter.id.desc())
        .limit(most)
        .subquery()
    )
    rows = db.session.execute(
        select(
            newest.c.fingerprint,
            func.count().label("n"),
            func.max(newest.c.id).label("example"),
            func.avg(newest.c.own_share).label("share"),
            func.count().filter(newest.c.own_share >= PERSONAL).label("personal"),
        ).group_by(newest.c.fingerprint)
    ).all()
    groups = _merge([(row.fingerprint, row.n, row.example, float(row.share)) for row in rows])
    several = sorted((g for g in groups if g[0] > 1), reverse=True)
    large = several[:GROUPS]
    query = select(
        Letter.id, Letter.subject, func.left(Letter.body, SHOWN + 1).label("body")
    ).where(Letter.id.in_([g[1] for g in large]))
    newest_of = {row.id: (row.subject, _beginning(row.body)) for row in db.session.execute(query)}
    return Report(
        letters=sum(row.n for row in rows),
        personal=sum(row.personal for row in rows),
        unique=sum(g[0] == 1 for g in groups),
        groups=[
            Group(n, example, *newest_of.get(example, ("", "")), share)
            for n, example, share in large
        ],
        more=len(several) - len(large),
    )


def _beginning(body: str) -> str:
    """A letter's first words, on one line."""
    text = " ".join(body.split())
    return text if len(body) <= SHOWN else f"{text.rpartition(' ')[0] or text}…"


def numbered(marks: Mapping[int, int]) -> tuple[dict[int, int], dict[int, int]]:
    """Groups of two and more nearly identical letters, of how many letters there are with each fingerprint.

    Returns the number of its group by fingerprint, and the size of each group by number; numbers count from 1, the
    largest first.
    """
    often = [mark for mark, _ in sorted(marks.items(), key=lambda one: -one[1])]
    where = dict(zip(often, grouping.places(often), strict=True))
    sizes: Counter[int] = Counter()
    for mark, place in where.items():
        sizes[place] += marks[mark]
    order = [place for place, n in sizes.most_common() if n > 1]
    number = {place: i for i, place in enumerate(order, start=1)}
    return (
        {mark: number[place] for mark, place in where.items() if place in number},
        {number[place]: sizes[place] for place in order},
    )


def _merge(texts: list[tuple[int, int, int, float]]) -> list[tuple[int, int, float]]:
    """(letters, newest, share) of each group."""
    often = sorted(texts, key=lambda one: -one[1])
    groups: dict[int, list[tuple[int, int, float]]] = {}
    for (_, n, example, share), place in zip(
        often, grouping.places([mark for mark, *_ in often]), strict=True
    ):
        groups.setdefault(place, []).append((n, example, share))
    return [
        (
            sum(n for n, _, _ in group),
            max(example for _, example, _ in group),
            sum(n * share for n, _, share in group) / sum(n for n, _, _ in group),
        )
        for group in groups.values()
    ]
