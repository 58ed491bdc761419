"""Audiences: the rule that says which supporters an alert goes to, and the one SELECT that it becomes.

Whatever the rule says, an alert reaches only people who confirmed their address and consented to the organization
whose message it is, and whom nothing suppresses.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, not_, select

from campaign.alerts.models import Alert
from campaign.extensions import db
from campaign.letters.models import Letter
from campaign.mail.models import Suppression
from campaign.supporters.models import CampaignSupporter, Consent, Supporter

COUNTED_EXACTLY = 20_000
"""People up to whom a page counts an audience one by one; beyond, it shows the planner's estimate."""

WRITTEN = ("confirmed", "held")
"""States of a letter that make its writer someone who has written."""


@dataclass(frozen=True)
class Rule:
    """Whom an alert is for. Empty lists leave a part of the rule out."""

    wrote: bool | None = None
    """Those who have (True) or have not (False) written in this campaign; None for both."""
    scope: str = "campaign"
    """``campaign``: this campaign's supporters; ``all``: everyone who consented to the organization."""
    states: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "Rule":
        """The rule as an alert's row keeps it."""
        lists = {
            key: tuple(stored.get(key) or ()) for key in ("states", "languages", "sources", "tags")
        }
        scope = stored.get("scope") or "campaign"
        return cls(wrote=stored.get("wrote"), scope=scope, **lists)

    def store(self) -> dict[str, Any]:
        """What an alert's row keeps."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }


def people(alert: Alert) -> Select[*tuple[Any, ...]]:
    """The audience as rows of the ledger's making: ``unit_id``, ``to_address``, ``language``, in order of number."""
    rule = Rule.read(alert.audience)
    return (
        select(
            Supporter.id.label("unit_id"),
            Supporter.email.label("to_address"),
            Supporter.language.label("language"),
        )
        .join(
            Consent,
            and_(
                Consent.supporter_id == Supporter.id,
                Consent.organization_id == alert.organization_id,
                Consent.withdrawn_at.is_(None),
            ),
        )
        .where(
            Supporter.confirmed_at.is_not(None), Supporter.erased_at.is_(None), not_(_suppressed())
        )
        .where(*_conditions(rule, alert.campaign_id))
        .order_by(Supporter.id)
    )


def _suppressed() -> ColumnElement[bool]:
    return exists().where(
        Suppression.address == func.lower(Supporter.email),
        Suppression.scope.in_(("all", "alerts")),
        Suppression.lifted_at.is_(None),
    )


def _conditions(rule: Rule, campaign_id: int) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if rule.scope == "campaign":
        found.append(
            exists().where(
                CampaignSupporter.campaign_id == campaign_id,
                CampaignSupporter.supporter_id == Supporter.id,
            )
        )
    if rule.wrote is not None:
        wrote = has_written(campaign_id, Supporter.id)
        found.append(wrote if rule.wrote else not_(wrote))
    if rule.states:
        found.append(Supporter.state.in_(rule.states))
    if rule.languages:
        found.append(Supporter.language.in_(rule.languages))
    if rule.sources:
        found.append(Supporter.source.in_(rule.sources))
    if rule.tags:
        found.append(Supporter.tags.overlap(list(rule.tags)))
    return found


def has_written(campaign_id: int, supporter_id: Any) -> ColumnElement[bool]:
    """Whether a supporter has a letter in this campaign that counts."""
    return exists().where(
        Letter.campaign_id == campaign_id,
        Letter.supporter_id == supporter_id,
        Letter.state.in_(WRITTEN),
    )


@dataclass(frozen=True)
class Size:
    """How many an audience has now: exact, or an estimate for a large one."""

    people: int
    exact: bool


def size(alert: Alert) -> Size:
    """Counts a small audience and estimates a large one, so that the page costs the same for a million."""
    query = people(alert).order_by(None)
    limited = select(func.count()).select_from(query.limit(COUNTED_EXACTLY + 1).subquery())
    counted = db.session.execute(limited).scalar_one()
    if counted <= COUNTED_EXACTLY:
        return Size(counted, True)
    compiled = query.compile(db.engine, compile_kwargs={"literal_binds": True})
    plan = (
        db.session.connection()
        .exec_driver_sql(f"EXPLAIN (FORMAT JSON) {compiled}".replace("%", "%%"))
        .scalar_one()
    )
    return Size(max(int(plan[0]["Plan"]["Plan Rows"]), counted), False)


def by_language(alert: Alert) -> dict[str, int] | None:
    """How many of a small audience get it in each language; None for a large one."""
    found = people(alert).order_by(None).limit(COUNTED_EXACTLY + 1).subquery()
    rows = db.session.execute(
        select(found.c.language, func.count()).group_by(found.c.language)
    ).all()
    counted = {row[0]: row[1] for row in rows}
    return counted if sum(counted.values()) <= COUNTED_EXACTLY else None


def up_to(alert: Alert, after: int, limit: int) -> int | None:
    """The number of the last of the next ``limit`` people behind ``after``; None where nobody is left."""
    ids = people(alert).where(Supporter.id > after).limit(limit).subquery()
    return db.session.execute(select(func.max(ids.c.unit_id))).scalar()


def between(alert: Alert, after: int, last: int) -> Select[*tuple[Any, ...]]:
    """The audience with numbers above ``after`` and up to ``last``."""
    return people(alert).where(Supporter.id > after, Supporter.id <= last)
