"""Mass comments: a campaign's letters in the layout in which they are filed in a docket, while it takes comments.

A job writes the files a few hundred letters at a time and commits after each, so that its progress can be seen; a job
that dies is begun again from the first letter by the next one. Letters of writers who did not agree to stand by name
in public are anonymous comments.
"""

import logging
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update

from campaign.clock import utcnow
from campaign.coalition.models import Campaign
from campaign.engines.away import is_away, roll_back
from campaign.extensions import db
from campaign.letters import similarity
from campaign.letters.models import Delivery, Letter
from campaign.offices.models import CampaignTarget, Target
from campaign.papers import filing_files, paper
from campaign.papers.filing_pdf import Pdf
from campaign.papers.filing_zip import Zip
from campaign.papers.models import Filing, FilingMisfit, FilingPart
from campaign.petitions import docketing
from campaign.petitions.models import Petition
from campaign.supporters.models import Supporter
from campaign.web.languages import pick

log = logging.getLogger(__name__)

LAYOUTS: dict[str, Any] = {"zip": Zip, "pdf": Pdf}
"""The layouts in which letters are filed."""

LEASE = timedelta(minutes=3)
"""A job that has written nothing for so long is taken for dead."""

NOT_OPEN, NO_LETTERS, AT_IT = "not_open", "no_letters", "at_it"


class Refused(ValueError):
    """No filing can be made; the argument is one of NOT_OPEN, NO_LETTERS, AT_IT."""


def begin(petition_id: int, layout: str, by: str) -> int:
    """Has a filing made of all letters there are now; its number. Raises Refused."""
    petition = db.session.execute(
        select(Petition).where(Petition.id == petition_id).with_for_update()
    ).scalar_one()
    if not docketing.comments_open(petition):
        raise _refuse(NOT_OPEN)
    making = select(Filing.id).where(Filing.petition_id == petition_id, Filing.state == "making")
    if db.session.execute(making.limit(1)).first() is not None:
        raise _refuse(AT_IT)
    query = _letters(petition.campaign_id, offices_of(petition), select(Letter.id))
    newest = db.session.scalar(query.order_by(Letter.id.desc()).limit(1))
    if newest is None:
        raise _refuse(NO_LETTERS)
    filing = Filing(
        petition_id=petition.id, campaign_id=petition.campaign_id, layout=layout, state="making",
        upto=newest, created_at=utcnow(), created_by=by,
    )  # fmt: skip
    db.session.add(filing)
    db.session.commit()
    return filing.id


def _refuse(reason: str) -> Refused:
    db.session.rollback()
    return Refused(reason)


def offices_of(petition: Petition) -> list[int]:
    """The offices of the campaign that read about the petition."""
    query = (
        select(CampaignTarget.target_id)
        .join(Target, Target.id == CampaignTarget.target_id)
        .where(
            CampaignTarget.campaign_id == petition.campaign_id,
            or_(
                CampaignTarget.petition_id == petition.id,
                CampaignTarget.petition_id.is_(None) & (Target.agency == petition.agency),
            ),
        )
    )
    return list(db.session.scalars(query))


def _letters(campaign_id: int, offices: list[int], query: Any) -> Any:
    """``query`` over the campaign's confirmed letters that go, or went, to one of the offices.

    What a writer took back after some office had it is not given to the agency once more.
    """
    goes = select(Delivery.id).where(
        Delivery.letter_id == Letter.id,
        Delivery.target_id.in_(offices),
        Delivery.state != "cancelled",
    )
    return query.where(
        Letter.campaign_id == campaign_id,
        Letter.state == "confirmed",
        Letter.taken_back_at.is_(None),
        Letter.body != "",
        goes.exists(),
    )


def make_next() -> bool:
    """Makes the next filing that waits for it; False where none does."""
    filing = _claim()
    if filing is None:
        return False
    filing_id = filing.id
    try:
        _make(filing)
    except Exception as error:
        roll_back()
        if is_away(error):
            raise
        _drop_files(filing_id)
        log.error("the files of filing %d could not be made: %s", filing_id, type(error).__name__)
        _end(filing_id, "broken")
    return True


