"""What changes a campaign's suggestions to writers."""

from collections.abc import Mapping

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from campaign.extensions import db
from campaign.letters.models import LetterTemplate

SHARED = ("subject", "body", "prompts")
"""Parts that are the same for every agency of a campaign, since a writer writes once."""


def save(campaign_id: int, agency: str, texts: Mapping[str, Mapping[str, str]]) -> None:
    """Makes or changes the suggestion for one agency; the shared parts follow in the campaign's others."""
    values = {part: dict(by_language) for part, by_language in texts.items()}
    last = select(func.coalesce(func.max(LetterTemplate.position), 0) + 1).where(
        LetterTemplate.campaign_id == campaign_id
    )
    db.session.execute(
        insert(LetterTemplate)
        .values(campaign_id=campaign_id, agency=agency, position=last.scalar_subquery(), **values)
        .on_conflict_do_update(
            index_elements=[LetterTemplate.campaign_id, LetterTemplate.agency], set_=values
        )
    )
    db.session.execute(
        update(LetterTemplate)
        .where(LetterTemplate.campaign_id == campaign_id)
        .values({part: values[part] for part in SHARED})
    )
    db.session.commit()
