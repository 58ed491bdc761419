"""Mail to the signer: the desk has approved, or declined, the signature."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from campaign.coalition.models import Campaign
from campaign.endorsements import keys
from campaign.endorsements.models import Endorsement
from campaign.extensions import db
from campaign.mail import compose, ledger, letterhead
from campaign.mail.states import Row
from campaign.petitions.models import PetitionVersion
from campaign.web import languages

APPROVED = "endorsement_notice"
DECLINED = "endorsement_declined"


def approved(rows: Sequence[Endorsement]) -> None:
    """Queues one message for each sending of the form among these rows, in the caller's transaction."""
    _enqueue(APPROVED, rows)


def declined(rows: Sequence[Endorsement]) -> None:
    """The same, for signatures that were declined."""
    _enqueue(DECLINED, rows)


def _enqueue(origin: str, rows: Sequence[Endorsement]) -> None:
    first: dict[str, Endorsement] = {}
    for row in sorted(rows, key=lambda row: row.id):
        # Those that staff entered or imported did not come by the signer's own mail: nobody there expects ours.
        if row.signer_email and not row.submission.startswith(("import:", "desk:")):
            first.setdefault(row.submission, row)
    ledger.enqueue(
        "confirmations",
        [
            ledger.Draft(
                origin=origin,
                unit_id=row.id,
                to_address=row.signer_email,
                language=row.language,
                campaign_id=row.campaign_id,
            )
            for row in first.values()
        ],
    )


def render(rows: list[Row]) -> list[compose.Rendered | compose.Skip]:
    """The messages of a batch; one whose signature has changed again meanwhile is left out."""
    state = "approved" if rows and rows[0].origin == APPROVED else "declined"
    found = _load([row.unit_id for row in rows], state)
    return [_message(row, found.get(row.unit_id, []), state) for row in rows]


def _load(ids: list[int], state: str) -> dict[int, list[Any]]:
    """By the first row's number: the submission's rows in that state, with version and campaign."""
    firsts = (
        select(Endorsement.submission, Endorsement.id).where(Endorsement.id.in_(ids)).subquery()
    )
    rows = db.session.execute(
        select(firsts.c.id, Endorsement, PetitionVersion, Campaign)
        .join(firsts, firsts.c.submission == Endorsement.submission)
        .join(PetitionVersion, PetitionVersion.id == Endorsement.petition_version_id)
        .join(Campaign, Campaign.id == Endorsement.campaign_id)
        .where(Endorsement.state == state)
        .order_by(Endorsement.id)
    )
    groups: dict[int, list[Any]] = defaultdict(list)
    for first_id, *rest in rows:
        groups[first_id].append(rest)
    return groups


def _message(row: Row, found: list[Any], state: str) -> compose.Rendered | compose.Skip:
    if not found:
        return compose.Skip("the endorsement has changed since")
    first, _, campaign = found[0]
    language = row.language
    return letterhead.written(
        f"endorsement_{state}",
        language,
        campaign.accent,
        name=first.name,
        signer_name=first.signer_name,
        individual=first.kind == "individual",
        titles=[languages.pick(version.title, language) for _, version, _ in found],
        campaign_title=languages.pick(campaign.title, language),
        reason=first.decision,
        list_url=languages.external("endorsements.public_list", language, slug=campaign.slug),
        own_url=keys.own_page_link(first.id, language),
    )


compose.register_origin(APPROVED, render)
compose.register_origin(DECLINED, render)
