"""Reading letters and deliveries for the desk: pages by key, search by the beginning of an address or a name."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, union_all
from sqlalchemy.orm import defer
from werkzeug.datastructures import MultiDict

from campaign.coalition.models import Campaign
from campaign.extensions import db
from campaign.letters import deliveries, queue
from campaign.letters.models import LETTER_STATES, Delivery, Letter
from campaign.mail import undecided
from campaign.offices.models import Target
from campaign.supporters.models import Supporter
from campaign.web.pages import PAGE, Page, page_by_key

FOUND = 200
"""People whose letters a search looks at: whoever finds more types one letter more."""


def campaigns() -> list[Campaign]:
    """All campaigns, newest first."""
    query = select(Campaign).order_by(Campaign.id.desc()).options(defer(Campaign.body))
    return list(db.session.scalars(query))


def _begins(text: str) -> str:
    escaped = text.lower().replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"{escaped}%"


def people(text: str) -> tuple[list[int], bool]:
    """Whose address or family name, as their own row has it, begins with a text; whether there are more than FOUND.

    Of more one gets some.
    """
    begins = _begins(text)
    found = [
        db.session.scalars(
            select(Supporter.id).where(func.lower(column).like(begins)).limit(FOUND + 1)
        ).all()
        for column in (Supporter.email, Supporter.family_name)
    ]
    return [*found[0][:FOUND], *found[1][:FOUND]], max(map(len, found)) > FOUND


def page_of_letters(
    args: MultiDict[str, str],
    *,
    state: str = "",
    people: Sequence[int] | None = None,
    campaign_id: int | None = None,
) -> Page[Any]:
    """Letters with their campaign and writer, newest first; ``people``: theirs alone."""
    query: Any = (
        select(Letter, Campaign, Supporter.email)
        .join(Campaign, Campaign.id == Letter.campaign_id)
        .join(Supporter, Supporter.id == Letter.supporter_id)
    )
    if people is not None:
        query = query.where(Letter.supporter_id.in_(people))
    if state:
        query = query.where(Letter.state == state)
    if campaign_id:
        query = query.where(Letter.campaign_id == campaign_id)
        if not state and people is None:
            query = query.where(Letter.id.in_(_near(campaign_id, args)))
    return page_by_key(query, Letter.id, args=args)


def _near(campaign_id: int, args: MultiDict[str, str]) -> Select[Any]:
    """What a page of a campaign's letters is among: the next ones of each state, as an index has them.

    By the campaign alone it would be a walk along the letters of all that came later.
    """
    before, after = args.get("before", type=int), args.get("after", type=int)
    of_state = []
    for state in LETTER_STATES:
        one = select(Letter.id).where(Letter.campaign_id == campaign_id, Letter.state == state)
        if after is not None:
            one = one.where(Letter.id > after).order_by(Letter.id)
        elif before is not None:
            one = one.where(Letter.id < before).order_by(Letter.id.desc())
        else:
            one = one.order_by(Letter.id.desc())
        of_state.append(select(one.limit(PAGE + 1).subquery().c.id))
    return select(union_all(*of_state).subquery().c.id)


def letter(letter_id: int) -> tuple[Letter, Campaign, Supporter] | None:
    """A letter with its campaign and its writer."""
    row = db.session.execute(
        select(Letter, Campaign, Supporter)
        .join(Campaign, Campaign.id == Letter.campaign_id)
        .join(Supporter, Supporter.id == Letter.supporter_id)
        .where(Letter.id == letter_id)
    ).first()
    return (row[0], row[1], row[2]) if row else None


def page_of_deliveries(state: str, target_id: int | None = None) -> Page[Any]:
    """Deliveries in a state with their office and letter, newest first."""
    query: Any = (
        select(Delivery, Target, Letter)
        .join(Target, Target.id == Delivery.target_id)
        .join(Letter, Letter.id == Delivery.letter_id)
        .where(Delivery.state == state)
    )
    if target_id:
        query = query.where(Delivery.target_id == target_id)
    return page_by_key(query, Delivery.id)


def again_at(page: Page[Any]) -> dict[int, datetime]:
    """When the deliveries of a page of uncertain ones go again by themselves; those that are not in it wait for a person."""
    return undecided.again_at(
        deliveries.ORIGIN, {row.Delivery.id: row.Delivery.round for row in page.rows}
    )


def of_office(target: Target) -> dict[str, Any]:
    """What the page about an office says of its letters (campaign.offices.office_page)."""
    return {"oldest": queue.oldest(target.id)}