def _claim() -> Filing | None:
    now = utcnow()
    filing = db.session.execute(
        select(Filing)
        .where(
            Filing.state == "making",
            or_(Filing.leased_until.is_(None), Filing.leased_until < now),
        )
        .order_by(Filing.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).scalar()
    if filing is None:
        db.session.rollback()
        return None
    _drop_files(filing.id)
    filing.leased_until, filing.done, filing.misfits = now + LEASE, 0, 0
    db.session.commit()
    return filing


def _drop_files(filing_id: int) -> None:
    db.session.execute(delete(FilingPart).where(FilingPart.filing_id == filing_id))
    db.session.execute(delete(FilingMisfit).where(FilingMisfit.filing_id == filing_id))


def _make(filing: Filing) -> None:
    job, offices = _job(filing)
    writer = LAYOUTS[job.layout](job)
    last, row = 0, 0
    while letters := _batch(job, offices, last, writer.batch):
        last = letters[-1][0].id
        missing = writer.write(letters, row)
        row += len(letters)
        for letter, _ in letters:
            db.session.expunge(letter)
        _note(job.filing_id, missing)
        if not _progress(job.filing_id, row, len({one["row"] for one in missing})):
            # Deleted meanwhile, or taken over by another job.
            return
    writer.close()
    _end(job.filing_id, "ready", "")


def _job(filing: Filing) -> tuple[filing_files.Job, list[int]]:
    """Everything about the filing in plain values, the counts of similar letters among them."""
    petition = db.session.get_one(Petition, filing.petition_id)
    campaign = db.session.get_one(Campaign, filing.campaign_id)
    offices = offices_of(petition)
    query = _letters(petition.campaign_id, offices, select(Letter.fingerprint, func.count())).where(
        Letter.id <= filing.upto
    )
    marks = {row[0]: row[1] for row in db.session.execute(query.group_by(Letter.fingerprint))}
    numbers, sizes = similarity.numbered(marks)
    filing.letters, filing.groups, filing.forms = (
        sum(marks.values()),
        len(sizes),
        sum(sizes.values()),
    )
    filing.alone = filing.letters - filing.forms
    day = paper.day_text
    period = (
        f"{day(petition.comment_opens)} to {day(petition.comment_closes)}"
        if petition.comment_opens and petition.comment_closes
        else ""
    )
    job = filing_files.Job(
        filing.id, petition.campaign_id, filing.layout, filing.upto, filing.letters, filing.alone, filing.forms,
        filing.groups, campaign=pick(campaign.title, "en"), lead=campaign.lead_organization.name,
        agency=petition.agency, docket=petition.docket_number, document=petition.document_id, period=period,
        made_on=filing.created_at.astimezone(docketing.WASHINGTON).date(), numbers=numbers,
    )  # fmt: skip
    db.session.commit()
    return job, offices


def _batch(
    job: filing_files.Job, offices: list[int], last: int, size: int
) -> list[tuple[Letter, str]]:
    query = (
        _letters(job.campaign_id, offices, select(Letter, Supporter.email))
        .join(Supporter, Supporter.id == Letter.supporter_id)
        .where(Letter.id > last, Letter.id <= job.upto)
        .order_by(Letter.id)
        .limit(size)
    )
    return [(letter, email) for letter, email in db.session.execute(query)]


def _note(filing_id: int, missing: list[dict[str, Any]]) -> None:
    if missing:
        db.session.execute(
            insert(FilingMisfit), [{"filing_id": filing_id, **one} for one in missing]
        )


def _progress(filing_id: int, done: int, misfits: int) -> bool:
    changed = db.session.execute(
        update(Filing)
        .where(Filing.id == filing_id, Filing.state == "making", Filing.done <= done)
        .values(done=done, misfits=Filing.misfits + misfits, leased_until=utcnow() + LEASE)
        .returning(Filing.id)
    ).first()
    if changed is None:
        db.session.rollback()
        return False
    db.session.commit()
    return True


def _end(filing_id: int, state: str, problem: str = "") -> None:
    db.session.execute(
        update(Filing)
        .where(Filing.id == filing_id, Filing.state == "making")
        .values(state=state, problem=problem, leased_until=None, finished_at=utcnow())
    )
    db.session.commit()


def discard(filing_id: int) -> None:
    """Deletes a filing with its files."""
    db.session.execute(delete(Filing).where(Filing.id == filing_id))
    db.session.commit()


def forget_in_transaction(letter_id: int, campaign_id: int) -> None:
    """The words of someone who is deleted leave the files: filings that hold them are deleted."""
    db.session.execute(
        delete(Filing).where(Filing.campaign_id == campaign_id, Filing.upto >= letter_id)
    )
