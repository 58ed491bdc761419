"""The campaign's public list: one row a co-signer, kept in step with the approved endorsements.

Every function works in the caller's transaction, whoever calls first holds the co-signer's row until its end, and
the number of co-signers by kind goes to the journal from here alone.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, literal_column, select, text
from sqlalchemy.dialects.postgresql import insert

from campaign.counts import journal
from campaign.endorsements.models import UNPLACED, Cosigner
from campaign.extensions import db


@dataclass
class Signer:
    """A co-signer as the list shows it, and the petitions that it has just signed."""

    campaign_id: int
    organization_id: int
    name: str
    name_key: str
    kind: str
    title: str = ""
    website: str = ""
    position: int = UNPLACED
    petition_ids: list[int] = field(default_factory=list)


_WITHOUT_REPEATS = text(
    "ARRAY(SELECT DISTINCT p FROM unnest(cosigner.petition_ids || excluded.petition_ids) AS p ORDER BY p)"
)

_REMOVE = text(
    """
    UPDATE cosigner SET petition_ids = ARRAY(
        SELECT p FROM unnest(petition_ids) AS p WHERE p <> ALL(CAST(:gone AS bigint[])) ORDER BY p
    )
    WHERE campaign_id = :campaign_id AND name_key = :name_key
    RETURNING id, kind, petition_ids
    """
)


def add(signers: Iterable[Signer]) -> None:
    """Puts the signers into their campaigns' lists; who is there already gets the new petitions and keeps the rest."""
    merged: dict[tuple[int, str], Signer] = {}
    for one in signers:
        key = (one.campaign_id, one.name_key)
        if key in merged:
            merged[key].petition_ids.extend(one.petition_ids)
        else:
            merged[key] = one
    if not merged:
        return
    # In one order, so that two approvals never wait for each other.
    values = [
        {**vars(one), "petition_ids": sorted(set(one.petition_ids))}
        for _, one in sorted(merged.items())
    ]
    statement = insert(Cosigner)
    rows: Any = db.session.execute(
        statement.on_conflict_do_update(
            index_elements=[Cosigner.campaign_id, Cosigner.name_key],
            set_={"petition_ids": _WITHOUT_REPEATS},
        ).returning(Cosigner.campaign_id, Cosigner.kind, literal_column("xmax = 0").label("new")),
        values,
    )
    _count(Counter((campaign_id, kind) for campaign_id, kind, new in rows if new), 1)


_TURN = text("SELECT pg_advisory_xact_lock(hashtext('campaign.endorsements.list'), :campaign_id)")


def take_turns(campaign_ids: Iterable[int]) -> None:
    """Has those who decide about signers of these campaigns work one after the other, until the transaction ends.

    Called before any row is held: a listing that is renamed or moved touches many rows, and an approval at the same
    moment would put the petition under the name that is just going away, or wait for it forever.
    """
    for campaign_id in sorted(set(campaign_ids)):
        # The lock's key is 32 bits wide; two campaigns that share one wait for each other, and that is all.
        db.session.execute(_TURN, {"campaign_id": campaign_id % 2**31})


def lock(campaign_id: int, name_key: str) -> Cosigner | None:
    """The co-signer, held until the transaction ends."""
    return db.session.execute(
        select(Cosigner)
        .where(Cosigner.campaign_id == campaign_id, Cosigner.name_key == name_key)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()


def remove(campaign_id: int, name_key: str, petition_ids: Sequence[int]) -> None:
    """Takes the petitions from the co-signer, and the co-signer from the list with the last one."""
    row = db.session.execute(
        _REMOVE, {"campaign_id": campaign_id, "name_key": name_key, "gone": list(petition_ids)}
    ).first()
    if row is not None and not row.petition_ids:
        db.session.execute(delete(Cosigner).where(Cosigner.id == row.id))
        _count(Counter({(campaign_id, row.kind): 1}), -1)


def rekind(campaign_id: int, old: str, new: str) -> None:
    """Tells the counters that one co-signer is of another kind now."""
    journal.record(journal.moved("endorsers", old, new, campaign_id=campaign_id))


def _count(kinds: Counter[tuple[int, str]], sign: int) -> None:
    journal.record(
        journal.Change(f"endorsers.{kind}", sign * n, campaign_id)
        for (campaign_id, kind), n in sorted(kinds.items())
    )
