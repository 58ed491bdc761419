"""What reads endorsements for the public side: the list, its counts, and a signer's own page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, literal_column, select, tuple_

from campaign.coalition.models import KINDS, Campaign
from campaign.counts import queries as counters
from campaign.endorsements.models import Cosigner, Endorsement
from campaign.extensions import db
from campaign.petitions.models import Petition, PetitionVersion

PAGE = 200
"""Signers on one page of the public list."""


@dataclass(frozen=True)
class Counts:
    """Approved signatures as of the last fold."""

    signers: int
    """Distinct co-signers of the campaign."""
    by_kind: dict[str, int]
    by_petition: dict[str, int]
    """Signatures by the petition's slug."""


def counts(campaign_id: int) -> Counts:
    """The campaign's co-signers by kind, in the order of KINDS, and its signatures by petition."""
    found = counters.states("endorsers", campaign_id)
    by_kind = {kind: found[kind] for kind in KINDS if found.get(kind)}
    by_petition = counters.totals("endorsements.approved", campaign_id)
    return Counts(sum(by_kind.values()), by_kind, {slug: n for slug, n in by_petition.items() if n})


@dataclass(frozen=True)
class Signer:
    """One line of the public list."""

    key: int
    """Where the next page begins."""
    name: str
    kind: str
    title: str
    website: str
    petition_ids: tuple[int, ...]


@dataclass(frozen=True)
class SignerPage:
    """A page of the list, and the key of the next one (None: there is no more)."""

    signers: list[Signer]
    next_key: int | None


def first_signers(campaign_id: int, limit: int) -> list[Signer]:
    """The first signers in listing order, for the campaign's front page."""
    return signers(campaign_id, size=limit).signers


def signers(
    campaign_id: int, *, petition_id: int | None = None, after: int | None = None, size: int = PAGE
) -> SignerPage:
    """One page of a campaign's co-signers, or of one petition's, after the line with the key ``after``.

    Organizations come before individual experts; in each group by place, then in the order of signing. Costs the
    same on every page, since it seeks in the listing's index.
    """
    model: Any = Cosigner if petition_id is None else Endorsement
    query = select(model)
    if petition_id is None:
        query = query.where(Cosigner.campaign_id == campaign_id)
    else:
        query = query.where(
            Endorsement.petition_id == petition_id,
            Endorsement.state == literal_column("'approved'"),
        )
    rows = list(db.session.execute(_listed(query, model, after).limit(size + 1)).scalars())
    page = rows[:size]
    return SignerPage(
        [_signer(row) for row in page], page[-1].id if len(rows) > size and page else None
    )


def _listed(query: Select[Any], model: Any, after: int | None) -> Select[Any]:
    # Written out, so that it is the very expression of the index.
    expert: Any = literal_column(f"({model.__tablename__}.kind = 'individual')")
    place = (expert, model.position, model.id)
    if after is not None:
        last = db.session.get(model, after)
        if last is not None:
            query = query.where(
                tuple_(*place) > tuple_(last.kind == "individual", last.position, last.id)
            )
    return query.order_by(*place)


def _signer(row: Any) -> Signer:
    expert = row.kind == "individual"
    if isinstance(row, Cosigner):
        return Signer(row.id, row.name, row.kind, row.title, row.website, tuple(row.petition_ids))
    title = row.signer_title if expert else ""
    return Signer(row.id, row.name, row.kind, title, row.website, (row.petition_id,))


@dataclass(frozen=True)
class Signed:
    """One endorsement with what it signs."""

    endorsement: Endorsement
    petition: Petition
    version: PetitionVersion
    campaign: Campaign


def _signed() -> Any:
    return (
        select(Endorsement, Petition, PetitionVersion, Campaign)
        .join(Petition, Petition.id == Endorsement.petition_id)
        .join(PetitionVersion, PetitionVersion.id == Endorsement.petition_version_id)
        .join(Campaign, Campaign.id == Endorsement.campaign_id)
    )


def submission_of(endorsement_id: int) -> list[Signed]:
    """All that was signed in the same sending of the form as this endorsement, in the petitions' order."""
    submission = select(Endorsement.submission).where(Endorsement.id == endorsement_id)
    rows = db.session.execute(
        _signed()
        .where(Endorsement.submission == submission.scalar_subquery())
        .order_by(Petition.position, Endorsement.id)
    )
    return [Signed(*row) for row in rows]


def signatures_of(campaign_id: int, name_key: str, signer_email: str) -> list[Signed]:
    """All signatures of one name in a campaign by the same hand, for the desk's page about one of them."""
    rows = db.session.execute(
        _signed()
        .where(
            Endorsement.campaign_id == campaign_id,
            Endorsement.name_key == name_key,
            Endorsement.signer_email == signer_email,
        )
        .order_by(Petition.position, Endorsement.id)
        .limit(100)
    )
    return [Signed(*row) for row in rows]


def ids_of_submissions(ids: Sequence[int]) -> list[int]:
    """The numbers of all endorsements that came in the same sendings as these."""
    submissions = select(Endorsement.submission).where(Endorsement.id.in_(ids))
    return list(
        db.session.execute(
            select(Endorsement.id).where(Endorsement.submission.in_(submissions))
        ).scalars()
    )


def titles(version_ids: Sequence[int]) -> list[str]:
    """The titles of these petition versions in the page's language."""
    from campaign.web import languages

    rows = db.session.execute(
        select(PetitionVersion.title)
        .where(PetitionVersion.id.in_(version_ids))
        .order_by(PetitionVersion.id)
    ).scalars()
    return [languages.pick(title) for title in rows]


def same_website(row: Endorsement) -> list[Endorsement]:
    """Other signers of the same petition whose website has the same host."""
    if not row.domain:
        return []
    return list(
        db.session.execute(
            select(Endorsement)
            .where(
                Endorsement.petition_id == row.petition_id,
                Endorsement.domain == row.domain,
                Endorsement.domain != "",
                Endorsement.state.in_(("confirmed", "approved")),
                Endorsement.name_key != row.name_key,
            )
            .order_by(Endorsement.id)
            .limit(5)
        ).scalars()
    )
