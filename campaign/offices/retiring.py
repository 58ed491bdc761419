"""Offices that are no more: no campaign offers them, no letter leaves for them; what waits a person decides about.

Pausing is for a problem that passes. A retired office keeps its entry, since letters went there and their writers' pages
name it, and an organizer can bring it back.
"""

from sqlalchemy import delete

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.offices import commands
from campaign.offices.commands import Change
from campaign.offices.models import CampaignTarget


def retire(target_id: int, reason: str, by: str) -> None:
    """Takes an office out of every campaign and out of what campaigns choose from; letters that wait stay until a person decides."""
    target = commands.lock(target_id)
    target.retired_at = target.retired_at or utcnow()
    target.paused, target.paused_reason = True, f"{reason} ({by})"[:500]
    db.session.execute(delete(CampaignTarget).where(CampaignTarget.target_id == target_id))
    commands.note_in_transaction(target_id, by, Change("retired", "", reason))
    db.session.commit()


def bring_back(target_id: int, by: str) -> None:
    """A retired office is one again; letters to it stay paused until somebody lets them go on."""
    target = commands.lock(target_id)
    if target.retired_at is not None:
        target.retired_at = None
        commands.note_in_transaction(target_id, by, Change("brought back"))
    db.session.commit()
