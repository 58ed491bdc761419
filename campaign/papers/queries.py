"""Reading packets, digests and filings; their PDFs and files only when asked for."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import func, select

from campaign.extensions import db
from campaign.letters.together import Together
from campaign.papers.models import Bundle, Filing, FilingMisfit, FilingPart
from campaign.web.pages import Page, page_by_key

_STANDS = ("making", "ready", "queued", "sent", "handed")
"""The states of what has not been taken apart."""


def _firsts(page: Page[Any]) -> Page[Any]:
    """The page with each row's first column alone."""
    return Page([row[0] for row in page.rows], page.next_key, page.previous_key)


def bundle(bundle_id: int) -> Bundle | None:
    """A packet or digest by number, its PDF only when asked for."""
    return db.session.get(Bundle, bundle_id)


def page_of_bundles(target_id: int) -> Page[Bundle]:
    """An office's bundles, newest first, a page at a time, without the PDFs."""
    query = select(Bundle).where(Bundle.target_id == target_id)
    return _firsts(page_by_key(query, Bundle.id))


def in_work(target_id: int) -> Sequence[Bundle]:
    """An office's bundles that are being made, with those pieces of the same packets that are done already."""
    begun = select(Bundle.created_at).where(Bundle.target_id == target_id, Bundle.state == "making")
    query = select(Bundle).where(
        Bundle.target_id == target_id, Bundle.created_at.in_(begun), Bundle.state.in_(_STANDS)
    )
    return db.session.scalars(query).all()


def together(bundle_ids: Iterable[int]) -> dict[int, Together]:
    """What writers and the desk are told of bundles (campaign.letters.together)."""
    query = select(Bundle.id, Bundle.kind, Bundle.state, Bundle.handed_on).where(
        Bundle.id.in_(list(bundle_ids))
    )
    return {
        row.id: Together(
            row.kind, row.handed_on, row.kind == "packet" and row.state in ("making", "ready")
        )
        for row in db.session.execute(query)
    }


def last_part(target_id: int, campaign_id: int, day: date) -> int:
    """The number of a campaign's last digest to an office on a day; 0 where there is none."""
    query = select(func.max(Bundle.piece)).where(
        Bundle.target_id == target_id, Bundle.campaign_id == campaign_id, Bundle.kind == "digest",
        Bundle.day == day, Bundle.state != "undone",
    )  # fmt: skip
    return db.session.scalar(query) or 0


def digest_leaving(target_id: int) -> bool:
    """Whether an office's digest is being made or with the mail engine."""
    query = select(Bundle.id).where(
        Bundle.target_id == target_id,
        Bundle.kind == "digest",
        Bundle.state.in_(("making", "queued")),
    )
    return db.session.execute(query.limit(1)).first() is not None


def page_of_filings(petition_id: int) -> Page[Filing]:
    """A petition's filings, newest first, a page at a time."""
    return _firsts(page_by_key(select(Filing).where(Filing.petition_id == petition_id), Filing.id))


def filing_in_work(petition_id: int) -> Filing | None:
    """The petition's filing whose files are being made."""
    query = select(Filing).where(Filing.petition_id == petition_id, Filing.state == "making")
    return db.session.scalars(query.order_by(Filing.id.desc()).limit(1)).first()


def filing(filing_id: int) -> Filing | None:
    """A filing by number, as it stands now."""
    return db.session.get(Filing, filing_id, populate_existing=True)


def files(filing_ids: Sequence[int]) -> dict[int, list[tuple[int, str, int]]]:
    """The files of filings: (number, name, bytes) of each, by filing."""
    found: dict[int, list[tuple[int, str, int]]] = {}
    query = (
        select(FilingPart.filing_id, FilingPart.file, FilingPart.name, func.sum(FilingPart.size))
        .where(FilingPart.filing_id.in_(list(filing_ids)))
        .group_by(FilingPart.filing_id, FilingPart.file, FilingPart.name)
        .order_by(FilingPart.filing_id, FilingPart.file)
    )
    for filing_id, number, name, size in db.session.execute(query):
        found.setdefault(filing_id, []).append((number, name, int(size)))
    return found


def part(filing_id: int, file: int, number: int) -> bytes | None:
    """A piece of a file, counted from 0; None behind the last one."""
    return db.session.scalar(
        select(FilingPart.content).where(
            FilingPart.filing_id == filing_id, FilingPart.file == file, FilingPart.number == number
        )
    )


MISFITS_SHOWN = 200


def misfits(filing_id: int) -> Sequence[FilingMisfit]:
    """The first of what does not fit, and one more where there are more; the ZIP names all of it."""
    query = select(FilingMisfit).where(FilingMisfit.filing_id == filing_id)
    return db.session.scalars(query.order_by(FilingMisfit.id).limit(MISFITS_SHOWN + 1)).all()
